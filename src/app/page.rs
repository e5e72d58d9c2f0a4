//! The persons' page: what the configuration says of it.

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::{Context as _, anyhow};

use crate::adapters::entropy::SystemEntropy;
use crate::adapters::jose::wire::{KeyName, SigningKey};
use crate::adapters::oidc::{ClientProof, OidcProvider, OidcSettings};
use crate::config::Config;
use crate::config::page::{ClientAuthentication, IdPorten, Page};
use crate::config::register::RegisterKind;
use crate::domain::ids::AgencyNo;
use crate::page::{PageParts, PageState, RegisterSource};
use crate::pipeline::deps::Deps;
use crate::ports::clock::Clock;
use crate::ports::login::LoginProvider;

use super::lifecycle::Worker;

/// The page's routes; `None` without `[page]`.
///
/// # Errors
/// A setting that cannot be used.
pub fn router(config: &Config, worker: &Worker) -> anyhow::Result<Option<axum::Router>> {
    let Some(page) = &config.page else {
        return Ok(None);
    };
    let deps = &worker.deps;
    let parts = PageParts {
        deps: Arc::clone(deps),
        intake: worker.intake.clone(),
        provider: provider(page, &deps.clock)?,
        origin: page.origin().to_owned(),
        agency: page.agency.clone(),
        names: names(config, deps),
        source: match config.register.kind {
            RegisterKind::Local => RegisterSource::Local,
            RegisterKind::Krr => RegisterSource::National,
        },
        codes_per_person: page.codes_per_person,
        codes_per_address: page.codes_per_address,
        request_timeout: config.http.request_timeout,
    };
    let state = PageState::new(parts).context("the page's templates")?;
    Ok(Some(crate::page::router(state)))
}

/// Who logs persons in; calls nobody yet.
///
/// # Errors
/// A key or a URL that cannot be used.
pub fn provider(page: &Page, clock: &Arc<dyn Clock>) -> anyhow::Result<Arc<dyn LoginProvider>> {
    let ours = &page.idporten;
    let here = |path: &str| format!("{}{path}", page.origin());
    let after = match &ours.post_logout_url {
        Some(url) => url.expose().to_owned(),
        None => here("/page/logged-out"),
    };
    let settings = OidcSettings {
        issuer: ours.issuer.expose().to_owned(),
        client_id: ours.client_id.clone(),
        proof: proof(ours)?,
        acr: ours.acr.as_str().to_owned(),
        redirect_url: here("/page/callback").parse().context("page.public_url")?,
        post_logout_url: after.parse().context("page.idporten.post_logout_url")?,
        timeout: ours.timeout,
    };
    let provider = OidcProvider::new(settings, Arc::clone(clock), Arc::new(SystemEntropy));
    let provider = provider.map_err(|error| anyhow!(error).context("page.idporten.issuer"))?;
    Ok(Arc::new(provider))
}

fn proof(ours: &IdPorten) -> anyhow::Result<ClientProof> {
    match ours.authentication {
        ClientAuthentication::ClientSecret => {
            Ok(ClientProof::Secret(ours.client_secret.expose().to_owned()))
        }
        ClientAuthentication::PrivateKeyJwt => {
            let key = SigningKey::from_pem(ours.key.expose())
                .map_err(|problem| anyhow!("page.idporten: the key (key_file or key) {problem}"))?;
            let kid = ours.key_id.clone();
            let name = KeyName::Kid(kid.unwrap_or_else(|| key.public().thumbprint()));
            Ok(ClientProof::Key(key, name))
        }
    }
}

fn names(config: &Config, deps: &Deps) -> HashMap<AgencyNo, String> {
    let agencies = config.agency.iter();
    let named = agencies.filter_map(|agency| {
        let known = deps.directory.by_id(&agency.id)?;
        Some((known.no, agency.name.clone()))
    });
    named.collect()
}
