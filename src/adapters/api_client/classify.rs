//! What an answer that is no success means. Pure.

use std::time::Duration;

use super::error::ApiError;
use super::wire::ProblemBody;

/// Longer details are cut.
const LONGEST_DETAIL: usize = 300;

/// What an answer of `status` (not 2xx) with this body means.
pub fn classify(status: u16, retry_after: Option<&str>, body: &[u8]) -> ApiError {
    let problem: ProblemBody = serde_json::from_slice(body).unwrap_or_default();
    let said = problem.detail.as_deref().or(problem.title.as_deref());
    let detail = said.map_or_else(|| "no reason given".to_owned(), printable);
    match status {
        401 => ApiError::Unauthorized { detail },
        403 => ApiError::Forbidden { detail },
        404 => ApiError::NotFound { detail },
        409 => ApiError::Conflict,
        400 | 422 => {
            let mut problems = problem.problems();
            for problem in &mut problems {
                problem.problem = printable(&problem.problem);
            }
            ApiError::Invalid {
                status,
                detail,
                problems,
            }
        }
        408 | 425 | 429 | 502 | 503 | 504 => {
            let seconds = retry_after.and_then(|text| text.trim().parse().ok());
            ApiError::Busy {
                status,
                detail,
                retry_after: seconds.map(Duration::from_secs),
            }
        }
        _ => ApiError::Refused { status, detail },
    }
}

/// Nothing that would move a terminal's cursor, and not too much of it.
fn printable(text: &str) -> String {
    text.chars()
        .filter(|c| !c.is_control())
        .take(LONGEST_DETAIL)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_told_apart() {
        let said =
            |status: u16, body: &str| classify(status, Some("7"), body.as_bytes()).to_string();
        assert_eq!(said(409, "{}"), ApiError::Conflict.to_string());
        assert_eq!(
            said(418, "\u{1b}[2J"),
            "the API refuses it (418): no reason given"
        );
        assert_eq!(
            said(403, r#"{"title":"Forbidden","detail":"not\u001b yours"}"#),
            "the API forbids it (403): not yours"
        );
        assert_eq!(
            said(
                422,
                r#"{"detail":"x","problems":[{"pointer":"/job","problem":"is missing"},{"odd":1}]}"#
            ),
            "the job is not valid (422): /job is missing"
        );
        for status in [429, 503] {
            let error = classify(status, Some("7"), b"");
            assert!(error.is_passing());
            assert!(
                matches!(error, ApiError::Busy { retry_after: Some(wait), .. } if wait == Duration::from_secs(7))
            );
        }
    }
}
