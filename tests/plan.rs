//! The law as tables: who may be told what, where and when.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::time::Duration;

use budstikke::domain::contact::{Contact, Dated, Notifiable, Registration, UnusableAddress};
use budstikke::domain::email::EmailAddress;
use budstikke::domain::ids::{JobName, Reference};
use budstikke::domain::job::{Job, Message, Recipient, Reminder, Rules, To, Values};
use budstikke::domain::kinds::{Channel, ChannelRule, Class, IfUncertain, Lane, Language, Window};
use budstikke::domain::opt_out::OptedOut;
use budstikke::domain::person::PersonNumber;
use budstikke::domain::phone::PhoneNumber;
use budstikke::domain::plan::{self, Address, Case, Verdict};
use budstikke::domain::status::{Reason, Status};
use budstikke::domain::time::Timestamp;
use budstikke::domain::window::DayWindow;

fn at(text: &str) -> Timestamp {
    Timestamp::from_jiff(text.parse().unwrap())
}

/// A Tuesday, 11:00 in Oslo.
const TUESDAY: &str = "2026-11-24T10:00:00Z";

fn rules(class: Class, channel: ChannelRule) -> Rules {
    Rules {
        class,
        purpose: Some("test".to_owned()),
        lane: Lane::Normal,
        channel,
        language: Language::Nb,
        send_after: None,
        expires: None,
        window: None,
        reminders: Vec::new(),
        if_uncertain: IfUncertain::Resend,
        audience: None,
        distinct: false,
    }
}

fn person() -> PersonNumber {
    PersonNumber::synthetic(7)
}

fn phone() -> PhoneNumber {
    PhoneNumber::parse("+4799999999").unwrap()
}

fn email() -> EmailAddress {
    EmailAddress::parse("kari@example.no").unwrap()
}

fn dated<A>(address: A, updated: &str) -> Option<Dated<A>> {
    Some(Dated {
        address: Ok(address),
        updated: Some(at(updated)),
        verified: None,
        shared: false,
    })
}

/// Fresh mobile and e-mail, nothing special.
fn contact() -> Contact {
    Contact {
        person: person(),
        reserved: false,
        registration: Registration::Active,
        notifiable: Notifiable::Yes,
        mobile: dated(phone(), "2026-09-01T00:00:00Z"),
        email: dated(email(), "2026-09-01T00:00:00Z"),
        language: Some(Language::Nn),
    }
}

