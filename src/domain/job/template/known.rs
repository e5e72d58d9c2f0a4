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
