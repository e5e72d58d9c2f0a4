//! What must hold of every parser, whatever it is given. Used by the fuzz targets beside this file
//! and, with arbitrary bytes and changed samples, by `tests/fuzz.rs`.

use std::path::PathBuf;

use budstikke::adapters::amqp::{AgencyRoute, raw};
use budstikke::adapters::sms::json::JsonSettings;
use budstikke::adapters::sms::reply::{self, Reply};
use budstikke::adapters::sms::{GatewayKind, receipts};
use budstikke::adapters::smtp::{self, Answer, Stage};
use budstikke::cli::file_text;
use budstikke::cli::register::residents;
use budstikke::cli::register::rows::{self, ImportRules};
use budstikke::cli::submit::{documents, table};
use budstikke::config::Config;
use budstikke::domain::ids::AgencyId;
use budstikke::domain::job::parse::{MAX_PROBLEMS, MAX_RECIPIENTS};
use budstikke::domain::job::template::MAX_TEXT_BYTES;
use budstikke::domain::job::{Job, ParseRules, Templates, parse, preview};
use budstikke::domain::kinds::{Class, Lane};
use budstikke::domain::org_number::OrgNumber;
use budstikke::domain::outcome::{Fault, Outcome};
use budstikke::domain::person::PersonNumber;
use budstikke::domain::phone::PhoneNumber;
use budstikke::domain::receipt::Receipt;
use budstikke::domain::time::Timestamp;
use budstikke::pipeline::jobs_from_broker::{read_cancel, read_opened};

