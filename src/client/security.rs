//! Who we are to a broker, and how we know that it is the broker: settings of TLS and SASL.

use std::path::PathBuf;

use thiserror::Error;

use crate::client::config::Warning;
use crate::client::jaas::JaasEntry;
use crate::client::secret::Secret;

/// Settings of TLS and SASL.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Security {
    /// Which of the two are used.
    pub protocol: SecurityProtocol,
    /// Authentication.
    pub sasl: Sasl,
    /// Encryption.
    pub tls: Tls,
}

/// `security.protocol`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum SecurityProtocol {
    /// Neither TLS nor SASL.
    #[default]
    Plaintext,
    /// TLS.
    Ssl,
    /// SASL over plain TCP.
    SaslPlaintext,
    /// SASL over TLS.
    SaslSsl,
}

impl SecurityProtocol {
    /// Reads Kafka's name, in either case.
    ///
    /// # Errors
    ///
    /// What is allowed, if it is none of the four.
    pub fn parse(name: &str) -> Result<Self, &'static str> {
        match name.to_ascii_uppercase().as_str() {
            "PLAINTEXT" => Ok(Self::Plaintext),
            "SSL" => Ok(Self::Ssl),
            "SASL_PLAINTEXT" => Ok(Self::SaslPlaintext),
            "SASL_SSL" => Ok(Self::SaslSsl),
            _ => Err("PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL"),
        }
    }

    /// Whether connections are encrypted.
    #[must_use]
    pub const fn uses_tls(self) -> bool {
        matches!(self, Self::Ssl | Self::SaslSsl)
    }

    /// Whether connections are authenticated by SASL.
    #[must_use]
    pub const fn uses_sasl(self) -> bool {
        matches!(self, Self::SaslPlaintext | Self::SaslSsl)
    }
}

/// How to authenticate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sasl {
    /// `sasl.mechanism`; where it is not given, a JAAS line for PLAIN tells it.
    pub mechanism: Option<Mechanism>,
    /// The user; wins over the JAAS line.
    pub username: Option<String>,
    /// The password; wins over the JAAS line.
    pub password: Option<Secret>,
    /// `sasl.jaas.config`.
    pub jaas: Option<JaasEntry>,
    /// The file that holds a bearer token; read anew for each connection.
    pub token_file: Option<PathBuf>,
}

/// A SASL mechanism.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mechanism {
    /// RFC 4616; the broker sees the password.
    Plain,
    /// RFC 7677.
    ScramSha256,
    /// As RFC 7677 with SHA-512.
    ScramSha512,
    /// RFC 7628.
    OauthBearer,
}

impl Mechanism {
    /// Reads the registered name.
    ///
    /// # Errors
    ///
    /// What is supported, if it is none of them.
    pub fn parse(name: &str) -> Result<Self, &'static str> {
        match name {
            "PLAIN" => Ok(Self::Plain),
            "SCRAM-SHA-256" => Ok(Self::ScramSha256),
            "SCRAM-SHA-512" => Ok(Self::ScramSha512),
            "OAUTHBEARER" => Ok(Self::OauthBearer),
            "GSSAPI" => Err(
                "Kerberos is not supported, because it needs libraries that a static binary cannot hold; use SCRAM-SHA-512 over TLS",
            ),
            _ => Err("PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER"),
        }
    }

    /// The registered name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::ScramSha512 => "SCRAM-SHA-512",
            Self::OauthBearer => "OAUTHBEARER",
        }
    }
}

/// What is shown to a broker, once all settings are put together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Login {
    /// User and password by one of the mechanisms that take them.
    Password {
        /// PLAIN or one of the SCRAMs.
        mechanism: Mechanism,
        /// The user.
        username: String,
        /// The password.
        password: Secret,
    },
    /// A bearer token.
    Token {
        /// The file that holds it.
        file: PathBuf,
    },
}

/// How to encrypt.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tls {
    /// Trusted authorities; the system's where none are given.
    pub ca: Option<Pem>,
    /// Our certificate chain.
    pub certificate: Option<Pem>,
    /// Our private key, PKCS#8, PKCS#1 or SEC1, not encrypted.
    pub key: Option<Pem>,
    /// Given only for encrypted keys, which are refused with the way to decrypt them.
    pub key_password: Option<Secret>,
    /// Whether the certificate must bear the host's name.
    pub host_check: HostCheck,
    /// Whether the certificate is checked at all.
    pub certificate_check: CertificateCheck,
}

