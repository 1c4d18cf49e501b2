//! The client against Apache Kafka. The addresses come from the environment, as
//! `peers/kafka start NAME --sasl --tls` prints them; a missing one fails.

use tidemill::client::ErrorKind;
use tidemill::client::cluster::Cluster;
use tidemill::client::config::Config;

use crate::client_suite;

fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("needs a broker: set {name}"))
}

fn secured(bootstrap: &str, properties: &[(&str, &str)]) -> Config {
    let mut config = client_suite::config(&variable(bootstrap));
    for (name, value) in properties {
        config.set(name, value).expect("allowed");
    }
    config
}

#[tokio::test]
#[ignore = "needs a broker at TIDEMILL_TEST_BROKERS"]
async fn the_suite_passes() {
    client_suite::suite(&variable("TIDEMILL_TEST_BROKERS")).await;
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
#[ignore = "needs a broker at TIDEMILL_TEST_BROKERS_SASL"]
async fn every_mechanism_logs_in_and_a_wrong_password_is_refused_at_once() {
    for mechanism in MECHANISMS {
        let config = secured(
            "TIDEMILL_TEST_BROKERS_SASL",
            &alice("SASL_PLAINTEXT", mechanism, "alice-secret"),
        );
        let cluster = Cluster::connect(config).await.expect(mechanism);
        cluster.refresh_all().await.expect("listed");
        let config = secured(
            "TIDEMILL_TEST_BROKERS_SASL",
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
#[ignore = "needs a broker at TIDEMILL_TEST_BROKERS_TLS"]
async fn tls_works_with_the_authority_with_a_client_certificate_and_with_sasl_over_it() {
    let [ca, certificate, key] = ["CA_FILE", "CLIENT_CERT", "CLIENT_KEY"]
        .map(|name| variable(&format!("TIDEMILL_TEST_{name}")));
    let trust = ("ssl.ca.location", ca.as_str());
    let plain_tls = [("security.protocol", "SSL"), trust];
    let cluster = Cluster::connect(secured("TIDEMILL_TEST_BROKERS_TLS", &plain_tls))
        .await
        .expect("TLS");
    cluster.refresh_all().await.expect("listed");
    let mutual = [
        ("security.protocol", "SSL"),
        trust,
        ("ssl.certificate.location", certificate.as_str()),
        ("ssl.key.location", key.as_str()),
    ];
    Cluster::connect(secured("TIDEMILL_TEST_BROKERS_TLS", &mutual))
        .await
        .expect("mutual TLS");
    let mut both = alice("SASL_SSL", "SCRAM-SHA-512", "alice-secret").to_vec();
    both.push(trust);
    Cluster::connect(secured("TIDEMILL_TEST_BROKERS_SASL_TLS", &both))
        .await
        .expect("SASL over TLS");
    let error = Cluster::connect(secured(
        "TIDEMILL_TEST_BROKERS_TLS",
        &[("security.protocol", "SSL")],
    ))
    .await;
    let error = error.expect_err("an unknown authority");
    assert_eq!(error.kind(), ErrorKind::NotReachable, "{error}");
}

#[tokio::test]
#[ignore = "needs a broker at TIDEMILL_TEST_BROKERS_TLS"]
async fn a_plain_client_on_a_tls_port_is_told_what_to_set() {
    let config = client_suite::config(&variable("TIDEMILL_TEST_BROKERS_TLS"));
    let error = Cluster::connect(config).await.expect_err("TLS");
    assert_eq!(error.kind(), ErrorKind::NotReachable, "{error}");
}
