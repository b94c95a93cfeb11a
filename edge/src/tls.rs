//! The edge's own certificate.

use std::{io, path::Path, sync::Arc};
use tokio_rustls::rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};

/// Reads a PEM certificate chain and its private key.
///
/// # Errors
/// When a file cannot be read, holds no such thing, or the two do not belong together.
pub fn tls(certificate: &Path, key: &Path) -> io::Result<Arc<ServerConfig>> {
    let pem = |path: &Path, error| io::Error::other(format!("{}: {error}", path.display()));
    let chain = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| pem(certificate, error))?;
    let private = PrivateKeyDer::from_pem_file(key).map_err(|error| pem(key, error))?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| {
            builder
                .with_no_client_auth()
                .with_single_cert(chain, private)
        })
        .map_err(io::Error::other)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}
