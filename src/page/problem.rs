//! What went wrong, as a page in plain words.

use axum::extract::FromRequestParts as _;
use axum::http::StatusCode;
use axum::http::header::{HeaderValue, RETRY_AFTER};
use axum::http::request::Parts;
use axum::response::Response;
use minijinja::context;

use super::language::Shown;
use super::state::PageState;
use super::views::Template;
use crate::domain::kinds::Language;
use crate::pipeline::look_up::LookUpError;
use crate::pipeline::own_entry::ChangeError;
use crate::ports::login::LoginError;
use crate::ports::store::StoreError;

/// What a person is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Problem {
    /// She broke the log-in off.
    Denied,
    /// The attempt to log in is over.
    Over,
    /// The log-in provider does not answer.
    NoLogin,
    /// Something between the provider and us is set up wrong.
    LoginBroken,
    /// The level of the log-in is too low.
    TooWeak,
    /// The log-in names nobody we may show.
    NoNumber,
    /// A form that is not ours, or from an old page.
    Foreign,
    /// We are out of order just now.
    Trouble,
    /// The register does not answer.
    NoRegister,
    /// What she wanted to change was changed elsewhere at the same time.
    Overtaken,
    /// There is no such page.
    Nowhere,
}

impl Problem {
    const fn status(self) -> StatusCode {
        match self {
            Self::Denied | Self::Over => StatusCode::OK,
            Self::NoLogin | Self::Trouble | Self::NoRegister => StatusCode::SERVICE_UNAVAILABLE,
            Self::LoginBroken => StatusCode::BAD_GATEWAY,
            Self::TooWeak | Self::NoNumber | Self::Foreign => StatusCode::FORBIDDEN,
            Self::Overtaken => StatusCode::CONFLICT,
            Self::Nowhere => StatusCode::NOT_FOUND,
        }
    }

    /// The name of its texts.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Denied => "denied",
            Self::Over => "over",
            Self::NoLogin => "no_login",
            Self::LoginBroken => "login_broken",
            Self::TooWeak => "too_weak",
            Self::NoNumber => "no_number",
            Self::Foreign => "foreign",
            Self::Trouble => "trouble",
            Self::NoRegister => "no_register",
            Self::Overtaken => "overtaken",
            Self::Nowhere => "nowhere",
        }
    }

    /// Every one, for the tests of the texts.
    #[cfg(test)]
    pub(super) const ALL: [Self; 11] = [
        Self::Denied,
        Self::Over,
        Self::NoLogin,
        Self::LoginBroken,
        Self::TooWeak,
        Self::NoNumber,
        Self::Foreign,
        Self::Trouble,
        Self::NoRegister,
        Self::Overtaken,
        Self::Nowhere,
    ];

    /// The page.
    pub(super) fn show(self, state: &PageState, language: Language) -> Response {
        let mut response = state.views().page(
            Template::Problem,
            language,
            self.status(),
            context! { problem => self.word(), again => self != Self::Nowhere },
        );
        if self.status() == StatusCode::SERVICE_UNAVAILABLE {
            response
                .headers_mut()
                .insert(RETRY_AFTER, HeaderValue::from_static("30"));
        }
        response
    }

    /// The page, or that of the problem.
    pub(super) async fn or_show(
        page: impl Future<Output = Result<Response, Self>>,
        state: &PageState,
        language: Language,
    ) -> Response {
        page.await
            .unwrap_or_else(|problem| problem.show(state, language))
    }

    /// The page in the language of the request.
    pub(super) async fn show_for(self, parts: &mut Parts, state: &PageState) -> Response {
        let Ok(Shown(language)) = Shown::from_request_parts(parts, state).await;
        self.show(state, language)
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        tracing::warn!(
            error = &error as &dyn std::error::Error,
            "the store did not serve a person's page"
        );
        Self::Trouble
    }
}

impl From<LookUpError> for Problem {
    fn from(error: LookUpError) -> Self {
        tracing::warn!(
            error = &error as &dyn std::error::Error,
            "the register did not serve a person's page"
        );
        Self::NoRegister
    }
}

impl From<ChangeError> for Problem {
    fn from(error: ChangeError) -> Self {
        match error {
            ChangeError::Store(error) => error.into(),
            ChangeError::NoObject(error) => {
                tracing::error!(%error, "a person cannot change what is held about them");
                Self::Trouble
            }
            ChangeError::Overtaken => {
                tracing::info!("a person's change came too late for what was changed elsewhere");
                Self::Overtaken
            }
        }
    }
}

impl From<LoginError> for Problem {
    fn from(error: LoginError) -> Self {
        let problem = match &error {
            LoginError::Denied => Self::Denied,
            LoginError::Over(_) => Self::Over,
            LoginError::Unavailable(_) => Self::NoLogin,
            LoginError::Refused(_) | LoginError::Unbelievable(_) => Self::LoginBroken,
            LoginError::TooWeak => Self::TooWeak,
            LoginError::NoNumber => Self::NoNumber,
        };
        let error = &error as &dyn std::error::Error;
        match problem {
            Self::Denied | Self::Over => tracing::debug!(error, "nobody was logged in"),
            Self::LoginBroken => tracing::error!(error, "nobody can be logged in"),
            Self::NoLogin
            | Self::TooWeak
            | Self::NoNumber
            | Self::Foreign
            | Self::Trouble
            | Self::NoRegister
            | Self::Overtaken
            | Self::Nowhere => tracing::warn!(error, "somebody could not be logged in"),
        }
        problem
    }
}
