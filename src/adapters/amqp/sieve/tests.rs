use lapin::types::parsing::parse_field_table;
use proptest::prelude::*;

use super::frames::{Sieve, TooLong};
use super::sifted;
use crate::adapters::amqp::names::HEADER_TOO_DEEP;

fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&[kind, 0, 1], &length[..], payload, b"\xce"].concat()
}

fn name(text: &[u8]) -> Vec<u8> {
    [&[u8::try_from(text.len()).unwrap()], text].concat()
}

fn sized(kind: u8, content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).unwrap().to_be_bytes();
    [&[kind], &length[..], content].concat()
}

/// A table with one entry.
fn table(key: &[u8], value: &[u8]) -> Vec<u8> {
    sized(0, &[name(key), value.to_vec()].concat()).split_off(1)
}

fn nested(depth: usize) -> Vec<u8> {
    (0..depth).fold(b"V".to_vec(), |inner, _| sized(b'A', &inner))
}

/// The header of a message with content type, headers and message id.
fn header(table: &[u8], message_id: &[u8]) -> Vec<u8> {
    let flags = (1_u16 << 15 | 1 << 13 | 1 << 12 | 1 << 7 | 1 << 6).to_be_bytes();
    let start = [&[0, 60, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9], &flags[..]].concat();
    let rest = [
        name(b"application/json"),
        table.to_vec(),
        vec![2],
        name(message_id),
        vec![7; 8],
    ];
    [start, rest.concat()].concat()
}

fn sieved(bytes: &[u8], chunk: usize) -> Vec<u8> {
    let (mut sieve, mut out) = (Sieve::default(), Vec::new());
    for part in bytes.chunks(chunk) {
        sieve.pass(part, &mut out).unwrap();
    }
    out
}

#[test]
fn ordinary_frames_pass_unchanged_however_they_are_cut() {
    let deep = table(b"x-death", &nested(10));
    let bytes = [
        frame(1, &[0, 10, 0, 10, 0, 9]),
        frame(2, &header(&deep, b"m-1")),
        frame(3, b"{\"job\":\"a\"}"),
        frame(8, b""),
    ]
    .concat();
    for chunk in [1, 2, 7, 8, 64, bytes.len()] {
        assert_eq!(sieved(&bytes, chunk), bytes, "{chunk}");
    }
    assert_eq!(sieved(b"AMQP\0\0\x09\x01", 8), b"AMQP\0\0\x09\x01");
}

#[test]
fn headers_that_nest_too_deep_are_replaced_in_a_frame_of_the_same_length() {
    for depth in [16, 100, 20_000] {
        let deep = table(b"x", &nested(depth));
        let bytes = frame(2, &header(&deep, b"m-1"));
        let out = sieved(&bytes, 1_000);
        assert_eq!(out.len(), bytes.len(), "{depth}");
        let read = sifted(&deep);
        let (rest, headers) = parse_field_table(read.as_slice()).unwrap();
        assert!(rest.is_empty(), "{depth}");
        let names: Vec<&str> = headers.inner().keys().map(|name| name.as_str()).collect();
        assert_eq!(names, [HEADER_TOO_DEEP], "{depth}");
        assert!(out.windows(read.len()).any(|part| part == read), "{depth}");
    }
}

#[test]
fn names_that_are_not_utf8_are_mended_wherever_they_stand() {
    let odd = table(
        b"\xff\xfe",
        &sized(b'F', &[name(b"in\x80"), b"V".to_vec()].concat()),
    );
    let out = sieved(&frame(2, &header(&odd, b"\xc3")), 3);
    let mended = table(b"??", &sized(b'F', &[name(b"in?"), b"V".to_vec()].concat()));
    assert_eq!(out, frame(2, &header(&mended, b"?")));
    let delivery = |key: &[u8]| {
        let tag = [0, 0, 0, 0, 0, 0, 0, 1, 0];
        let deliver = [
            &[0, 60, 0, 60],
            &name(b"ctag")[..],
            &tag,
            &name(b"budstikke.jobs"),
            &name(key),
        ];
        let get_ok = [&[0, 60, 0, 71], &tag[..], &name(b"e"), &name(key), &[0; 4]];
        [frame(1, &deliver.concat()), frame(1, &get_ok.concat())].concat()
    };
    assert_eq!(sieved(&delivery(b"oslo.\xff"), 5), delivery(b"oslo.?"));
}

#[test]
fn a_frame_without_measure_ends_the_connection() {
    let (mut sieve, mut out) = (Sieve::default(), Vec::new());
    let endless = [2, 0, 1, 0xff, 0xff, 0xff, 0xff, 0];
    let length = (1 << 32) + 7;
    assert_eq!(sieve.pass(&endless, &mut out), Err(TooLong(length)));
}

proptest! {
    #[test]
    fn whatever_comes_its_length_stays_and_cuts_do_not_matter(
        kind in 1_u8..4,
        payload in prop::collection::vec(any::<u8>(), 0..200),
        chunk in 1_usize..64,
    ) {
        let bytes = frame(kind, &payload);
        let whole = sieved(&bytes, bytes.len());
        prop_assert_eq!(whole.len(), bytes.len());
        prop_assert_eq!(&sieved(&bytes, chunk), &whole);
        prop_assert_eq!(&sieved(&whole, chunk), &whole, "what was mended needs no mending");
    }
}
