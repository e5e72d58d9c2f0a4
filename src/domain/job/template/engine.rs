//! The template engine, tied down: strict about missing values, bounded in work, depth and size,
//! without includes, and unable to hand a value to HTML unescaped.

use std::sync::LazyLock;

use minijinja::{Environment, ErrorKind, HtmlEscape, UndefinedBehavior, Value};

use super::error::RenderFault;
use crate::domain::job::Values;

/// How much work one rendering may take: about so many instructions, or 64 bytes each.
pub const FUEL: u64 = 50_000;
/// How much work checking all recipients of one job may take, so that no job holds up the others:
/// some seconds at worst, and enough for 10,000 e-mails of full length in four languages.
pub const JOB_FUEL: u64 = 200_000_000;
/// The most that a template may hold and that a text may come to.
pub const MAX_TEXT_BYTES: usize = 64 * 1024;
/// How deep macros and loops may nest.
const MAX_DEPTH: usize = 64;

/// Plain texts: nothing is escaped.
pub(super) fn plain() -> Environment<'static> {
    static PLAIN: LazyLock<Environment<'static>> = LazyLock::new(|| {
        let mut engine = bounded();
        engine.set_auto_escape_callback(|_name| minijinja::AutoEscape::None);
        engine
    });
    PLAIN.clone()
}

/// HTML: what a template puts out is escaped, also where it asks for `autoescape false`.
pub(super) fn html() -> Environment<'static> {
    static HTML: LazyLock<Environment<'static>> = LazyLock::new(|| {
        let mut engine = bounded();
        engine.set_auto_escape_callback(|_name| minijinja::AutoEscape::Html);
        engine.set_formatter(|out, _state, value| {
            let written = match value.as_str() {
                Some(text) if !value.is_safe() => write!(out, "{}", HtmlEscape(text)),
                Some(text) => out.write_str(text),
                None => write!(out, "{}", HtmlEscape(&value.to_string())),
            };
            written.map_err(|_full| ErrorKind::WriteFailure.into())
        });
        engine
    });
    HTML.clone()
}

fn bounded() -> Environment<'static> {
    let mut engine = Environment::new();
    engine.set_undefined_behavior(UndefinedBehavior::Strict);
    engine.set_fuel(Some(FUEL));
    engine.set_recursion_limit(MAX_DEPTH);
    // Only with it does an error tell which value is missing; it costs nothing until one is.
    engine.set_debug(true);
    // `safe` would let values through unescaped, `debug` and `pprint` show all of them.
    engine.remove_filter("safe");
    engine.remove_filter("pprint");
    engine.remove_global("debug");
    // Made of lists, these make lists without end or measure (see `bounds`); values are no lists.
    engine.remove_global("namespace");
    engine.remove_global("dict");
    for filter in [
        "batch", "slice", "groupby", "zip", "chain", "items", "dictsort",
    ] {
        engine.remove_filter(filter);
    }
    engine
}

/// The values of one recipient, as the engine takes them.
#[derive(Clone)]
pub(in crate::domain::job) struct Filling(pub(super) Value);

/// Prepares the values of one recipient.
pub(in crate::domain::job) fn filling(values: &Values) -> Filling {
    let pairs = values
        .iter()
        .map(|(name, value)| (name.as_str(), inert(value)));
    Filling(Value::from_pairs(pairs))
}

impl Filling {
    /// The same with one more value.
    pub(super) fn with(&self, name: &str) -> Self {
        let more = Value::from_pairs([(name, "?")]);
        Self(minijinja::value::merge_maps([more, self.0.clone()]))
    }
}

/// Strings, numbers and booleans; nothing else is let into a job.
fn inert(value: &serde_json::Value) -> Value {
    match value {
        serde_json::Value::String(text) => Value::from(text.as_str()),
        serde_json::Value::Bool(yes) => Value::from(*yes),
        serde_json::Value::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(whole), _) => Value::from(whole),
            (None, Some(whole)) => Value::from(whole),
            (None, None) => Value::from(number.as_f64().unwrap_or_default()),
        },
        serde_json::Value::Null | serde_json::Value::Array(_) | serde_json::Value::Object(_) => {
            Value::UNDEFINED
        }
    }
}

/// Translates an error of the engine. Its own words are not passed on: they may hold values.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the engine may add kinds of errors"
)]
pub(super) fn fault_of(error: &minijinja::Error, variables: &[String]) -> RenderFault {
    let line = error.line().unwrap_or(1);
    if let Some(name) = undefined_name(error, variables) {
        return RenderFault::Missing { name: Some(name) };
    }
    let template = |what| RenderFault::Template { what, line };
    match error.kind() {
        ErrorKind::UndefinedError => RenderFault::Missing { name: None },
        ErrorKind::OutOfFuel => RenderFault::TooMuchWork,
        ErrorKind::UnknownFilter => template("uses a filter that does not exist"),
        ErrorKind::UnknownTest => template("uses a test that does not exist"),
        ErrorKind::UnknownFunction => template("calls a function that does not exist"),
        ErrorKind::UnknownMethod => template("calls a method that does not exist"),
        ErrorKind::TooManyArguments | ErrorKind::MissingArgument => {
            template("calls a filter or function with the wrong number of arguments")
        }
        _ => RenderFault::Values { line },
    }
}

/// The engine says "`name` is undefined"; the name is believed only if the template has it.
fn undefined_name(error: &minijinja::Error, variables: &[String]) -> Option<String> {
    let (head, _rest) = error.detail()?.split_once("` is undefined")?;
    let (_before, name) = head.rsplit_once('`')?;
    variables
        .iter()
        .find(|variable| variable.as_str() == name)
        .cloned()
}
