//! Names that are not UTF-8, and headers that nest too deep, mended where they stand.

use crate::adapters::amqp::names::HEADER_TOO_DEEP;

/// How deep headers may nest; what the broker adds itself (`x-death`) takes three.
const DEEPEST: usize = 16;
const BASIC: u16 = 60;
const DELIVER: u16 = 60;
const GET_OK: u16 = 71;

/// The names in `basic.deliver` and `basic.get-ok`. `None`: it is none of them, or broken, which the
/// library finds itself.
pub(super) fn mend_method(payload: &mut [u8]) -> Option<()> {
    let mut reader = Reader(payload);
    let (class, method) = (reader.u16()?, reader.u16()?);
    let mut at = 4;
    match (class, method) {
        (BASIC, DELIVER) => at = mend_name(payload, at)?,
        (BASIC, GET_OK) => {}
        _ => return None,
    }
    at += 9; // delivery tag, redelivered
    at = mend_name(payload, at)?;
    mend_name(payload, at)?;
    Some(())
}

/// The properties of a message (`amqp0-9-1.xml`, class basic), in the order of their flags.
pub(super) fn mend_properties(payload: &mut [u8]) -> Option<()> {
    let flags = Reader(payload.get(12..)?).u16()?;
    let mut at = 14;
    for bit in (2..16).rev() {
        if flags & (1 << bit) == 0 {
            continue;
        }
        at = match bit {
            13 => mend_table(payload, at)?,
            11 | 12 => at + 1,
            6 => at + 8,
            _ => mend_name(payload, at)?,
        };
    }
    Some(())
}

/// Makes UTF-8 of the short string at `at`; returns where it ends.
fn mend_name(payload: &mut [u8], at: usize) -> Option<usize> {
    let end = at + 1 + usize::from(*payload.get(at)?);
    let text = payload.get_mut(at + 1..end)?;
    while let Err(error) = std::str::from_utf8(text) {
        *text.get_mut(error.valid_up_to())? = b'?';
    }
    Some(end)
}

/// Mends the names of the table at `at`, or replaces all of it; returns where it ends.
fn mend_table(payload: &mut [u8], at: usize) -> Option<usize> {
    let length = usize::try_from(Reader(payload.get(at..)?).u32()?).ok()?;
    let (begin, end) = (at + 4, (at + 4).checked_add(length)?);
    if end > payload.len() {
        return None;
    }
    if mend_entries(payload, begin, end).is_none() {
        replace(payload.get_mut(begin..end)?);
    }
    Some(end)
}

/// Walks a table without recursion. `None`: too deep, or not to be understood.
fn mend_entries(payload: &mut [u8], begin: usize, end: usize) -> Option<()> {
    let mut at = begin;
    // Where each of the tables and lists ends in which we are, and whether its entries have names.
    let mut open = vec![(end, true)];
    while let Some(&(end, named)) = open.last() {
        if at == end {
            open.pop();
            continue;
        }
        if named {
            at = mend_name(payload.get_mut(..end)?, at)?;
        }
        let kind = *payload.get(at)?;
        at += 1;
        at += match kind {
            b't' | b'b' | b'B' => 1,
            b's' | b'U' | b'u' => 2,
            b'I' | b'i' | b'f' => 4,
            b'D' => 5,
            b'L' | b'l' | b'd' | b'T' => 8,
            b'V' => 0,
            b'S' | b'x' | b'A' | b'F' => {
                let length = usize::try_from(Reader(payload.get(at..)?).u32()?).ok()?;
                if matches!(kind, b'A' | b'F') {
                    if open.len() == DEEPEST {
                        return None;
                    }
                    open.push(((at + 4).checked_add(length)?, kind == b'F'));
                    4
                } else {
                    length.checked_add(4)?
                }
            }
            _ => return None,
        };
        if at > end || open.last().is_some_and(|(inner, _)| *inner > end) {
            return None;
        }
    }
    Some(())
}

/// One entry as long as what was there: our name, and dots.
fn replace(table: &mut [u8]) {
    let name = HEADER_TOO_DEEP.as_bytes();
    let Some(dots) = table.len().checked_sub(name.len() + 6) else {
        // Too short to be deep: it cannot be understood, and the library says so.
        return;
    };
    let entry = [name.len() as u8]
        .into_iter()
        .chain(name.iter().copied())
        .chain([b'S'])
        .chain((dots as u32).to_be_bytes())
        .chain(std::iter::repeat(b'.'));
    for (byte, with) in table.iter_mut().zip(entry) {
        *byte = with;
    }
}

/// Reads numbers from the front.
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl Reader<'_> {
    pub(super) fn skip(&mut self, bytes: usize) -> Option<()> {
        self.0 = self.0.get(bytes..)?;
        Some(())
    }

    fn u16(&mut self) -> Option<u16> {
        let (number, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u16::from_be_bytes(*number))
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        let (number, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u32::from_be_bytes(*number))
    }
}

/// Headers as a table, after the sieve.
pub(in crate::adapters::amqp) fn sifted(table: &[u8]) -> Vec<u8> {
    let mut table = table.to_vec();
    mend_table(&mut table, 0);
    table
}