/// PEM text, or where it lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pem {
    /// In a file.
    File(PathBuf),
    /// In the setting itself.
    Inline(Secret),
}

/// `ssl.endpoint.identification.algorithm`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum HostCheck {
    /// The certificate must bear the name or address that we connect to.
    #[default]
    Https,
    /// Any certificate of a trusted authority is accepted.
    Off,
}

impl HostCheck {
    /// Reads `https` or nothing.
    ///
    /// # Errors
    ///
    /// What is allowed, if it is neither.
    pub fn parse(value: &str) -> Result<Self, &'static str> {
        match value {
            "https" | "HTTPS" => Ok(Self::Https),
            "" | "none" => Ok(Self::Off),
            _ => Err("https, or empty to switch the check off"),
        }
    }

    pub(crate) const fn warning(self) -> Option<Warning> {
        match self {
            Self::Https => None,
            Self::Off => Some(Warning::Insecure(
                "host names of brokers are not checked (ssl.endpoint.identification.algorithm is empty): \
                 whoever holds any certificate of a trusted authority can pose as a broker",
            )),
        }
    }
}

/// `enable.ssl.certificate.verification`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum CertificateCheck {
    /// The certificate must come from a trusted authority.
    #[default]
    On,
    /// Any certificate is accepted.
    Off,
}

impl CertificateCheck {
    pub(crate) const fn of(on: bool) -> Self {
        if on { Self::On } else { Self::Off }
    }

    pub(crate) const fn warning(self) -> Option<Warning> {
        match self {
            Self::On => None,
            Self::Off => Some(Warning::Insecure(
                "certificates of brokers are not checked (enable.ssl.certificate.verification=false): \
                 anybody on the way can pose as a broker",
            )),
        }
    }
}

