//! How involved a template may be.
//!
//! The engine bounds how deep brackets and blocks nest, and how much work a rendering is, but not how
//! long a chain of operators grows, nor how deep lists nest that a template makes of lists. Both are
//! followed by recursion, which ends the whole process when the stack ends: `1+1+…` of some thousand
//! terms did. So they are counted before the engine sees the template, by the engine's own lexer.

use minijinja::machinery::{Token, tokenize};
use minijinja::syntax::SyntaxConfig;

/// Words and signs in one `{{ }}` or `{% %}`.
const MOST_IN_TAG: usize = 250;
/// Alternatives: each hangs below the one before it.
const MOST_ALTERNATIVES: usize = 100;
/// Lists, tuples, maps and assignments. Each can nest what the one before it made.
const MOST_LISTS: usize = 200;
/// The same where macros can do it again at every one of their 64 levels.
const MOST_LISTS_WITH_MACROS: usize = 16;

/// Words after which a bracket begins a list, not a subscript or a call.
const KEYWORDS: [&str; 11] = [
    "and", "elif", "else", "for", "if", "in", "is", "not", "or", "set", "with",
];

/// What there is too much of, if anything.
///
/// # Errors
/// A sentence that says what and where.
pub(super) fn check(source: &str) -> Result<(), String> {
    let mut counts = Counts::default();
    // The parser reads no further than the first error either, and tells of it.
    for (token, span) in tokenize(source, false, SyntaxConfig::default()).map_while(Result::ok) {
        counts.take(&token);
        if let Some(problem) = counts.problem() {
            return Err(format!("{problem} (line {})", span.start_line));
        }
    }
    Ok(())
}

#[derive(Debug, Default)]
struct Counts {
    in_tag: usize,
    alternatives: usize,
    lists: usize,
    macros: usize,
    /// The last token was one that a call or a subscript can follow.
    after_operand: bool,
}

impl Counts {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the engine's tokens; all others only count"
    )]
    fn take(&mut self, token: &Token<'_>) {
        self.in_tag += 1;
        let mut after_operand = false;
        match token {
            Token::TemplateData(_) | Token::VariableStart | Token::BlockStart => self.in_tag = 0,
            Token::Ident(word) => {
                let begins = self.in_tag == 1;
                match *word {
                    "elif" if begins => self.alternatives += 1,
                    "set" | "with" if begins => self.lists += 1,
                    "macro" | "call" if begins => self.macros += 1,
                    _ => {}
                }
                after_operand = !KEYWORDS.contains(word);
            }
            Token::BracketClose | Token::ParenClose => after_operand = true,
            Token::BraceOpen => self.lists += 1,
            Token::BracketOpen | Token::ParenOpen if !self.after_operand => self.lists += 1,
            _ => {}
        }
        self.after_operand = after_operand;
    }

    fn problem(&self) -> Option<String> {
        let most_lists = match self.macros {
            0 => MOST_LISTS,
            _ => MOST_LISTS_WITH_MACROS,
        };
        if self.in_tag > MOST_IN_TAG {
            Some(format!(
                "has more than {MOST_IN_TAG} words and signs between {{{{ and }}}} or {{% and %}}"
            ))
        } else if self.alternatives > MOST_ALTERNATIVES {
            Some(format!("has more than {MOST_ALTERNATIVES} elif"))
        } else if self.lists > most_lists {
            Some(format!(
                "has more than {most_lists} lists, maps and assignments"
            ))
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_write_is_within_bounds() {
        for source in [
            "Hei {{ name }}, velkommen {{ day|default('i dag')|upper }} kl. {{ time }}.",
            "{% if a in ['x', 'y'] and (b or c) %}1{% elif d %}2{% else %}3{% endif %}",
            "{% for i in range(3) %}{% set a = [i] %}{{ a[0] }}{% endfor %}",
            "{% macro m(x) %}<{{ x }}>{% endmacro %}{{ m([1, 2]) }}",
            "{# 1+1+1 #}{% raw %}{{ 1+1 }}{% endraw %} 1 + 1, (a) [b] {c}",
        ] {
            assert_eq!(check(source), Ok(()), "{source}");
        }
        assert_eq!(
            check(&"(a) [b] ".repeat(8_000)),
            Ok(()),
            "text counts for nothing"
        );
        assert_eq!(check(&"{{ a }}{% if b %}{% endif %}".repeat(2_000)), Ok(()));
    }

    #[test]
    fn what_would_end_the_stack_is_refused_with_the_line() {
        for (source, what) in [
            (
                format!("\n{{{{ {}1 }}}}", "1+".repeat(2_000)),
                "words and signs",
            ),
            (
                format!("\n{{{{ '}}}}' ~ {}1 }}}}", "1+".repeat(2_000)),
                "words and signs",
            ),
            (
                format!("\n{{{{ a{} }}}}", "|upper".repeat(200)),
                "words and signs",
            ),
            (
                format!("\n{{% if a %}}{}{{% endif %}}", "{% elif a %}".repeat(200)),
                "elif",
            ),
            (
                format!("\n{}{{{{ a }}}}", "{% set a = [a] %}".repeat(150)),
                "lists",
            ),
            (
                format!("\n{}{{{{ a }}}}", "{% set a = a, 1 %}".repeat(250)),
                "lists",
            ),
            (
                format!("\n{}{{{{ a }}}}", "{% if (a, 1) %}{% endif %}".repeat(250)),
                "lists",
            ),
            (
                "\n{% macro m(x) %}{{ m([[[[[[[[[[[[[[[[[x]]]]]]]]]]]]]]]]]) }}".to_owned(),
                "lists",
            ),
        ] {
            let problem = check(&source).unwrap_err();
            assert!(
                problem.contains(what) && problem.ends_with("(line 2)"),
                "{problem}"
            );
        }
    }
}
