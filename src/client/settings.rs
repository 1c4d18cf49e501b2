//! The one table of settings: names, units, defaults, and what a value may be.
//!
//! Names are those of Kafka's Java clients first, then librdkafka's. A table, exempt from the
//! usual file size.

use std::path::PathBuf;
use std::time::Duration;

use crate::client::address::BrokerAddress;
use crate::client::config::Commit;
use crate::client::config::Config;
use crate::client::config::ConfigError;
use crate::client::config::FetchSettings;
use crate::client::config::GroupSettings;
use crate::client::config::Isolation;
use crate::client::config::OffsetReset;
use crate::client::config::ProduceSettings;
use crate::client::config::RegistrySettings;
use crate::client::config::SubjectStrategy;
use crate::client::config::Warning;
use crate::client::jaas;
use crate::client::secret::Secret;
use crate::client::security::CertificateCheck;
use crate::client::security::HostCheck;
use crate::client::security::Mechanism;
use crate::client::security::Pem;
use crate::client::security::SecurityProtocol;
use crate::protocol::compression::Compression;

/// One setting.
#[derive(Debug)]
pub struct Setting {
    /// Every name that is accepted, Kafka's first.
    pub names: &'static [&'static str],
    /// The unit or form of its value.
    pub unit: &'static str,
    /// Its default, as it would be written; empty for none.
    pub default: &'static str,
    /// What it does.
    pub help: &'static str,
    apply: Apply,
}

type Apply = fn(&mut Config, &str) -> Result<(), String>;

macro_rules! settings {
    ($($names:expr, $unit:literal, $default:literal, $help:literal, $apply:expr;)*) => {
        /// Every setting.
        pub static SETTINGS: &[Setting] = &[$(Setting {
            names: &$names,
            unit: $unit,
            default: $default,
            help: $help,
            apply: $apply,
        }),*];
    };
}