fn decide(rules: &Rules, contact: &Contact, change: impl FnOnce(&mut Case<'_>)) -> Verdict {
    let to = To::Person(person());
    let hours = DayWindow::default();
    let mut case = Case {
        rules,
        accepted_at: at(TUESDAY),
        cancelled: false,
        to: Some(&to),
        contact: Some(contact),
        opted_out: OptedOut::NOTHING,
        opened: false,
        occasion: 0,
        channel: rules.channel.first(),
        fixed: false,
        hours: &hours,
        now: at(TUESDAY),
    };
    change(&mut case);
    plan::decide(&case)
}

/// `sms`, `email`, or the reason.
fn outcome(rules: &Rules, contact: &Contact) -> String {
    match decide(rules, contact, |_case| {}) {
        Verdict::Send { address, .. } => address.channel().to_string(),
        Verdict::Wait { .. } => "wait".to_owned(),
        Verdict::Withhold { reason } => reason.to_string(),
    }
}

#[test]
fn the_class_decides_about_reservation_age_and_the_registers_verdict() {
    let old = "2024-01-01T00:00:00Z";
    let with = |change: fn(&mut Contact)| {
        let mut contact = contact();
        change(&mut contact);
        contact
    };
    let stale = |contact: &mut Contact| {
        contact.mobile = dated(phone(), "2024-01-01T00:00:00Z");
        contact.email = dated(email(), "2024-01-01T00:00:00Z");
    };
    assert!(at(old) < at(TUESDAY));
    let table: [(&str, Contact, &str, &str); 13] = [
        ("ordinary", contact(), "sms", "sms"),
        ("reserved", with(|c| c.reserved = true), "reserved", "sms"),
        (
            "unregistered",
            Contact::not_registered(person()),
            "not_registered",
            "not_registered",
        ),
        (
            "deleted",
            with(|c| c.registration = Registration::Deleted),
            "deleted",
            "deleted",
        ),
        (
            "a code nobody knows",
            with(|c| c.registration = Registration::Other),
            "not_notifiable",
            "sms",
        ),
        (
            "both addresses too old",
            with(stale),
            "stale_address",
            "sms",
        ),
        (
            "mobile too old",
            with(|c| c.mobile = dated(phone(), "2024-01-01T00:00:00Z")),
            "email",
            "sms",
        ),
        ("no mobile", with(|c| c.mobile = None), "email", "email"),
        (
            "no address",
            with(|c| (c.mobile, c.email) = (None, None)),
            "no_address",
            "no_address",
        ),
        (
            "no mobile, old e-mail",
            with(|c| (c.mobile, c.email) = (None, dated(email(), "2024-01-01T00:00:00Z"))),
            "stale_address",
            "email",
        ),
        (
            "cannot be notified",
            with(|c| c.notifiable = Notifiable::No),
            "not_notifiable",
            "sms",
        ),
        (
            "reserved and unregistered: the first in the contract's order counts",
            with(|c| (c.reserved, c.registration) = (true, Registration::NotRegistered)),
            "not_registered",
            "not_registered",
        ),
        (
            "an unusable mobile",
            with(|c| {
                c.email = None;
                c.mobile = Some(Dated {
                    address: Err(UnusableAddress),
                    updated: Some(at("2026-09-01T00:00:00Z")),
                    verified: None,
                    shared: false,
                });
            }),
            "invalid_address",
            "invalid_address",
        ),
    ];
    for (who, contact, letter, service) in table {
        let of = |class| outcome(&rules(class, ChannelRule::SmsPreferred), &contact);
        assert_eq!(of(Class::Letter), letter, "letter: {who}");
        assert_eq!(of(Class::ServiceMessage), service, "service message: {who}");
    }
}

#[test]
fn freshness_is_eighteen_calendar_months_of_the_later_date() {
    let rules = rules(Class::Letter, ChannelRule::Sms);
    for (updated, verified, fresh) in [
        ("2025-05-24T10:00:00Z", None, true),
        ("2025-05-23T10:00:00Z", None, false),
        ("2020-01-01T00:00:00Z", Some("2025-06-01T00:00:00Z"), true),
        ("2025-06-01T00:00:00Z", Some("2020-01-01T00:00:00Z"), true),
    ] {
        let mut contact = contact();
        contact.mobile = dated(phone(), updated);
        contact.mobile.as_mut().unwrap().verified = verified.map(at);
        let wanted = if fresh { "sms" } else { "stale_address" };
        assert_eq!(outcome(&rules, &contact), wanted, "{updated} {verified:?}");
    }
    let mut undated = contact();
    undated.mobile.as_mut().unwrap().updated = None;
    assert_eq!(outcome(&rules, &undated), "stale_address");
}

#[test]
fn the_channel_rule_is_obeyed_and_a_fixed_delivery_stays_on_its_channel() {
    let mut no_mobile = contact();
    no_mobile.mobile = None;
    for (rule, both, without_mobile) in [
        (ChannelRule::SmsPreferred, "sms", "email"),
        (ChannelRule::EmailPreferred, "email", "email"),
        (ChannelRule::Sms, "sms", "no_address"),
        (ChannelRule::Email, "email", "email"),
    ] {
        let rules = rules(Class::ServiceMessage, rule);
        assert_eq!(outcome(&rules, &contact()), both, "{rule}");
        assert_eq!(outcome(&rules, &no_mobile), without_mobile, "{rule}");
    }
    let rules = rules(Class::ServiceMessage, ChannelRule::SmsPreferred);
    let fixed = decide(&rules, &no_mobile, |case| case.fixed = true);
    assert_eq!(
        fixed,
        Verdict::Withhold {
            reason: Reason::NoAddress
        }
    );
}

#[test]
fn cancelled_opened_expired_and_opted_out_are_asked_in_the_contracts_order() {
    let mut rules = rules(Class::Letter, ChannelRule::Sms);
    rules.expires = Some(at(TUESDAY));
    let mut reserved = contact();
    reserved.reserved = true;
    let reason = |change: fn(&mut Case<'_>)| match decide(&rules, &reserved, change) {
        Verdict::Withhold { reason } => reason,
        other @ (Verdict::Send { .. } | Verdict::Wait { .. }) => panic!("{other:?}"),
    };
    assert_eq!(
        reason(|case| (case.cancelled, case.opened, case.occasion) = (true, true, 1)),
        Reason::Cancelled
    );
    assert_eq!(
        reason(|case| (case.opened, case.occasion) = (true, 1)),
        Reason::Opened
    );
    // The first occasion is sent although the letter was opened meanwhile; here it has expired.
    assert_eq!(reason(|case| case.opened = true), Reason::Expired);
    assert_eq!(reason(|case| case.opted_out.person = true), Reason::Expired);
}

#[test]
fn an_address_on_the_opt_out_list_leaves_the_other_channel() {
    let reason_or_channel = |rule, opted_out: OptedOut, change: fn(&mut Contact)| {
        let mut contact = contact();
        change(&mut contact);
        let mut rules = rules(Class::ServiceMessage, rule);
        rules.window = Some(Window::Anytime);
        match decide(&rules, &contact, |case| case.opted_out = opted_out) {
            Verdict::Send { address, .. } => Ok(address.channel()),
            Verdict::Withhold { reason } => Err(reason),
            Verdict::Wait { until } => panic!("waits until {until}"),
        }
    };
    let sms = OptedOut {
        sms: true,
        ..OptedOut::NOTHING
    };
    let both = OptedOut { email: true, ..sms };
    let person = OptedOut {
        person: true,
        ..OptedOut::NOTHING
    };
    let preferred = ChannelRule::SmsPreferred;
    let as_is: fn(&mut Contact) = |_| {};
    assert_eq!(reason_or_channel(preferred, sms, as_is), Ok(Channel::Email));
    for (rule, opted_out) in [
        (ChannelRule::Sms, sms),
        (preferred, both),
        (preferred, person),
        (ChannelRule::Email, person),
    ] {
        let verdict = reason_or_channel(rule, opted_out, as_is);
        assert_eq!(verdict, Err(Reason::OptedOut), "{rule:?} {opted_out:?}");
    }
    // It says more than that there is no other address.
    let verdict = reason_or_channel(preferred, sms, |contact| contact.email = None);
    assert_eq!(verdict, Err(Reason::OptedOut));
    let verdict = reason_or_channel(preferred, person, |contact| {
        contact.registration = Registration::Deleted;
    });
    assert_eq!(verdict, Err(Reason::Deleted));
}

#[test]
fn a_service_message_by_sms_waits_for_the_window_and_is_never_late() {
    let mut rules = rules(Class::ServiceMessage, ChannelRule::Sms);
    let evening = at("2026-11-24T18:00:00Z");
    let verdict = decide(&rules, &contact(), |case| case.now = evening);
    assert_eq!(
        verdict,
        Verdict::Wait {
            until: at("2026-11-25T08:00:00Z")
        }
    );
    rules.expires = Some(at("2026-11-25T08:00:00Z"));
    let verdict = decide(&rules, &contact(), |case| case.now = evening);
    assert_eq!(
        verdict,
        Verdict::Withhold {
            reason: Reason::Expired
        }
    );
    rules.window = Some(Window::Anytime);
    let verdict = decide(&rules, &contact(), |case| case.now = evening);
    assert!(matches!(verdict, Verdict::Send { .. }), "{verdict:?}");
    // Preferred, not required: the e-mail may go at any time.
    (rules.window, rules.channel) = (None, ChannelRule::SmsPreferred);
    let verdict = decide(&rules, &contact(), |case| case.now = evening);
    assert!(
        matches!(
            &verdict,
            Verdict::Send {
                address: Address::Email(_),
                language: Some(Language::Nn)
            }
        ),
        "{verdict:?}"
    );
}

#[test]
fn an_occasion_without_a_deadline_of_its_own_ends_72_hours_after_it_could_first_be_sent() {
    let hours = DayWindow::default();
    let mut rules = rules(Class::Letter, ChannelRule::Sms);
    // Friday 19:00 in Oslo: Monday 09:00 is the first possible, Thursday 09:00 the end.
    let friday = at("2026-11-27T18:00:00Z");
    assert_eq!(
        plan::first_possible(&rules, friday, 0, &hours),
        at("2026-11-30T08:00:00Z")
    );
    assert_eq!(
        plan::deadline(&rules, friday, 0, &hours),
        at("2026-12-03T08:00:00Z")
    );
    // A reminder counts from there, in calendar days, and has its own 72 hours whatever `expires`.
    rules.reminders = vec![Reminder { after_days: 7 }];
    rules.expires = Some(at("2026-11-30T12:00:00Z"));
    assert_eq!(
        plan::deadline(&rules, friday, 0, &hours),
        at("2026-11-30T12:00:00Z")
    );
    assert_eq!(
        plan::first_possible(&rules, friday, 1, &hours),
        at("2026-12-07T08:00:00Z")
    );
    assert_eq!(
        plan::deadline(&rules, friday, 1, &hours),
        at("2026-12-10T08:00:00Z")
    );
}

#[test]
fn a_job_begins_with_a_delivery_per_recipient_occasion_and_channel_of_both() {
    let hours = DayWindow::default();
    let mut rules = rules(Class::ServiceMessage, ChannelRule::Both);
    rules.window = Some(Window::Anytime);
    let recipient = |n: u32, to: To| Recipient {
        reference: Reference::parse(&n.to_string()).unwrap(),
        to,
        values: Values::new(),
        home: None,
    };
    let job = Job {
        name: JobName::parse("j").unwrap(),
        rules,
        message: Message::default(),
        recipients: vec![
            recipient(1, To::Person(person())),
            recipient(2, To::Phone(phone())),
            recipient(3, To::Email(email())),
        ],
        content_hash: [0; 32],
    };
    let deliveries = plan::first_deliveries(&job, at(TUESDAY), &hours);
    let due = at(TUESDAY);
    assert_eq!(
        deliveries,
        [
            (0, 0, Channel::Sms, true, due),
            (0, 0, Channel::Email, true, due),
            (1, 0, Channel::Sms, false, due),
            (2, 0, Channel::Email, false, due),
        ]
    );
}

#[test]
fn what_cannot_go_before_it_expires_is_due_at_once_so_that_its_agency_is_told() {
    let mut rules = rules(Class::ServiceMessage, ChannelRule::Sms);
    rules.window = Some(Window::Daytime);
    let friday_evening = at("2026-11-27T18:00:00+01:00");
    rules.expires = Some(friday_evening.plus(Duration::from_hours(2)));
    let job = Job {
        name: JobName::parse("j").unwrap(),
        rules,
        message: Message::default(),
        recipients: vec![Recipient {
            reference: Reference::parse("1").unwrap(),
            to: To::Phone(phone()),
            values: Values::new(),
            home: None,
        }],
        content_hash: [0; 32],
    };
    let deliveries = plan::first_deliveries(&job, friday_evening, &DayWindow::default());
    assert_eq!(
        deliveries,
        [(0, 0, Channel::Sms, false, friday_evening)],
        "not on Monday"
    );
}

#[test]
fn what_is_withheld_after_an_unknown_try_is_uncertain_and_a_stand_in_that_cannot_go_has_failed() {
    let rule = ChannelRule::SmsPreferred;
    for (slot, fixed, reason, wanted) in [
        (
            0,
            false,
            Reason::Reserved,
            (Status::NotSent, Some(Reason::Reserved)),
        ),
        (
            0,
            false,
            Reason::Cancelled,
            (Status::Cancelled, Some(Reason::Cancelled)),
        ),
        (
            0,
            true,
            Reason::NoAddress,
            (Status::Failed, Some(Reason::NoAddress)),
        ),
        (
            1,
            false,
            Reason::Reserved,
            (Status::Uncertain, Some(Reason::NoAnswer)),
        ),
        (
            1,
            false,
            Reason::Cancelled,
            (Status::Uncertain, Some(Reason::NoAnswer)),
        ),
    ] {
        assert_eq!(
            plan::withheld(reason, slot, fixed, rule),
            wanted,
            "{slot} {fixed} {reason}"
        );
    }
    let both = plan::withheld(Reason::NoAddress, 0, true, ChannelRule::Both);
    assert_eq!(both, (Status::NotSent, Some(Reason::NoAddress)));
}

#[test]
fn urgent_over_its_quota_keeps_the_window_of_urgent() {
    // The rules hold the lane asked for, whatever lane was granted.
    let asked = Rules {
        lane: Lane::Urgent,
        ..rules(Class::ServiceMessage, ChannelRule::Sms)
    };
    assert_eq!(asked.window_on(Channel::Sms), Window::Anytime);
    let told = Rules {
        window: Some(Window::Daytime),
        ..asked
    };
    assert_eq!(told.window_on(Channel::Sms), Window::Daytime);
}
