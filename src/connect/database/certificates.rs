//! Whom a connection trusts.

use std::path::Path;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use crate::fetch::FetchError;

/// Where systems keep the certificates that they trust.
const SYSTEM: [&str; 5] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
    "/opt/homebrew/etc/ca-certificates/cert.pem",
];

/// Decides who encrypts, for clients that leave it open.
pub fn choose_crypto() {
    // Whoever came first has chosen the same.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// A connection that is encrypted, and whose other side is who it says: by the certificates in a PEM file, or by the system's.
///
/// # Errors
/// No certificate can be read.
pub fn client(ca: Option<&Path>) -> Result<ClientConfig, FetchError> {
    let refuse = |what: String, help: &str| FetchError::Refused { what, help: Some(help.to_owned()) };
    let mut roots = RootCertStore::empty();
    let files: Vec<&Path> = match ca {
        Some(file) => vec![file],
        None => SYSTEM.iter().map(Path::new).filter(|file| file.is_file()).take(1).collect(),
    };
    for file in &files {
        let certificates = CertificateDer::pem_file_iter(file).map_err(|error| {
            refuse(
                format!("the certificates in `{}` cannot be read: {error}", file.display()),
                "`ca:` names a PEM file",
            )
        })?;
        roots.add_parsable_certificates(certificates.filter_map(Result::ok));
    }
    if roots.is_empty() {
        return Err(refuse(
            "there are no certificates to trust".to_owned(),
            "name a PEM file with those of the server: `ca: certs/database.pem`",
        ));
    }
    ClientConfig::builder_with_provider(rustls::crypto::ring::default_provider().into())
        .with_safe_default_protocol_versions()
        .map(|config| config.with_root_certificates(roots).with_no_client_auth())
        .map_err(|error| refuse(format!("encrypted connections cannot be made: {error}"), "look at `ca:`"))
}
