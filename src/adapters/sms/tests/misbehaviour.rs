//! What every misbehaviour of a gateway means for the message, and for the connection.
//!
//! One letter for the message, with what `Retry-After` asks for in seconds, and one sign for the
//! connection.
//!
//! | letter | the message |
//! |---|---|
//! | `A` | accepted |
//! | `C` | not sent: the channel's fault, costs no try |
//! | `T` | not sent: this message, later |
//! | `R` | not sent: this message, never |
//! | `U` | unknown: never blindly again |
//!
//! | sign | the next message |
//! |---|---|
//! | `=` | goes over the same connection |
//! | `/` | goes over another one |
//! | `.` | cannot go either |

use super::fake::{Act, reply};
use super::other_side::{Other, met};
use super::support::good_body;
use crate::adapters::sms::GatewayKind;

use Act::{
    AnswerUnread, CloseAfterReading, CloseUnread, ResetAfterReading, ResetAtFirstByte, Silence,
    Write, WriteAndClose, WriteForever, WriteLater,
};
use Other::{BlackHole, Does, NoName, Nobody, Stranger, Tls, Waits};

/// What it means to kind `json` and kind `kannel`, what the gateway does, and how.
type Row = (&'static str, &'static str, &'static str, Other);

#[rustfmt::skip]
fn connecting() -> Vec<Row> {
    let http = reply(400, "", "no");
    vec![
        ("C.", "C.", "refuses connections",                    Nobody),
        ("C.", "C.", "has no address",                         NoName),
        ("C.", "C.", "never takes the connection",             BlackHole),
        ("C.", "C.", "closes in the TLS handshake",            Tls(CloseUnread)),
        ("C.", "C.", "resets in the TLS handshake",            Tls(ResetAtFirstByte)),
        ("C.", "C.", "is silent in the TLS handshake",         Tls(Silence)),
        ("C.", "C.", "speaks HTTP instead of TLS",             Tls(AnswerUnread(http))),
        ("C.", "C.", "shows a certificate nobody vouches for", Stranger),
    ]
}

#[rustfmt::skip]
fn breaking(kind: GatewayKind) -> Vec<Row> {
    let good = good_body(kind);
    let whole = reply(200, "", good);
    let cut = |from_end: usize| whole[..whole.len() - from_end].to_vec();
    let refusal = reply(400, "", "no such number");
    let half_refusal = refusal[..refusal.len() - 3].to_vec();
    let chunked = |body: &str| raw(&format!("HTTP/1.1 200 X\r\ntransfer-encoding: chunked\r\n\r\n{body}"));
    let endless = |head: &str, more: &str| WriteForever(raw(head), raw(more));
    let late = std::time::Duration::from_secs(30);
    let upgrade = "HTTP/1.1 101 X\r\nupgrade: h2c\r\nconnection: upgrade\r\n\r\n";
    vec![
        ("U/", "U/", "resets at the first byte",    Does(ResetAtFirstByte)),
        ("U/", "U/", "closes after the request",    Does(CloseAfterReading)),
        ("U/", "U/", "resets after the request",    Does(ResetAfterReading)),
        ("U/", "U/", "is silent after the request", Waits(Silence)),
        ("U/", "U/", "answers after the deadline",  Waits(WriteLater(late, whole.clone()))),
        ("U/", "U/", "closes in the status line",   Does(WriteAndClose(whole[..12].to_vec()))),
        ("U/", "U/", "closes in the head",          Does(WriteAndClose(whole[..20].to_vec()))),
        ("U/", "U/", "closes in the body",          Does(WriteAndClose(cut(3)))),
        ("U/", "U/", "stops in the body",           Waits(Write(cut(1)))),
        ("U/", "U/", "closes in a refusal's body",  Does(WriteAndClose(half_refusal))),
        ("U/", "U/", "closes in a chunk",           Does(WriteAndClose(chunked("40\r\n{\"id\":")))),
        ("U/", "U/", "garbles a chunk",             Does(Write(chunked("so much\r\n{\"id\":\"m\"}")))),
        ("U/", "U/", "says two lengths",            Does(Write(reply(200, "content-length: 7\r\n", good)))),
        ("U/", "U/", "speaks TLS",                  Does(Write(b"\x15\x03\x01\0\x02\x02\x28".to_vec()))),
        ("U/", "U/", "speaks SSH",                  Does(WriteAndClose(raw("SSH-2.0-OpenSSH_9.6\r\n")))),
        ("U/", "U/", "sends the body alone",        Does(WriteAndClose(raw(good)))),
        ("U/", "U/", "sends headers without end",   Does(endless("HTTP/1.1 200 X\r\n", "x-more: and more\r\n"))),
        ("U/", "U/", "sends a header without end",  Does(endless("HTTP/1.1 200 X\r\nx-long: ", "and so on "))),
        ("U/", "U/", "sends a body without end",    Does(WriteForever(chunked(""), raw("5\r\nhello\r\n")))),
        ("U/", "U/", "sends 100 without end",       Waits(endless("", "HTTP/1.1 100 Continue\r\n\r\n"))),
        ("U/", "U/", "switches protocols",          Does(Write(raw(upgrade)))),
    ]
}

#[rustfmt::skip]
fn succeeding(kind: GatewayKind) -> Vec<Row> {
    let good = good_body(kind);
    let whole = reply(200, "", good);
    let says = |headers: &str, body: &str| Does(Write(reply(200, headers, body)));
    let after = |head: &str| Does(Write([raw(head), whole.clone()].concat()));
    let error = match kind {
        GatewayKind::Json => r#"{"error":"no credit"}"#,
        GatewayKind::Kannel => "1: Unknown channel",
    };
    // So long that the library does not read the rest to save the connection.
    let long = format!("{good}{}", " ".repeat(4_000_000));
    vec![
        ("A=", "A=", "200",                         says("", good)),
        ("A=", "A=", "202",                         Does(Write(reply(202, "", good)))),
        ("A=", "A=", "100, then 200",               after("HTTP/1.1 100 Continue\r\n\r\n")),
        ("A=", "A=", "103, then 200",               after("HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n")),
        ("A/", "A/", "200 and goodbye",             Does(WriteAndClose(reply(200, "connection: close\r\n", good)))),
        ("A/", "A/", "200 in HTTP/1.0",             Does(WriteAndClose(raw(&format!("HTTP/1.0 200 X\r\n\r\n{good}"))))),
        ("A/", "A/", "200 and one answer too many", Does(Write([whole.clone(), whole.clone()].concat()))),
        ("A/", "A/", "200, longer than it says",    Does(Write([whole.clone(), raw("and more")].concat()))),
        ("U=", "U=", "200 with an error inside",    says("", error)),
        ("U=", "U=", "200 with a page for people",  says("content-type: text/html\r\n", "<html>welcome")),
        ("U=", "U=", "200 with half of the text",   says("", &good[..6])),
        ("U=", "U=", "200 with bytes",              says("", "\u{1}\u{0}\u{7f}")),
        ("U=", "U=", "200 with nothing",            says("", "")),
        ("U=", "U=", "200, compressed",             says("content-encoding: gzip\r\n", "\u{1f}\u{b}")),
        ("U/", "U/", "200 with 4 MB",               says("", &long)),
        ("U=", "U=", "204",                         Does(Write(raw("HTTP/1.1 204 X\r\n\r\n")))),
    ]
}

#[rustfmt::skip]
fn refusing() -> Vec<Row> {
    let says = |code: u16| Does(Write(reply(code, "location: http://127.0.0.1:1/\r\n", "")));
    let wait = |code: u16, value: &str| Does(Write(reply(code, &format!("retry-after: {value}\r\n"), "")));
    let page = "<html><h1>503 Service Unavailable</h1>No server is available";
    let proxy = format!("HTTP/1.0 503 X\r\ncontent-type: text/html\r\n\r\n{page}");
    let endless = "HTTP/1.1 400 X\r\ntransfer-encoding: chunked\r\n\r\n";
    vec![
        ("U=",     "U=",     "300",                             says(300)),
        ("C=",     "C=",     "301",                             says(301)),
        ("U=",     "U=",     "302",                             says(302)),
        ("U=",     "U=",     "303",                             says(303)),
        ("U=",     "U=",     "304",                             Does(Write(raw("HTTP/1.1 304 X\r\n\r\n")))),
        ("C=",     "C=",     "307",                             says(307)),
        ("C=",     "C=",     "308",                             says(308)),
        ("R=",     "R=",     "400",                             says(400)),
        ("R/",     "R/",     "400 before the request is read",  Does(AnswerUnread(reply(400, "", "")))),
        ("R/",     "R/",     "400 with a body without end",     Does(WriteForever(raw(endless), raw("5\r\nhello\r\n")))),
        ("C=",     "C=",     "401",                             says(401)),
        ("R=",     "R=",     "402",                             says(402)),
        ("C=",     "C=",     "403",                             says(403)),
        ("R=",     "C=",     "404",                             says(404)),
        ("R=",     "C=",     "405",                             says(405)),
        ("T=",     "T=",     "408",                             says(408)),
        ("R=",     "R=",     "409",                             says(409)),
        ("R=",     "R=",     "413",                             says(413)),
        ("R=",     "R=",     "422",                             says(422)),
        ("T=",     "T=",     "425",                             says(425)),
        ("C=",     "C=",     "429",                             says(429)),
        ("C7=",    "C7=",    "429, in seconds",                 wait(429, "7")),
        ("C30=",   "C30=",   "429, at a time",                  wait(429, "Wed, 02 Jan 2030 09:00:30 GMT")),
        ("C0=",    "C0=",    "429, at a time gone by",          wait(429, "Wed, 02 Jan 2019 09:00:30 GMT")),
        ("C3600=", "C3600=", "429, in a million years",         wait(429, "31557600000000")),
        ("C3600=", "C3600=", "429, more than any number holds", wait(429, "99999999999999999999999999")),
        ("C=",     "C=",     "429, soon",                       wait(429, "soon")),
        ("C=",     "C=",     "429, before now",                 wait(429, "-5")),
        ("T=",     "T=",     "500",                             says(500)),
        ("T9=",    "T9=",    "500, in seconds",                 wait(500, "9")),
        ("U=",     "U=",     "501",                             says(501)),
        ("U=",     "U=",     "502",                             says(502)),
        ("T=",     "T=",     "503",                             says(503)),
        ("T/",     "T/",     "503 of a proxy",                  Does(WriteAndClose(raw(&proxy)))),
        ("C120=",  "C120=",  "503, in seconds",                 wait(503, "120")),
        ("U=",     "U=",     "504",                             says(504)),
        ("U=",     "U=",     "599",                             says(599)),
        ("U=",     "U=",     "999",                             says(999)),
    ]
}

fn raw(text: &str) -> Vec<u8> {
    text.as_bytes().to_vec()
}

/// Holds what happens against the table.
async fn check(rows: impl Fn(GatewayKind) -> Vec<Row>) {
    for kind in GatewayKind::ALL {
        let met = rows(*kind)
            .into_iter()
            .map(async |(json, kannel, what, other)| {
                let expected = match kind {
                    GatewayKind::Json => json,
                    GatewayKind::Kannel => kannel,
                };
                let got = met(*kind, other).await;
                (got != expected).then(|| format!("{what}: {got}, not {expected}"))
            });
        let wrong = futures::future::join_all(met).await.into_iter().flatten();
        let wrong: Vec<String> = wrong.collect();
        assert!(wrong.is_empty(), "\nkind {kind:?}\n{}\n", wrong.join("\n"));
    }
}

#[tokio::test]
async fn what_goes_wrong_before_there_is_a_connection_is_the_channels_fault() {
    check(|_kind| connecting()).await;
}

#[tokio::test]
async fn what_breaks_once_the_request_may_have_left_is_unknown() {
    check(breaking).await;
}

#[tokio::test]
async fn only_an_answer_that_can_be_read_is_an_acceptance() {
    check(succeeding).await;
}

#[tokio::test]
async fn a_refusal_means_what_its_status_says() {
    check(|_kind| refusing()).await;
}