/// One entry point: a name, which is that of its seeds' folder, and what must not panic.
pub type Target = (&'static str, fn(&[u8]));

/// Every entry point.
pub const TARGETS: [Target; 12] = [
    ("amqp_body", amqp_body),
    ("amqp_headers", amqp_headers),
    ("configuration", configuration),
    ("csv_import", csv_import),
    ("gateway_reply", gateway_reply),
    ("http_job_body", http_job_body),
    ("identity_number", identity_number),
    ("phone", phone),
    ("receipt_json", receipt_json),
    ("receipt_kannel", receipt_kannel),
    ("smtp_reply", smtp_reply),
    ("template", template),
];

/// 2029-06-01T00:00:00Z.
const NOW: Timestamp = Timestamp(1_875_052_800_000_000);

fn job(body: &[u8], lane: Option<Lane>) -> Option<Job> {
    let rules = ParseRules {
        allow_synthetic: true,
        classes: Class::ALL,
        municipality: Some("0301"),
        lane_of_queue: lane,
        now: NOW,
    };
    match parse(body, &rules) {
        Ok(job) => {
            assert!(job.recipients.len() <= MAX_RECIPIENTS);
            assert_eq!(parse(body, &rules).as_ref(), Ok(&job), "not the same twice");
            Some(job)
        }
        Err(rejected) => {
            assert!((1..=MAX_PROBLEMS).contains(&rejected.problems.len()));
            None
        }
    }
}

/// The body of a message from the broker, of any type and from either queue.
pub fn amqp_body(data: &[u8]) {
    let urgent = job(data, Some(Lane::Urgent));
    let normal = job(data, Some(Lane::Normal));
    if let (Some(urgent), Some(normal)) = (urgent, normal) {
        assert_eq!(urgent.content_hash, normal.content_hash);
    }
    let cancelled = read_cancel(data);
    if let Some((opened, _reference)) = read_opened(data) {
        assert_eq!(cancelled, Some(opened));
    }
}

/// The headers of a message from the broker.
pub fn amqp_headers(data: &[u8]) {
    let (Ok(oslo), Ok(nav)) = (AgencyId::parse("oslo"), AgencyId::parse("nav")) else {
        return;
    };
    let route = |agency: &AgencyId| AgencyRoute {
        broker_user: format!("{agency}-mq"),
        agency: agency.clone(),
    };
    let routes = [route(&oslo), route(&nav)];
    for user in [None, Some("oslo-mq"), Some("nav-mq"), Some("budstikke")] {
        let properties = raw::RawProperties {
            user_id: user,
            headers: data,
            ..raw::RawProperties::default()
        };
        if let Some(Ok((agency, _kind))) = raw::judge(&routes, "budstikke", &oslo, &properties) {
            assert_eq!(agency, oslo, "in another's queue");
            assert!(matches!(user, Some("oslo-mq" | "budstikke")), "{user:?}");
        }
    }
}

/// The body of `POST /v1/jobs`, and its preview.
pub fn http_job_body(data: &[u8]) {
    let Some(job) = job(data, None) else {
        return;
    };
    let templates = Templates::compile(&job.message);
    let templates = templates.expect("what was taken compiles");
    preview(&job, &templates).expect("what was taken can be shown");
}

/// A template: taken, it never puts out a value that HTML would understand.
pub fn template(data: &[u8]) {
    let source = String::from_utf8_lossy(data);
    let body = serde_json::json!({
        "job": "fuzz", "class": "service_message", "channel": "both", "language": "nb",
        "message": { "nb": { "sms": source, "email": { "subject": "s", "text": source, "html": source } } },
        "recipients": [{ "phone": "+4799999999",
            "values": { "name": "<script>'\"&", "count": 3, "share": 0.5, "yes": true } }],
        "window": "anytime",
    });
    let Some(job) = job(body.to_string().as_bytes(), None) else {
        return;
    };
    let templates = Templates::compile(&job.message).expect("what was taken compiles");
    for recipient in &job.recipients {
        for language in templates.languages() {
            let Ok(email) = templates.render_email(language, &recipient.values) else {
                continue;
            };
            assert!(email.text.len() <= MAX_TEXT_BYTES);
            let html = email.html.unwrap_or_default();
            assert!(html.len() <= MAX_TEXT_BYTES);
            // Whatever the template writes itself it may write; a value must not become markup.
            assert!(
                source.contains('<') || !html.contains('<'),
                "{source:?}: {html:?}"
            );
        }
    }
}

/// A phone number.
pub fn phone(data: &[u8]) {
    let Ok(raw) = std::str::from_utf8(data) else {
        return;
    };
    if let Ok(number) = PhoneNumber::parse(raw) {
        let text = number.expose();
        assert!(text.starts_with('+') && text.len() <= 16, "{text}");
        assert!(
            text[1..].bytes().all(|byte| byte.is_ascii_digit()),
            "{text}"
        );
        assert_eq!(PhoneNumber::parse(text).as_ref(), Ok(&number));
        assert!(!format!("{number:?}").contains(&text[3..]));
    }
}

/// A national identity number, or an organisation's number.
pub fn identity_number(data: &[u8]) {
    let Ok(raw) = std::str::from_utf8(data) else {
        return;
    };
    if let Ok(number) = PersonNumber::parse(raw) {
        assert_eq!(number.expose(), raw);
        assert!(!format!("{number:?}").contains(&raw[..6]));
        let bare = raw.trim_start_matches('0');
        assert!(bare.len() != 10 || PersonNumber::missing_leading_zero(bare));
    }
    PersonNumber::missing_leading_zero(raw);
    if let Ok(number) = OrgNumber::parse(raw) {
        assert_eq!(OrgNumber::parse(number.as_str()).as_ref(), Ok(&number));
    }
}

/// What a gateway of kind `json` reports.
pub fn receipt_json(data: &[u8]) {
    let json = Some("application/json");
    receipts_hold(receipts::parse(GatewayKind::Json, json, "", data), data);
}

/// What a gateway of kind `kannel` reports: a query, and after a line end a form.
pub fn receipt_kannel(data: &[u8]) {
    let mut parts = data.splitn(2, |byte| *byte == b'\n');
    let query = String::from_utf8_lossy(parts.next().unwrap_or_default()).into_owned();
    let form = parts.next().unwrap_or_default();
    for kind in [None, Some("application/x-www-form-urlencoded")] {
        receipts_hold(
            receipts::parse(GatewayKind::Kannel, kind, &query, form),
            data,
        );
    }
}

fn receipts_hold(read: Result<Vec<Receipt>, receipts::ReceiptError>, data: &[u8]) {
    let read = match read {
        Ok(read) => read,
        Err(error) => {
            let said = error.to_string();
            return assert!(said.len() < 300, "{said}");
        }
    };
    assert!(read.len() <= data.len());
    for code in read.iter().filter_map(|receipt| receipt.code.as_ref()) {
        assert!(code.len() <= 64 && code.is_ascii(), "{code:?}");
    }
}

/// What an SMS gateway answers: a status line, headers, an empty line, a body. Only a 2xx is an
/// acceptance, what says that it does not know leaves us not knowing, and nobody stops us for long.
pub fn gateway_reply(data: &[u8]) {
    let end = data.windows(2).position(|two| two == b"\n\n");
    let (head, body) = match end {
        Some(at) => (&data[..at], &data[at + 2..]),
        None => (data, &[][..]),
    };
    let head = String::from_utf8_lossy(head);
    let mut lines = head.lines();
    let status = lines
        .next()
        .and_then(|line| line.split_whitespace().nth(1)?.parse().ok())
        .unwrap_or(200);
    let waits = lines.find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("retry-after")
            .then(|| value.trim().to_owned())
    });
    let nested = JsonSettings {
        id_field: "messages.0.id".to_owned(),
        error_field: Some("messages.0.error".to_owned()),
        ..JsonSettings::default()
    };
    for (kind, settings) in [
        (GatewayKind::Json, JsonSettings::default()),
        (GatewayKind::Json, nested),
        (GatewayKind::Kannel, JsonSettings::default()),
    ] {
        let reply = Reply {
            status,
            retry_after: waits.clone(),
            body: body.to_vec().into(),
        };
        match reply::classify(kind, &settings, reply, NOW) {
            Outcome::Accepted { provider_reference } => {
                assert!((200..300).contains(&status), "{status} is no acceptance");
                let id = provider_reference.unwrap_or_default();
                assert!(id.len() <= 200 && id.trim() == id, "{} bytes", id.len());
                assert_eq!(id.is_empty(), kind == GatewayKind::Kannel);
            }
            Outcome::NotSent(Fault::Transient { retry_after }) => {
                let may = settings.error_field.is_some() && (200..300).contains(&status);
                assert!(may || [408, 425, 500, 503].contains(&status), "{status}");
                assert!(retry_after.is_none_or(|wait| wait.as_secs() <= 3_600));
            }
            Outcome::NotSent(Fault::Channel { retry_after }) => {
                assert!((300..500).contains(&status) || status == 503, "{status}");
                assert!(retry_after.is_none_or(|wait| wait.as_secs() <= 3_600));
            }
            Outcome::NotSent(Fault::Permanent { .. }) => {
                assert!((400..500).contains(&status), "{status}");
            }
            Outcome::NotSent(Fault::Late) => panic!("an answer is never late"),
            Outcome::Unknown => assert!(!(400..500).contains(&status), "{status}"),
        }
    }
}

