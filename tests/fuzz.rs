//! Every entry point of `fuzz/` with its seeds, with arbitrary bytes, and with changed seeds: what
//! strangers send makes no parser panic. `fuzz/README.md` says how to search longer.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may panic"
)]

#[expect(unreachable_pub, reason = "the fuzz targets use it too")]
#[path = "../fuzz/checks.rs"]
mod checks;

use std::path::Path;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

/// One change of a sample. Places are taken modulo the length.
#[derive(Debug, Clone)]
enum Change {
    Put(usize, u8),
    Insert(usize, Vec<u8>),
    Remove(usize, usize),
    Repeat(usize, usize, usize),
    Word(usize, usize),
    Graft(usize, usize),
}

/// What parsers stumble over.
const WORDS: [&[u8]; 24] = [
    b"\0",
    b"\xff\xfe",
    b"\xef\xbb\xbf",
    b"\r",
    b"\n",
    b"\r\n",
    b"\"",
    b"\\",
    b"{",
    b"}",
    b"[",
    b"]",
    b"{{",
    b"%}",
    b"-1",
    b"1e999",
    b"99999999999999999999",
    b"null",
    b"\\ud800",
    b"%",
    b";",
    b",",
    b"\xc3\x98",
    b"\xf0\x9f\x91\x8d",
];

fn change() -> impl Strategy<Value = Change> {
    let at = any::<usize>;
    prop_oneof![
        (at(), any::<u8>()).prop_map(|(at, byte)| Change::Put(at, byte)),
        (at(), prop::collection::vec(any::<u8>(), 1..8))
            .prop_map(|(at, with)| Change::Insert(at, with)),
        (at(), 1..64_usize).prop_map(|(at, length)| Change::Remove(at, length)),
        (at(), 1..64_usize, 2..40_usize)
            .prop_map(|(at, length, times)| Change::Repeat(at, length, times)),
        (at(), 0..WORDS.len()).prop_map(|(at, word)| Change::Word(at, word)),
        (at(), at()).prop_map(|(at, from)| Change::Graft(at, from)),
    ]
}

fn changed(seeds: &[Vec<u8>], which: usize, changes: &[Change]) -> Vec<u8> {
    let mut bytes = seeds[which % seeds.len()].clone();
    for change in changes {
        let place = |at: usize| at % (bytes.len() + 1);
        let span = |at: usize, length: usize| place(at)..bytes.len().min(place(at) + length);
        match change {
            Change::Put(at, byte) => {
                if let Some(old) = bytes.len().checked_sub(1).map(|last| at % (last + 1)) {
                    bytes[old] = *byte;
                }
            }
            Change::Insert(at, with) => drop(bytes.splice(place(*at)..place(*at), with.clone())),
            Change::Remove(at, length) => drop(bytes.drain(span(*at, *length))),
            Change::Repeat(at, length, times) => {
                let again = bytes[span(*at, *length)].repeat(*times);
                drop(bytes.splice(place(*at)..place(*at), again));
            }
            Change::Word(at, word) => {
                drop(bytes.splice(place(*at)..place(*at), WORDS[*word].to_vec()));
            }
            Change::Graft(at, from) => {
                let other = &seeds[from % seeds.len()];
                bytes.truncate(place(*at));
                bytes.extend_from_slice(&other[from % (other.len() + 1)..]);
            }
        }
    }
    bytes
}

fn seeds(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/seeds")
        .join(target);
    let mut files: Vec<_> = std::fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    assert!(files.len() >= 3, "{target} has fewer than three seeds");
    files
        .iter()
        .map(|file| std::fs::read(file).unwrap())
        .collect()
}

/// What ends a stack that is followed by recursion: a beginning so often, and its end as often.
fn deep() -> Vec<Vec<u8>> {
    let pairs = [
        ("[", "]"),
        ("{\"a\":", "}"),
        ("(", ")"),
        ("{{ ", " }}"),
        ("{% if yes %}", "{% endif %}"),
        ("a.", "a"),
        ("{{ 1+", "1 }}"),
        ("-", "1"),
        ("a = [", "]"),
        ("a = {a=", "}"),
        ("250-", " "),
        ("%25", ""),
        ("\"", "\""),
        ("<", ">"),
    ];
    let mut all = Vec::new();
    for (begin, end) in pairs {
        let times = 60_000 / (begin.len() + end.len());
        all.push(format!("{}{}", begin.repeat(times), end.repeat(times)));
        all.push(begin.repeat(times));
        all.push(format!("{{{{ {}1 }}}}", begin.repeat(times)));
        all.push(format!("{}=1", begin.repeat(times)));
    }
    for chain in [
        "1+",
        "yes and ",
        "name~",
        "name|upper|",
        "not ",
        "name.a",
        "1 if yes else ",
        "2**",
    ] {
        all.push(format!("{{{{ {}1 }}}}", chain.repeat(60_000 / chain.len())));
    }
    all.push("{% set a = [a] %}".repeat(3_000));
    all.push(format!(
        "{{% if yes %}}{}{{% endif %}}",
        "{% elif yes %}".repeat(4_000)
    ));
    all.into_iter().map(String::into_bytes).collect()
}

/// Seeds, depths, arbitrary bytes, changed seeds; at least 256 of each of the latter two.
fn withstands(target: &str) {
    let (_, check) = checks::TARGETS
        .iter()
        .find(|(name, _)| *name == target)
        .unwrap();
    let seeds = seeds(target);
    for sample in seeds.iter().chain(&deep()) {
        check(sample);
    }
    let config = Config {
        failure_persistence: None,
        max_shrink_iters: 2_000,
        ..Config::default()
    };
    let met = |bytes: Vec<u8>| {
        check(&bytes);
        Ok(())
    };
    let arbitrary = prop::collection::vec(any::<u8>(), 0..400);
    TestRunner::new(config.clone())
        .run(&arbitrary, met)
        .unwrap();
    let samples = (any::<usize>(), prop::collection::vec(change(), 1..8))
        .prop_map(|(which, changes)| changed(&seeds, which, &changes));
    TestRunner::new(config).run(&samples, met).unwrap();
}

macro_rules! targets {
    ($($target:ident)+) => {
        $(
            #[test]
            fn $target() {
                withstands(stringify!($target));
            }
        )+

        #[test]
        fn every_entry_point_is_tested_here_and_has_a_target() {
            let tested = [$(stringify!($target)),+];
            assert_eq!(checks::TARGETS.map(|(name, _)| name), tested);
            let manifest = include_str!("../fuzz/Cargo.toml");
            for name in tested {
                assert!(manifest.contains(&format!("name = \"{name}\"")), "{name}");
            }
        }
    };
}

targets! {
    amqp_body
    amqp_headers
    configuration
    csv_import
    gateway_reply
    http_job_body
    identity_number
    phone
    receipt_json
    receipt_kannel
    smtp_reply
    template
}
