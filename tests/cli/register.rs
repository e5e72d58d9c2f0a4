//! The local register: in, out, looked at.

use insta::assert_snapshot;
use serde_json::{Value, json};

use super::run::{Place, person, person_with_leading_zero};

fn krr(number: &str) -> Value {
    json!({
        "personidentifikator": number, "reservasjon": "NEI", "status": "AKTIV", "varslingsstatus": "KAN_VARSLES",
        "kontaktinformasjon": {"epostadresse": "kari@example.no", "epostadresse_oppdatert": "2024-01-01T00:00:00Z",
            "mobiltelefonnummer": "+4799999999", "mobiltelefonnummer_sist_verifisert": "2023-06-10T21:00:01+02"},
        "digital_post": {"postkasseadresse": "kari#1", "postkasseleverandoeradresse": "984661185"},
        "spraak": "nn", "sertifikat": ""
    })
}

#[tokio::test]
async fn what_is_imported_comes_out_the_same_in_both_formats() {
    let (place, other) = (Place::new(), Place::new());
    place.file(
        "people.ndjson",
        format!("{}\n{}\n", krr(&person(1)), krr(&person(2))),
    );
    let said = place.run(&["register", "import", "people.ndjson"]).await;
    assert_eq!(
        (said.code, said.out.as_str()),
        (0, "2 persons imported\n"),
        "{said:?}"
    );
    let first = place.run(&["register", "export"]).await;
    assert_eq!(
        (first.out.lines().count(), first.err.as_str()),
        (2, "2 persons exported\n")
    );

    let table = place.run(&["register", "export", "--csv"]).await.out;
    other.file("people.csv", table);
    let said = other
        .run(&["register", "import", "people.csv", "--json"])
        .await;
    assert_eq!(said.json(), json!({"imported": 2, "invalid": []}));
    assert_eq!(other.run(&["register", "export"]).await.out, first.out);
}

