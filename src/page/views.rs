//! Templates filled and laid into the frame that all pages share.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use minijinja::value::Kwargs;
use minijinja::{AutoEscape, Environment, HtmlEscape, UndefinedBehavior, Value, context};

use super::texts::{TextError, Texts};
use crate::domain::kinds::Language;

/// What was built in does not fit together.
#[derive(Debug, thiserror::Error)]
pub enum ViewError {
    /// A template does not compile.
    #[error("a template of the page does not compile")]
    Template(#[from] minijinja::Error),
    /// A text.
    #[error("a text of the page cannot be read: {0}")]
    Text(String),
}

impl From<TextError> for ViewError {
    fn from(error: TextError) -> Self {
        Self::Text(error.to_string())
    }
}

macro_rules! templates {
    ($($variant:ident = $file:literal,)+) => {
        /// A page.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(super) enum Template {
            $(#[doc = $file] $variant,)+
        }

        impl Template {
            const fn name(self) -> &'static str {
                match self { $(Self::$variant => $file,)+ }
            }
        }

        /// Every template with what they share in front.
        const SOURCES: &[(&str, &str)] = &[
            $(($file, concat!(
                include_str!("templates/macros.html"),
                include_str!(concat!("templates/", $file, ".html")),
            )),)+
        ];
    };
}

templates! {
    Start = "start",
    Me = "me",
    Messages = "messages",
    Address = "address",
    Code = "code",
    Language = "language",
    Mailbox = "mailbox",
    Reservation = "reservation",
    LoggedOut = "logged_out",
    Problem = "problem",
}

const FRAME: &str = include_str!("templates/frame.html");

/// Templates and texts.
#[derive(Debug)]
pub(super) struct Views {
    texts: Arc<Texts>,
    engines: BTreeMap<Language, Environment<'static>>,
}

impl Views {
    pub(super) fn new() -> Result<Self, ViewError> {
        let texts = Arc::new(Texts::new()?);
        let mut engines = BTreeMap::new();
        for language in Language::ALL {
            engines.insert(*language, engine(&texts, *language)?);
        }
        Ok(Self { texts, engines })
    }

    pub(super) fn texts(&self) -> &Texts {
        &self.texts
    }

    /// A page that answers what was asked.
    pub(super) fn ok(&self, template: Template, language: Language, context: Value) -> Response {
        self.page(template, language, StatusCode::OK, context)
    }

    /// A page.
    pub(super) fn page(
        &self,
        template: Template,
        language: Language,
        status: StatusCode,
        context: Value,
    ) -> Response {
        match self.fill(template, language, context) {
            Ok(html) => (status, Html(html)).into_response(),
            Err(error) => {
                // Which template and line; never what it was filled with.
                tracing::error!(kind = ?error.kind(), line = error.line(), template = template.name(), "a page cannot be shown");
                StatusCode::INTERNAL_SERVER_ERROR.into_response()
            }
        }
    }

    pub(super) fn fill(
        &self,
        template: Template,
        language: Language,
        context: Value,
    ) -> Result<String, minijinja::Error> {
        let missing = || minijinja::Error::from(minijinja::ErrorKind::TemplateNotFound);
        let engine = self.engines.get(&language).ok_or_else(missing)?;
        let heading = heading(template, &context);
        let languages: Vec<Value> = Language::ALL
            .iter()
            .map(|one| {
                let name = short_name(*one);
                context! { tag => one.as_str(), name, chosen => *one == language }
            })
            .collect();
        let shared = context! {
            heading,
            languages,
            template => template.name(),
            lang => language.as_str(),
        };
        let whole = context! { ..shared, ..context };
        let body = engine.get_template(template.name())?.render(&whole)?;
        let body = Value::from_safe_string(body);
        engine
            .get_template("frame")?
            .render(context! { body, ..whole })
    }
}

/// What a language is called where there is little room.
const fn short_name(language: Language) -> &'static str {
    match language {
        Language::Nb => "Bokmål",
        Language::Nn => "Nynorsk",
        Language::En => "English",
        Language::Se => "Davvisámegiella",
    }
}

/// The name of the text that is heading and title.
fn heading(template: Template, context: &Value) -> String {
    let word = |name: &str| {
        let value = context.get_attr(name).ok();
        value.map_or_else(String::new, |value| value.to_string())
    };
    match template {
        Template::Address | Template::Code => format!("{}_{}_h", template.name(), word("kind")),
        Template::Problem => format!("problem_{}_h", word("problem")),
        Template::Start
        | Template::Me
        | Template::Messages
        | Template::Language
        | Template::Mailbox
        | Template::Reservation
        | Template::LoggedOut => format!("{}_h", template.name()),
    }
}

fn engine(texts: &Arc<Texts>, language: Language) -> Result<Environment<'static>, ViewError> {
    let mut engine = Environment::new();
    engine.set_undefined_behavior(UndefinedBehavior::SemiStrict);
    engine.set_auto_escape_callback(|_name| AutoEscape::Html);
    let said = move |texts: &Texts, name: &str, values: &Kwargs| {
        let Some(said) = texts.say(language, name) else {
            let missing = minijinja::ErrorKind::UndefinedError;
            return Err(minijinja::Error::new(missing, "there is no such text"));
        };
        let mut text = HtmlEscape(said.text).to_string();
        for name in values.args() {
            let value: Value = values.get(name)?;
            let value = HtmlEscape(&value.to_string()).to_string();
            text = text.replace(&format!("{{{name}}}"), &value);
        }
        Ok((text, said.language))
    };
    // A text as an element's content: in another language it says so.
    let shared = Arc::clone(texts);
    engine.add_function("t", move |name: &str, values: Kwargs| {
        let (text, spoken) = said(&shared, name, &values)?;
        let text = match spoken == language {
            true => text,
            false => format!("<span lang=\"{}\">{text}</span>", spoken.as_str()),
        };
        Ok::<_, minijinja::Error>(Value::from_safe_string(text))
    });
    // A text within an attribute or title.
    let shared = Arc::clone(texts);
    engine.add_function("plain", move |name: &str, values: Kwargs| {
        let (text, _) = said(&shared, name, &values)?;
        Ok::<_, minijinja::Error>(Value::from_safe_string(text))
    });
    for (name, source) in SOURCES {
        engine.add_template(name, source)?;
    }
    engine.add_template("frame", FRAME)?;
    Ok(engine)
}
