//! A page that would show persons to others is no configuration.

use super::{OSLO, good, wrong};

const PAGE: &str = r#"
[page]
public_url = "https://page.example"
agency = "oslo"
[page.idporten]
client_id = "c"
key = "k"
"#;

#[test]
fn a_page_needs_an_agency_and_the_proof_that_it_says_it_has() {
    let config = good(&[OSLO, PAGE], &[]);
    assert_eq!(config.page.unwrap().origin(), "https://page.example");
    for (change, path, problem) in [
        (
            "[page]\npublic_url = \"http://page.example\"",
            "page.public_url",
            "use https",
        ),
        (
            "[page]\npublic_url = \"https://page.example/page/\"",
            "page.public_url",
            "scheme and host only",
        ),
        (
            "[page]\nagency = \"bergen\"",
            "page.agency",
            "no [[agency]]",
        ),
        (
            "[[agency]]\nid = \"oslo\"\nclasses = [\"letter\"]",
            "page.agency",
            "service messages",
        ),
        (
            "[page.idporten]\nissuer = \"http://idporten.example\"",
            "page.idporten.issuer",
            "use https",
        ),
        (
            "[page.idporten]\nauthentication = \"client_secret\"",
            "page.idporten.client_secret",
            "required",
        ),
        (
            "[page.idporten]\nkey = \"\"",
            "page.idporten.key_file",
            "required",
        ),
        (
            "[page.idporten]\nacr = \"idporten-loa-low\"",
            "page.idporten.acr",
            "idporten-loa-high",
        ),
        (
            "[page]\ncodes_per_person = 0",
            "page.codes_per_person",
            "1 to 100",
        ),
    ] {
        let base = format!("{OSLO}{PAGE}");
        let told = wrong(&[&base, change], &[]);
        assert!(
            told.contains(path) && told.contains(problem),
            "{change}: {told}"
        );
    }
    let local = "[page]\npublic_url = \"http://localhost:8080/\"";
    let base = format!("{OSLO}{PAGE}");
    let config = good(&[&base, local], &[]);
    assert_eq!(config.page.unwrap().origin(), "http://localhost:8080");
}
