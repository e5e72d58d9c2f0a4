//! Whether every recipient can be told: the texts that their channels need are there, compile, can
//! be filled with their values, and are not too long.

use std::collections::HashSet;

use super::problems::{At, Problems};
use super::recipients::{Addressee, Addressees, Kind};
use super::settings::Settings;
use crate::domain::job::template::{Filling, Part, RenderError, RenderFault, Templates, filling};
use crate::domain::job::{KnownTexts, Message, Values};
use crate::domain::kinds::{Channel, ChannelRule, Language};
use crate::domain::sms_parts::{MAX_PARTS, parts_only};

/// Who is to be told.
pub(super) enum Audience<'a> {
    /// The recipients.
    Listed(&'a Addressees),
    /// Persons who are found later; nobody gives values for them.
    Street,
}

impl Audience<'_> {
    /// Whether the register will be asked.
    pub(super) fn has_persons(&self) -> bool {
        match self {
            Self::Listed(list) => list.0.iter().any(|entry| entry.kind == Some(Kind::Person)),
            Self::Street => true,
        }
    }

    /// How many are told apart by their values.
    fn len(&self) -> usize {
        match self {
            Self::Listed(list) => list.0.len(),
            Self::Street => 1,
        }
    }

    /// Whether anybody may be told on `channel`.
    fn needs(&self, channel: Channel, rule: ChannelRule) -> bool {
        let persons = self.has_persons() && rule.allows(channel);
        let direct = match self {
            Self::Listed(list) => list
                .0
                .iter()
                .any(|entry| entry.kind == Some(Kind::Direct(channel))),
            Self::Street => false,
        };
        persons || direct
    }
}

/// Checks the texts for everybody.
pub(super) fn check_texts(
    known: &mut KnownTexts,
    message: &Message,
    settings: &Settings,
    whom: &Audience<'_>,
    problems: &mut Problems,
) {
    let (Some(rule), Some(default)) = (settings.channel, settings.language) else {
        return;
    };
    name_absent_texts(message, whom, rule, problems);
    let (templates, wrong) = known.compile_all(message);
    problems.extend(wrong);
    let wanted = Wanted {
        person: texts_for(&templates, &channels(rule), templates.languages()),
        phone: texts_for(&templates, &[Channel::Sms], [default]),
        email: texts_for(&templates, &[Channel::Email], [default]),
    };
    let most = wanted
        .person
        .len()
        .max(wanted.phone.len())
        .max(wanted.email.len());
    let templates = templates.sharing_fuel(whom.len() * most);
    Check {
        templates: &templates,
        wanted: &wanted,
        told_once: HashSet::new(),
        problems,
    }
    .all(whom);
}

fn name_absent_texts(
    message: &Message,
    whom: &Audience<'_>,
    rule: ChannelRule,
    problems: &mut Problems,
) {
    let (sms, email) = (
        whom.needs(Channel::Sms, rule),
        whom.needs(Channel::Email, rule),
    );
    let at = At::Field(&At::Root, "message");
    for (language, texts) in &message.texts {
        let at = At::Field(&at, language.as_str());
        let text = "is missing; the job's recipients and channel need it";
        if sms && texts.sms.is_none() {
            problems.add(&At::Field(&at, "sms"), text);
        }
        if email && texts.email.is_none() {
            problems.add(&At::Field(&at, "email"), text);
        }
    }
}

fn channels(rule: ChannelRule) -> Vec<Channel> {
    Channel::ALL
        .iter()
        .copied()
        .filter(|channel| rule.allows(*channel))
        .collect()
}

type Texts = Vec<(Language, Part)>;

/// The texts that each kind of recipient may get.
struct Wanted {
    person: Texts,
    phone: Texts,
    email: Texts,
}

/// The texts that exist in `languages` for `channels`.
fn texts_for(
    templates: &Templates,
    channels: &[Channel],
    languages: impl IntoIterator<Item = Language>,
) -> Texts {
    let of_language = |language| {
        let parts = channels.iter().flat_map(|channel| Part::of(*channel));
        parts.map(move |part| (language, *part))
    };
    let texts = languages.into_iter().flat_map(of_language);
    texts
        .filter(|(language, part)| templates.has_part(*language, *part))
        .collect()
}

