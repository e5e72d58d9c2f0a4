//! Texts that were compiled before: an agency that sends a job for each person sends the same text.

use std::collections::HashMap;
use std::sync::Arc;

use super::compile::Templates;
use crate::domain::event::Problem;
use crate::domain::job::Message;

/// So many bytes of messages are kept, then all are forgotten.
const MOST: usize = 1024 * 1024;

/// Messages with their compiled texts.
#[derive(Debug, Default)]
pub struct KnownTexts {
    /// By the message as JSON.
    messages: HashMap<Box<str>, Arc<Templates>>,
    /// How long they are together.
    bytes: usize,
}

impl KnownTexts {
    /// The texts of `message`.
    ///
    /// # Errors
    /// As [`Templates::compile`].
    pub fn compile(&mut self, message: &Message) -> Result<Arc<Templates>, Vec<Problem>> {
        let (templates, problems) = self.compile_all(message);
        if problems.is_empty() {
            Ok(templates)
        } else {
            Err(problems)
        }
    }

    /// As [`Self::compile`], with the texts that could be compiled. What is wrong is not kept.
    pub(in crate::domain::job) fn compile_all(
        &mut self,
        message: &Message,
    ) -> (Arc<Templates>, Vec<Problem>) {
        let key = serde_json::to_string(message).unwrap_or_default();
        if let Some(templates) = self.messages.get(key.as_str()) {
            return (Arc::clone(templates), Vec::new());
        }
        let (templates, problems) = Templates::compile_all(message);
        let templates = Arc::new(templates);
        if problems.is_empty() && !key.is_empty() {
            self.bytes += key.len();
            if self.bytes > MOST {
                self.messages.clear();
                self.bytes = key.len();
            }
            let kept = Arc::clone(&templates);
            self.messages.insert(key.into_boxed_str(), kept);
        }
        (templates, problems)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::job::Texts;
    use crate::domain::kinds::Language;

    fn message(sms: &str) -> Message {
        let texts = Texts {
            sms: Some(sms.to_owned()),
            email: None,
        };
        Message {
            texts: [(Language::Nb, texts)].into(),
        }
    }

    #[test]
    fn what_was_said_before_is_not_compiled_again() {
        let mut known = KnownTexts::default();
        let first = known.compile(&message("Hei {{ name }}")).unwrap();
        let again = known.compile(&message("Hei {{ name }}")).unwrap();
        assert!(Arc::ptr_eq(&first, &again));
        let other = known.compile(&message("Hallo {{ name }}")).unwrap();
        assert!(!Arc::ptr_eq(&first, &other));
    }

    #[test]
    fn what_is_wrong_is_told_each_time() {
        let mut known = KnownTexts::default();
        for _ in 0..2 {
            let wrong = known.compile(&message("Hei {{ name")).unwrap_err();
            assert_eq!(wrong[0].pointer, "/message/nb/sms");
        }
        assert!(known.messages.is_empty());
    }

    #[test]
    fn only_so_many_bytes_are_kept() {
        let mut known = KnownTexts::default();
        for number in 0..30 {
            let long = format!("{number}{}", "x".repeat(60_000));
            known.compile(&message(&long)).unwrap();
            let kept: usize = known.messages.keys().map(|key| key.len()).sum();
            assert!(kept == known.bytes && kept <= MOST, "{kept}");
        }
    }

    #[test]
    fn a_share_of_the_work_is_its_own() {
        let mut known = KnownTexts::default();
        let first = known.compile(&message("Hei {{ name }}")).unwrap();
        let few = Arc::clone(&first).sharing_fuel(10);
        assert!(Arc::ptr_eq(&first, &few));
        let many = Arc::clone(&first).sharing_fuel(1_000_000);
        assert!(!Arc::ptr_eq(&first, &many));
    }
}
