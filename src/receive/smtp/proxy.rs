//! The header of the PROXY protocol, version 2: who the proxy connects us with.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use tokio::io::{AsyncRead, AsyncReadExt};

const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
/// Bytes of addresses and further fields. The protocol's own have less; what is larger is something else.
const REST_MAX_BYTES: u16 = 536;

/// Reads the header and nothing behind it. `None` where the proxy speaks for itself, as it does to see whether we live.
pub(super) async fn read(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<IpAddr>> {
    let mut signature = [0; SIGNATURE.len()];
    stream.read_exact(&mut signature).await?;
    if signature != SIGNATURE {
        return Err(invalid("it does not begin with the signature"));
    }
    let [version_and_command, family] = [stream.read_u8().await?, stream.read_u8().await?];
    let length = stream.read_u16().await?;
    if length > REST_MAX_BYTES {
        return Err(invalid("it is too long"));
    }
    let mut rest = vec![0; usize::from(length)];
    stream.read_exact(&mut rest).await?;
    match (version_and_command, family) {
        (0x20, _) => Ok(None),
        // TCP over IPv4 and over IPv6: source, destination, ports, then fields that do not matter here.
        (0x21, 0x11) => Ok(Some(IpAddr::V4(Ipv4Addr::from_octets(source(&rest, 12)?)))),
        (0x21, 0x21) => Ok(Some(IpAddr::V6(Ipv6Addr::from_octets(source(&rest, 36)?)).to_canonical())),
        (0x21, _) => Err(invalid("it has no TCP address")),
        _ => Err(invalid("its version or its command is unknown")),
    }
}

/// The first address of a block that must have so many bytes.
fn source<const LENGTH: usize>(rest: &[u8], block_bytes: usize) -> io::Result<[u8; LENGTH]> {
    let block = rest.get(..block_bytes).ok_or_else(|| invalid("its addresses are cut"))?;
    block.first_chunk().copied().ok_or_else(|| invalid("its addresses are cut"))
}

fn invalid(detail: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(version_and_command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
        [SIGNATURE, &[version_and_command, family], &length, rest].concat()
    }

    async fn said(bytes: &[u8]) -> Option<Option<IpAddr>> {
        let mut stream = bytes;
        let said = read(&mut stream).await.ok();
        assert!(said.is_none() || stream == b"EHLO", "exactly the header is read");
        said
    }

    fn with_command(header: Vec<u8>) -> Vec<u8> {
        [header, b"EHLO".to_vec()].concat()
    }

    #[tokio::test]
    async fn the_source_is_read() {
        let four = [192, 0, 2, 1, 198, 51, 100, 1, 0x1f, 0x90, 0, 25];
        let address: IpAddr = "192.0.2.1".parse().unwrap();
        assert_eq!(said(&with_command(header(0x21, 0x11, &four))).await, Some(Some(address)));
        let with_field = [&four[..], &[3, 0, 4, 1, 2, 3, 4]].concat();
        assert_eq!(said(&with_command(header(0x21, 0x11, &with_field))).await, Some(Some(address)));

        let six: Ipv6Addr = "2001:db8::1".parse().unwrap();
        let rest = [&six.octets()[..], &[0; 16], &[0; 4]].concat();
        assert_eq!(said(&with_command(header(0x21, 0x21, &rest))).await, Some(Some(six.into())));
        let mapped: Ipv6Addr = "::ffff:192.0.2.1".parse().unwrap();
        let rest = [&mapped.octets()[..], &[0; 16], &[0; 4]].concat();
        assert_eq!(said(&with_command(header(0x21, 0x21, &rest))).await, Some(Some(address)));
    }

    #[tokio::test]
    async fn a_proxy_may_speak_for_itself() {
        assert_eq!(said(&with_command(header(0x20, 0x00, b""))).await, Some(None));
        assert_eq!(said(&with_command(header(0x20, 0x11, &[0; 12]))).await, Some(None));
    }

    #[tokio::test]
    async fn anything_else_is_refused() {
        let four = [0; 12];
        for bytes in [
            b"EHLO client.example\r\n".to_vec(),
            b"PROXY TCP4 192.0.2.1 198.51.100.1 8080 25\r\n".to_vec(),
            header(0x11, 0x11, &four),
            header(0x22, 0x11, &four),
            header(0x21, 0x00, b""),
            header(0x21, 0x12, &four),
            header(0x21, 0x31, &[0; 216]),
            header(0x21, 0x11, &four[..11]),
            header(0x21, 0x21, &[0; 35]),
            header(0x21, 0x11, &[0; 537]),
            header(0x21, 0x11, &four)[..20].to_vec(),
            Vec::new(),
        ] {
            assert_eq!(said(&bytes).await, None, "{}", bytes.escape_ascii());
        }
    }
}
