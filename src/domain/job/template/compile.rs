//! All texts of a message, compiled.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use minijinja::{Environment, ErrorKind};

use super::bounds;
use super::clean::{clean_body, clean_sms};
use super::engine::{self, FUEL, Filling, JOB_FUEL, MAX_TEXT_BYTES, fault_of, filling};
use super::error::{Part, RenderError, RenderFault};
use crate::domain::event::Problem;
use crate::domain::job::{Message, Texts, Values};
use crate::domain::kinds::{Channel, Language};

/// The texts of a message, ready to be rendered any number of times.
#[derive(Clone)]
pub struct Templates {
    plain: Environment<'static>,
    html: Environment<'static>,
    texts: BTreeMap<(Language, Part), Text>,
}

/// One text.
#[derive(Clone)]
struct Text {
    /// Its name in the environment: where it stands in the job.
    name: String,
    /// The names that it looks up.
    variables: Vec<String>,
    /// What it always comes to, if it looks up none.
    fixed: Option<String>,
}

/// An e-mail as it goes out.
#[derive(Clone, PartialEq, Eq)]
pub struct RenderedEmail {
    /// One line.
    pub subject: String,
    /// The plain text part; lines end with `\n`.
    pub text: String,
    /// The HTML part; lines end with `\n`.
    pub html: Option<String>,
}

/// Masked: texts are personal.
impl fmt::Debug for RenderedEmail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RenderedEmail(***)")
    }
}

impl fmt::Debug for Templates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set()
            .entries(self.texts.values().map(|text| &text.name))
            .finish()
    }
}

impl Templates {
    /// Compiles every text of `message`.
    ///
    /// # Errors
    /// All texts that are no templates, or that no recipient could be told: a problem each, with a
    /// pointer such as `/message/nb/sms`.
    pub fn compile(message: &Message) -> Result<Self, Vec<Problem>> {
        let (templates, problems) = Self::compile_all(message);
        if problems.is_empty() {
            Ok(templates)
        } else {
            Err(problems)
        }
    }

    /// As [`Self::compile`], with the texts that could be compiled.
    pub(in crate::domain::job) fn compile_all(message: &Message) -> (Self, Vec<Problem>) {
        let mut templates = Self {
            plain: engine::plain(),
            html: engine::html(),
            texts: BTreeMap::new(),
        };
        let mut problems = Vec::new();
        for (language, texts) in &message.texts {
            for (part, source) in sources(texts) {
                if let Err(problem) = templates.add(*language, part, source) {
                    problems.push(Problem {
                        pointer: part.pointer(*language),
                        problem,
                    });
                }
            }
        }
        (templates, problems)
    }

    /// Renders the SMS in `language`, cleaned by [`clean_sms`].
    ///
    /// # Errors
    /// [`RenderError`]; a job that was accepted has none for the languages its recipients may have.
    pub fn render_sms(&self, language: Language, values: &Values) -> Result<String, RenderError> {
        self.render(language, Part::Sms, &filling(values))
    }

    /// Renders the e-mail in `language`, cleaned by [`clean_body`].
    ///
    /// # Errors
    /// As [`Self::render_sms`].
    pub fn render_email(
        &self,
        language: Language,
        values: &Values,
    ) -> Result<RenderedEmail, RenderError> {
        let filling = filling(values);
        let html = self.texts.contains_key(&(language, Part::Html));
        Ok(RenderedEmail {
            subject: self.render(language, Part::Subject, &filling)?,
            text: self.render(language, Part::Text, &filling)?,
            html: html
                .then(|| self.render(language, Part::Html, &filling))
                .transpose()?,
        })
    }

    /// Whether there is a text in `language` for `channel`.
    pub fn has(&self, language: Language, channel: Channel) -> bool {
        let part = match channel {
            Channel::Sms => Part::Sms,
            Channel::Email => Part::Text,
        };
        self.texts.contains_key(&(language, part))
    }

    /// The languages with texts.
    pub fn languages(&self) -> impl Iterator<Item = Language> {
        Language::ALL.iter().copied().filter(|language| {
            self.has(*language, Channel::Sms) || self.has(*language, Channel::Email)
        })
    }

    /// As they are, but every rendering has no more than its share of [`JOB_FUEL`]; for checking a
    /// whole job.
    pub(in crate::domain::job) fn sharing_fuel(self: Arc<Self>, renderings: usize) -> Arc<Self> {
        let renderings = u64::try_from(renderings).unwrap_or(u64::MAX).max(1);
        let share = JOB_FUEL / renderings;
        if share >= FUEL {
            return self;
        }
        let mut templates = Arc::unwrap_or_clone(self);
        templates.plain.set_fuel(Some(share));
        templates.html.set_fuel(Some(share));
        Arc::new(templates)
    }

