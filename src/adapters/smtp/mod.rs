//! E-mail relays over SMTP.
