//! The sandbox as a program of its own.

use serde_json::json;

use super::run::Place;

#[tokio::test]
async fn the_sandbox_listens_where_it_is_told_and_sums_up_at_the_end() {
    let run = [
        "sandbox",
        "--sms",
        "127.0.0.1:0",
        "--smtp",
        "127.0.0.1:0",
        "--register",
        "127.0.0.1:0",
        "--maskinporten",
        "127.0.0.1:0",
        "--client-key",
        "client.pem",
        "--for",
        "100ms",
        "--json",
    ];
    let place = Place::new();
    let said = place.run(&run).await;
    assert_eq!(said.code, 0, "{said:?}");
    assert!(
        said.err.contains("SMS gateway: http://127.0.0.1:"),
        "{}",
        said.err
    );
    assert!(
        said.err.contains("mail server: smtp://127.0.0.1:"),
        "{}",
        said.err
    );
    assert_eq!(
        said.json()["mail"],
        json!({"taken": 0, "faults": 0, "connections": 0})
    );
    assert_eq!(said.json()["sms"]["taken"], 0);
    assert_eq!(said.json()["register"], json!({"calls": 0, "persons": 0}));
    let key = std::fs::read_to_string(place.path("client.pem")).unwrap();
    assert!(key.starts_with("-----BEGIN PRIVATE KEY-----"));
}

#[tokio::test]
async fn knobs_that_make_no_sense_are_named() {
    let place = Place::new();
    let nothing = place
        .run(&[
            "sandbox",
            "--sms",
            "off",
            "--smtp",
            "off",
            "--register",
            "off",
            "--maskinporten",
            "off",
        ])
        .await;
    assert_eq!(
        nothing.err,
        "error: --sms, --smtp, --register and --maskinporten are off: that leaves nothing to run\n"
    );
    let much = place.run(&["sandbox", "--fail", "2"]).await;
    assert_eq!(much.code, 2);
    assert!(
        much.err.contains("use a number from 0 to 1"),
        "{}",
        much.err
    );
}