settings! {
    ["bootstrap.servers", "metadata.broker.list"], "host:port,...", "", "where to find the cluster",
        |c, v| set(&mut c.brokers, BrokerAddress::parse_list(v));
    ["client.id"], "name", "tidemill", "the name under which brokers log and limit this client",
        |c, v| text(&mut c.client_id, v);
    ["group.id"], "name", "", "the consumer group for committed offsets",
        |c, v| option(&mut c.group_id, v);

    ["security.protocol"], "PLAINTEXT|SSL|SASL_PLAINTEXT|SASL_SSL", "PLAINTEXT", "whether TLS and SASL are used",
        |c, v| set(&mut c.security.protocol, SecurityProtocol::parse(v));
    ["sasl.mechanism", "sasl.mechanisms"], "PLAIN|SCRAM-SHA-256|SCRAM-SHA-512|OAUTHBEARER", "", "how to authenticate",
        |c, v| set(&mut c.security.sasl.mechanism, Mechanism::parse(v).map(Some));
    ["sasl.username"], "name", "", "the user",
        |c, v| option(&mut c.security.sasl.username, v);
    ["sasl.password"], "secret", "", "the password",
        |c, v| secret(&mut c.security.sasl.password, v);
    ["sasl.jaas.config"], "secret", "", "user and password as Java clients write them",
        |c, v| set(&mut c.security.sasl.jaas, jaas::parse(v).map(Some));
    ["sasl.oauthbearer.token.endpoint.url"], "file: URL", "", "the file that holds the bearer token",
        |c, v| set(&mut c.security.sasl.token_file, token_file(v).map(Some));

    ["ssl.truststore.location", "ssl.ca.location"], "PEM file", "", "certificates of trusted authorities",
        |c, v| pem_file(&mut c.security.tls.ca, v);
    ["ssl.truststore.certificates", "ssl.ca.pem"], "PEM", "", "certificates of trusted authorities, inline",
        |c, v| pem_inline(&mut c.security.tls.ca, v);
    ["ssl.keystore.location"], "PEM file", "", "our certificate chain and key in one file",
        |c, v| { pem_file(&mut c.security.tls.certificate, v)?; pem_file(&mut c.security.tls.key, v) };
    ["ssl.certificate.location"], "PEM file", "", "our certificate chain",
        |c, v| pem_file(&mut c.security.tls.certificate, v);
    ["ssl.keystore.certificate.chain", "ssl.certificate.pem"], "PEM", "", "our certificate chain, inline",
        |c, v| pem_inline(&mut c.security.tls.certificate, v);
    ["ssl.key.location"], "PEM file", "", "our private key",
        |c, v| pem_file(&mut c.security.tls.key, v);
    ["ssl.keystore.key", "ssl.key.pem"], "secret", "", "our private key, inline PEM",
        |c, v| pem_inline(&mut c.security.tls.key, v);
    ["ssl.endpoint.identification.algorithm"], "https or empty", "https", "whether the broker's certificate must bear its host name",
        |c, v| set(&mut c.security.tls.host_check, HostCheck::parse(v));
    ["enable.ssl.certificate.verification"], "true|false", "true", "whether the broker's certificate is checked at all",
        |c, v| set(&mut c.security.tls.certificate_check, boolean(v).map(CertificateCheck::of));

    ["socket.connection.setup.timeout.ms"], "ms", "5000", "longest time until a connection is usable",
        |c, v| set(&mut c.connect_timeout, millis(v, 1));
    ["request.timeout.ms", "socket.timeout.ms"], "ms", "30000", "longest wait for an answer",
        |c, v| set(&mut c.request_timeout, millis(v, 1));
    ["default.api.timeout.ms"], "ms", "60000", "longest time of an administrative call with its retries",
        |c, v| set(&mut c.api_timeout, millis(v, 1));
    ["connections.max.idle.ms"], "ms", "540000", "an unused connection is closed after this time",
        |c, v| set(&mut c.idle_timeout, millis(v, 1));
    ["metadata.max.age.ms", "topic.metadata.refresh.interval.ms"], "ms", "300000", "age at which metadata is asked for anew",
        |c, v| set(&mut c.metadata_age_max, millis(v, 0));
    ["retry.backoff.ms", "reconnect.backoff.ms"], "ms", "50", "first pause before a retry",
        |c, v| set(&mut c.retry_backoff, millis(v, 0));
    ["retry.backoff.max.ms", "reconnect.backoff.max.ms"], "ms", "1000", "longest pause before a retry",
        |c, v| set(&mut c.retry_backoff_max, millis(v, 0));
    ["receive.message.max.bytes"], "bytes", "104857600", "largest answer that is accepted",
        |c, v| set(&mut c.frame_bytes_max, bytes(v, 1024));

    ["fetch.min.bytes"], "bytes", "1", "a broker answers once it has this many bytes",
        |c, v| set(&mut c.fetch.bytes_min, wire_bytes(v, 0));
    ["fetch.max.bytes"], "bytes", "8388608", "about the most bytes in one answer",
        |c, v| set(&mut c.fetch.bytes_max, wire_bytes(v, 1));
    ["max.partition.fetch.bytes", "fetch.message.max.bytes"], "bytes", "1048576", "about the most bytes of one partition in one answer",
        |c, v| set(&mut c.fetch.partition_bytes_max, wire_bytes(v, 1));
    ["fetch.max.wait.ms", "fetch.wait.max.ms"], "ms", "500", "longest that a broker waits for data",
        |c, v| set(&mut c.fetch.wait_max, millis(v, 0));
    ["isolation.level"], "read_committed|read_uncommitted", "read_committed", "whether records of open and aborted transactions are seen",
        |c, v| set(&mut c.fetch.isolation, isolation(v));
    ["auto.offset.reset"], "earliest|latest|none", "none", "what to do when the position lies outside the log",
        |c, v| set(&mut c.fetch.offset_reset, offset_reset(v));
    ["check.crcs"], "true|false", "true", "whether each batch's checksum is checked",
        |c, v| set(&mut c.fetch.check_crcs, boolean(v));

    ["group.instance.id"], "name", "", "the name that a static member of a group keeps over restarts",
        |c, v| option(&mut c.group.instance_id, v);
    ["partition.assignment.strategy"], "range|roundrobin|sticky|cooperative-sticky,...", "range,cooperative-sticky", "how a group shares partitions out, best first",
        |c, v| { c.group.assignors = list(v); Ok(()) };
    ["session.timeout.ms"], "ms", "45000", "a member without a heartbeat for this long is removed",
        |c, v| set(&mut c.group.session_timeout, millis(v, 1));
    ["heartbeat.interval.ms"], "ms", "3000", "how often a member tells that it is alive",
        |c, v| set(&mut c.group.heartbeat_interval, millis(v, 1));
    ["max.poll.interval.ms"], "ms", "300000", "a member that reads nothing on for longer than this leaves; a rebalance waits as long",
        |c, v| set(&mut c.group.poll_interval, millis(v, 1));
    ["enable.auto.commit"], "true|false", "true", "whether a member commits offsets of what it has read",
        |c, v| set(&mut c.group.commit, boolean(v).map(|yes| if yes { Commit::Automatic } else { Commit::Never }));
    ["auto.commit.interval.ms"], "ms", "5000", "how often a member commits offsets",
        |c, v| set(&mut c.group.commit_interval, millis(v, 1));

    ["linger.ms", "queue.buffering.max.ms"], "ms", "5", "how long an unfilled batch waits for more records",
        |c, v| set(&mut c.produce.linger, millis(v, 0));
    ["batch.size"], "bytes", "524288", "a batch is sent once its records reach this size",
        |c, v| set(&mut c.produce.batch_bytes, bytes(v, 1));
    ["buffer.memory"], "bytes", "8388608", "unacknowledged records take at most about this much",
        |c, v| set(&mut c.produce.buffer_bytes, bytes(v, 1024));
    ["max.request.size", "message.max.bytes"], "bytes", "1048576", "largest request and largest record",
        |c, v| set(&mut c.produce.request_bytes_max, bytes(v, 1024));
    ["delivery.timeout.ms", "message.timeout.ms"], "ms", "120000", "a record that is not acknowledged by then is given up",
        |c, v| set(&mut c.produce.delivery_timeout, millis(v, 1));
    ["transaction.timeout.ms"], "ms", "60000", "a transaction that is open for longer is aborted by its coordinator",
        |c, v| set(&mut c.produce.transaction_timeout, millis(v, 1));
    ["compression.type", "compression.codec"], "none|gzip|snappy|lz4|zstd", "none", "how batches are compressed",
        |c, v| set(&mut c.produce.compression, compression(v));
    ["max.in.flight.requests.per.connection", "max.in.flight"], "1 to 5", "5", "requests that one connection may await",
        |c, v| set(&mut c.produce.in_flight_max, between(v, 1, 5));

    ["schema.registry.url"], "URL,...", "", "the schema registry's addresses, tried in order",
        |c, v| { c.registry.urls = list(v); Ok(()) };
    ["basic.auth.user.info", "schema.registry.basic.auth.user.info"], "secret", "", "user:password for the registry",
        |c, v| set(&mut c.registry.basic_auth, user_info(v));
    ["bearer.auth.token", "schema.registry.bearer.auth.token"], "secret", "", "token for the registry",
        |c, v| secret(&mut c.registry.bearer_token, v);
    ["schema.registry.ssl.ca.location", "schema.registry.ssl.truststore.location"], "PEM file", "", "authorities for the registry's https",
        |c, v| { c.registry.ca = (!v.is_empty()).then(|| PathBuf::from(v)); Ok(()) };
    ["key.subject.name.strategy"], "strategy", "TopicNameStrategy", "how subjects of keys are named",
        |c, v| set(&mut c.registry.key_subject, strategy(v));
    ["value.subject.name.strategy"], "strategy", "TopicNameStrategy", "how subjects of values are named",
        |c, v| set(&mut c.registry.value_subject, strategy(v));
    ["auto.register.schemas"], "true|false", "false", "whether schemas unknown to the registry are registered",
        |c, v| set(&mut c.registry.auto_register, boolean(v));
    ["schema.registry.timeout.ms", "schema.registry.request.timeout.ms"], "ms", "10000", "longest time of one registry call",
        |c, v| set(&mut c.registry.timeout, millis(v, 1));
}

