//! Which texts fit the GSM 7-bit alphabet (3GPP TS 23.038 section 6.2.1).
//!
//! Kannel has to be told: in `coding=0` it writes `?` for what does not fit, and in `coding=2` it
//! makes 70-character parts of what would have fitted.

const BASIC: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡\
    ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";
const EXTENSION: &str = "\u{c}^{}\\[~]|€";

/// Every character is in the alphabet or its extension.
pub(super) fn fits_seven_bits(text: &str) -> bool {
    text.chars()
        .all(|c| BASIC.contains(c) || EXTENSION.contains(c))
}

#[cfg(test)]
mod tests {
    use super::fits_seven_bits;

    #[test]
    fn norwegian_fits_and_sami_and_emoji_do_not() {
        for text in ["Blåbærsyltetøy på ÆØÅ 100 €", "[a]{b}\\^~|", ""] {
            assert!(fits_seven_bits(text), "{text}");
        }
        for text in ["Bures, čálit", "👍", "“sitat”", "ê"] {
            assert!(!fits_seven_bits(text), "{text}");
        }
    }
}