/// What a relay says: the same however the network cuts it.
pub fn smtp_reply(data: &[u8]) {
    let whole = replies(&[data]);
    let bytes: Vec<&[u8]> = data.chunks(1).collect();
    assert_eq!(replies(&bytes), whole, "byte by byte");
    let (first, second) = data.split_at(data.len() / 2);
    assert_eq!(replies(&[first, second]), whole, "in halves");
    for reply in whole.0 {
        assert!((200..600).contains(&reply.code()));
        assert!(reply.lines().len() <= 128);
        assert!(reply.queue_id().is_none_or(|id| id.len() <= 64));
        let shown = format!("{reply:?}");
        assert!(shown.len() <= 24, "{shown}");
        let positive = reply.class() == 2;
        let outcome = smtp::classify(Stage::AfterDot, &Answer::Reply(reply.clone()));
        assert_eq!(positive, matches!(outcome, Outcome::Accepted { .. }));
        for stage in [
            Stage::Greeting,
            Stage::MailFrom,
            Stage::RcptTo,
            Stage::Data,
            Stage::Body,
        ] {
            let outcome = smtp::classify(stage, &Answer::Reply(reply.clone()));
            assert!(matches!(outcome, Outcome::NotSent(_)), "{stage:?}");
        }
    }
}

/// The replies that can be read, and whether what follows is no reply.
fn replies(chunks: &[&[u8]]) -> (Vec<smtp::Reply>, bool) {
    let (mut inbox, mut read) = (Vec::new(), Vec::new());
    for chunk in chunks {
        inbox.extend_from_slice(chunk);
        loop {
            match smtp::take_reply(&mut inbox) {
                Ok(Some(reply)) => read.push(reply),
                Ok(None) => break,
                Err(_unreadable) => return (read, true),
            }
        }
    }
    (read, false)
}

/// A file for `submit` or `register import`.
pub fn csv_import(data: &[u8]) {
    let file = file_text::decode(data);
    let text = file.text.as_ref();
    if let Ok(documents) = documents::read(text) {
        assert!(documents.drafts.len() + documents.findings.len() <= text.len());
    }
    if let Ok(table) = table::read(text) {
        assert!(table.rows.windows(2).all(|two| two[0].line < two[1].line));
        let template = table::read_template(r#"{"job":"fuzz"}"#).unwrap_or_default();
        let jobs = table.cut(&template, None).unwrap_or_default();
        assert_eq!(jobs.len(), table.rows.len().div_ceil(table::JOB_SIZE));
    }
    let _any = table::read_template(text);
    let rules = ImportRules {
        allow_synthetic: true,
        stamp: Some(NOW),
    };
    if let Ok(rows) = residents::residents(text, &rules, 2030) {
        assert!(rows.windows(2).all(|two| two[0].line < two[1].line));
    }
    if let Ok(rows) = rows::rows(text, &rules) {
        let mut last = 0;
        for row in rows {
            assert!(row.line > last, "line {} after {last}", row.line);
            last = row.line;
        }
    }
}

/// A configuration file. One that names other files is left alone: they would be read.
pub fn configuration(data: &[u8]) {
    let text = String::from_utf8_lossy(data).into_owned();
    if text.contains("_file") {
        return;
    }
    let files = [(PathBuf::from("fuzz.toml"), text)];
    match Config::from_texts(&files, []) {
        Ok(config) => {
            let masked = [(PathBuf::from("masked.toml"), config.masked_toml())];
            // Secrets are masked, so it need not be valid; it must be readable.
            let _shown = Config::from_texts(&masked, []);
            let _warnings = config.warnings();
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}