    /// Whether the text says the same to everybody.
    pub(in crate::domain::job) fn is_fixed(&self, language: Language, part: Part) -> bool {
        self.texts
            .get(&(language, part))
            .is_some_and(|text| text.fixed.is_some())
    }

    /// Whether there is such a text.
    pub(in crate::domain::job) fn has_part(&self, language: Language, part: Part) -> bool {
        self.texts.contains_key(&(language, part))
    }

    /// Renders one text.
    pub(in crate::domain::job) fn render(
        &self,
        language: Language,
        part: Part,
        filling: &Filling,
    ) -> Result<String, RenderError> {
        let fail = |fault| RenderError {
            language,
            part,
            fault,
        };
        let text = self
            .texts
            .get(&(language, part))
            .ok_or_else(|| fail(RenderFault::Absent))?;
        match &text.fixed {
            Some(fixed) => Ok(fixed.clone()),
            None => self.fill(part, text, filling).map_err(fail),
        }
    }

    /// The names of all values that a text lacks: found by giving it one after the other.
    pub(in crate::domain::job) fn missing(
        &self,
        language: Language,
        part: Part,
        filling: &Filling,
    ) -> Vec<String> {
        let mut missing: Vec<String> = Vec::new();
        let mut filling = filling.clone();
        let text = self.texts.get(&(language, part));
        while let Some(Err(RenderFault::Missing { name: Some(name) })) =
            text.map(|text| self.fill(part, text, &filling))
        {
            if missing.contains(&name) {
                break;
            }
            filling = filling.with(&name);
            missing.push(name);
        }
        missing
    }

    fn add(&mut self, language: Language, part: Part, source: &str) -> Result<(), String> {
        if source.len() > MAX_TEXT_BYTES {
            return Err(format!("is longer than {} KiB", MAX_TEXT_BYTES / 1024));
        }
        bounds::check(source)?;
        let name = part.pointer(language);
        let engine = match part {
            Part::Sms | Part::Subject | Part::Text => &mut self.plain,
            Part::Html => &mut self.html,
        };
        let added = engine.add_template_owned(name.clone(), source.to_owned());
        let template = added.and_then(|()| engine.get_template(&name));
        let template = template.map_err(|error| syntax(&error))?;
        let mut variables: Vec<String> = template.undeclared_variables(false).into_iter().collect();
        variables.sort();
        let mut text = Text {
            name,
            variables,
            fixed: None,
        };
        if text.variables.is_empty() {
            let fixed = self.fill(part, &text, &filling(&Values::new()));
            text.fixed = Some(fixed.map_err(|fault| fault.to_string())?);
        }
        self.texts.insert((language, part), text);
        Ok(())
    }

    fn fill(&self, part: Part, text: &Text, filling: &Filling) -> Result<String, RenderFault> {
        let engine = match part {
            Part::Sms | Part::Subject | Part::Text => &self.plain,
            Part::Html => &self.html,
        };
        let template = engine
            .get_template(&text.name)
            .map_err(|_gone| RenderFault::Absent)?;
        let rendered = template.render(filling.0.clone());
        let rendered = rendered.map_err(|error| fault_of(&error, &text.variables))?;
        finish(part, rendered)
    }
}

/// The texts of one language with the places where they stand.
fn sources(texts: &Texts) -> impl Iterator<Item = (Part, &str)> {
    let sms = texts.sms.as_deref().map(|sms| (Part::Sms, sms));
    let email = texts.email.iter().flat_map(|email| {
        let html = email.html.as_deref().map(|html| (Part::Html, html));
        [
            Some((Part::Subject, email.subject.as_str())),
            Some((Part::Text, &email.text)),
            html,
        ]
    });
    sms.into_iter().chain(email.flatten())
}

/// Cleans and checks what came out.
fn finish(part: Part, rendered: String) -> Result<String, RenderFault> {
    if rendered.len() > MAX_TEXT_BYTES {
        return Err(RenderFault::TooLong);
    }
    let cleaned = match part {
        Part::Sms => clean_sms(&rendered),
        Part::Text | Part::Html => clean_body(&rendered),
        Part::Subject if rendered.chars().any(char::is_control) => {
            return Err(RenderFault::NotOneLine);
        }
        Part::Subject => Cow::Borrowed(rendered.as_str()),
    };
    if cleaned.trim().is_empty() {
        return Err(RenderFault::Blank);
    }
    match cleaned {
        Cow::Borrowed(_same) => Ok(rendered),
        Cow::Owned(cleaned) => Ok(cleaned),
    }
}

/// The engine's words about syntax name tokens and statements, never text.
fn syntax(error: &minijinja::Error) -> String {
    let line = error.line().unwrap_or(1);
    match (error.kind(), error.detail()) {
        (ErrorKind::SyntaxError, Some(detail)) => {
            format!("is no valid template: {detail} (line {line})")
        }
        _ => format!("is no valid template (line {line})"),
    }
}