/// Values that are fixed here, with what is done instead of others.
const FIXED: &[(&[&str], &[&str], &str)] = &[
    (
        &["acks", "request.required.acks"],
        &["all", "-1"],
        "every record is acknowledged by all in-sync replicas",
    ),
    (
        &["group.protocol"],
        &["classic", "CLASSIC"],
        "members speak the classic protocol, which brokers that offer the newer one speak as well",
    ),
    (
        &["enable.idempotence"],
        &["true"],
        "every producer is idempotent",
    ),
    (
        &[
            "basic.auth.credentials.source",
            "schema.registry.basic.auth.credentials.source",
        ],
        &["URL", "USER_INFO"],
        "credentials come from the URL or basic.auth.user.info",
    ),
    (
        &["ssl.truststore.type", "ssl.keystore.type"],
        &["PEM", "pem"],
        "files are read as PEM, whatever their name",
    ),
];

/// What Kafka's clients and librdkafka know and this client has no use for.
const IGNORED: &[&str] = &[
    "allow.auto.create.topics",
    "api.version.request",
    "api.version.request.timeout.ms",
    "auto.include.jmx.reporter",
    "broker.address.family",
    "broker.version.fallback",
    "client.rack",
    "client.dns.lookup",
    "connections.max.reauth.ms",
    "debug",
    "enable.auto.offset.store",
    "enable.metrics.push",
    "enable.partition.eof",
    "enable.sparse.connections",
    "exclude.internal.topics",
    "fetch.error.backoff.ms",
    "fetch.queue.backoff.ms",
    "interceptor.classes",
    "internal.leave.group.on.close",
    "key.converter",
    "key.deserializer",
    "key.serializer",
    "latest.compatibility.strict",
    "log.connection.close",
    "log_level",
    "max.block.ms",
    "max.poll.records",
    "message.copy.max.bytes",
    "message.send.max.retries",
    "metadata.max.idle.ms",
    "metadata.recovery.strategy",
    "metadata.recovery.rebootstrap.trigger.ms",
    "metric.reporters",
    "metrics.num.samples",
    "metrics.recording.level",
    "metrics.sample.window.ms",
    "normalize.schemas",
    "partitioner",
    "partitioner.adaptive.partitioning.enable",
    "partitioner.availability.timeout.ms",
    "partitioner.class",
    "partitioner.ignore.keys",
    "queue.buffering.max.kbytes",
    "queue.buffering.max.messages",
    "queued.max.messages.kbytes",
    "queued.min.messages",
    "receive.buffer.bytes",
    "retries",
    "sasl.client.callback.handler.class",
    "sasl.kerberos.kinit.cmd",
    "sasl.kerberos.service.name",
    "sasl.login.callback.handler.class",
    "sasl.login.class",
    "sasl.login.refresh.buffer.seconds",
    "security.providers",
    "send.buffer.bytes",
    "socket.blocking.max.ms",
    "socket.connection.setup.timeout.max.ms",
    "socket.keepalive.enable",
    "socket.max.fails",
    "socket.nagle.disable",
    "socket.receive.buffer.bytes",
    "socket.send.buffer.bytes",
    "ssl.cipher.suites",
    "ssl.enabled.protocols",
    "ssl.engine.factory.class",
    "ssl.keymanager.algorithm",
    "ssl.protocol",
    "ssl.provider",
    "ssl.secure.random.implementation",
    "ssl.trustmanager.algorithm",
    "ssl.truststore.password",
    "statistics.interval.ms",
    "sticky.partitioning.linger.ms",
    "topic.blacklist",
    "topic.metadata.propagation.max.ms",
    "topic.metadata.refresh.fast.interval.ms",
    "topic.metadata.refresh.sparse",
    "transaction.two.phase.commit.enable",
    "transactional.id",
    "use.latest.version",
    "use.schema.id",
    "value.converter",
    "value.deserializer",
    "value.serializer",
];

