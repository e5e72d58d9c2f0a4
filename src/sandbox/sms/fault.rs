//! What a gateway does wrong.

/// One way of misbehaving.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fault {
    /// 500; not taken.
    Error500,
    /// 503 with `Retry-After`; not taken.
    Unavailable503,
    /// 429 with `Retry-After`; not taken.
    TooMany429,
    /// 401; not taken.
    Unauthorized401,
    /// 200 whose body is an error; not taken.
    ErrorBody200,
    /// Taken, then 502.
    BadGateway502,
    /// Taken, then no answer until the client gives up.
    Hang,
    /// Taken, then the connection is reset.
    Reset,
}

impl Fault {
    /// Every fault.
    pub const ALL: &'static [Self] = &[
        Self::Error500,
        Self::Unavailable503,
        Self::TooMany429,
        Self::Unauthorized401,
        Self::ErrorBody200,
        Self::BadGateway502,
        Self::Hang,
        Self::Reset,
    ];

    /// Whether the message goes out all the same.
    pub const fn takes_the_message(self) -> bool {
        match self {
            Self::Error500
            | Self::Unavailable503
            | Self::TooMany429
            | Self::Unauthorized401
            | Self::ErrorBody200 => false,
            Self::BadGateway502 | Self::Hang | Self::Reset => true,
        }
    }

    /// A word for tables.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error500 => "500",
            Self::Unavailable503 => "503",
            Self::TooMany429 => "429",
            Self::Unauthorized401 => "401",
            Self::ErrorBody200 => "200 with an error",
            Self::BadGateway502 => "taken, then 502",
            Self::Hang => "taken, then silence",
            Self::Reset => "taken, then reset",
        }
    }

    pub(super) const fn index(self) -> usize {
        self as usize
    }
}
