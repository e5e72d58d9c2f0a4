//! The texts and the values that fill them.

use super::*;

const EMAIL: &str = "a@example.no";

fn texts(message: Value, recipients: Value) -> Value {
    small(json!({"purpose": "p", "message": message, "recipients": recipients}))
}

fn person() -> Value {
    json!({"person": "20914695016"})
}

#[test]
fn each_language_needs_the_texts_of_the_channels_that_may_be_used() {
    let sms = json!({"sms": "Hei"});
    let email = json!({"email": {"subject": "a", "text": "b"}});
    let phone = json!({"phone": "99999999"});
    for (channel, recipient, needs_sms, needs_email) in [
        ("sms_preferred", phone.clone(), true, false),
        ("sms_preferred", json!({"email": EMAIL}), false, true),
        ("sms_preferred", person(), true, true),
        ("email_preferred", person(), true, true),
        ("both", person(), true, true),
        ("sms", person(), true, false),
        ("email", person(), false, true),
        ("both", phone, true, false),
    ] {
        let mut job = texts(json!({"nb": sms, "se": email}), json!([recipient]));
        job["channel"] = json!(channel);
        let mut wanted = Vec::new();
        wanted.extend(needs_email.then_some("/message/nb/email"));
        wanted.extend(needs_sms.then_some("/message/se/sms"));
        assert_eq!(places(&job), wanted, "{channel} {recipient}");
    }
}

#[test]
fn the_default_language_must_be_there() {
    let mut job = texts(json!({"en": {"sms": "Hi"}}), json!([{"phone": "99999999"}]));
    assert_eq!(
        wrong(&job),
        ["/message/nb: is missing; the message needs at least its default language"]
    );
    job["language"] = json!("en");
    assert!(read(&job).is_ok());
    job["message"] = json!({"en": {"sms": "Hi"}, "no": {"sms": "Hei"}});
    assert_eq!(
        wrong(&job),
        ["/message: has a field that is no known language; known are nb, nn, en, se"]
    );
}

#[test]
fn texts_that_do_not_compile_are_named_beside_all_else() {
    let message = json!({
        "nb": {"sms": "{{ a", "email": {"subject": "{% x %}", "text": "{{ time }}"}},
        "en": {"sms": "{{ a|nope }}", "email": {"subject": "a", "html": "b", "txt": "c"}},
    });
    let wrong = wrong(&texts(message, json!([person(), {"phone": "1"}])));
    assert_eq!(
        wrong,
        [
            "/message/en/email/txt: is not a known field; did you mean text?",
            "/message/en/email/text: is missing",
            "/recipients/1/phone: is not a phone number; write it as +47 and 8 digits, or + and the country code",
            "/message/nb/sms: is no valid template: unexpected end of input, expected end of variable block (line 1)",
            "/message/nb/email/subject: is no valid template: unknown statement x (line 1)",
            "/recipients/0/values/time: is missing; the text at /message/nb/email/text uses it",
        ]
    );
}

#[test]
fn a_filter_that_does_not_exist_is_named_once_at_the_text() {
    let job = texts(
        json!({"nb": {"sms": "{{ a|nope }}"}}),
        json!([{"phone": "99999999", "values": {"a": 1}}, {"phone": "40000000", "values": {"a": 1}}]),
    );
    assert_eq!(
        wrong(&job),
        ["/message/nb/sms: uses a filter that does not exist (line 1)"]
    );
}