/// Keeps the keys of an encrypted private key out of the ignored list: they change what works.
const ENCRYPTED_KEY: &[&str] = &["ssl.key.password", "ssl.keystore.password"];

/// Sets one property by any of its names.
pub(crate) fn apply(
    config: &mut Config,
    name: &str,
    value: &str,
) -> Result<Option<Warning>, ConfigError> {
    if let Some(setting) = find(name) {
        return (setting.apply)(config, value.trim())
            .map(|()| insecure(setting, config))
            .map_err(|because| bad_value(name, value, setting.unit == "secret", because));
    }
    if let Some((_, accepted, instead)) = FIXED.iter().find(|(names, ..)| names.contains(&name)) {
        return fixed(name, value.trim(), accepted, instead);
    }
    if ENCRYPTED_KEY.contains(&name) {
        config.security.tls.key_password = Some(Secret::new(value));
        return Ok(None);
    }
    let name = name.to_owned();
    if IGNORED.contains(&name.as_str()) {
        return Ok(Some(Warning::Ignored { name }));
    }
    let nearest = nearest(&name);
    Ok(Some(Warning::Unknown { name, nearest }))
}

/// A configuration of all defaults.
pub(crate) fn defaults() -> Config {
    let mut config = blank();
    for setting in SETTINGS {
        if !setting.default.is_empty() {
            let applied = (setting.apply)(&mut config, setting.default);
            debug_assert_eq!(applied, Ok(()), "default of {:?}", setting.names);
        }
    }
    config
}

