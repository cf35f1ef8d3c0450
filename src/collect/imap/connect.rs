//! TCP and TLS to a mail server.

use std::{io, path::Path, sync::Arc, time::Duration};

use rustls::{CertificateError, ClientConfig};
use rustls_pki_types::ServerName;
use tokio::{net::TcpStream, time::timeout};
use tokio_rustls::TlsConnector;

use super::{trouble::ImapTrouble, wire::Stream};
use crate::{
    config::{ClientTls, Imap},
    tls,
};

/// IANA's ports for IMAP with implicit TLS (RFC 8314 §3.2) and without.
const PORT_TLS: u16 = 993;
const PORT_PLAIN: u16 = 143;

/// The port that is connected to.
pub(super) fn port(account: &Imap) -> u16 {
    account.port.unwrap_or(if account.tls == ClientTls::Implicit { PORT_TLS } else { PORT_PLAIN })
}

/// Host and port, as they are shown to people.
pub(super) fn place(account: &Imap) -> String {
    let (host, port) = (account.host.as_str(), port(account));
    // An IPv6 address has colons of its own.
    if host.contains(':') && !host.starts_with('[') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

/// Tries the host's addresses one after the other, each up to the deadline.
pub(super) async fn connect(account: &Imap, deadline: Duration) -> Result<TcpStream, ImapTrouble> {
    let (host, port) = (account.host.as_str(), port(account));
    // An IPv6 address may stand in brackets, as in a URL.
    let name = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let unknown = |source| ImapTrouble::UnknownHost { host: host.to_owned(), source };
    let found = timeout(deadline, tokio::net::lookup_host((name, port))).await;
    let addresses = found.map_err(|_| unknown(slow())).and_then(|found| found.map_err(unknown))?;
    let mut last = io::Error::new(io::ErrorKind::NotFound, "it has no address");
    for address in addresses {
        if account.tls == ClientTls::Off && !address.ip().to_canonical().is_loopback() {
            return Err(ImapTrouble::Remote { host: host.to_owned(), address });
        }
        match timeout(deadline, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => last = error,
            Err(_) => last = slow(),
        }
    }
    Err(ImapTrouble::Connect { host: host.to_owned(), port, source: last })
}

/// The TLS handshake. The certificate must be for the host, from an authority of the system or of `ca`. Authorities are
/// read each time, because files are renewed while the server runs.
pub(super) async fn handshake<S>(stream: S, account: &Imap, deadline: Duration) -> Result<Stream, ImapTrouble>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin + 'static,
{
    let host = || account.host.clone();
    let name = server_name(&account.host).map_err(|reason| ImapTrouble::Certificate { host: host(), reason })?;
    let ca = account.ca.clone();
    let config = tokio::task::spawn_blocking(move || client_config(ca.as_deref()));
    let config = config.await.map_err(|error| ImapTrouble::Tls { host: host(), source: io::Error::other(error) })??;
    let shaken = timeout(deadline, TlsConnector::from(config).connect(name, stream)).await;
    match shaken.unwrap_or_else(|_| Err(slow())) {
        Ok(stream) => Ok(Box::new(stream)),
        Err(source) => Err(failed(host(), source)),
    }
}

/// The name that the certificate must carry, or why there can be none.
pub(super) fn server_name(host: &str) -> Result<ServerName<'static>, String> {
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    ServerName::try_from(host.to_owned()).map_err(|_| format!("{host:?} is neither a host name nor an address"))
}

fn client_config(ca: Option<&Path>) -> Result<Arc<ClientConfig>, ImapTrouble> {
    let roots = tls::authorities(ca)?;
    if roots.is_empty() {
        return Err(ImapTrouble::NoAuthorities);
    }
    Ok(Arc::new(tls::client_config(roots)))
}

fn failed(host: String, source: io::Error) -> ImapTrouble {
    match source.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(rustls::Error::InvalidCertificate(error)) => ImapTrouble::Certificate { host, reason: untrusted(error) },
        _ => ImapTrouble::Tls { host, source },
    }
}

/// What is wrong with a certificate, and what to do where that is known.
fn untrusted(error: &CertificateError) -> String {
    match error {
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            "no authority that is known here has signed it: set `ca` to the PEM of its authority".to_owned()
        }
        // Only the name of the error gets through to here.
        CertificateError::Other(other) if other.to_string().contains("CaUsedAsEndEntity") => {
            "the certificate is itself an authority (CA:TRUE): make one with CA:FALSE".to_owned()
        }
        error => error.to_string(),
    }
}

fn slow() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "no answer in time")
}

#[cfg(test)]
mod tests {
    use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};
    use rustls_pki_types::PrivateKeyDer;

    use super::*;

    /// What is shown about a server for `localhost` with this certificate, which is in `ca` only where it is to be believed.
    async fn shown(is_ca: IsCa, believed: bool) -> String {
        let key = KeyPair::generate().unwrap();
        let mut parameters = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        parameters.is_ca = is_ca;
        let certificate = parameters.self_signed(&key).unwrap();
        let other = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap().cert;
        let directory = tempfile::tempdir().unwrap();
        let ca = directory.path().join("ca.pem");
        std::fs::write(&ca, if believed { certificate.pem() } else { other.pem() }).unwrap();

        let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], PrivateKeyDer::try_from(key.serialize_der()).unwrap());
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config.unwrap()));
        let (ours, theirs) = tokio::io::duplex(64 * 1024);
        let server = tokio::spawn(async move { acceptor.accept(theirs).await.is_ok() });
        let account = Imap { host: "localhost".to_owned(), ca: Some(ca), ..Imap::default() };
        let shaken = handshake(ours, &account, Duration::from_secs(60)).await;
        let shown = shaken.map(drop).map_or_else(|trouble| trouble.to_string(), |()| "trusted".to_owned());
        server.await.unwrap();
        shown
    }

    #[tokio::test]
    async fn a_certificate_that_is_not_trusted_says_what_to_do() {
        assert_eq!(shown(IsCa::NoCa, true).await, "trusted");
        let unknown = "the certificate of localhost is not trusted: no authority that is known here has signed it: set `ca` \
                       to the PEM of its authority";
        assert_eq!(shown(IsCa::NoCa, false).await, unknown);
        let authority = "the certificate of localhost is not trusted: the certificate is itself an authority (CA:TRUE): make \
                         one with CA:FALSE";
        assert_eq!(shown(IsCa::Ca(BasicConstraints::Unconstrained), true).await, authority);
    }

    #[test]
    fn an_address_is_told_from_its_port() {
        let at = |host: &str| place(&Imap { host: host.to_owned(), ..Imap::default() });
        assert_eq!([at("imap.example"), at("::1"), at("[::1]")], ["imap.example:993", "[::1]:993", "[::1]:993"]);
    }
}
