//! The part of an address after the question mark.

use std::borrow::Cow;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use super::problem::ApiProblem;

/// Entries of a page, unless `limit` says otherwise.
const DEFAULT_LIMIT: u32 = 100;
/// The most entries of a page.
const MAX_LIMIT: u32 = 1_000;

/// The parameters of a query. Those that nobody asks for are passed over.
#[derive(Debug, Clone)]
pub(super) struct Query(String);

impl Query {
    pub(super) fn of(parts: &Parts) -> Self {
        Self(parts.uri.query().unwrap_or_default().to_owned())
    }

    /// The value of a parameter; `None` if it is absent or empty.
    ///
    /// # Errors
    /// 400 if it is given twice.
    pub(super) fn get(&self, name: &str) -> Result<Option<Cow<'_, str>>, ApiProblem> {
        let mut values = url::form_urlencoded::parse(self.0.as_bytes())
            .filter_map(|(key, value)| (key == name).then_some(value));
        let first = values.next();
        if values.next().is_some() {
            return Err(ApiProblem::bad_query(name, "given once"));
        }
        Ok(first.filter(|value| !value.is_empty()))
    }

    /// `limit`: how many entries a page has.
    ///
    /// # Errors
    /// 400 if it is no number from 1 to 1,000.
    pub(super) fn limit(&self) -> Result<u32, ApiProblem> {
        let Some(limit) = self.get("limit")? else {
            return Ok(DEFAULT_LIMIT);
        };
        limit
            .parse()
            .ok()
            .filter(|limit| (1..=MAX_LIMIT).contains(limit))
            .ok_or_else(|| ApiProblem::bad_query("limit", "a number from 1 to 1000"))
    }

    /// The query as it came, without a parameter.
    pub(super) fn without(&self, name: &str) -> String {
        let is_other =
            |pair: &&str| url::form_urlencoded::parse(pair.as_bytes()).all(|(key, _)| key != name);
        let pairs: Vec<&str> = self.0.split('&').filter(is_other).collect();
        pairs.join("&")
    }
}

impl<S: Sync> FromRequestParts<S> for Query {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self::of(parts))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_read_strictly() {
        let limit = |query: &str| Query(query.to_owned()).limit().ok();
        assert_eq!(limit(""), Some(100));
        assert_eq!(limit("limit="), Some(100));
        assert_eq!(limit("a=b&limit=1000"), Some(1_000));
        for bad in [
            "limit=0",
            "limit=1001",
            "limit=x",
            "limit=-1",
            "limit=1&limit=1",
        ] {
            assert_eq!(limit(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_parameter_is_taken_out_however_it_is_spelled() {
        let query = Query("id=1&token=secret&t%6Fken=secret&s=a%26b".to_owned());
        assert_eq!(query.without("token"), "id=1&s=a%26b");
    }
}
