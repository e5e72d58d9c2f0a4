//! Where the next page of notifications starts, in a form that callers do not take apart.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use super::problem::ApiProblem;
use crate::domain::ids::{DeliveryId, JobName};

/// How many bytes tell that a cursor belongs to the job. Against mistakes only: the store never
/// looks outside the job, whatever it is given.
const CHECK: usize = 4;

fn check(job: &JobName, id: [u8; 8]) -> [u8; CHECK] {
    let digest: [u8; 32] = Sha256::new()
        .chain_update(job.as_str())
        .chain_update(id)
        .finalize()
        .into();
    let [a, b, c, d, ..] = digest;
    [a, b, c, d]
}

/// The cursor of a delivery of the job.
pub(super) fn write(job: &JobName, from: DeliveryId) -> String {
    let id = from.0.to_be_bytes();
    URL_SAFE_NO_PAD.encode([&id[..], &check(job, id)].concat())
}

/// Reads a cursor back.
///
/// # Errors
/// 400 unless [`write()`] made it for the same job.
pub(super) fn read(job: &JobName, cursor: &str) -> Result<DeliveryId, ApiProblem> {
    let refusal = || {
        ApiProblem::bad_query(
            "cursor",
            "the `next` of a page of the same job's notifications",
        )
    };
    let bytes = URL_SAFE_NO_PAD
        .decode(cursor)
        .map_err(|_unreadable| refusal())?;
    let (id, given) = bytes.split_first_chunk::<8>().ok_or_else(refusal)?;
    if given != check(job, *id) {
        return Err(refusal());
    }
    Ok(DeliveryId(i64::from_be_bytes(*id)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_for_its_own_job_only() {
        let (one, other) = (JobName::parse("a").unwrap(), JobName::parse("b").unwrap());
        let cursor = write(&one, DeliveryId(1 << 40));
        assert_eq!(read(&one, &cursor).unwrap(), DeliveryId(1 << 40));
        assert!(read(&other, &cursor).is_err());
        for bad in ["", "x", "AAAAAAAAAAAAAAAA", "å", &format!("{cursor}AAAA")] {
            assert!(read(&one, bad).is_err(), "{bad}");
        }
    }
}