/// What the table's defaults are written over.
fn blank() -> Config {
    let zero = Duration::ZERO;
    Config {
        brokers: Vec::new(),
        client_id: String::new(),
        group_id: None,
        security: crate::client::security::Security::default(),
        connect_timeout: zero,
        request_timeout: zero,
        api_timeout: zero,
        idle_timeout: zero,
        metadata_age_max: zero,
        retry_backoff: zero,
        retry_backoff_max: zero,
        frame_bytes_max: 0,
        fetch: FetchSettings {
            bytes_min: 0,
            bytes_max: 0,
            partition_bytes_max: 0,
            wait_max: zero,
            isolation: Isolation::ReadCommitted,
            offset_reset: OffsetReset::Fail,
            check_crcs: true,
        },
        group: GroupSettings {
            instance_id: None,
            assignors: Vec::new(),
            session_timeout: zero,
            heartbeat_interval: zero,
            poll_interval: zero,
            commit: Commit::Automatic,
            commit_interval: zero,
        },
        produce: ProduceSettings {
            linger: zero,
            batch_bytes: 0,
            buffer_bytes: 0,
            request_bytes_max: 0,
            delivery_timeout: zero,
            compression: Compression::None,
            in_flight_max: 0,
            transaction_timeout: zero,
        },
        registry: RegistrySettings {
            urls: Vec::new(),
            basic_auth: None,
            bearer_token: None,
            key_subject: SubjectStrategy::TopicName,
            value_subject: SubjectStrategy::TopicName,
            auto_register: false,
            timeout: zero,
            ca: None,
        },
    }
}

/// The setting of this name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Setting> {
    SETTINGS
        .iter()
        .find(|setting| setting.names.contains(&name))
}

fn insecure(setting: &Setting, config: &Config) -> Option<Warning> {
    let tls = &config.security.tls;
    match setting.names.first().copied() {
        Some("ssl.endpoint.identification.algorithm") => tls.host_check.warning(),
        Some("enable.ssl.certificate.verification") => tls.certificate_check.warning(),
        _ => None,
    }
}

fn fixed(
    name: &str,
    value: &str,
    accepted: &[&str],
    instead: &'static str,
) -> Result<Option<Warning>, ConfigError> {
    if accepted.contains(&value) {
        return Ok(None);
    }
    if value == "0" {
        return Err(bad_value(
            name,
            value,
            false,
            format!("fire and forget is not offered: {instead}"),
        ));
    }
    Ok(Some(Warning::NotFollowed {
        name: name.to_owned(),
        value: value.to_owned(),
        because: instead,
    }))
}

fn bad_value(name: &str, value: &str, is_secret: bool, because: String) -> ConfigError {
    ConfigError::BadValue {
        name: name.to_owned(),
        value: if is_secret { "***" } else { value }.to_owned(),
        because,
    }
}

