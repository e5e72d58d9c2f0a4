//! The three cookies: who is logged in, which log-in is under way, which language was chosen.

use axum::http::header::{COOKIE, HeaderMap, HeaderValue};

/// Which cookie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cookie {
    /// The id of the session.
    Session,
    /// The secret of a log-in that is under way.
    Login,
    /// The language of the page; nothing secret.
    Language,
}

impl Cookie {
    const fn name(self) -> &'static str {
        match self {
            Self::Session => "budstikke-session",
            Self::Login => "budstikke-login",
            Self::Language => "budstikke-language",
        }
    }

    /// How long the browser keeps it, in seconds; `None`: until it is closed.
    const fn max_age(self) -> Option<u32> {
        match self {
            Self::Session => None,
            Self::Login => Some(900),
            Self::Language => Some(365 * 86_400),
        }
    }
}

/// Cookies as the page's origin allows them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cookies {
    secure: bool,
}

impl Cookies {
    /// Over https they are Secure, and bound to the host by their prefix; http is for a page on the
    /// same machine.
    pub(super) fn for_origin(origin: &str) -> Self {
        Self {
            secure: origin.starts_with("https://"),
        }
    }

    fn name(self, cookie: Cookie) -> String {
        let prefix = if self.secure { "__Host-" } else { "" };
        format!("{prefix}{}", cookie.name())
    }

    /// The value that the browser sent; `None` also if it sent several, which is somebody's trick.
    pub(super) fn read(self, headers: &HeaderMap, cookie: Cookie) -> Option<String> {
        let name = self.name(cookie);
        let mut found = headers
            .get_all(COOKIE)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .filter(|(key, _)| *key == name)
            .map(|(_, value)| value);
        let (value, None) = (found.next()?, found.next()) else {
            return None;
        };
        Some(value.to_owned())
    }

    /// `Set-Cookie` with a value of letters and digits.
    pub(super) fn set(self, cookie: Cookie, value: &str) -> HeaderValue {
        self.header(cookie, value, cookie.max_age())
    }

    /// `Set-Cookie` that takes it away.
    pub(super) fn clear(self, cookie: Cookie) -> HeaderValue {
        self.header(cookie, "", Some(0))
    }

    fn header(self, cookie: Cookie, value: &str, max_age: Option<u32>) -> HeaderValue {
        let mut text = format!(
            "{}={value}; Path=/; HttpOnly; SameSite=Lax",
            self.name(cookie)
        );
        if self.secure {
            text.push_str("; Secure");
        }
        if let Some(seconds) = max_age {
            text.push_str(&format!("; Max-Age={seconds}"));
        }
        HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static(""))
    }
}
