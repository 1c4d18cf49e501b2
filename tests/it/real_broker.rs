//! The client and whole pipelines on Apache Kafka with security: the cluster whose addresses
//! `compose/with-kafka --sasl --tls` sets, or one that it starts for these tests. Run by
//! `cargo test -- --ignored`; without Java and Maven they fail.

use std::collections::BTreeMap;
use std::io::BufRead;
use std::io::BufReader;
use std::ops::ControlFlow;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::sync::LazyLock;
use std::time::Duration;

use tidemill::client::ErrorKind;
use tidemill::client::cluster::Cluster;
use tidemill::client::config::Config;
use tidemill::client::config::Isolation;
use tidemill::client::fetcher::Fetcher;
use tidemill::protocol::compression::Decompressor;
use tidemill::record::Offset;
use tidemill::record::TopicPartition;
use tokio::time::Instant;

use crate::client_suite;
use crate::pipeline_suite;

/// What is known of the cluster.
pub(crate) fn variable(name: &str) -> String {
    static STARTED: LazyLock<BTreeMap<String, String>> = LazyLock::new(start);
    let set = std::env::var_os("BOOTSTRAP").map(|_| std::env::var(name).ok());
    let value = set.unwrap_or_else(|| STARTED.get(name).cloned());
    value.unwrap_or_else(|| {
        panic!("needs Apache Kafka: {name} is not set (compose/with-kafka --sasl --tls sets it)")
    })
}

