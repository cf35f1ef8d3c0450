//! TCP and TLS to a mail server.

use std::{io, path::Path, sync::Arc, time::Duration};

use rustls::{ClientConfig, RootCertStore, crypto::ring};
use rustls_pki_types::{CertificateDer, ServerName, pem::PemObject};
use tokio::{net::TcpStream, time::timeout};
use tokio_rustls::TlsConnector;

use super::{trouble::Trouble, wire::Stream};
use crate::config::{Imap, ImapTls};

/// IANA's ports for IMAP with implicit TLS (RFC 8314 §3.2) and without.
const PORT_TLS: u16 = 993;
const PORT_PLAIN: u16 = 143;

/// The port that is connected to.
pub fn port(account: &Imap) -> u16 {
    account.port.unwrap_or(if account.tls == ImapTls::Implicit { PORT_TLS } else { PORT_PLAIN })
}

/// Tries the host's addresses one after the other, each up to the deadline.
pub async fn connect(account: &Imap, deadline: Duration) -> Result<TcpStream, Trouble> {
    let (host, port) = (account.host.as_str(), port(account));
    // An IPv6 address may stand in brackets, as in a URL.
    let name = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let unknown = |source| Trouble::UnknownHost { host: host.to_owned(), source };
    let found = timeout(deadline, tokio::net::lookup_host((name, port))).await;
    let addresses = found.map_err(|_| unknown(slow())).and_then(|found| found.map_err(unknown))?;
    let mut last = io::Error::new(io::ErrorKind::NotFound, "it has no address");
    for address in addresses {
        if account.tls == ImapTls::Off && !address.ip().to_canonical().is_loopback() {
            return Err(Trouble::Remote { host: host.to_owned(), address });
        }
        match timeout(deadline, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => last = error,
            Err(_) => last = slow(),
        }
    }
    Err(Trouble::Connect { host: host.to_owned(), port, source: last })
}

/// The TLS handshake. The certificate must be for the host, from an authority of the system or of `ca`. Authorities are
/// read each time, because files are renewed while the server runs.
pub async fn handshake<S>(stream: S, account: &Imap, deadline: Duration) -> Result<Stream, Trouble>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin + 'static,
{
    let host = || account.host.clone();
    let name = server_name(&account.host).map_err(|reason| Trouble::Certificate { host: host(), reason })?;
    let ca = account.ca.clone();
    let config = tokio::task::spawn_blocking(move || client_config(ca.as_deref()));
    let config = config.await.map_err(|error| Trouble::Tls { host: host(), source: io::Error::other(error) })??;
    let shaken = timeout(deadline, TlsConnector::from(config).connect(name, stream)).await;
    match shaken.unwrap_or_else(|_| Err(slow())) {
        Ok(stream) => Ok(Box::new(stream)),
        Err(source) => Err(failed(host(), source)),
    }
}

/// The name that the certificate must carry, or why there can be none.
pub fn server_name(host: &str) -> Result<ServerName<'static>, String> {
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    ServerName::try_from(host.to_owned()).map_err(|_| format!("{host:?} is neither a host name nor an address"))
}

/// Reads the certificates of a PEM file. At least one.
pub fn authorities(path: &Path) -> Result<Vec<CertificateDer<'static>>, Trouble> {
    let unreadable = |reason| Trouble::Authorities { path: path.to_owned(), reason };
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    match read {
        Ok(found) if found.is_empty() => Err(unreadable("there is no certificate in it".to_owned())),
        Ok(found) => Ok(found),
        Err(error) => Err(unreadable(error.to_string())),
    }
}

fn client_config(ca: Option<&Path>) -> Result<Arc<ClientConfig>, Trouble> {
    let mut roots = RootCertStore::empty();
    // What the system holds beyond what can be read is no use and no harm.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(path) = ca {
        for certificate in authorities(path)? {
            let added = roots.add(certificate);
            added.map_err(|error| Trouble::Authorities { path: path.to_owned(), reason: error.to_string() })?;
        }
    }
    if roots.is_empty() {
        return Err(Trouble::NoAuthorities);
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring speaks TLS 1.2 and 1.3")
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

fn failed(host: String, source: io::Error) -> Trouble {
    match source.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(error @ rustls::Error::InvalidCertificate(_)) => Trouble::Certificate { host, reason: error.to_string() },
        _ => Trouble::Tls { host, source },
    }
}

fn slow() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "no answer in time")
}
