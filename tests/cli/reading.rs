//! Tables, templates and documents become jobs; what is wrong is named by its place.

use budstikke::cli::file_text::{Encoding, decode};
use budstikke::cli::submit::check::{CheckRules, Checked, LeftOut, check};
use budstikke::cli::submit::draft::Draft;
use budstikke::cli::submit::{documents, left_out, table};
use budstikke::domain::person::PersonNumber;
use budstikke::domain::time::Timestamp;
use insta::assert_snapshot;
use serde_json::{Value, json};

use super::run::{person, person_with_leading_zero};

fn template() -> String {
    json!({
        "job": "snow", "class": "service_message", "purpose": "Snow clearing",
        "message": {"nb": {"sms": "Flytt bilen {{ time }}.",
            "email": {"subject": "Snø", "text": "Flytt bilen {{ time }}."}}},
    })
    .to_string()
}

fn cut(text: &str) -> (table::Table, Vec<Draft>) {
    let template = table::read_template(&template()).unwrap();
    let table = table::read(text).unwrap();
    let drafts = table.cut(&template, None).unwrap();
    (table, drafts)
}

fn checked(drafts: &[Draft]) -> Checked {
    let now = Timestamp::from_jiff("2029-06-01T00:00:00Z".parse().unwrap());
    check(
        drafts,
        CheckRules {
            allow_synthetic: None,
            now,
        },
    )
}

