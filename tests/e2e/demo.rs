//! What everybody tries first.

use std::time::Duration;

use tokio::process::Command;

/// It takes some seconds; what would let it trickle for minutes is wrong.
const LIMIT: Duration = Duration::from_secs(100);

#[tokio::test]
async fn the_demo_ends_with_every_notification_as_expected() {
    let demo = Command::new(env!("CARGO_BIN_EXE_budstikke"))
        .args(["demo", "--json"])
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(LIMIT, demo).await.unwrap().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}");
    let report: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!(report["ok"], true, "{said}");
    assert_eq!(report["scenarios"].as_array().unwrap().len(), 3, "{said}");
}
