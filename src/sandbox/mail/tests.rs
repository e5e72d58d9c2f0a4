use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use super::{Act, At, Keep, LineEnds, MailServer, Rule, Script};

const LIMIT: Duration = Duration::from_secs(10);

/// Sends everything at once and returns the codes of the answers until the server hangs up.
async fn codes(server: &MailServer, input: &str) -> Vec<String> {
    let mut stream = TcpStream::connect(server.address())
        .await
        .expect("loopback");
    stream.write_all(input.as_bytes()).await.expect("written");
    let mut lines = BufReader::new(stream).lines();
    let mut codes = Vec::new();
    let reading = async {
        while let Ok(Some(line)) = lines.next_line().await {
            if line.get(3..4) != Some("-") {
                codes.push(line.chars().take(3).collect());
            }
        }
    };
    tokio::time::timeout(LIMIT, reading).await.expect("in time");
    codes
}

fn message(to: &str, body: &str) -> String {
    format!("MAIL FROM:<a@example.no>\r\nRCPT TO:<{to}>\r\nDATA\r\n{body}\r\n.\r\n")
}

#[tokio::test]
async fn pipelined_messages_are_taken_and_decoded() {
    let server = MailServer::start(Script::default())
        .await
        .expect("loopback");
    let body = "Subject: =?utf-8?b?w4VzZQ==?=\r\n =?utf-8?Q?_og_=C3=98?=\r\nMessage-ID: <1@x>\r\n\r\n..dot";
    let input = format!(
        "EHLO me\r\n{}{}QUIT\r\n",
        message("b@x.no", body),
        message("c@x.no", "\r\n")
    );
    assert_eq!(
        codes(&server, &input).await,
        [
            "220", "250", "250", "250", "354", "250", "250", "250", "354", "250", "221"
        ]
    );
    assert!(server.mailbox().wait_for(2, LIMIT).await);
    let mail = server.mailbox().find("b@x.no").pop().expect("one");
    assert_eq!(
        (mail.subject().as_str(), mail.message_id().as_str()),
        ("Åse og Ø", "<1@x>")
    );
    assert!(mail.raw.ends_with(b"\r\n\r\n.dot\r\n"));
}

#[tokio::test]
async fn a_tolerant_server_can_be_smuggled_to_and_a_strict_one_cannot() {
    for (line_ends, taken) in [(LineEnds::Strict, 1), (LineEnds::Any, 2)] {
        for end in ["\n.\n", "\r.\r", "\n.\r\n", "\r\n.\n"] {
            let server = MailServer::start(Script {
                line_ends,
                ..Script::default()
            })
            .await
            .expect("loopback");
            let smuggled = message("evil@x.no", "evil");
            let body = format!("\r\na{end}{smuggled}").replace("\r\n.\r\n", "");
            let input = format!("EHLO me\r\n{}QUIT\r\n", message("b@x.no", &body));
            codes(&server, &input).await;
            assert_eq!(server.mailbox().count(), taken, "{line_ends:?} {end:?}");
        }
    }
}

#[tokio::test]
async fn rules_hold_for_their_times_and_recipients_and_are_counted() {
    let script = Script {
        keep: Keep::Last(1),
        ..Script::default()
    }
    .with(Rule::unknown_user(|to| to.starts_with('u')))
    .with(Rule::say(At::Dot, "451 later").times(1).after(1))
    .with(Rule::new(At::Quit, Act::Close));
    let server = MailServer::start(script).await.expect("loopback");
    let mut input = "EHLO me\r\n".to_owned();
    for to in ["a@x.no", "b@x.no", "c@x.no"] {
        input.push_str(&message(to, "\r\n"));
    }
    input.push_str("MAIL FROM:<a@x.no>\r\nRCPT TO:<u@x.no>\r\nQUIT\r\n");
    assert_eq!(
        codes(&server, &input).await,
        [
            "220", "250", "250", "250", "354", "250", "250", "250", "354", "451", "250", "250",
            "354", "250", "250", "550"
        ]
    );
    assert_eq!(server.mailbox().count(), 2);
    assert_eq!(server.mailbox().snapshot().len(), 1);
    let thrown = [At::RcptTo, At::Dot, At::Quit].map(|at| server.thrown(at));
    assert_eq!(thrown, [1, 1, 1]);
}
