//! Where a listener listens.

use std::{fmt, net::SocketAddr, path::PathBuf, str::FromStr};

use serde::{Deserialize, Serialize};

/// An address to listen on, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Listen {
    Off,
    At(SocketAddr),
}

/// The same for LMTP, which mostly goes through a socket in the file system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum LmtpListen {
    Off,
    At(SocketAddr),
    Unix(PathBuf),
}

impl TryFrom<String> for Listen {
    type Error = String;

    fn try_from(text: String) -> Result<Listen, String> {
        text.parse()
    }
}

impl From<Listen> for String {
    fn from(listen: Listen) -> String {
        listen.to_string()
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Listen::Off => f.write_str("off"),
            Listen::At(address) => address.fmt(f),
        }
    }
}

impl FromStr for Listen {
    type Err = String;

    fn from_str(text: &str) -> Result<Listen, String> {
        match text {
            "off" => Ok(Listen::Off),
            _ => text
                .parse()
                .map(Listen::At)
                .map_err(|_| format!("`{text}` is neither `off` nor an address like 127.0.0.1:8443")),
        }
    }
}

impl TryFrom<String> for LmtpListen {
    type Error = String;

    fn try_from(text: String) -> Result<LmtpListen, String> {
        text.parse()
    }
}

impl From<LmtpListen> for String {
    fn from(listen: LmtpListen) -> String {
        listen.to_string()
    }
}

impl fmt::Display for LmtpListen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LmtpListen::Off => f.write_str("off"),
            LmtpListen::At(address) => address.fmt(f),
            LmtpListen::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

impl FromStr for LmtpListen {
    type Err = String;

    fn from_str(text: &str) -> Result<LmtpListen, String> {
        if let Some(path) = text.strip_prefix("unix:").filter(|path| path.starts_with('/')) {
            return Ok(LmtpListen::Unix(PathBuf::from(path)));
        }
        match text.parse() {
            Ok(Listen::Off) => Ok(LmtpListen::Off),
            Ok(Listen::At(address)) => Ok(LmtpListen::At(address)),
            Err(_) => Err(format!(
                "`{text}` is neither `off` nor an address like 127.0.0.1:24 nor like unix:/run/tlsight/lmtp"
            )),
        }
    }
}