#[test]
fn every_missing_value_is_named_where_it_is_missing() {
    let job = texts(
        json!({
            "nb": {"sms": "{{ time }} {{ place }}", "email": {"subject": "{{ time }}", "text": "{{ name }}"}},
            "en": {"sms": "{{ tiem }}", "email": {"subject": "a", "text": "b"}},
        }),
        json!([
            {"person": "20914695016", "values": {"time": "1"}},
            {"phone": "99999999", "values": {"time": "1", "place": "2"}},
            {"email": EMAIL, "values": {"time": "1"}},
            {"phone": "99999999"},
        ]),
    );
    assert_eq!(
        wrong(&job),
        [
            "/recipients/0/values/place: is missing; the text at /message/nb/sms uses it",
            "/recipients/0/values/name: is missing; the text at /message/nb/email/text uses it",
            "/recipients/0/values/tiem: is missing; the text at /message/en/sms uses it",
            "/recipients/2/values/name: is missing; the text at /message/nb/email/text uses it",
            "/recipients/3/values/time: is missing; the text at /message/nb/sms uses it",
            "/recipients/3/values/place: is missing; the text at /message/nb/sms uses it",
        ]
    );
}

#[test]
fn values_that_do_not_fit_the_text_are_named_at_the_recipient() {
    let job = texts(
        json!({"nb": {"email": {"subject": "{{ a }}", "text": "{{ b / 2 }}"}}}),
        json!([
            {"email": EMAIL, "values": {"a": "x\r\nBcc: y", "b": 2}},
            {"email": EMAIL, "values": {"a": "x", "b": "Kari"}},
            {"email": EMAIL, "values": {"a": " ", "b": 2}},
        ]),
    );
    assert_eq!(
        wrong(&job),
        [
            "/recipients/0/values: the text at /message/nb/email/subject must be one line once filled, without line breaks and control characters",
            "/recipients/1/values: the text at /message/nb/email/text cannot be filled with these values (line 1)",
            "/recipients/2/values: the text at /message/nb/email/subject is empty once filled",
        ]
    );
}

#[test]
fn an_sms_over_ten_parts_rejects_the_job_at_its_recipient() {
    let job = |n: usize| {
        texts(
            json!({"nb": {"sms": "{{ a }}"}}),
            json!([
                {"phone": "99999999", "values": {"a": "x"}},
                {"phone": "99999999", "values": {"a": "š".repeat(n)}},
            ]),
        )
    };
    assert!(read(&job(670)).is_ok());
    assert_eq!(
        wrong(&job(671)),
        ["/recipients/1: would get an SMS of 11 parts in nb; at most 10 are sent"]
    );
    let fixed = texts(
        json!({"nb": {"sms": "x".repeat(1_531)}}),
        json!([{"phone": "99999999"}, {"phone": "40000000"}]),
    );
    assert_eq!(places(&fixed), ["/recipients/0"]);
}

#[test]
fn values_are_strings_numbers_and_booleans() {
    let job = texts(
        json!({"nb": {"sms": "Hei"}}),
        json!([
            {"phone": "99999999", "values": {"a": "1", "b": 2.5, "c": true}},
            {"phone": "99999999", "values": {"a": null, "b": [1], "c": {"d": 1}, "e": "\0", "f": 9007199254740993_u64}},
            {"phone": "99999999", "values": "a"},
        ]),
    );
    assert_eq!(
        wrong(&job),
        [
            "/recipients/1/values/a: must be a string, a number or a boolean, not null",
            "/recipients/1/values/b: must be a string, a number or a boolean, not a list",
            "/recipients/1/values/c: must be a string, a number or a boolean, not an object",
            "/recipients/1/values/e: must not contain the character U+0000",
            "/recipients/1/values/f: is too large a number to be carried exactly; write it as a string",
            "/recipients/2/values: must be an object, not a string",
        ]
    );
}

#[test]
fn a_job_that_would_take_minutes_to_check_is_refused_in_seconds() {
    let loops = "{{ a }}{% for i in range(5000) %}{% if i == 1 %}x{% endif %}{% endfor %}";
    let job = |n: usize| {
        let recipients = vec![json!({"phone": "99999999", "values": {"a": 1}}); n];
        texts(json!({"nb": {"sms": loops}}), json!(recipients))
    };
    assert!(read(&job(1)).is_ok());
    assert_eq!(
        wrong(&job(10_000)),
        [
            "/recipients/0/values: the text at /message/nb/sms takes too much work to fill; make its loops smaller"
        ]
    );
}
