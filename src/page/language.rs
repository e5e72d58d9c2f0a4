//! In which language the page is shown: the one asked for in the address, else the one chosen
//! earlier, else the first of the browser's that we have.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::header::ACCEPT_LANGUAGE;
use axum::http::request::Parts;

use super::cookie::Cookie;
use super::state::PageState;
use crate::domain::kinds::Language;

/// The language of the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shown(pub(super) Language);

/// `lang` in a query.
pub(super) fn asked(query: Option<&str>) -> Option<Language> {
    let pairs = query?.split('&').filter_map(|pair| pair.split_once('='));
    let mut asked = pairs.filter(|(key, _)| *key == "lang");
    Language::from_word(asked.next()?.1)
}

/// The first language of `Accept-Language` that we have. Their order is taken for their weight, as
/// browsers write it.
fn accepted(header: &str) -> Option<Language> {
    header.split(',').find_map(|item| {
        let tag = item.split(';').next()?.trim().to_ascii_lowercase();
        match tag.split('-').next()? {
            "nb" | "no" | "da" => Some(Language::Nb),
            "nn" => Some(Language::Nn),
            "en" => Some(Language::En),
            "se" => Some(Language::Se),
            _other => None,
        }
    })
}

impl FromRequestParts<PageState> for Shown {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &PageState) -> Result<Self, Infallible> {
        let chosen = || {
            let cookie = state.cookies().read(&parts.headers, Cookie::Language)?;
            Language::from_word(&cookie)
        };
        let browser = || accepted(parts.headers.get(ACCEPT_LANGUAGE)?.to_str().ok()?);
        let language = asked(parts.uri.query()).or_else(chosen).or_else(browser);
        Ok(Self(language.unwrap_or(Language::Nb)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_language_that_we_have_is_taken() {
        for (header, language) in [
            ("nn-NO,nn;q=0.9,en;q=0.8", Some(Language::Nn)),
            ("de, en-GB;q=0.7", Some(Language::En)),
            ("se", Some(Language::Se)),
            ("no", Some(Language::Nb)),
            ("fr", None),
            ("", None),
        ] {
            assert_eq!(accepted(header), language, "{header}");
        }
        assert_eq!(asked(Some("a=1&lang=en")), Some(Language::En));
        assert_eq!(asked(Some("lang=xx")), None);
        assert_eq!(asked(None), None);
    }
}
