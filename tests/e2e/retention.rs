//! What may not be kept is not in the database's files any more.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::{LIMIT, Site, appointment, register};

#[tokio::test(flavor = "multi_thread")]
async fn after_the_ages_of_retention_the_planted_values_are_in_no_file_of_the_database() {
    let extra = "[retention]\ntext = \"1s\"\nidentity = \"2s\"\n";
    let mut site = Site::new(extra).await;
    let people = register(site.folder.path());
    site.run(&["register", "import", people.to_str().unwrap()]);
    let key = site.key("oslo");
    let api = site.serve().await.with_key(&key);
    let mut job = appointment("forget");
    // Nobody in the register has this number, so the only trace of it is the job's.
    job["recipients"][0]["person"] = json!("23879421936");
    job["recipients"][1]["values"]["time"] = json!("plantet-verdi-4711");
    let (status, answer) = api.call("POST", "/v1/jobs", Some(&job)).await;
    assert_eq!(
        status, 422,
        "a number whose check digits are wrong: {answer}"
    );
    let number = budstikke::domain::person::PersonNumber::synthetic(4_711);
    job["recipients"][0]["person"] = json!(number.expose());
    api.submit(&job).await;
    api.until_totals("forget", &json!({"sent": 2, "not_sent": 1}))
        .await;
    let planted = [
        number.expose(),
        "plantet-verdi-4711",
        "+4799999999",
        "kari@example.no",
        "Husk æøå",
    ];
    let started = Instant::now();
    loop {
        let found: Vec<&str> = planted
            .iter()
            .copied()
            .filter(|planted| is_in_files(&site, planted))
            .collect();
        if found.is_empty() {
            break;
        }
        assert!(
            started.elapsed() < LIMIT,
            "{found:?} are still in the database's files"
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    // The facts stay.
    assert_eq!(
        api.get("/v1/jobs/forget").await["totals"],
        json!({"sent": 2, "not_sent": 1})
    );
    let page = api.get("/v1/jobs/forget/notifications").await;
    assert_eq!(page["items"][0]["ref"], "row-1");
    assert_eq!(page["items"][0]["reason"], "not_registered");
}

fn is_in_files(site: &Site, planted: &str) -> bool {
    ["site.db", "site.db-wal", "site.db-shm"]
        .iter()
        .any(|name| {
            std::fs::read(site.path(name)).is_ok_and(|bytes| {
                bytes
                    .windows(planted.len())
                    .any(|some| some == planted.as_bytes())
            })
        })
}
