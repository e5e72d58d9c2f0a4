//! The audit of look-ups, from a job to the command line.

use serde_json::Value;
use sqlx::{Connection as _, SqliteConnection};

use crate::support::{Site, appointment, register};

fn audit(site: &Site, args: &[&str]) -> Vec<Value> {
    let text = site.run(&[&["audit", "--json"], args].concat());
    let answer: Value = serde_json::from_str(&text).unwrap();
    answer["items"].as_array().unwrap().clone()
}

#[tokio::test]
async fn every_look_up_is_in_the_audit_and_nobody_who_was_not_looked_up() {
    let mut site = Site::new("").await;
    let people = register(site.folder.path());
    site.run(&["register", "import", people.to_str().unwrap()]);
    let key = site.key("oslo");
    let api = site.serve().await.with_key(&key);
    api.submit(&appointment("a")).await;
    api.until_finished("a").await;
    let all = audit(&site, &[]);
    assert_eq!(
        all.len(),
        1,
        "one person, and two direct addresses: {all:?}"
    );
    assert_eq!(all[0]["agency"], "oslo");
    assert_eq!(all[0]["job"], "a");
    assert_eq!(all[0]["purpose"], "Outpatient appointment reminder");
    assert_eq!(all[0]["found"], "active");
    assert_eq!(audit(&site, &["--person", "20914695016"]), all);
    assert_eq!(
        audit(&site, &["--agency", "oslo", "--job", "a", "--since", "1h"]),
        all
    );
    for other in [
        ["--person", "23079421936"],
        ["--agency", "bergen"],
        ["--job", "b"],
        ["--since", "2100-01-01"],
        ["--limit", "0"],
    ] {
        assert_eq!(audit(&site, &other), [] as [Value; 0], "{other:?}");
    }
    site.stop().await;
    let said = site.run(&["audit"]);
    assert!(
        said.contains("oslo") && !said.contains("20914695016"),
        "{said}"
    );
    assert!(
        site.run(&["audit", "--verify"])
            .starts_with("1 entries about persons in 1 links")
    );
    let url = format!("sqlite://{}", site.path("site.db").display());
    let mut past = SqliteConnection::connect(&url).await.unwrap();
    for statement in [
        "DROP TRIGGER audit_row_is_as_it_was",
        "UPDATE audit SET purpose = 'Something else'",
    ] {
        sqlx::query(statement).execute(&mut past).await.unwrap();
    }
    past.close().await.unwrap();
    let output = site.command(&["audit", "--verify"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stdout).contains("was changed"));
}
