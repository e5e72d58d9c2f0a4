//! What every misbehaviour of a relay at every point of the dialogue means for the message, and for
//! the connection.

use std::time::Duration;

use super::faulty_server::{Fault, FaultyServer, Point, REFUSED};
use super::support::{AMPLE, email, hello, recipient, relay, submit};
use crate::adapters::smtp::{Credentials, Recycle, RelaySettings, Timeouts};
use crate::domain::outcome::{Fault as NotSent, Outcome};
use crate::domain::status::Reason;
use crate::ports::gateway::Outbound;

/// One letter for the message, one sign for the connection.
///
/// | letter | the message |
/// |---|---|
/// | `A` | accepted |
/// | `C` | not sent: the channel's fault, costs no try |
/// | `T` | not sent: this message, later |
/// | `R` | not sent: this message, never |
/// | `U` | unknown: never blindly again |
///
/// | sign | the next message |
/// |---|---|
/// | `=` | goes over the same connection |
/// | `/` | goes over another one: this one is out of step, or gone |
///
/// After `.` nobody can do that at that point. `rset` is what stands before the next message after a
/// refusal, `quit` what ends a worn-out connection: there the letter is the *next* message's.
const TABLE: &str = "
point     close reset stall half garbage mixed wrong endless long extra late busy later never
greeting   C/    C/    C/    C/    C/     C/    C/     C/     C/   C/    A=   C/    C/    C/
ehlo       C/    C/    C/    C/    C/     C/    C/     C/     C/   C/    A=   C/    C/    C/
starttls   C/    C/    C/    C/    C/     C/    C/     C/     C/   C/    .    C/    C/    C/
auth       C/    C/    C/    C/    C/     C/    C/     C/     C/   T/    A=   C/    C/    C/
mail       T/    T/    T/    T/    T/     T/    T/     T/     T/   T/    A=   C/    C=    C=
rcpt       T/    T/    T/    T/    T/     T/    T/     T/     T/   T/    A=   C/    T=    R=
data       T/    T/    T/    T/    T/     T/    T/     T/     T/   T/    A=   C/    T=    R=
text       T/    T/    T/    .     .      .     .      .      .    .     .    .     .     .
dot        U/    U/    U/    U/    U/     U/    U/     U/     U/   A/    A=   C/    T=    R=
rset       T/    T/    T/    T/    T/     T/    T/     T/     T/   T/    A=   C/    C/    C/
quit       A/    A/    A/    A/    A/     A/    A/     A/     A/   A/    A/   A/    A/    A/
";

fn point(word: &str) -> Point {
    match word {
        "greeting" => Point::Greeting,
        "ehlo" => Point::Ehlo,
        "starttls" => Point::StartTls,
        "auth" => Point::Auth,
        "mail" => Point::Mail,
        "rcpt" => Point::Rcpt,
        "data" => Point::Data,
        "text" => Point::Text,
        "dot" => Point::Dot,
        "rset" => Point::Rset,
        "quit" => Point::Quit,
        other => panic!("{other} is no point"),
    }
}

fn fault(word: &str) -> Fault {
    match word {
        "close" => Fault::Close,
        "reset" => Fault::Reset,
        "stall" => Fault::Stall,
        "half" => Fault::Half,
        "garbage" => Fault::Garbage,
        "mixed" => Fault::Mixed,
        "wrong" => Fault::Wrong,
        "endless" => Fault::Endless,
        "long" => Fault::Long,
        "extra" => Fault::Extra,
        "late" => Fault::Late,
        "busy" => Fault::Busy,
        "later" => Fault::Later,
        "never" => Fault::Never,
        other => panic!("{other} is no fault"),
    }
}