fn lines(checked: &Checked) -> String {
    let lines = checked.findings.iter().map(|(_, finding)| finding.line());
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn a_table_is_cut_into_jobs_of_a_thousand_whose_references_count_on() {
    let rows: String = (0..2_500)
        .map(|n| format!("{},tirsdag\n", person(n)))
        .collect();
    let (_, drafts) = cut(&format!("person,time\n{rows}"));
    let checked = checked(&drafts);
    assert_eq!(lines(&checked), "");
    let sizes: Vec<_> = checked
        .ready
        .iter()
        .map(|job| (job.name.as_str(), job.recipients))
        .collect();
    assert_eq!(
        sizes,
        [("snow.1", 1_000), ("snow.2", 1_000), ("snow.3", 500)]
    );
    let last = &drafts[2].document["recipients"][499];
    assert_eq!(last["ref"], "2500");
    assert_eq!(last["values"], json!({"time": "tirsdag"}));
}

#[test]
fn a_spreadsheets_table_is_read_with_mark_semicolons_and_blank_cells() {
    let text = decode("\u{feff}Phone;Email;ref;Time;\r\n+47 999 99 999;;a;\"9; 10\";\r\n;kari@example.no;;;\r\n;;;;\r\n".as_bytes())
        .text
        .into_owned();
    let (table, drafts) = cut(&text);
    assert_eq!(table.rows.len(), 2);
    assert_eq!(
        drafts[0].document["recipients"],
        json!([
            {"ref": "a", "phone": "+47 999 99 999", "values": {"Time": "9; 10"}},
            {"ref": "2", "email": "kari@example.no", "values": {"Time": ""}},
        ])
    );
}

#[test]
fn what_is_not_utf_8_is_windows_1252() {
    let read = decode(b"person,sted\n1,Troms\xf8\n");
    assert_eq!(
        (read.text.as_ref(), read.encoding),
        ("person,sted\n1,Tromsø\n", Encoding::Windows1252)
    );
    assert_eq!(decode("Tromsø".as_bytes()).encoding, Encoding::Utf8);
    let wide: Vec<u8> = [0xfeff_u16]
        .into_iter()
        .chain("å,b".encode_utf16())
        .flat_map(u16::to_le_bytes)
        .collect();
    assert_eq!(decode(&wide).text, "å,b");
}

#[test]
fn bad_rows_are_named_by_line_and_column_without_what_is_in_them() {
    let lost_zero = person_with_leading_zero()[1..].to_owned();
    let text = format!(
        "person,phone,ref,time\n{},,a,tirsdag\n{lost_zero},,b,x\n,12345,c,x\n{},+4799999999,d,x\n{},,a,x\n",
        person(1),
        person(2),
        person(3)
    );
    let (table, drafts) = cut(&text);
    let checked = checked(&drafts);
    assert_snapshot!(lines(&checked), @r"
    line 3: person must be 11 digits, without spaces; a leading 0 seems to be lost, as spreadsheets do
    line 4: phone is a Norwegian number that receives no SMS; a mobile number has 8 digits and begins with 4 or 9
    line 5: must have exactly one of person, phone and email
    line 6: ref is the same as that of line 2; each must be unique
    ");
    assert_eq!(checked.ready[0].recipients, 1);
    let rest = String::from_utf8(left_out::rows(&table, &checked).unwrap()).unwrap();
    let first = rest.lines().nth(1).unwrap();
    assert!(
        rest.starts_with("person,phone,ref,time,problem\n"),
        "{rest}"
    );
    assert!(first.starts_with(&format!("{lost_zero},,b,x,")), "{rest}");
    assert_eq!(rest.lines().count(), 5);
}

#[test]
fn all_bad_rows_are_named_however_many_they_are() {
    let rows: String = (0..600).map(|n| format!("{n},x\n")).collect();
    let (_, drafts) = cut(&format!("person,time\n{rows}"));
    let checked = checked(&drafts);
    assert_eq!(checked.findings.len(), 600);
    assert!(checked.ready.is_empty());
}

#[test]
fn a_value_that_the_text_needs_is_missed_in_its_column() {
    let (_, drafts) = cut("phone,tid\n99999999,x\n");
    let found = lines(&checked(&drafts));
    assert!(found.starts_with("line 2: "), "{found}");
    assert!(found.contains("time"), "{found}");
}

#[test]
fn tables_and_templates_that_cannot_be_used_are_refused_as_a_whole() {
    let table = |text: &str| table::read(text).unwrap_err().to_string();
    let template = |text: &str| table::read_template(text).unwrap_err().to_string();
    let all = [
        table("name,time\nx,y\n"),
        table("person\n"),
        table("person,time,time\n"),
        table("person,\n1,2\n"),
        template("{"),
        template("[]"),
        template(r#"{"recipients":[{}]}"#),
    ];
    assert_snapshot!(all.join("\n"), @r"
    has none of the columns person, phone and email in its first line
    has no rows below its header
    has the column time twice
    line 2: has something in column 2, which has no name in the first line
    is no valid JSON: something is wrong at line 1, column 1
    must be one job, as a JSON object
    must not have recipients: the table says who is told
    ");
}

fn job(name: &str, recipients: Value) -> Value {
    let mut job: Value = serde_json::from_str(&template()).unwrap();
    job["job"] = name.into();
    job["recipients"] = recipients;
    job
}

#[test]
fn recipients_keep_their_references_when_others_are_left_out() {
    let good = |n| json!({"person": person(n), "values": {"time": "x"}});
    let job = job(
        "a",
        json!([good(1), {"person": "1", "values": {"time": "x"}}, good(2)]),
    );
    let read = documents::read(&job.to_string()).unwrap();
    let checked = checked(&read.drafts);
    assert_snapshot!(lines(&checked), @"/recipients/1/person: must be 11 digits, without spaces");
    assert_eq!(
        checked.left_out,
        [LeftOut::Recipient {
            draft: 0,
            origin: 1,
            index: 1
        }]
    );
    let sent: Value = serde_json::from_slice(&checked.ready[0].body).unwrap();
    assert_eq!(sent["recipients"][1]["ref"], "3");
    let rest = String::from_utf8(left_out::lines(&read.drafts, &checked)).unwrap();
    let rest: Value = serde_json::from_str(&rest).unwrap();
    assert_eq!(rest["recipient"]["person"], "1");
    assert_eq!(rest["problems"][0]["place"], "/recipients/1/person");
}

#[test]
fn lines_of_jobs_are_told_apart_from_one_job_over_many_lines() {
    let one = job("a", json!([{"phone": "99999999", "values": {"time": "x"}}]));
    let pretty = serde_json::to_string_pretty(&one).unwrap();
    assert_eq!(documents::read(&pretty).unwrap().drafts.len(), 1);
    let lines_text = format!("{one}\n\n{{\"job\"\n{one}\n");
    let read = documents::read(&lines_text).unwrap();
    assert_eq!(read.drafts.len(), 2);
    assert_snapshot!(read.findings[0].line(), @"line 3: is no valid JSON: something is wrong at column 6");
    assert_snapshot!(lines(&checked(&read.drafts)), @"line 4: the job id a is used twice in this file; each job needs its own");
    assert_snapshot!(documents::read("{\n \"job\": }").unwrap_err(), @"is no valid JSON: something is wrong at line 2, column 9");
}

#[test]
fn a_file_with_real_and_synthetic_persons_is_refused() {
    let real = "02013299997";
    assert!(!PersonNumber::parse(real).unwrap().is_synthetic());
    let recipient = |person: &str| json!({"person": person, "values": {"time": "x"}});
    let all_real = documents::read(&job("a", json!([recipient(real)])).to_string()).unwrap();
    assert_eq!(checked(&all_real.drafts).ready.len(), 1);
    let mixed = job("a", json!([recipient(&person(1)), recipient(real)])).to_string();
    let mixed = checked(&documents::read(&mixed).unwrap().drafts);
    assert!(
        lines(&mixed).starts_with("/recipients/1/person: is a real identity number"),
        "{}",
        lines(&mixed)
    );
}

#[test]
fn lines_are_counted_over_blank_lines_and_cells_of_several_lines() {
    let (_, drafts) = cut("phone,time\n\n99999999,\"9\nto 10\"\n\r\n1,x\n");
    assert_eq!(lines(&checked(&drafts)).split(':').next(), Some("line 6"));
}