struct Check<'a> {
    templates: &'a Templates,
    wanted: &'a Wanted,
    /// Texts whose own fault was named already, and needs no telling at every recipient.
    told_once: HashSet<(Language, Part)>,
    problems: &'a mut Problems,
}

impl Check<'_> {
    fn all(&mut self, whom: &Audience<'_>) {
        match whom {
            Audience::Street => self.street(),
            Audience::Listed(list) => {
                let recipients = At::Field(&At::Root, "recipients");
                for (index, entry) in list.0.iter().enumerate() {
                    self.one(entry, &At::Entry(&recipients, index));
                }
            }
        }
    }

    fn street(&mut self) {
        let nothing = filling(&Values::new());
        for (language, part) in &self.wanted.person {
            let rendered = self.templates.render(*language, *part, &nothing);
            let problem = match rendered {
                Ok(text) => too_many_parts(*part, *language, &text),
                Err(RenderError {
                    fault: RenderFault::Missing { .. },
                    ..
                }) => Some("uses a value, but a street's residents have none".into()),
                Err(error) => Some(error.fault.to_string()),
            };
            if let Some(problem) = problem {
                self.at_text(*language, *part, problem);
            }
        }
    }

    fn one(&mut self, entry: &Addressee, at: &At<'_>) {
        let (Some(kind), Some(values)) = (entry.kind, &entry.values) else {
            return;
        };
        let texts = match kind {
            Kind::Person => &self.wanted.person,
            Kind::Direct(Channel::Sms) => &self.wanted.phone,
            Kind::Direct(Channel::Email) => &self.wanted.email,
        };
        let filling = filling(values);
        let mut missing = Vec::new();
        for (language, part) in texts.iter().copied() {
            // A text that says the same to everybody is looked at once.
            let fixed = self.templates.is_fixed(language, part);
            if (fixed && !self.told_once.insert((language, part)))
                || (!fixed && self.told_once.contains(&(language, part)))
            {
                continue;
            }
            match self.templates.render(language, part, &filling) {
                Ok(text) => {
                    if let Some(problem) = too_many_parts(part, language, &text) {
                        self.problems.add(at, problem);
                    }
                }
                Err(error) => self.unfilled(&error, &filling, at, &mut missing),
            }
        }
    }

    fn unfilled(
        &mut self,
        error: &RenderError,
        filling: &Filling,
        at: &At<'_>,
        missing: &mut Vec<String>,
    ) {
        let (language, part) = (error.language, error.part);
        let at_values = At::Field(at, "values");
        match &error.fault {
            RenderFault::Missing { name: Some(first) } => {
                let names = if self.problems.is_full() {
                    vec![first.clone()]
                } else {
                    self.templates.missing(language, part, filling)
                };
                for name in names {
                    if !missing.contains(&name) {
                        let pointer = part.pointer(language);
                        let text = format!("is missing; the text at {pointer} uses it");
                        self.problems.add(&At::Field(&at_values, &name), text);
                        missing.push(name);
                    }
                }
            }
            RenderFault::Template { .. } | RenderFault::Absent => {
                self.told_once.insert((language, part));
                self.at_text(language, part, error.fault.to_string());
            }
            // Told once: finding it again for everybody is the work that is refused.
            RenderFault::TooMuchWork => {
                self.told_once.insert((language, part));
                self.problems.add(&at_values, error.to_string());
            }
            RenderFault::Missing { name: None }
            | RenderFault::Values { .. }
            | RenderFault::TooLong
            | RenderFault::NotOneLine
            | RenderFault::Blank => self.problems.add(&at_values, error.to_string()),
        }
    }

    fn at_text(&mut self, language: Language, part: Part, problem: String) {
        let pointer = part.pointer(language);
        self.problems
            .extend(vec![crate::domain::event::Problem { pointer, problem }]);
    }
}

fn too_many_parts(part: Part, language: Language, text: &str) -> Option<String> {
    let parts = match part {
        Part::Sms => parts_only(text),
        Part::Subject | Part::Text | Part::Html => 0,
    };
    (parts > MAX_PARTS).then(|| {
        format!("would get an SMS of {parts} parts in {language}; at most {MAX_PARTS} are sent")
    })
}
