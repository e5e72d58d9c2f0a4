//! A form that was sent in: by the person who was shown it, from our own page.

use std::collections::HashMap;

use axum::extract::{Form, FromRequest, FromRequestParts as _, Request};
use axum::http::HeaderMap;
use axum::http::header::ORIGIN;
use axum::response::Response;
use subtle::ConstantTimeEq as _;

use super::problem::Problem;
use super::session::Visitor;
use super::state::PageState;

/// A form of the person who is logged in.
pub(super) struct Submitted {
    pub(super) visitor: Visitor,
    fields: HashMap<String, String>,
}

impl Submitted {
    /// A field, without spaces around it; absent is empty.
    pub(super) fn field(&self, name: &str) -> &str {
        self.fields.get(name).map_or("", |value| value.trim())
    }
}

/// Whether the browser says that the form came from our own page. Because of `Referrer-Policy:
/// no-referrer` browsers send `Origin: null` with it; `Sec-Fetch-Site` then has to say it.
fn is_from_us(headers: &HeaderMap, origin: &str) -> bool {
    let word = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let site = word("sec-fetch-site");
    match word(ORIGIN.as_str()) {
        Some("null") | None => site == Some("same-origin"),
        Some(given) => given == origin && site.is_none_or(|site| site == "same-origin"),
    }
}

impl FromRequest<PageState> for Submitted {
    type Rejection = Response;

    async fn from_request(request: Request, state: &PageState) -> Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        if !is_from_us(&parts.headers, &state.parts().origin) {
            return Err(Problem::Foreign.show_for(&mut parts, state).await);
        }
        let visitor = Visitor::from_request_parts(&mut parts, state).await?;
        let whole = Request::from_parts(parts.clone(), body);
        let Ok(Form(fields)) = Form::<HashMap<String, String>>::from_request(whole, state).await
        else {
            return Err(Problem::Foreign.show_for(&mut parts, state).await);
        };
        let token = fields.get("token").map_or("", String::as_str);
        if !bool::from(token.as_bytes().ct_eq(visitor.token().as_bytes())) {
            return Err(Problem::Foreign.show_for(&mut parts, state).await);
        }
        Ok(Self { visitor, fields })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_form_of_our_own_page_is_taken() {
        let ours = "https://page.example";
        for (origin, site, taken) in [
            (Some(ours), None, true),
            (Some(ours), Some("same-origin"), true),
            (Some("null"), Some("same-origin"), true),
            (None, Some("same-origin"), true),
            (Some("null"), None, false),
            (None, None, false),
            (None, Some("none"), false),
            (None, Some("same-site"), false),
            (Some("null"), Some("cross-site"), false),
            (Some(ours), Some("cross-site"), false),
            (Some("https://page.example.evil.example"), None, false),
            (Some("http://page.example"), Some("same-origin"), false),
        ] {
            let mut headers = HeaderMap::new();
            for (name, value) in [("origin", origin), ("sec-fetch-site", site)] {
                if let Some(value) = value {
                    headers.insert(name, value.parse().unwrap());
                }
            }
            assert_eq!(is_from_us(&headers, ours), taken, "{origin:?} {site:?}");
        }
    }
}