#[tokio::test]
async fn nothing_is_imported_if_a_row_is_bad_and_every_bad_row_is_named() {
    let place = Place::new();
    let lost_zero = person_with_leading_zero()[1..].to_owned();
    let rows = format!(
        "Personidentifikator;status;reservasjon;mobiltelefonnummer;mobiltelefonnummer_oppdatert\n\
         {};AKTIV;;+4799999999;\n{lost_zero};;;;\n02013299997;AKTIVT;NIE;;yesterday\n",
        person(1)
    );
    place.file("people.csv", &rows);
    let said = place.run(&["register", "import", "people.csv"]).await;
    assert_eq!((said.code, said.out.as_str()), (1, ""));
    assert_snapshot!(said.err, @r"
    people.csv, line 3: personidentifikator has lost its leading 0, as happens in spreadsheets; make the column text and put it back
    people.csv, line 4: personidentifikator is a real one; with register.allow_synthetic = true (test) only synthetic ones are let in; reservasjon must be JA or NEI; status must be AKTIV or SLETTET or IKKE_REGISTRERT; mobiltelefonnummer_oppdatert must be a time with its offset, as the register writes it: 2030-01-31T12:00:00Z
    nothing is imported: 2 rows of people.csv cannot be; --skip-invalid imports the others
    ");
    assert_eq!(place.run(&["register", "export"]).await.out, "");

    let said = place
        .run(&["register", "import", "people.csv", "--skip-invalid"])
        .await;
    assert_eq!(
        (said.code, said.out.as_str()),
        (0, "1 person imported, 2 rows left out\n")
    );
    let document: Value =
        serde_json::from_str(&place.run(&["register", "export"]).await.out).unwrap();
    assert_eq!(
        (&document["status"], &document["reservasjon"]),
        (&json!("AKTIV"), &json!("NEI"))
    );
}

#[tokio::test]
async fn a_wrong_line_of_json_is_named_without_what_is_in_it() {
    let place = Place::new();
    place.file(
        "people.ndjson",
        "{\"personidentifikator\":20914695016,\"kontaktinformasjon\":[]}\n{\"person\n{}\n[]\n",
    );
    let said = place.run(&["register", "import", "people.ndjson"]).await;
    assert_snapshot!(said.err, @r"
    people.ndjson, line 1: personidentifikator must be a text, in quotes; kontaktinformasjon must be an object
    people.ndjson, line 2: is no JSON: something is wrong at column 8
    people.ndjson, line 3: personidentifikator is missing
    people.ndjson, line 4: is no object; each line must hold one Person object
    nothing is imported: 4 rows of people.ndjson cannot be; --skip-invalid imports the others
    ");
}

#[tokio::test]
async fn files_that_are_no_register_are_refused_as_a_whole() {
    let place = Place::new();
    place.file("a.csv", "personidentifikator,mobiltelefonnumer\n");
    place.file("b.csv", "name,phone\n");
    place.file(
        "c.json",
        serde_json::to_string_pretty(&krr(&person(1))).unwrap(),
    );
    place.file("d.csv", "");
    place.file("e.xlsx", b"PK\x03\x04rest");
    let mut said = Vec::new();
    for file in ["a.csv", "b.csv", "c.json", "d.csv", "e.xlsx", "none.csv"] {
        let run = place.run(&["register", "import", file]).await;
        assert_eq!(run.code, 1);
        said.push(run.err);
    }
    let run = place
        .run(&["register", "import", "a.csv", "--residents"])
        .await;
    said.push(run.err);
    assert_snapshot!(said.concat(), @r#"
    error: a.csv: has a column "mobiltelefonnumer" that the register does not have; is it mobiltelefonnummer?
    error: b.csv: has no column personidentifikator; the header must have it, and may have reservasjon, status, varslingsstatus, epostadresse, epostadresse_oppdatert, epostadresse_sist_verifisert, mobiltelefonnummer, mobiltelefonnummer_oppdatert, mobiltelefonnummer_sist_verifisert, spraak, postkasseadresse, postkasseleverandoeradresse
    error: c.json: holds JSON over several lines; it must have one Person object a line (`jq -c .` makes it so)
    error: d.csv: is empty
    error: e.xlsx is a workbook (or another zip archive), not text: save it as CSV and give that
    error: cannot read none.csv: No such file or directory (os error 2)
    error: a.csv: has no column person; the header must be person,municipality,street,number,letter,household,birth_year
    "#);
}

#[tokio::test]
async fn lookup_says_what_the_plan_would_do_and_stamping_makes_letters_possible() {
    let place = Place::new();
    let number = person(5);
    place.file(
        "p.csv",
        format!("personidentifikator,mobiltelefonnummer\n{number},+4799999999\n"),
    );
    place.run(&["register", "import", "p.csv"]).await;
    let said = place.run(&["register", "lookup", &number, "--json"]).await;
    assert_eq!(said.code, 0, "{said:?}");
    let found = said.json();
    assert_eq!(
        found["register"]["kontaktinformasjon"]["mobiltelefonnummer"],
        "+4799999999"
    );
    let decisions = &found["decisions"];
    assert_eq!(
        decisions["letter"]["sms"],
        json!({"verdict": "withhold", "reason": "stale_address"})
    );
    assert_eq!(decisions["letter"]["email"]["reason"], "no_address");
    // Now or when the window opens, whatever the hour is.
    assert_ne!(decisions["service_message"]["sms"]["verdict"], "withhold");

    place
        .run(&["register", "import", "p.csv", "--verified-now"])
        .await;
    let stamped = place
        .run(&["register", "lookup", &number, "--json"])
        .await
        .json();
    assert_ne!(stamped["decisions"]["letter"]["sms"]["verdict"], "withhold");

    let nobody = place.run(&["register", "lookup", &person(6)]).await;
    assert_eq!(nobody.code, 1);
    assert_snapshot!(nobody.out, @r"
    not in the local register
    letter           sms    may not be sent: not_registered
    letter           email  may not be sent: not_registered
    service_message  sms    may not be sent: not_registered
    service_message  email  may not be sent: not_registered
    ");
    let wrong = place.run(&["register", "lookup", "123"]).await;
    assert_snapshot!(wrong.err, @"error: the identity number must be 11 digits, without spaces");
}

#[tokio::test]
async fn what_is_looked_up_by_hand_is_in_the_audit() {
    let place = Place::new();
    let number = person(5);
    place.file("p.csv", format!("personidentifikator\n{number}\n"));
    place.run(&["register", "import", "p.csv"]).await;
    let why = ["register", "lookup", &number, "--purpose", "asked by phone"];
    assert_eq!(place.run(&why).await.code, 0);
    let of = ["audit", "--json", "--person", &number];
    let found = place.run(&of).await.json();
    let one = &found["items"][0];
    assert_eq!(
        json!([one["agency"], one["job"], one["purpose"]]),
        json!(["-", "-", "asked by phone"])
    );
    assert_eq!(place.run(&["audit", "--verify"]).await.code, 0);
}
