//! How a connection begins: TCP, greeting, EHLO, TLS, log-in.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::classify::{Answer, Stage};
use super::dial::{Line, connect};
use super::relay_url::Tls;
use super::session::{Connection, Failure, Target, within};
use super::settings::Credentials;
use super::wire::Offers;

impl Connection {
    /// Connects, greets, encrypts and logs in.
    pub(super) async fn open(target: &Arc<Target>, until: Instant) -> Result<Self, Failure> {
        let begun = Instant::now();
        let limit = until.min(begun + target.timeouts.connect);
        let tcp = within(limit, Stage::Connect, connect(&target.url)).await?;
        let line = match target.url.tls() {
            Tls::Off | Tls::WhenOffered | Tls::Required => Line::Plain(tcp),
            Tls::FromTheStart => {
                let limit = until.min(Instant::now() + target.timeouts.command);
                let encrypted = encrypt(target, tcp);
                within(limit, Stage::Greeting, encrypted).await?
            }
        };
        let now = Instant::now();
        let mut this = Self {
            target: Arc::clone(target),
            line,
            inbox: Vec::new(),
            offers: Offers::default(),
            in_step: false,
            begun: false,
            opened: now,
            last_used: now,
            messages: 0,
            refusals: 0,
        };
        this.expect(Stage::Greeting, 2, until).await?;
        this.hello(until).await?;
        this = this.secured(until).await?;
        this.log_in(until).await?;
        this.in_step = true;
        target.pace.opening_took(begun.elapsed());
        Ok(this)
    }

    async fn hello(&mut self, until: Instant) -> Result<(), Failure> {
        let ehlo = format!("EHLO {}\r\n", self.target.hello);
        let reply = self.ask(Stage::Ehlo, &ehlo, 2, until).await?;
        self.offers = Offers::of(&reply);
        Ok(())
    }

    async fn secured(mut self, until: Instant) -> Result<Self, Failure> {
        let wanted = match self.target.url.tls() {
            Tls::Off | Tls::FromTheStart => false,
            Tls::WhenOffered => self.offers.starttls,
            Tls::Required if self.offers.starttls => true,
            Tls::Required => return Err(Failure::at(Stage::StartTls, Answer::NotOffered)),
        };
        if !wanted {
            return Ok(self);
        }
        self.ask(Stage::StartTls, "STARTTLS\r\n", 2, until).await?;
        // Bytes sent before the handshake are somebody else's (CVE-2021-38371 and its kin).
        let (Line::Plain(tcp), true) = (self.line, self.inbox.is_empty()) else {
            return Err(Failure::at(Stage::StartTls, Answer::Unreadable));
        };
        let limit = until.min(Instant::now() + self.target.timeouts.command);
        let encrypted = encrypt(&self.target, tcp);
        self.line = within(limit, Stage::StartTls, encrypted).await?;
        self.hello(until).await?;
        Ok(self)
    }

    async fn log_in(&mut self, until: Instant) -> Result<(), Failure> {
        let target = Arc::clone(&self.target);
        let Some(Credentials { user, password }) = &target.credentials else {
            return Ok(());
        };
        let may_be_plain = target.url.is_loopback() || target.url.tls() == Tls::Off;
        if !self.line.is_encrypted() && !may_be_plain {
            // Whoever strips STARTTLS from the offer would be told the password.
            return Err(Failure::at(Stage::Auth, Answer::TlsFailed));
        }
        if self.offers.plain {
            let secret = STANDARD.encode(format!("\0{user}\0{password}"));
            let command = format!("AUTH PLAIN {secret}\r\n");
            self.ask(Stage::Auth, &command, 2, until).await?;
        } else if self.offers.login {
            self.ask(Stage::Auth, "AUTH LOGIN\r\n", 3, until).await?;
            let user = format!("{}\r\n", STANDARD.encode(user));
            self.ask(Stage::Auth, &user, 3, until).await?;
            let password = format!("{}\r\n", STANDARD.encode(password));
            self.ask(Stage::Auth, &password, 2, until).await?;
        } else {
            return Err(Failure::at(Stage::Auth, Answer::NotOffered));
        }
        Ok(())
    }
}

async fn encrypt(target: &Target, tcp: TcpStream) -> Result<Line, Answer> {
    target
        .tls
        .encrypt(tcp, target.url.host())
        .await
        .map_err(|error| {
            tracing::warn!(
                error = &*error as &dyn std::error::Error,
                "the TLS handshake with {} failed",
                target.url
            );
            Answer::TlsFailed
        })
}
