//! Where a broker listens.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// The port of a broker whose address names none.
const DEFAULT_PORT: u16 = 9092;

/// Host and port of a broker, as configured or as its cluster advertises it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BrokerAddress {
    /// A name or an IP address; an IPv6 address stands without brackets.
    pub host: String,
    /// The TCP port.
    pub port: u16,
}

/// A broker address that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("\"{0}\" is no broker address: write host:port, or [address]:port for IPv6")]
pub struct AddressError(String);

impl BrokerAddress {
    /// Reads a comma-separated list; blanks around addresses and empty places are skipped.
    ///
    /// # Errors
    ///
    /// [`AddressError`] names the first address that cannot be read.
    pub fn parse_list(text: &str) -> Result<Vec<Self>, AddressError> {
        text.split(',')
            .map(str::trim)
            .filter(|address| !address.is_empty())
            .map(str::parse)
            .collect()
    }
}

impl FromStr for BrokerAddress {
    type Err = AddressError;

    /// Reads `host:port`, `host`, `[v6]:port` or `[v6]`; port 9092 where none stands. A leading
    /// `PROTOCOL://` is skipped, as librdkafka does.
    fn from_str(text: &str) -> Result<Self, AddressError> {
        let bad = || AddressError(text.to_owned());
        let address = text.split_once("://").map_or(text, |(_, address)| address);
        let (host, port) = match address.strip_prefix('[') {
            Some(rest) => {
                let (host, tail) = rest.split_once(']').ok_or_else(bad)?;
                (
                    host,
                    tail.strip_prefix(':').or(tail.is_empty().then_some("")),
                )
            }
            None => match address.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (address, Some("")),
            },
        };
        let port = match port.ok_or_else(bad)? {
            "" if !address.ends_with(':') => DEFAULT_PORT,
            digits => digits.parse().map_err(|_| bad())?,
        };
        let legal = |c: char| !c.is_whitespace() && !matches!(c, '/' | '@' | '[' | ']');
        if host.is_empty() || port == 0 || !host.chars().all(legal) {
            return Err(bad());
        }
        Ok(Self {
            host: host.to_owned(),
            port,
        })
    }
}

impl fmt::Display for BrokerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_with_and_without_port_and_in_brackets() {
        for (text, shown) in [
            ("localhost:9093", "localhost:9093"),
            ("kafka", "kafka:9092"),
            ("[::1]:9094", "[::1]:9094"),
            ("[fe80::1]", "[fe80::1]:9092"),
            ("SASL_SSL://b1.example:9096", "b1.example:9096"),
        ] {
            let address: BrokerAddress = text.parse().expect(text);
            assert_eq!(address.to_string(), shown);
        }
    }

    #[test]
    fn what_is_no_address_is_refused_and_quoted() {
        for text in [
            "",
            ":9092",
            "a:b:c",
            "host:",
            "host:0",
            "host:65536",
            "[::1",
            "[::1]x",
            "a b:1",
        ] {
            let error = text.parse::<BrokerAddress>().expect_err(text);
            assert!(
                error.to_string().contains(&format!("\"{text}\"")),
                "{error}"
            );
        }
    }

    #[test]
    fn a_list_skips_blanks_and_empty_places() {
        let list = BrokerAddress::parse_list(" a:1, b:2,,").expect("two addresses");
        assert_eq!(list.len(), 2);
        assert!(BrokerAddress::parse_list("a:1,:2").is_err());
    }
}
