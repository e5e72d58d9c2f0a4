//! From `[register.krr]` to the register's client.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, anyhow, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use crate::adapters::entropy::SystemEntropy;
use crate::adapters::jose::wire::{KeyName, RsaAlgorithm, SigningKey};
use crate::adapters::krr::{Answers, Consumer, KrrRegister, KrrSettings};
use crate::adapters::maskinporten::{AccessTokens, MaskinportenSettings};
use crate::config::register::{AnswerForm, GrantAlgorithm, Krr, Maskinporten};
use crate::config::{Config, HttpUrl};
use crate::domain::org_number::OrgNumber;
use crate::ports::clock::Clock;
use crate::ports::entropy::Entropy;
use crate::ports::register::ContactRegister;

/// Builds the client; calls nobody.
///
/// # Errors
/// A key or certificate that cannot be used.
pub(super) fn register(
    config: &Config,
    clock: &Arc<dyn Clock>,
) -> anyhow::Result<Arc<dyn ContactRegister>> {
    let krr = config.register.krr.as_ref();
    let krr = krr.context("register.krr is required with register.kind = \"krr\"")?;
    let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy);
    let ours = maskinporten(&krr.maskinporten).context("register.krr.maskinporten")?;
    let tokens = AccessTokens::new(ours, Arc::clone(clock), Arc::clone(&entropy))
        .map_err(|error| anyhow!(error).context("register.krr.maskinporten.issuer"))?;
    let settings = settings(config, krr)?;
    let register = KrrRegister::new(settings, tokens, Arc::clone(clock), entropy)
        .map_err(|error| anyhow!(error).context("register.krr.url"))?;
    Ok(Arc::new(register))
}

fn settings(config: &Config, krr: &Krr) -> anyhow::Result<KrrSettings> {
    Ok(KrrSettings {
        url: url(&krr.url).context("register.krr.url")?,
        scope: krr.maskinporten.scope.clone(),
        consumer: consumer(config, &krr.maskinporten)?,
        batch: krr.batch as usize,
        concurrency: krr.concurrency as usize,
        rate: krr.rate,
        timeout: krr.timeout,
        answers: match (krr.answers, &krr.keys_url) {
            (AnswerForm::Json, _) => Answers::Json,
            (AnswerForm::Jose, Some(keys)) => Answers::Jose {
                keys: url(keys).context("register.krr.keys_url")?,
            },
            (AnswerForm::Jose, None) => bail!("register.krr.keys_url is required"),
        },
    })
}

fn consumer(config: &Config, ours: &Maskinporten) -> anyhow::Result<Consumer> {
    let Some(consumer) = &ours.consumer_org else {
        return Ok(Consumer::Own);
    };
    if consumer.as_str() == "agency" {
        let numbers = config.agency.iter();
        let numbers = numbers.map(|agency| (agency.id.clone(), agency.org_number.clone()));
        return Ok(Consumer::Agency(numbers.collect()));
    }
    let number = OrgNumber::parse(consumer.as_str());
    Ok(Consumer::Organisation(
        number.context("register.krr.maskinporten.consumer_org")?,
    ))
}

fn maskinporten(ours: &Maskinporten) -> anyhow::Result<MaskinportenSettings> {
    let key = SigningKey::from_pem(ours.key.expose())
        .map_err(|problem| anyhow!("the key (key_file or key) {problem}"))?;
    let key_name = match (&ours.key_id, &ours.certificate_file) {
        (_, Some(file)) => KeyName::Certificates(certificates(file)?),
        (Some(kid), None) => KeyName::Kid(kid.clone()),
        (None, None) => KeyName::Kid(key.public().thumbprint()),
    };
    Ok(MaskinportenSettings {
        issuer: url(&ours.issuer).context("issuer")?,
        client_id: ours.client_id.clone(),
        key,
        key_name,
        algorithm: match ours.algorithm {
            GrantAlgorithm::Rs256 => RsaAlgorithm::Rs256,
            GrantAlgorithm::Rs384 => RsaAlgorithm::Rs384,
            GrantAlgorithm::Rs512 => RsaAlgorithm::Rs512,
        },
        resource: ours.resource.clone(),
        timeout: ours.timeout,
    })
}

/// The certificates of a PEM file, base64 DER, in its order.
fn certificates(file: &Path) -> anyhow::Result<Vec<String>> {
    let at = || format!("certificate_file {}", file.display());
    let chain = CertificateDer::pem_file_iter(file)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| anyhow!("cannot be read as PEM: {error}"))
        .with_context(at)?;
    if chain.is_empty() {
        return Err(anyhow!(
            "holds no certificate (-----BEGIN CERTIFICATE-----)"
        ))
        .with_context(at);
    }
    Ok(chain.iter().map(|one| STANDARD.encode(one)).collect())
}

fn url<T: std::str::FromStr<Err: std::error::Error + Send + Sync + 'static>>(
    url: &HttpUrl,
) -> anyhow::Result<T> {
    url.expose().parse::<T>().context("is no URL")
}
