//! `[page]`: a person's own page, behind ID-porten.

use std::time::Duration;

use super::reader::section;
use super::secret::Secret;
use super::url::HttpUrl;
use super::words::words;
use crate::domain::ids::AgencyId;

words! {
    /// How our client proves who it is.
    ClientAuthentication {
        /// A signed assertion (RFC 7523).
        PrivateKeyJwt = "private_key_jwt",
        /// A secret, sent as Basic.
        ClientSecret = "client_secret",
    }
}

words! {
    /// The lowest level of login that is enough.
    LoginLevel {
        /// Substantial, such as MinID.
        Substantial = "idporten-loa-substantial",
        /// High, such as BankID.
        High = "idporten-loa-high",
    }
}

section! {
    /// A person's own page.
    Page {
        /// Scheme and host by which persons reach it.
        public_url: HttpUrl,
        /// In whose name codes are sent.
        agency: AgencyId,
        /// Codes that one person may ask for within an hour.
        codes_per_person: u32 [1, 100] = 6,
        /// Codes that one address may get within an hour.
        codes_per_address: u32 [1, 100] = 4,
        /// Our client at ID-porten.
        idporten: IdPorten,
    }
}

section! {
    /// Our client at ID-porten.
    IdPorten {
        /// What it calls itself.
        issuer: HttpUrl = HttpUrl::fixed("https://test.idporten.no"),
        /// The client's id.
        client_id: String,
        /// How the client proves who it is.
        authentication: ClientAuthentication = ClientAuthentication::PrivateKeyJwt,
        /// The client's private key, PEM.
        key: Secret = Secret::default(),
        /// The id (`kid`) under which the key was registered; absent: its thumbprint (RFC 7638).
        key_id: Option<String>,
        /// The client's secret.
        client_secret: Secret = Secret::default(),
        /// The lowest level of login that is enough.
        acr: LoginLevel = LoginLevel::Substantial,
        /// Where the person goes after logging out.
        post_logout_url: Option<HttpUrl>,
        /// How long one call may take.
        timeout: Duration [Duration::from_millis(100), Duration::from_secs(60)]
            = Duration::from_secs(10),
    }
}

impl Page {
    /// Scheme, host and port by which persons reach the page, without a slash at the end.
    pub fn origin(&self) -> &str {
        self.public_url.expose().trim_end_matches('/')
    }

    /// What contradicts itself: the key below `page`, and what is wrong.
    pub(super) fn contradictions(&self) -> Vec<(&'static str, &'static str)> {
        let ours = &self.idporten;
        let has_path = |url: &str| {
            let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
            rest.trim_end_matches('/').contains(['/', '?', '#'])
        };
        let is_key = ours.authentication == ClientAuthentication::PrivateKeyJwt;
        let rules = [
            (
                self.public_url.is_exposed(),
                "public_url",
                "is http to another machine: cookies and persons' data would cross the network in the clear; use https",
            ),
            (
                has_path(self.origin()),
                "public_url",
                "must be scheme and host only; the page is always under /page/",
            ),
            (
                ours.issuer.is_exposed(),
                "idporten.issuer",
                "is http to another machine: anybody on the way could log in as anybody; use https",
            ),
            (
                is_key && ours.key.is_empty(),
                "idporten.key_file",
                "is required with authentication = \"private_key_jwt\"",
            ),
            (
                !is_key && ours.client_secret.is_empty(),
                "idporten.client_secret",
                "is required with authentication = \"client_secret\"",
            ),
            (
                ours.client_id.is_empty(),
                "idporten.client_id",
                "must not be empty",
            ),
        ];
        let broken = rules.into_iter().filter(|(broken, ..)| *broken);
        broken.map(|(_, key, problem)| (key, problem)).collect()
    }
}
