//! Whether the audit of look-ups is as it was written: `budstikke audit --verify`.

use crate::domain::audit::{AuditKeys, End};
use crate::domain::time::Timestamp;
use crate::ports::store::{Store, StoreError, Strand};

/// Links read at once.
const PAGE: u32 = 500;

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verification {
    /// Strands looked at.
    pub strands: u64,
    /// Links that are as they were written.
    pub links: u64,
    /// Entries about persons in them.
    pub persons: u64,
    /// What is wrong, in words; nothing: all is well.
    pub findings: Vec<String>,
}

/// Follows every strand from its first link that is kept to its end. `kept_since`: what is younger
/// may not be missing, for retention does not erase it.
///
/// # Errors
/// [`StoreError`].
pub async fn verify(
    store: &dyn Store,
    keys: &AuditKeys,
    kept_since: Timestamp,
) -> Result<Verification, StoreError> {
    let mut result = Verification::default();
    let mut expected = 1;
    for strand in store.strands().await? {
        let no = strand.end.strand;
        if no != expected {
            let gone = match no - expected {
                1 => format!("strand {expected} is gone"),
                _ => format!("strands {expected} to {} are gone", no - 1),
            };
            result.findings.push(gone);
        }
        expected = no + 1;
        follow(store, keys, kept_since, &strand, &mut result).await?;
        result.strands += 1;
    }
    Ok(result)
}

async fn follow(
    store: &dyn Store,
    keys: &AuditKeys,
    kept_since: Timestamp,
    strand: &Strand,
    result: &mut Verification,
) -> Result<(), StoreError> {
    let no = strand.end.strand;
    let mut last: Option<End> = None;
    loop {
        let after = last.map_or(0, |end| end.no);
        let page = store.links(no, after, PAGE).await?;
        for link in &page {
            let here = format!("strand {no}, link {}", link.end.no);
            match &last {
                Some(last) if !link.follows(last) => result.findings.push(format!(
                    "{here}: does not follow on link {}; something was taken out or changed between them",
                    last.no
                )),
                None if link.end.no == 1 && !link.follows(&End::of_new(no)) => result
                    .findings
                    .push(format!("{here}: is not how a strand begins")),
                None if link.end.no > 1 && link.previous_at >= kept_since => {
                    result.findings.push(format!(
                        "{here}: what stood before it, of {}, is gone before its time",
                        link.previous_at
                    ));
                }
                Some(_) | None => {}
            }
            if link.is_sound(keys) {
                result.links += 1;
                result.persons += link.lookup.persons.iter().count() as u64;
            } else {
                result.findings.push(format!(
                    "{here}, of {}: was changed, or another key was in use",
                    link.end.at
                ));
            }
            if link.end.no == strand.end.no && link.end != strand.end {
                result
                    .findings
                    .push(format!("{here}: is not what the strand ends with"));
            }
            last = Some(link.end);
        }
        if page.len() < PAGE as usize {
            break;
        }
    }
    match last {
        // More may have been written while we read.
        Some(last) if last.no >= strand.end.no => {}
        None if strand.end.no == 0 || strand.end.at < kept_since => {}
        Some(_) | None => result.findings.push(format!(
            "strand {no}: its end is gone; it had {} links, the last of {}",
            strand.end.no, strand.end.at
        )),
    }
    Ok(())
}