fn letter(outcome: &Outcome) -> char {
    match outcome {
        Outcome::Accepted { .. } => 'A',
        Outcome::Unknown => 'U',
        Outcome::NotSent(NotSent::Channel { retry_after: None }) => 'C',
        Outcome::NotSent(NotSent::Transient { .. }) => 'T',
        Outcome::NotSent(NotSent::Permanent {
            reason: Reason::RefusedByGateway,
        }) => 'R',
        Outcome::NotSent(_) => panic!("{outcome:?}"),
    }
}

fn settings(server: &FaultyServer, at: Point, fault: Fault) -> RelaySettings {
    // Only who waits for nothing is to be impatient.
    let command = if matches!(fault, Fault::Stall | Fault::Half) {
        Duration::from_millis(500)
    } else {
        AMPLE
    };
    RelaySettings {
        connections: 1,
        credentials: Some(Credentials {
            user: "budstikke".to_owned(),
            password: "hemmelig".to_owned(),
        }),
        timeouts: Timeouts {
            connect: AMPLE,
            command,
            final_dot: command,
        },
        recycle: Recycle {
            messages: if at == Point::Quit { 1 } else { 1_000 },
            ..Recycle::default()
        },
        ..RelaySettings::new("odd", format!("smtp://{}", server.address))
    }
}

/// More than the kernel keeps of a text that nobody reads (tcp_wmem is 4 MiB at most).
fn long_text(position: u16) -> Outbound {
    email(
        position,
        &recipient(position),
        "s",
        &"lang tekst\n".repeat(700_000),
    )
}

/// What became of the message that met the fault, and whether the one after it used the same
/// connection.
async fn cell(at: Point, fault: Fault, pipelining: bool) -> String {
    let shown = format!("{fault:?} at {at:?}, pipelining {pipelining}");
    let server = FaultyServer::start(at, fault, pipelining).await;
    let relay = relay(settings(&server, at, fault));
    if at == Point::Quit {
        let before = submit(&relay, &hello(0), AMPLE).await;
        assert_eq!(letter(&before), 'A', "{shown}");
    }
    if at == Point::Rset {
        // A recipient that the server does not like calls for RSET.
        let refused = email(0, REFUSED, "s", "t");
        let refused = submit(&relay, &refused, AMPLE).await;
        assert_eq!(letter(&refused), 'T', "{shown}");
    }
    let message = if at == Point::Text {
        long_text(1)
    } else {
        hello(1)
    };
    let outcome = submit(&relay, &message, AMPLE).await;
    assert!(server.has_thrown(), "{shown}: the fault was never met");
    let used = server.connections();
    let next = submit(&relay, &hello(2), AMPLE).await;
    let dots = usize::from(at == Point::Dot || letter(&outcome) == 'A');
    if server.dots(&recipient(1)) != dots || server.dots(&recipient(2)) != 1 || letter(&next) != 'A'
    {
        return format!("{}, then {next:?}", letter(&outcome));
    }
    let same = server.connections() == used;
    format!("{}{}", letter(&outcome), if same { '=' } else { '/' })
}

async fn every_cell(pipelining: bool) {
    let mut lines = TABLE.trim().lines();
    let faults: Vec<&str> = lines.next().expect("a header").split_whitespace().collect();
    let mut wrong = Vec::new();
    for line in lines {
        let words: Vec<&str> = line.split_whitespace().collect();
        assert_eq!(words.len(), faults.len(), "{line}");
        let cells = words.iter().zip(&faults).skip(1);
        let cells = cells.filter(|(expected, _)| **expected != ".");
        let met = cells.map(async |(expected, word)| {
            let got = cell(point(words[0]), fault(word), pipelining).await;
            (got != *expected).then(|| format!("{word} at {}: {got}, not {expected}", words[0]))
        });
        wrong.extend(futures::future::join_all(met).await.into_iter().flatten());
    }
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

#[tokio::test]
async fn every_misbehaviour_means_what_the_table_says() {
    every_cell(false).await;
}

#[tokio::test]
async fn every_misbehaviour_means_the_same_when_commands_are_pipelined() {
    every_cell(true).await;
}