/// Security settings that cannot be used; whoever wrote them must mend them.
#[derive(Debug, Error)]
pub enum SecurityError {
    /// SASL without a mechanism.
    #[error("security.protocol asks for SASL: give sasl.mechanism")]
    NoMechanism,
    /// A mechanism without what it needs.
    #[error("sasl.mechanism={mechanism} needs {needs}")]
    NoCredentials {
        /// The mechanism.
        mechanism: &'static str,
        /// What is missing.
        needs: &'static str,
    },
    /// A certificate without its key, or a key without its certificate.
    #[error("a client certificate needs both certificate chain and key: give {0}")]
    HalfIdentity(&'static str),
    /// A file that cannot be read.
    #[error("read {what} {}", path.display())]
    Read {
        /// What it should hold.
        what: &'static str,
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A JKS or PKCS#12 store.
    #[error("{} is no PEM file (JKS or PKCS#12?); convert it: {command}", path.display())]
    NotPem {
        /// Which file.
        path: PathBuf,
        /// The command that converts it.
        command: String,
    },
    /// A private key under a password.
    #[error(
        "encrypted private keys are not read; decrypt it: openssl pkey -in KEY.pem -out key.pem, and leave ssl.key.password out"
    )]
    EncryptedKey,
    /// PEM without what is needed.
    #[error("{what} holds no usable {needs}")]
    EmptyPem {
        /// Which setting.
        what: &'static str,
        /// What it should hold.
        needs: &'static str,
    },
    /// The TLS library refuses them.
    #[error("TLS settings: {0}")]
    Tls(#[from] rustls::Error),
    /// The authorities cannot be used.
    #[error("trusted authorities: {0}")]
    Verifier(#[from] rustls::client::VerifierBuilderError),
}

impl Security {
    /// Checks that the settings fit together, without opening any file.
    ///
    /// # Errors
    ///
    /// [`SecurityError`] names what is missing.
    pub fn check(&self) -> Result<Vec<Warning>, SecurityError> {
        let mut warnings = Vec::new();
        if self.protocol.uses_sasl() {
            self.login()?;
        } else if self.sasl != Sasl::default() {
            warnings.push(not_used("sasl.*", "security.protocol does not use SASL"));
        }
        if !self.protocol.uses_tls() && self.tls != Tls::default() {
            warnings.push(not_used("ssl.*", "security.protocol does not use TLS"));
        }
        Ok(warnings)
    }

    /// What to show to a broker; `None` without SASL.
    ///
    /// # Errors
    ///
    /// [`SecurityError::NoMechanism`] or [`SecurityError::NoCredentials`].
    pub fn login(&self) -> Result<Option<Login>, SecurityError> {
        if !self.protocol.uses_sasl() {
            return Ok(None);
        }
        let mechanism = self.sasl.mechanism().ok_or(SecurityError::NoMechanism)?;
        let missing = |needs| SecurityError::NoCredentials {
            mechanism: mechanism.name(),
            needs,
        };
        if mechanism == Mechanism::OauthBearer {
            let file = self.sasl.token_file.clone();
            let file =
                file.ok_or_else(|| missing("sasl.oauthbearer.token.endpoint.url=file:PATH"))?;
            return Ok(Some(Login::Token { file }));
        }
        Ok(Some(Login::Password {
            mechanism,
            username: self
                .sasl
                .username()
                .ok_or_else(|| missing("sasl.username"))?,
            password: self
                .sasl
                .password()
                .ok_or_else(|| missing("sasl.password"))?,
        }))
    }
}

fn not_used(name: &str, because: &'static str) -> Warning {
    Warning::NotFollowed {
        name: name.to_owned(),
        value: "...".to_owned(),
        because,
    }
}

impl Sasl {
    fn mechanism(&self) -> Option<Mechanism> {
        let plain_line = self
            .jaas
            .as_ref()
            .filter(|jaas| jaas.module == "PlainLoginModule");
        self.mechanism.or(plain_line.map(|_| Mechanism::Plain))
    }

    fn username(&self) -> Option<String> {
        let jaas = self.jaas.as_ref().and_then(|jaas| jaas.option("username"));
        self.username
            .clone()
            .or(jaas.map(|name| name.expose().to_owned()))
    }

    fn password(&self) -> Option<Secret> {
        let jaas = self.jaas.as_ref().and_then(|jaas| jaas.option("password"));
        self.password.as_ref().or(jaas).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::config::Config;

    fn security(pairs: &[(&str, &str)]) -> Security {
        let mut config = Config::default();
        for (name, value) in pairs {
            config.set(name, value).expect("allowed");
        }
        config.security
    }

    #[test]
    fn user_and_password_come_from_settings_or_from_the_jaas_line() {
        let expected = Login::Password {
            mechanism: Mechanism::Plain,
            username: "alice".into(),
            password: Secret::new("alice-secret"),
        };
        let from_settings = security(&[
            ("security.protocol", "sasl_ssl"),
            ("sasl.mechanisms", "PLAIN"),
            ("sasl.username", "alice"),
            ("sasl.password", "alice-secret"),
        ]);
        let from_jaas = security(&[
            ("security.protocol", "SASL_SSL"),
            (
                "sasl.jaas.config",
                "org.apache.kafka.common.security.plain.PlainLoginModule required username=\"alice\" password=\"alice-secret\";",
            ),
        ]);
        assert_eq!(
            from_settings.login().expect("complete"),
            Some(expected.clone())
        );
        assert_eq!(from_jaas.login().expect("complete"), Some(expected));
    }

    #[test]
    fn what_sasl_lacks_is_named() {
        let protocol = ("security.protocol", "SASL_PLAINTEXT");
        let error =
            |pairs: &[(&str, &str)]| security(pairs).check().expect_err("incomplete").to_string();
        assert_eq!(
            error(&[protocol]),
            "security.protocol asks for SASL: give sasl.mechanism"
        );
        assert_eq!(
            error(&[protocol, ("sasl.mechanism", "SCRAM-SHA-512")]),
            "sasl.mechanism=SCRAM-SHA-512 needs sasl.username"
        );
        let oauth = error(&[protocol, ("sasl.mechanism", "OAUTHBEARER")]);
        assert!(
            oauth.contains("needs sasl.oauthbearer.token.endpoint.url"),
            "{oauth}"
        );
    }

    #[test]
    fn credentials_that_no_protocol_uses_are_told() {
        let warnings =
            security(&[("sasl.username", "alice"), ("ssl.ca.location", "ca.pem")]).check();
        assert_eq!(warnings.expect("usable").len(), 2);
    }

    #[test]
    fn no_password_shows_in_a_debug_print() {
        let security = security(&[("sasl.password", "hunter2"), ("ssl.key.pem", "hunter2")]);
        assert!(!format!("{security:?}").contains("hunter2"));
    }
}
