//! Where a ledger is reached: the owner's socket, HTTP, or HTTPS.
//!
//! Not here: requests ([`crate::client`]). Always: over HTTPS the ledger's certificate and name are
//! checked, and nothing switches that off; who sends a token in the clear to another machine is told.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};

use crate::failure::Failure;
use crate::output;

/// The certificates that this machine trusts, as Debian's ca-certificates keeps them.
const SYSTEM_TRUST: &str = "/etc/ssl/certs/ca-certificates.crt";
const FORM: &str =
    "--url takes https://host:port, or http://host:port on this machine, and no path";

/// A ledger elsewhere.
#[derive(Args, Debug)]
pub(crate) struct UrlArguments {
    /// The ledger's HTTP address, from another machine: https://host:port [this ledger's socket]
    #[arg(long)]
    url: Option<String>,
    /// The certificates (PEM) that an https ledger's is to rest on [those the system trusts]
    #[arg(long, value_name = "FILE", requires = "url")]
    ca: Option<PathBuf>,
}

impl UrlArguments {
    /// The door of the URL, where one is given.
    ///
    /// # Errors
    /// For another form, or certificates that cannot be read.
    pub(crate) fn door(&self) -> Result<Option<Door>, Failure> {
        let Some(url) = &self.url else {
            return Ok(None);
        };
        let door = Door::of_url(url, self.ca.as_deref())?;
        if door.is_in_the_clear() {
            output::aside(
                "http:// to another machine: whoever is in between reads the token and every value; \
                 https:// is spoken too",
            );
        }
        Ok(Some(door))
    }
}

/// Where a ledger is reached.
#[derive(Debug, Clone)]
pub(crate) enum Door {
    /// The owner's socket.
    Socket(PathBuf),
    /// `host:port` of the HTTP door.
    Http(String),
    /// The HTTP door over TLS.
    Https {
        /// `host:port`.
        host: String,
        /// The name that its certificate has to have.
        name: ServerName<'static>,
        /// What the certificate has to rest on.
        trust: Arc<ClientConfig>,
    },
}

impl Door {
    /// Reads `https://host:port` or `http://host:port`.
    ///
    /// # Errors
    /// For any other form; for certificates that cannot be read.
    pub(crate) fn of_url(url: &str, ca: Option<&Path>) -> Result<Self, Failure> {
        let form = || Failure::usage(FORM);
        let (scheme, rest) = url.split_once("://").ok_or_else(form)?;
        let host = rest.trim_end_matches('/');
        let graphic = host.bytes().all(|byte| byte.is_ascii_graphic());
        if host.is_empty() || host.contains(['/', '@', '?', '#']) || !graphic {
            return Err(form());
        }
        // The colons of an IPv6 address stand in brackets.
        let (name, port) = match host.rsplit_once(':') {
            Some((name, port)) if !port.ends_with(']') => (name, Some(port)),
            _ => (host, None),
        };
        if port.is_some_and(|port| port.parse::<u16>().is_err()) {
            return Err(form());
        }
        match scheme {
            "http" if ca.is_some() => Err(Failure::usage("--ca belongs to an https:// address")),
            "http" => Ok(Self::Http(format!("{name}:{}", port.unwrap_or("80")))),
            "https" => {
                let bare = name.trim_start_matches('[').trim_end_matches(']');
                Ok(Self::Https {
                    host: format!("{name}:{}", port.unwrap_or("443")),
                    name: ServerName::try_from(bare.to_owned()).map_err(|_| form())?,
                    trust: trust(ca.unwrap_or(Path::new(SYSTEM_TRUST)))?,
                })
            }
            _ => Err(form()),
        }
    }

    /// What stands in the request's `Host`.
    pub(crate) fn host(&self) -> &str {
        match self {
            Self::Socket(_) => "localhost",
            Self::Http(host) | Self::Https { host, .. } => host,
        }
    }

    /// What to do where nobody listens.
    pub(crate) fn hint(&self) -> &'static str {
        match self {
            Self::Socket(_) => {
                "start it with `counterfoil serve`; the socket answers its owner's user alone"
            }
            Self::Http(_) | Self::Https { .. } => "is it serving, and are host and port right?",
        }
    }

    /// Whether a token would cross a network that others share.
    fn is_in_the_clear(&self) -> bool {
        let Self::Http(host) = self else {
            return false;
        };
        let name = host
            .rsplit_once(':')
            .map_or(host.as_str(), |(name, _)| name);
        !(name == "localhost" || name == "[::1]" || name.starts_with("127."))
    }
}

impl std::fmt::Display for Door {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Socket(path) => write!(f, "{}", path.display()),
            Self::Http(host) => write!(f, "http://{host}"),
            Self::Https { host, .. } => write!(f, "https://{host}"),
        }
    }
}

/// TLS that rests on the certificates of one file and nothing else.
fn trust(path: &Path) -> Result<Arc<ClientConfig>, Failure> {
    let unreadable = |why: &dyn std::fmt::Display| {
        Failure::Usage(format!(
            "the certificates in {} cannot be read: {why}\n  --ca FILE names others",
            path.display()
        ))
    };
    let mut roots = RootCertStore::empty();
    let certificates = CertificateDer::pem_file_iter(path).map_err(|error| unreadable(&error))?;
    for certificate in certificates {
        let certificate = certificate.map_err(|error| unreadable(&error))?;
        // A system's list may have one that this library refuses; the others still count.
        let _ = roots.add(certificate);
    }
    if roots.is_empty() {
        return Err(unreadable(&"there is none in it"));
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Failure::refused(&error))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(url: &str) -> Option<(String, bool)> {
        let door = Door::of_url(url, None).ok()?;
        Some((door.to_string(), door.is_in_the_clear()))
    }

    #[test]
    fn a_url_has_a_host_and_no_path() {
        let local = ("http://127.0.0.1:7720".to_owned(), false);
        assert_eq!(check("http://127.0.0.1:7720"), Some(local));
        let elsewhere = ("http://ledger.example:80".to_owned(), true);
        assert_eq!(check("http://ledger.example/"), Some(elsewhere));
        let six = ("http://[::1]:80".to_owned(), false);
        assert_eq!(check("http://[::1]"), Some(six));
        for wrong in [
            "http://ledger.example/v1",
            "ledger.example:80",
            "ftp://ledger.example",
            "http://",
            "http://user@ledger.example",
            "http://ledger.example:port",
        ] {
            assert_eq!(check(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn trust_is_a_file_of_certificates() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("ca.pem");
        std::fs::write(&path, "no certificate").expect("written");
        for ca in [&path, &dir.path().join("missing")] {
            let failure = Door::of_url("https://ledger.example", Some(ca)).err();
            assert!(matches!(failure, Some(Failure::Usage(_))), "{failure:?}");
        }
        let plain = Door::of_url("http://127.0.0.1", Some(&path)).err();
        assert!(matches!(plain, Some(Failure::Usage(_))), "{plain:?}");
    }
}
