//! Progress bars: on the standard error, and only where a person looks at it.

use std::borrow::Cow;

use indicatif::{ProgressBar, ProgressStyle};

/// A bar of `total` steps; hidden unless the standard error is a terminal.
pub fn bar(total: u64, what: impl Into<Cow<'static, str>>) -> ProgressBar {
    let template = "{msg} {wide_bar} {human_pos}/{human_len} {eta}";
    let style = ProgressStyle::with_template(template)
        .unwrap_or_else(|_never| ProgressStyle::default_bar());
    ProgressBar::new(total).with_style(style).with_message(what)
}
