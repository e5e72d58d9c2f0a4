//! TLS with ring and the machine's own root certificates.

use std::sync::Arc;

use url::Url;

use crate::ports::BoxError;

/// What a client of `url` trusts; nothing for plain `http`, where loading certificates would be
/// wasted.
///
/// # Errors
/// The machine has no root certificates.
pub(in crate::adapters) fn tls(url: &Url) -> Result<rustls::ClientConfig, BoxError> {
    let mut roots = rustls::RootCertStore::empty();
    if url.scheme() == "https" {
        let found = rustls_native_certs::load_native_certs();
        roots.add_parsable_certificates(found.certs);
        if roots.is_empty() {
            return Err("no root certificates on this machine; install ca-certificates".into());
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}