/// The known name most like `name`, if any is like it at all.
fn nearest(name: &str) -> Option<&'static str> {
    const ALIKE: f64 = 0.75;
    let known = SETTINGS.iter().flat_map(|setting| setting.names);
    let scored = known.map(|known| (strsim::normalized_levenshtein(known, name), *known));
    scored
        .filter(|(score, _)| *score >= ALIKE)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, known)| known)
}

fn set<T, E: ToString>(place: &mut T, value: Result<T, E>) -> Result<(), String> {
    *place = value.map_err(|error| error.to_string())?;
    Ok(())
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "every row of the table has this form"
)]
fn text(place: &mut String, value: &str) -> Result<(), String> {
    value.clone_into(place);
    Ok(())
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "every row of the table has this form"
)]
fn option(place: &mut Option<String>, value: &str) -> Result<(), String> {
    *place = (!value.is_empty()).then(|| value.to_owned());
    Ok(())
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "every row of the table has this form"
)]
fn secret(place: &mut Option<Secret>, value: &str) -> Result<(), String> {
    *place = (!value.is_empty()).then(|| Secret::new(value));
    Ok(())
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "every row of the table has this form"
)]
fn pem_file(place: &mut Option<Pem>, value: &str) -> Result<(), String> {
    *place = (!value.is_empty()).then(|| Pem::File(PathBuf::from(value)));
    Ok(())
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "every row of the table has this form"
)]
fn pem_inline(place: &mut Option<Pem>, value: &str) -> Result<(), String> {
    *place = (!value.is_empty()).then(|| Pem::Inline(Secret::new(value)));
    Ok(())
}

fn list(value: &str) -> Vec<String> {
    let parts = value.split(',').map(str::trim);
    parts
        .filter(|part| !part.is_empty())
        .map(str::to_owned)
        .collect()
}

fn boolean(value: &str) -> Result<bool, String> {
    match value {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err("true or false".into()),
    }
}

fn millis(value: &str, at_least: u64) -> Result<Duration, String> {
    let limit = u64::from(u32::MAX);
    match value.parse::<u64>() {
        Ok(millis) if (at_least..=limit).contains(&millis) => Ok(Duration::from_millis(millis)),
        _ => Err(format!("milliseconds from {at_least} to {limit}")),
    }
}

fn between(value: &str, at_least: usize, at_most: usize) -> Result<usize, String> {
    match value.parse::<usize>() {
        Ok(number) if (at_least..=at_most).contains(&number) => Ok(number),
        _ => Err(format!("a number from {at_least} to {at_most}")),
    }
}

fn bytes(value: &str, at_least: usize) -> Result<usize, String> {
    between(value, at_least, 1 << 30)
}

fn wire_bytes(value: &str, at_least: i32) -> Result<i32, String> {
    match value.parse::<i32>() {
        Ok(number) if number >= at_least => Ok(number),
        _ => Err(format!("bytes from {at_least} to {}", i32::MAX)),
    }
}

fn isolation(value: &str) -> Result<Isolation, String> {
    match value {
        "read_committed" => Ok(Isolation::ReadCommitted),
        "read_uncommitted" => Ok(Isolation::ReadUncommitted),
        _ => Err("read_committed or read_uncommitted".into()),
    }
}

/// librdkafka's other spellings are accepted.
fn offset_reset(value: &str) -> Result<OffsetReset, String> {
    match value {
        "earliest" | "smallest" | "beginning" => Ok(OffsetReset::Earliest),
        "latest" | "largest" | "end" => Ok(OffsetReset::Latest),
        "none" | "error" => Ok(OffsetReset::Fail),
        _ => Err("earliest, latest or none".into()),
    }
}

fn compression(value: &str) -> Result<Compression, String> {
    value
        .parse()
        .map_err(|_| "none, gzip, snappy, lz4 or zstd".into())
}

/// Strategies are given by class name, with or without its package.
fn strategy(value: &str) -> Result<SubjectStrategy, String> {
    match value.rsplit('.').next().unwrap_or_default() {
        "TopicNameStrategy" | "TopicName" => Ok(SubjectStrategy::TopicName),
        "RecordNameStrategy" | "RecordName" => Ok(SubjectStrategy::RecordName),
        "TopicRecordNameStrategy" | "TopicRecordName" => Ok(SubjectStrategy::TopicRecordName),
        _ => Err("TopicNameStrategy, RecordNameStrategy or TopicRecordNameStrategy".into()),
    }
}