/// Starts a cluster that ends with this process, as its command reads our end of a pipe.
fn start() -> BTreeMap<String, String> {
    let with_kafka = concat!(env!("CARGO_MANIFEST_DIR"), "/compose/with-kafka");
    let mut process = Command::new(with_kafka)
        .args([
            "--sasl",
            "--tls",
            "--",
            "sh",
            "-c",
            "env && echo && exec cat",
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("compose/with-kafka runs");
    let said = BufReader::new(process.stdout.take().expect("piped"));
    let lines = said.lines().map_while(Result::ok);
    let variables = lines.take_while(|line| !line.is_empty());
    let variables: BTreeMap<_, _> = variables
        .filter_map(|line| {
            line.split_once('=')
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
        })
        .collect();
    assert!(
        variables.contains_key("BOOTSTRAP"),
        "needs Apache Kafka: compose/with-kafka --sasl --tls starts none (it takes Java 17 and Maven)"
    );
    // Held until this process ends.
    std::mem::forget(process);
    variables
}

fn secured(bootstrap: &str, properties: &[(&str, &str)]) -> Config {
    let mut config = client_suite::config(&variable(bootstrap));
    for (name, value) in properties {
        config.set(name, value).expect("allowed");
    }
    config
}

#[tokio::test]
#[ignore = "needs compose/with-kafka"]
async fn the_client_suite_passes() {
    client_suite::suite(&variable("BOOTSTRAP")).await;
}

#[test]
#[ignore = "needs compose/with-kafka"]
fn the_pipeline_suite_passes() {
    pipeline_suite::suite(&variable("BOOTSTRAP"));
}

const MECHANISMS: [&str; 3] = ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"];

fn alice<'a>(protocol: &'a str, mechanism: &'a str, password: &'a str) -> [(&'a str, &'a str); 4] {
    [
        ("security.protocol", protocol),
        ("sasl.mechanism", mechanism),
        ("sasl.username", "alice"),
        ("sasl.password", password),
    ]
}

#[tokio::test]
#[ignore = "needs compose/with-kafka --sasl"]
async fn every_mechanism_logs_in_and_a_wrong_password_is_refused_at_once() {
    for mechanism in MECHANISMS {
        let config = secured(
            "BOOTSTRAP_SASL",
            &alice("SASL_PLAINTEXT", mechanism, "alice-secret"),
        );
        let cluster = Cluster::connect(config).await.expect(mechanism);
        cluster.refresh_all().await.expect("listed");
        let config = secured(
            "BOOTSTRAP_SASL",
            &alice("SASL_PLAINTEXT", mechanism, "wrong"),
        );
        let error = Cluster::connect(config).await.expect_err("refused");
        assert_eq!(error.kind(), ErrorKind::Refused, "{mechanism}: {error}");
        let text = error.to_string();
        assert!(
            text.contains(mechanism) && text.contains("\"alice\"") && !text.contains("\"wrong\""),
            "{text}"
        );
    }
}

#[tokio::test]
#[ignore = "needs compose/with-kafka --sasl --tls"]
async fn tls_works_with_the_authority_with_a_client_certificate_and_with_sasl_over_it() {
    let [ca, certificate, key] = ["CA_FILE", "CLIENT_CERT", "CLIENT_KEY"].map(variable);
    let trust = ("ssl.ca.location", ca.as_str());
    let plain_tls = [("security.protocol", "SSL"), trust];
    let cluster = Cluster::connect(secured("BOOTSTRAP_TLS", &plain_tls))
        .await
        .expect("TLS");
    cluster.refresh_all().await.expect("listed");
    let mutual = [
        ("security.protocol", "SSL"),
        trust,
        ("ssl.certificate.location", certificate.as_str()),
        ("ssl.key.location", key.as_str()),
    ];
    Cluster::connect(secured("BOOTSTRAP_TLS", &mutual))
        .await
        .expect("mutual TLS");
    let mut both = alice("SASL_SSL", "SCRAM-SHA-512", "alice-secret").to_vec();
    both.push(trust);
    Cluster::connect(secured("BOOTSTRAP_SASL_TLS", &both))
        .await
        .expect("SASL over TLS");
    let error = Cluster::connect(secured("BOOTSTRAP_TLS", &[("security.protocol", "SSL")])).await;
    let error = error.expect_err("an unknown authority");
    assert_eq!(error.kind(), ErrorKind::NotReachable, "{error}");
}

#[tokio::test]
#[ignore = "needs compose/with-kafka --sasl --tls"]
async fn a_plain_client_on_a_tls_port_is_told_what_to_set() {
    let config = client_suite::config(&variable("BOOTSTRAP_TLS"));
    let error = Cluster::connect(config).await.expect_err("TLS");
    assert_eq!(error.kind(), ErrorKind::NotReachable, "{error}");
}

const WITHIN: Duration = Duration::from_secs(60);

/// Java's producers at work: see `tests/java/WriteTransactions.java`.
struct JavaWriter(Child);

impl JavaWriter {
    /// Returns once `rounds` rounds are decided and one more transaction is open.
    fn start(topic: &str, rounds: u8) -> Self {
        let program = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/java/WriteTransactions.java"
        );
        let mut java = Command::new("java")
            .arg("-Dorg.slf4j.simpleLogger.defaultLogLevel=warn")
            .args(["-cp", &format!("{}/*", variable("KAFKA_LIBS")), program])
            .args([&variable("BOOTSTRAP"), topic, &rounds.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("Java is installed");
        let said = BufReader::new(java.stdout.take().expect("piped"));
        let open = said
            .lines()
            .map_while(Result::ok)
            .any(|line| line == "open");
        assert!(open, "Java ended: {:?}", java.wait());
        Self(java)
    }

    /// Aborts the transaction that is open.
    fn abort(mut self) {
        drop(self.0.stdin.take());
        assert!(self.0.wait().expect("it ends").success());
    }
}

/// The processor time of this thread, in hundredths of a second.
fn processor_ticks() -> u64 {
    let stat = std::fs::read_to_string("/proc/thread-self/stat").expect("Linux");
    let (_, fields) = stat.rsplit_once(')').expect("a name");
    let fields: Vec<_> = fields.split_whitespace().collect();
    [fields[11], fields[12]]
        .map(|ticks| ticks.parse::<u64>().expect("a number"))
        .iter()
        .sum()
}

/// Reads until the position is `end`; then polls once more, which must wait and not spin.
///
/// All of it runs on the thread of the test.
async fn values_up_to(cluster: &Cluster, topic: &str, isolation: Isolation, end: i64) -> Vec<u8> {
    let mut settings = cluster.config().fetch.clone();
    settings.isolation = isolation;
    let partition = TopicPartition::new(topic, 0);
    let mut fetcher = Fetcher::new(cluster.clone(), settings);
    fetcher.assign(partition.clone(), Offset(0));
    let (mut values, mut decompressor) = (Vec::new(), Decompressor::new());
    let deadline = Instant::now() + WITHIN;
    while fetcher.position(&partition) != Some(Offset(end)) {
        assert!(
            Instant::now() < deadline,
            "stuck at {:?}",
            fetcher.position(&partition)
        );
        let fetched = fetcher.poll(deadline).await.expect("readable");
        for part in fetched.partitions() {
            let all = part.for_each(&mut decompressor, |record| {
                values.push(record.value.expect("a value")[0]);
                ControlFlow::<()>::Continue(())
            });
            assert!(all.expect("readable").is_continue());
        }
    }
    let (begun, busy) = (Instant::now(), processor_ticks());
    let none = fetcher.poll(begun + Duration::from_secs(1)).await;
    assert!(none.expect("readable").is_empty());
    assert!(begun.elapsed() >= Duration::from_secs(1), "it waits");
    let busy = processor_ticks() - busy;
    assert!(busy < 20, "{busy} hundredths of a second to wait a second");
    values
}

#[tokio::test]
#[ignore = "needs compose/with-kafka"]
async fn only_committed_records_are_read_and_the_position_passes_markers() {
    const ROUNDS: u8 = 6;
    let cluster = Cluster::connect(client_suite::config(&variable("BOOTSTRAP")))
        .await
        .expect("connected");
    let topic = client_suite::topic(&cluster, "transactions", 1, &[]).await;
    let java = JavaWriter::start(&topic, ROUNDS);
    let committed: Vec<u8> = (0..ROUNDS)
        .flat_map(|round| match round % 2 {
            0 => vec![round; 15],
            _ => vec![100 + round; 3],
        })
        .collect();
    let decided = i64::from(ROUNDS) * (18 + 2);
    let read = values_up_to(&cluster, &topic, Isolation::ReadCommitted, decided).await;
    assert_eq!(read, committed);
    let all = values_up_to(&cluster, &topic, Isolation::ReadUncommitted, decided + 4).await;
    let written = usize::from(ROUNDS) * 18 + 4;
    assert_eq!(all.len(), written, "markers are no records");
    java.abort();
    let read = values_up_to(&cluster, &topic, Isolation::ReadCommitted, decided + 5).await;
    assert_eq!(read, committed);
}
