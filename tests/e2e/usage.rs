//! What a person sees who got it wrong.

use crate::support::Site;

fn said(site: &Site, args: &[&str]) -> (Option<i32>, String) {
    let output = site.command(args).output().unwrap();
    (
        output.status.code(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_flag_and_a_wrong_command_are_explained() {
    let site = Site::new("").await;
    let (code, text) = said(&site, &["serve", "--role"]);
    assert_eq!(code, Some(2));
    assert!(text.contains("--roles"), "{text}");
    let (code, text) = said(&site, &["serv"]);
    assert_eq!(code, Some(2));
    assert!(text.contains("serve"), "{text}");
    let (code, text) = said(&site, &["serve", "--roles", "intake,dispach"]);
    assert_eq!(code, Some(64));
    assert!(
        text.contains("dispach") && text.contains("dispatch"),
        "{text}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_configuration_names_place_problem_and_what_to_write() {
    let site =
        Site::new("[retention]\ntxt = \"7d\"\n[[agency]]\nid = \"oslo\"\nweight = 0\n").await;
    for command in ["serve", "check", "migrate"] {
        let (code, text) = said(&site, &[command]);
        assert_eq!(code, Some(64), "{text}");
        assert!(text.contains("retention.txt"), "{text}");
        assert!(text.contains("text"), "{text}");
        assert!(text.contains("weight"), "{text}");
        assert!(text.contains("extra.toml"), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn check_says_who_is_down() {
    let site = Site::new("").await;
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/sms", closed.local_addr().unwrap());
    drop(closed);
    let site = site.with_env("BUDSTIKKE__SMS_GATEWAY__PRIMARY__URL", &url);
    let output = site.command(&["check"]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(
        text.lines()
            .any(|line| line.starts_with("DOWN") && line.contains("primary")),
        "{text}"
    );
    assert!(
        text.lines()
            .any(|line| line.starts_with("ok") && line.contains("relay")),
        "{text}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_for_an_unknown_agency_names_the_known_ones() {
    let site = Site::new("").await;
    let (code, text) = said(&site, &["agency", "key", "trondheim"]);
    assert_eq!(code, Some(1));
    assert!(
        text.contains("trondheim") && text.contains("oslo") && text.contains("bergen"),
        "{text}"
    );
}
