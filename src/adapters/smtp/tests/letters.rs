use super::support::{AMPLE, any_time, email, relay, server, settings};
use crate::adapters::smtp::{Frames, Letter, LetterError, write_letter};
use crate::domain::outcome::{Fault, Outcome};
use crate::domain::status::Reason;
use crate::ports::gateway::{Content, Gateway, Outbound};
use crate::sandbox::mail::{LineEnds, Script};

fn try_writing(message: &Outbound) -> Result<Letter, LetterError> {
    write_letter(message, &Frames::default())
}

fn written(message: &Outbound) -> String {
    String::from_utf8(try_writing(message).expect("a letter").bytes).expect("ASCII")
}

fn changed(change: impl FnOnce(&mut Content)) -> Outbound {
    let mut message = email(1, "kari@example.no", "Hei", "Hei");
    change(&mut message.content);
    message
}

fn with_from(sender: &str) -> Outbound {
    changed(|content| match content {
        Content::Email { from, .. } => *from = sender.to_owned(),
        Content::Sms { .. } => {}
    })
}

fn with_html(markup: &str) -> Outbound {
    changed(|content| match content {
        Content::Email { html, .. } => *html = Some(markup.to_owned()),
        Content::Sms { .. } => {}
    })
}

#[test]
fn a_letter_has_the_headers_of_an_automatic_message() {
    let message = email(3, "kari@example.no", "Brøyting på Ås", "Flytt bilen.\n");
    let text = written(&message);
    for line in [
        "From: \"Oslo kommune\" <varsel@oslo.example>\r\n",
        "To: kari@example.no\r\n",
        "Date: Mon, 21 Sep 2026 14:13:20 +0000\r\n",
        "Auto-Submitted: auto-generated\r\n",
        "Content-Language: nb\r\n",
        "MIME-Version: 1.0\r\n",
        "Content-Transfer-Encoding: quoted-printable\r\n",
    ] {
        assert!(text.contains(line), "{line:?} in {text}");
    }
    let id = format!(
        "Message-ID: <{}@oslo.example>\r\n",
        message.delivery.client_reference()
    );
    assert!(text.contains(&id), "{text}");
}

#[test]
fn every_try_of_a_delivery_is_the_same_bytes() {
    let message = with_html("<p>Hei</p>");
    assert_eq!(written(&message), written(&message));
}

#[test]
fn every_body_is_encoded_and_no_line_is_long() {
    let long = "Á".repeat(3_000) + &"a".repeat(3_000);
    for text in [
        "plain ascii",
        "æøå",
        "Čáhppesjávri",
        &long,
        &"я".repeat(5_000),
    ] {
        for message in [
            email(1, "kari@example.no", "s", text),
            with_html(&format!("<p>{text}</p>")),
        ] {
            let written = written(&message);
            assert!(written.is_ascii());
            assert!(written.lines().all(|line| line.len() <= 998));
            assert!(
                !written.contains("7bit") && !written.contains("8bit"),
                "{written}"
            );
        }
    }
}

#[test]
fn line_breaks_in_headers_are_refused() {
    for subject in ["a\r\nBcc: x@example.no", "a\nb", "a\rb", "a\0b"] {
        let message = email(1, "kari@example.no", subject, "t");
        assert_eq!(
            try_writing(&message),
            Err(LetterError::Subject),
            "{subject:?}"
        );
    }
    for from in [
        "Oslo\r\nX: y <a@oslo.example>",
        "Oslo",
        "",
        "Oslo <>",
        "<a@b@c>\n",
    ] {
        assert_eq!(
            try_writing(&with_from(from)),
            Err(LetterError::Sender),
            "{from:?}"
        );
    }
}