fn user_info(value: &str) -> Result<Option<(String, Secret)>, String> {
    let (user, password) = value.split_once(':').ok_or("user:password")?;
    Ok(Some((user.to_owned(), Secret::new(password))))
}

fn token_file(value: &str) -> Result<PathBuf, String> {
    let path = value
        .strip_prefix("file:")
        .map(|path| path.trim_start_matches("//"));
    path.map(PathBuf::from).ok_or_else(|| {
        "only file: URLs are supported; let another program renew the token in that file".into()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_name_stands_once_and_every_default_is_allowed() {
        let mut seen = HashSet::new();
        for setting in SETTINGS {
            for name in setting.names {
                assert!(seen.insert(*name), "{name} stands twice");
                assert!(!IGNORED.contains(name), "{name} is not ignored");
            }
            if !setting.default.is_empty() {
                assert_eq!(
                    (setting.apply)(&mut blank(), setting.default),
                    Ok(()),
                    "{:?}",
                    setting.names
                );
            }
        }
        assert!(
            FIXED
                .iter()
                .flat_map(|(names, ..)| *names)
                .all(|name| seen.insert(name))
        );
    }

    #[test]
    fn javas_and_librdkafkas_names_set_the_same() {
        for setting in SETTINGS
            .iter()
            .filter(|setting| !setting.default.is_empty())
        {
            let of = |name: &&str| {
                let mut config = blank();
                apply(&mut config, name, setting.default).expect("allowed");
                config
            };
            let all: Vec<_> = setting.names.iter().map(of).collect();
            assert!(
                all.windows(2).all(|two| two[0] == two[1]),
                "{:?}",
                setting.names
            );
        }
    }

    #[test]
    fn an_unknown_property_names_the_nearest_known_one() {
        let mut config = Config::default();
        let warned = |config: &mut Config, name| config.set(name, "x").expect("only a warning");
        assert_eq!(
            warned(&mut config, "bootstrap.server"),
            Some(Warning::Unknown {
                name: "bootstrap.server".into(),
                nearest: Some("bootstrap.servers")
            })
        );
        assert_eq!(
            warned(&mut config, "colour"),
            Some(Warning::Unknown {
                name: "colour".into(),
                nearest: None
            })
        );
        assert_eq!(
            warned(&mut config, "key.serializer"),
            Some(Warning::Ignored {
                name: "key.serializer".into()
            })
        );
    }

    #[test]
    fn weaker_acknowledgement_is_not_followed_and_none_is_refused() {
        let mut config = Config::default();
        assert_eq!(config.set("acks", "all").expect("allowed"), None);
        assert!(matches!(
            config.set("acks", "1"),
            Ok(Some(Warning::NotFollowed { .. }))
        ));
        let refused = config.set("acks", "0").expect_err("fire and forget");
        assert!(
            refused
                .to_string()
                .starts_with("property acks=0: fire and forget"),
            "{refused}"
        );
    }

    #[test]
    fn a_bad_value_says_what_is_allowed_and_hides_secrets() {
        let mut config = Config::default();
        let error = config.set("linger.ms", "-1").expect_err("negative");
        assert_eq!(
            error.to_string(),
            "property linger.ms=-1: milliseconds from 0 to 4294967295"
        );
        let error = config
            .set("sasl.jaas.config", "Plain required password=\"hunter2")
            .expect_err("open");
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }

    #[test]
    fn switching_a_protection_off_is_told() {
        let mut config = Config::default();
        let warning = config
            .set("ssl.endpoint.identification.algorithm", "")
            .expect("allowed");
        assert!(matches!(warning, Some(Warning::Insecure(_))), "{warning:?}");
        assert_eq!(config.security.tls.host_check, HostCheck::Off);
        let warning = config
            .set("enable.ssl.certificate.verification", "false")
            .expect("allowed");
        assert!(matches!(warning, Some(Warning::Insecure(_))), "{warning:?}");
    }
}
