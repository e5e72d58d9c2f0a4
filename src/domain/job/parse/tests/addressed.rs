//! Recipients and audiences.

use super::*;

fn to(recipients: Value) -> Value {
    small(json!({
        "purpose": "p",
        "message": {"nb": {"sms": "Hei", "email": {"subject": "a", "text": "b"}}},
        "recipients": recipients,
    }))
}

#[test]
fn a_recipient_has_exactly_one_address() {
    let one_of = "must have exactly one of person, phone and email";
    for recipient in [
        json!({}),
        json!({"phone": null}),
        json!({"phone": "99999999", "email": "a@example.no"}),
        json!({"phone": "99999999", "person": "20914695016"}),
    ] {
        assert_eq!(
            wrong(&to(json!([recipient]))),
            [format!("/recipients/0: {one_of}")]
        );
    }
}

#[test]
fn wrong_addresses_say_what_is_wrong() {
    for (recipient, wanted) in [
        (
            json!({"person": "2091469501"}),
            "/recipients/0/person: must be 11 digits, without spaces",
        ),
        (
            json!({"person": 20914695016_u64}),
            "/recipients/0/person: must be a string, not a number",
        ),
        (
            json!({"person": "20914695017"}),
            "/recipients/0/person: has check digits that do not fit the rest; a digit is wrong or two are swapped",
        ),
        (
            json!({"person": "99914695016"}),
            "/recipients/0/person: does not begin with a possible day and month; one of the first 4 digits is wrong",
        ),
        (
            json!({"phone": "22225555"}),
            "/recipients/0/phone: is a Norwegian number that receives no SMS; a mobile number has 8 digits and begins with 4 or 9",
        ),
        (
            json!({"phone": "tlf"}),
            "/recipients/0/phone: is not a phone number; write it as +47 and 8 digits, or + and the country code",
        ),
        (
            json!({"email": "kari"}),
            "/recipients/0/email: is not an e-mail address; write it as name@domain",
        ),
        (
            json!({"telefon": "1", "phone": "99999999"}),
            "/recipients/0/telefon: is not a known field; known are ref, person, phone, email, values",
        ),
        (
            json!({"phone": "99999999", "ref": "å"}),
            "/recipients/0/ref: must be 1 to 100 characters of A-Z a-z 0-9 . _ : -",
        ),
    ] {
        assert_eq!(wrong(&to(json!([recipient]))), [wanted], "{recipient}");
    }
}

#[test]
fn a_lost_leading_zero_is_named() {
    let synthetic = (0..)
        .map(PersonNumber::synthetic)
        .find(|n| n.expose().starts_with('0'));
    let synthetic = synthetic.unwrap();
    let wrong = wrong(&to(json!([{"person": synthetic.expose()[1..]}])));
    assert_eq!(
        wrong,
        [
            "/recipients/0/person: must be 11 digits, without spaces; a leading 0 seems to be lost, as spreadsheets do"
        ]
    );
}

#[test]
fn synthetic_and_real_persons_do_not_mix_with_the_wrong_register() {
    let (synthetic, real) = (
        json!([{"person": "20914695016"}]),
        json!([{"person": "23079421936"}]),
    );
    let production = ParseRules {
        allow_synthetic: false,
        ..rules()
    };
    assert!(read(&to(synthetic.clone())).is_ok());
    assert!(read_by(&to(real.clone()), &production).is_ok());
    assert_eq!(
        wrong_by(&to(synthetic), &production),
        ["/recipients/0/person: is a synthetic identity number; here only real ones are known"]
    );
    assert_eq!(
        wrong(&to(real)),
        [
            "/recipients/0/person: is a real identity number; here, in test, only synthetic ones are let in"
        ]
    );
}

#[test]
fn persons_need_a_purpose() {
    let mut job = to(json!([{"person": "20914695016"}]));
    job["purpose"] = Value::Null;
    assert_eq!(
        wrong(&job),
        [
            "/purpose: is missing; say in 1 to 200 characters why the register is asked for these persons"
        ]
    );
}

#[test]
fn references_are_unique_with_positions_as_defaults() {
    let phone = "99999999";
    let job =
        to(json!([{"phone": phone, "ref": "2"}, {"phone": phone}, {"phone": phone, "ref": "2"}]));
    assert_eq!(
        wrong(&job),
        [
            "/recipients/1/ref: is the same as that of /recipients/0; each must be unique",
            "/recipients/2/ref: is the same as that of /recipients/0; each must be unique",
        ]
    );
}

