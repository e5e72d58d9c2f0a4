//! What the register's status codes mean (`domain.md` 1.8). Pure.

/// What one answer means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Persons are in it.
    Answered,
    /// The token is not taken: once more with a new one.
    TokenRefused,
    /// We may not: nothing changes before somebody acts.
    Forbidden(&'static str),
    /// The batch itself is wrong.
    BatchRefused,
    /// Overloaded or out of order: later.
    Later,
}

/// Reads a status code.
pub(super) fn classify(status: u16) -> Verdict {
    match status {
        200 => Verdict::Answered,
        401 => Verdict::TokenRefused,
        400 | 413 | 422 => Verdict::BatchRefused,
        403 => Verdict::Forbidden(
            "it does not let us in; check that the organisation has access to the scope, that an \
             agency for which we ask has delegated it (consumer_org), and that the register's \
             terms of use are signed",
        ),
        404 | 405 => Verdict::Forbidden("there is nothing at that address; check register.krr.url"),
        406 | 415 => Verdict::Forbidden(
            "it does not speak the form asked for; try register.krr.answers = \"json\"",
        ),
        301 | 302 | 303 | 307 | 308 => {
            Verdict::Forbidden("it has moved; set register.krr.url to its new address")
        }
        402 | 407 | 410 | 451 => Verdict::Forbidden("it refuses every call; ask Digdir why"),
        _ => Verdict::Later,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_status_means_one_thing() {
        use Verdict::{Answered, BatchRefused, Later, TokenRefused};
        for (status, verdict) in [
            (200, Answered),
            (400, BatchRefused),
            (401, TokenRefused),
            (413, BatchRefused),
            (422, BatchRefused),
            (408, Later),
            (425, Later),
            (429, Later),
            (500, Later),
            (502, Later),
            (503, Later),
            (504, Later),
            (418, Later),
            (204, Later),
        ] {
            assert_eq!(classify(status), verdict, "{status}");
        }
        for status in [301, 302, 308, 403, 404, 405, 406, 410, 415] {
            assert!(
                matches!(classify(status), Verdict::Forbidden(_)),
                "{status}"
            );
        }
    }
}
