//! The pure hot parts, each alone: what a notification costs before and after the wire.
//!
//! `cargo bench --bench pure`; one of them: `cargo bench --bench pure -- parse`.

#![expect(clippy::expect_used, reason = "a bench may panic on its own data")]

use std::hint::black_box;

use budstikke::adapters::smtp::{Frames, write_letter};
use budstikke::cli::bench::make::Recipe;
use budstikke::cli::bench::options::Share;
use budstikke::domain::contact::{Contact, Dated, Notifiable, Registration};
use budstikke::domain::email::EmailAddress;
use budstikke::domain::event::{Event, EventKind, NotificationFact};
use budstikke::domain::ids::{AgencyId, AgencyNo, DeliveryId, JobName, JobNo, Reference};
use budstikke::domain::job::{Job, ParseRules, Templates, To, parse};
use budstikke::domain::kinds::{Channel, Class, Lane, Language};
use budstikke::domain::person::PersonNumber;
use budstikke::domain::phone::PhoneNumber;
use budstikke::domain::plan::{self, Case};
use budstikke::domain::sms_parts::parts_only;
use budstikke::domain::status::Status;
use budstikke::domain::time::Timestamp;
use budstikke::domain::window::DayWindow;
use budstikke::ports::gateway::{Content, Outbound};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

/// 2026-11-24, a Tuesday, at 11:00 in Oslo.
const NOW: Timestamp = Timestamp(1_795_514_400_000_000);

fn body(recipients: usize) -> bytes::Bytes {
    let recipe = Recipe {
        run: "bench".to_owned(),
        recipients,
        sms: Share::parse("50%").expect("a share"),
        parts: 1,
        lane: Lane::Normal,
    };
    recipe.job(0).body
}

fn read(body: &[u8]) -> Job {
    let rules = ParseRules {
        allow_synthetic: true,
        classes: Class::ALL,
        municipality: None,
        lane_of_queue: Some(Lane::Normal),
        now: NOW,
    };
    parse(body, &rules).expect("a valid job")
}

fn parsing(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("parse");
    for recipients in [1_usize, 1_000] {
        let body = body(recipients);
        group.throughput(Throughput::Elements(recipients as u64));
        group.bench_function(format!("{recipients} recipients"), |b| {
            b.iter(|| read(black_box(&body)));
        });
    }
    group.finish();
}

fn planning(criterion: &mut Criterion) {
    let job = read(&body(1));
    let to = To::Person(PersonNumber::synthetic(7));
    let phone = PhoneNumber::parse("+4799999999").expect("a number");
    let email = EmailAddress::parse("kari@example.no").expect("an address");
    let contact = Contact {
        person: PersonNumber::synthetic(7),
        reserved: false,
        registration: Registration::Active,
        notifiable: Notifiable::Yes,
        mobile: fresh(phone),
        email: fresh(email),
        language: Some(Language::Nn),
    };
    let hours = DayWindow::default();
    let case = Case {
        rules: &job.rules,
        accepted_at: NOW,
        cancelled: false,
        to: Some(&to),
        contact: Some(&contact),
        opted_out: budstikke::domain::opt_out::OptedOut::NOTHING,
        opened: false,
        occasion: 0,
        channel: Channel::Sms,
        fixed: false,
        hours: &hours,
        now: NOW,
    };
    criterion.bench_function("plan", |b| b.iter(|| plan::decide(black_box(&case))));
}

fn fresh<A>(address: A) -> Option<Dated<A>> {
    Some(Dated {
        address: Ok(address),
        updated: Some(NOW),
        verified: None,
        shared: false,
    })
}

fn texts(criterion: &mut Criterion) {
    let job = read(&body(2));
    let values = &job.recipients[0].values;
    criterion.bench_function("compile the texts of a job", |b| {
        b.iter(|| Templates::compile(black_box(&job.message)).map(|_| ()));
    });
    let templates = Templates::compile(&job.message).expect("texts that compile");
    criterion.bench_function("render an SMS", |b| {
        b.iter(|| templates.render_sms(Language::Nb, black_box(values)));
    });
    criterion.bench_function("render an e-mail", |b| {
        b.iter(|| templates.render_email(Language::Nb, black_box(values)));
    });
    let sms = templates
        .render_sms(Language::Nb, values)
        .expect("values that fit");
    criterion.bench_function("count SMS parts", |b| {
        b.iter(|| parts_only(black_box(&sms)));
    });
}

fn mime(criterion: &mut Criterion) {
    let outbound = Outbound {
        delivery: delivery(),
        content: Content::Email {
            to: EmailAddress::parse("kari@example.no").expect("an address"),
            from: "Oslo kommune <varsel@oslo.example>".to_owned(),
            subject: "Påminnelse om time".to_owned(),
            text: "Hei,\n\ndu har time tirsdag 09:30.\n\nHilsen oss\n".repeat(4),
            html: None,
            language: "nb",
            date: NOW,
        },
    };
    let frames = Frames::default();
    criterion.bench_function("build an e-mail", |b| {
        b.iter(|| write_letter(black_box(&outbound), &frames).map(|_| ()));
    });
}

fn delivery() -> DeliveryId {
    DeliveryId::of(JobNo(4_711), 0, 0, Channel::Email)
}

fn events(criterion: &mut Criterion) {
    let fact = NotificationFact {
        job: JobName::parse("appointment-8831").expect("a name"),
        reference: Reference::parse("row-1").expect("a reference"),
        class: Class::ServiceMessage,
        occasion: 0,
        channel: Some(Channel::Sms),
        status: Status::Sent,
        reason: None,
        at: NOW,
        version: 1,
        possible_duplicate: false,
        covered_by: None,
    };
    let agency = AgencyId::parse("oslo").expect("an id");
    criterion.bench_function("write an event's data", |b| {
        b.iter(|| black_box(&fact).to_event(AgencyNo(1)));
    });
    let event = Event {
        agency: AgencyNo(1),
        sequence: 4_711,
        kind: EventKind::NotificationSent,
        subject: Some(fact.job.clone()),
        at: NOW,
        data: fact.to_json(),
    };
    criterion.bench_function("wrap an event for the broker", |b| {
        b.iter(|| black_box(&event).to_cloudevent(&agency));
    });
}

criterion_group!(pure, parsing, planning, texts, mime, events);
criterion_main!(pure);