#[test]
fn a_domain_outside_ascii_is_written_as_relays_know_it() {
    let letter = try_writing(&email(1, "kari@blåbær.example", "s", "t")).expect("a letter");
    assert_eq!(letter.recipient, "kari@xn--blbr-roah.example");
    let letter = try_writing(&with_from("Blå bær <post@blåbær.example>")).expect("a letter");
    assert_eq!(letter.sender, "post@xn--blbr-roah.example");
    assert!(letter.message_id.ends_with("@xn--blbr-roah.example>"));
    assert!(letter.bytes.is_ascii());
}

#[tokio::test]
async fn a_message_that_cannot_be_written_is_refused_for_good_without_a_connection() {
    let server = server(Script::default()).await;
    let relay = relay(settings(&server));
    let unsendable = Outcome::NotSent(Fault::Permanent {
        reason: Reason::Invalid,
    });
    for message in [email(1, "a@example.no", "s\nt", "t"), with_from("nobody")] {
        assert_eq!(relay.submit(&message, any_time(), AMPLE).await, unsendable);
    }
    assert_eq!(server.connections().total, 0);
}

#[tokio::test]
async fn norwegian_and_sami_letters_arrive_intact_in_every_part() {
    let server = server(Script::default()).await;
    let relay = relay(settings(&server));
    let subject =
        "Brøyting på Ås: flytt bilen – også i Kárášjohka, og dette emnet er langt nok til å brytes";
    let body = "Hei Åse!\r\n.\r\n..Æøå ÆØÅ čđŋšŧž = 100 %\n\nHilsen\n";
    let mut message = email(1, "kari@example.no", subject, body);
    match &mut message.content {
        Content::Email { html, .. } => *html = Some("<p class=\"å\">Æøå</p>".to_owned()),
        Content::Sms { .. } => {}
    }
    assert!(matches!(
        relay.submit(&message, any_time(), AMPLE).await,
        Outcome::Accepted {
            provider_reference: Some(_)
        }
    ));
    let mail = server.mailbox().find("kari@example.no").pop().expect("one");
    assert_eq!(mail.from, "varsel@oslo.example");
    assert_eq!(mail.subject(), subject);
    assert_eq!(
        mail.text().expect("text"),
        "Hei Åse!\r\n.\r\n..Æøå ÆØÅ čđŋšŧž = 100 %\r\n\r\nHilsen\r\n"
    );
    assert_eq!(mail.html().expect("html"), "<p class=\"å\">Æøå</p>\r\n");
    assert_eq!(
        mail.message_id(),
        format!("<{}@oslo.example>", message.delivery.client_reference())
    );
}

/// S-13: a server that takes any line end must still see exactly one message.
#[tokio::test]
async fn no_body_can_end_its_message_early() {
    let server = server(Script {
        line_ends: LineEnds::Any,
        ..Script::default()
    })
    .await;
    let relay = relay(settings(&server));
    let smuggled =
        "MAIL FROM:<x@evil.example>\r\nRCPT TO:<y@evil.example>\r\nDATA\r\nevil\r\n.\r\n";
    let ends = [
        "\n.\n",
        "\r.\r",
        "\n.\r\n",
        "\r\n.\n",
        "\r\n.\r\n",
        "\r\n.\r",
        "\r",
        "\0\n.\0",
        "\r\r\n.\r\r\n",
    ];
    let mut sent = 0;
    for (position, end) in (0..).zip(ends) {
        for text in [
            format!("a{end}{smuggled}"),
            format!("я я я{end}я{end}{}", "я".repeat(200)),
        ] {
            for html in [None, Some(text.clone())] {
                let mut message = email(position, "kari@example.no", "s", &text);
                if let Content::Email { html: part, .. } = &mut message.content {
                    *part = html;
                }
                let outcome = relay.submit(&message, any_time(), AMPLE).await;
                assert!(
                    matches!(outcome, Outcome::Accepted { .. }),
                    "{end:?}: {outcome:?}"
                );
                sent += 1;
                assert_eq!(server.mailbox().count(), sent, "{end:?}");
            }
        }
    }
    assert!(
        server
            .mailbox()
            .snapshot()
            .iter()
            .all(|mail| mail.from == "varsel@oslo.example")
    );
}
