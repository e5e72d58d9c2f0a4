//! The digests by which it is counted how much one address gets.

use sha2::{Digest, Sha256};

use crate::domain::address_limit::AddressUse;
use crate::ports::gateway::Content;

/// Of the address with its channel, and of everything that the receiver reads. Who sends it makes no
/// difference: the limits hold over all agencies.
pub(super) fn digest(content: &Content) -> AddressUse {
    let (mut address, mut text) = (Sha256::new(), Sha256::new());
    match content {
        Content::Sms { to, text: body, .. } => {
            address.update(b"sms\0");
            address.update(to.expose());
            text.update(body);
        }
        Content::Email {
            to,
            subject,
            text: body,
            html,
            ..
        } => {
            address.update(b"email\0");
            address.update(to.fold());
            for part in [Some(subject), Some(body), html.as_ref()]
                .into_iter()
                .flatten()
            {
                text.update(part);
                text.update(b"\0");
            }
        }
    }
    AddressUse {
        address: first(address.finalize().into()),
        text: i64::from_be_bytes(first(text.finalize().into())),
    }
}

fn first<const N: usize>(digest: [u8; 32]) -> [u8; N] {
    std::array::from_fn(|place| digest[place])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::phone::PhoneNumber;

    fn sms(to: &str, from: &str, text: &str) -> AddressUse {
        digest(&Content::Sms {
            to: PhoneNumber::parse(to).unwrap(),
            from: from.to_owned(),
            text: text.to_owned(),
            parts: 1,
        })
    }

    #[test]
    fn the_same_text_to_the_same_phone_is_the_same_whoever_sends_it() {
        let one = sms("+4799999999", "Oslo", "Hei");
        assert_eq!(one, sms("999 99 999", "Bergen", "Hei"));
        let other_text = sms("+4799999999", "Oslo", "Hallo");
        assert_eq!(one.address, other_text.address);
        assert_ne!(one.text, other_text.text);
        assert_ne!(one.address, sms("+4799999998", "Oslo", "Hei").address);
    }
}
