//! Nothing personal is printed: not in logs, not in metrics, not in events, not in errors.

use budstikke::sandbox::sms::{Fault, Knobs};
use budstikke::telemetry::mask::leaks;
use serde_json::json;

use crate::support::{Site, appointment, register};

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_run_with_faults_prints_no_number_address_or_text() {
    let extra = "[recovery]\nunknown_sms = \"1s\"\n[dispatch]\nsms_deadline = \"1s\"\n[retry]\nsms = [\"200ms\"]\n";
    let mut site = Site::new(extra).await;
    let people = register(site.folder.path());
    let mut printed = site.run(&["register", "import", people.to_str().unwrap()]);
    let key = site.key("oslo");
    let api = site.serve().await.with_key(&key);
    let knobs = Knobs {
        faults_per_message: 1,
        ..Knobs::default()
    };
    site.sms
        .set(knobs.with(Fault::Error500, 0.3).with(Fault::Hang, 0.3));
    let mut job = appointment("private");
    let secret = "hemmelig-verdi-4711";
    for recipient in job["recipients"].as_array_mut().unwrap() {
        recipient["values"]["time"] = json!(secret);
    }
    api.submit(&job).await;
    let mut bad = appointment("bad");
    bad["recipients"][1]["phone"] = json!("+47 123");
    bad["recipients"][2]["email"] = json!("not@an@address.example");
    bad["recipients"][0]["person"] = json!("20914695017");
    let (status, problems) = api.call("POST", "/v1/jobs", Some(&bad)).await;
    assert_eq!(status, 422);
    printed.push_str(&problems.to_string());
    api.until_totals("private", &json!({"sent": 3})).await;
    for path in [
        "/metrics",
        "/v1/events",
        "/v1/jobs/private",
        "/v1/jobs/private/notifications",
    ] {
        printed.push_str(&api.get(path).await.to_string());
    }
    assert!(site.stop().await.success());
    printed.push_str(&site.log());
    assert!(
        printed.len() > 2_000,
        "the run printed almost nothing, so this test shows nothing"
    );
    // The sender address is the agency's own and public.
    let printed = printed.replace("varsel@oslo.example", "");
    assert_eq!(leaks(&printed), [], "{printed}");
    for planted in [
        secret,
        "Husk æøå",
        "20914695016",
        "4799999999",
        "4799999998",
        "kari@",
        "ola@",
    ] {
        let shown = printed
            .match_indices(planted)
            .find(|(at, _)| !in_a_fraction(&printed[..*at]));
        if let Some((at, _)) = shown {
            let line = printed[..at].lines().count();
            panic!("{planted} was printed in line {line} of\n{printed}");
        }
    }
}

/// Whether what follows `before` belongs to the decimals of a number. The sum of a histogram is a
/// float, and floats are full of nines: `0.022496747999999997` holds 4799999999 and tells nothing.
fn in_a_fraction(before: &str) -> bool {
    let whole = before.trim_end_matches(|c: char| c.is_ascii_digit());
    whole
        .strip_suffix('.')
        .is_some_and(|number| number.ends_with(|c: char| c.is_ascii_digit()))
}

#[test]
fn a_phone_number_is_told_from_the_nines_of_a_float() {
    assert!(in_a_fraction("budstikke_store_seconds_sum 0.02249674"));
    for before in ["to=+", "to=", "to 12", "Ring.", "0.02 ", "\""] {
        assert!(!in_a_fraction(before), "{before}");
    }
}