#[test]
fn ten_thousand_recipients_are_the_most() {
    let many = |n: usize| to(Value::from(vec![json!({"phone": "99999999"}); n]));
    assert_eq!(read(&many(10_000)).unwrap().recipients.len(), 10_000);
    assert_eq!(
        wrong(&many(10_001)),
        ["/recipients: has 10001 entries; it must have 1 to 10000"]
    );
}

#[test]
fn letters_take_persons_only() {
    let job = letter(json!({"recipients": [{"phone": "99999999"}, {"email": "a@example.no"}]}));
    assert_eq!(
        wrong(&job),
        [
            "/recipients/0/phone: cannot get a letter: letters take persons only",
            "/recipients/1/email: cannot get a letter: letters take persons only",
        ]
    );
}

#[test]
fn an_address_that_the_channel_cannot_reach_is_refused() {
    let mut job = to(json!([{"phone": "99999999"}, {"email": "a@example.no"}]));
    job["channel"] = json!("email");
    assert_eq!(
        wrong(&job),
        ["/recipients/0/phone: cannot be reached: the job's channel is email only"]
    );
    job["channel"] = json!("sms");
    assert_eq!(
        wrong(&job),
        ["/recipients/1/email: cannot be reached: the job's channel is sms only"]
    );
    job["channel"] = json!("both");
    assert!(read(&job).is_ok());
}

fn street(changes: Value) -> Value {
    let mut street =
        json!({"municipality": "0301", "street": "Storgata", "from": 1, "to": 40, "side": "odd"});
    for (name, value) in changes.as_object().unwrap() {
        street[name] = value.clone();
    }
    let mut job = to(Value::Null);
    job["audience"] = json!({"street": street, "per_household": true});
    job
}

#[test]
fn a_street_is_read() {
    let job = read(&street(json!({}))).unwrap();
    let audience = job.rules.audience.unwrap();
    assert_eq!(
        (audience.from, audience.to, audience.side),
        (1, 40, Side::Odd)
    );
    assert!(audience.per_household && job.recipients.is_empty());
    let job = read(&street(json!({"side": null}))).unwrap();
    assert_eq!(job.rules.audience.unwrap().side, Side::Both);
}

#[test]
fn a_street_is_checked() {
    for (change, wanted) in [
        (
            json!({"municipality": "1103"}),
            "/audience/street/municipality: is not this agency's own municipality, the only one it may address",
        ),
        (
            json!({"municipality": 301}),
            "/audience/street/municipality: must be a string, not a number",
        ),
        (
            json!({"municipality": "301"}),
            "/audience/street/municipality: must be the municipality's number: 4 digits",
        ),
        (
            json!({"street": ""}),
            "/audience/street/street: must be the street's name, 1 to 100 characters",
        ),
        (
            json!({"from": 0}),
            "/audience/street/from: must be a whole number from 1 to 9999",
        ),
        (json!({"to": null}), "/audience/street/to: is missing"),
        (
            json!({"from": 41}),
            "/audience/street/to: must not be below from",
        ),
        (
            json!({"side": "left"}),
            "/audience/street/side: must be one of odd, even, both",
        ),
        (
            json!({"city": "Oslo"}),
            "/audience/street/city: is not a known field; known are municipality, street, from, to, side",
        ),
    ] {
        assert_eq!(wrong(&street(change.clone())), [wanted], "{change}");
    }
    let rules = ParseRules {
        municipality: None,
        ..rules()
    };
    assert_eq!(
        wrong_by(&street(json!({})), &rules),
        [
            "/audience/street/municipality: cannot be addressed: this agency has no municipality of its own"
        ]
    );
}

#[test]
fn a_street_is_for_service_messages_without_recipients_and_values() {
    let mut job = street(json!({}));
    job["class"] = json!("letter");
    assert_eq!(
        wrong(&job),
        ["/audience: is for service messages only; a letter has its persons as recipients"]
    );
    let mut job = street(json!({}));
    job["recipients"] = json!([{"phone": "99999999"}]);
    assert_eq!(
        wrong(&job),
        ["/audience: must not be given together with recipients"]
    );
    let mut job = street(json!({}));
    job["message"]["nb"]["sms"] = json!("Hei {{ name }}");
    assert_eq!(
        wrong(&job),
        ["/message/nb/sms: uses a value, but a street's residents have none"]
    );
    let mut job = street(json!({}));
    job["message"]["nb"]["sms"] = json!("x".repeat(1_531));
    assert_eq!(
        wrong(&job),
        ["/message/nb/sms: would get an SMS of 11 parts in nb; at most 10 are sent"]
    );
    let mut job = street(json!({}));
    job["purpose"] = Value::Null;
    assert_eq!(places(&job), ["/purpose"]);
}
