//! An agency sees only its own (S-6): what is another's looks exactly like what never was.

use crate::calls::Call;
use crate::keys::agency_calls;
use crate::support::{BERGEN, OSLO, job, letter, start};

#[tokio::test]
async fn anothers_job_is_answered_like_one_that_never_was() {
    let api = start().await;
    api.accepted(&job("ours", 3)).await;
    api.accepted(&letter("brev")).await;
    for name in ["ours", "brev"] {
        let theirs = agency_calls(name).into_iter().zip(agency_calls("none"));
        let about_a_job = theirs.skip(1).take(5);
        for (existing, missing) in about_a_job {
            let existing = api.call(existing.key(BERGEN)).await;
            let missing = api.call(missing.key(BERGEN)).await;
            existing.problem(404);
            assert_eq!(existing.body, missing.body);
            let shape = |answer: &crate::calls::Answer| {
                let sizes = answer
                    .headers
                    .iter()
                    .map(|(name, value)| (name.clone(), value.len()));
                sizes.collect::<Vec<_>>()
            };
            assert_eq!(shape(&existing), shape(&missing));
        }
    }
    let mine = api.call(Call::get("/v1/jobs/ours").key(OSLO)).await;
    assert_eq!(mine.json()["state"], "open");
}

#[tokio::test]
async fn the_same_id_is_free_for_another_agency() {
    let api = start().await;
    api.accepted(&job("a", 1)).await;
    let other = api
        .call(Call::post("/v1/jobs").key(BERGEN).json(&job("a", 2)))
        .await;
    assert_eq!(other.status, 202);
    let cancelled = api
        .call(Call::new("DELETE", "/v1/jobs/a").key(BERGEN))
        .await;
    assert_eq!(cancelled.json()["state"], "cancelled");
    let mine = api.call(Call::get("/v1/jobs/a").key(OSLO)).await;
    assert_eq!(
        (&mine.json()["state"], &mine.json()["recipients"]),
        (&"open".into(), &1.into())
    );
}
