//! Groups whose members are of several clients: ours, kcat, and Java's console consumer, on Apache
//! Kafka. Run by `cargo test -- --ignored`; without kcat, Java and Maven they fail.

use std::process::Command;

use crate::groups::Reader;
use crate::groups::Reading;
use crate::pipeline_suite::Scene;
use crate::real_broker::variable;
use crate::support::commands::Brokers;

const COOPERATIVE: &str = "org.apache.kafka.clients.consumer.CooperativeStickyAssignor";

/// Who joins a group.
#[derive(Clone, Copy)]
enum Who {
    Ours(&'static str),
    Kcat(&'static str),
    Java(&'static str),
}

impl Who {
    fn start(self, reading: &mut Reading<'_>) {
        match self {
            Self::Ours(assignor) => {
                let strategy = format!("partition.assignment.strategy={assignor}");
                reading.start(&["-X", &strategy]);
            }
            Self::Kcat(assignor) => {
                let mut kcat = Command::new("kcat");
                kcat.args(["-b", &variable("BOOTSTRAP"), "-q", "-u"])
                    .args(["-X", "auto.offset.reset=earliest"])
                    .args(["-X", &format!("partition.assignment.strategy={assignor}")])
                    .args(["-G", &reading.group, &reading.topic]);
                reading.readers.push(Reader::of(kcat));
            }
            Self::Java(assignor) => {
                let libs = format!("{}/*", variable("KAFKA_LIBS"));
                let strategy = format!("partition.assignment.strategy={assignor}");
                let mut java = Command::new("java");
                java.args([
                    "-Dorg.slf4j.simpleLogger.defaultLogLevel=error",
                    "-cp",
                    &libs,
                ])
                .arg("org.apache.kafka.tools.consumer.ConsoleConsumer")
                .args(["--bootstrap-server", &variable("BOOTSTRAP")])
                .args(["--topic", &reading.topic, "--group", &reading.group])
                .args(["--consumer-property", "auto.offset.reset=earliest"])
                .args(["--consumer-property", &strategy]);
                reading.readers.push(Reader::of(java));
            }
        }
    }
}

/// Members join one after the other; then the first one leaves. Every record is printed once.
///
/// But for one case: under a cooperative assignor Java's consumer commits when it begins to rejoin,
/// and goes on reading what it may have to give up, without committing that (its
/// `ConsumerCoordinator.onJoinPrepare`). So what it printed meanwhile others print again.
fn play(members: &[Who]) {
    let brokers = Brokers::at(&variable("BOOTSTRAP"));
    let scene = Scene::on(&brokers);
    let mut reading = Reading::new(&scene, "6");
    for member in members {
        member.start(&mut reading);
        reading.until_all_read();
    }
    reading.readers[0].interrupt();
    let left = reading.readers[0].printed().len();
    for _ in 0..3 {
        reading.wave();
    }
    assert_eq!(reading.readers[0].printed().len(), left);
    for reader in &mut reading.readers[1..] {
        reader.interrupt();
    }
    for (record, printers) in reading.printed_twice() {
        let is_javas = |place: &usize| matches!(members[*place], Who::Java(COOPERATIVE));
        assert!(
            is_javas(&printers[0]),
            "{record} was printed by {printers:?}"
        );
    }
}

#[test]
#[ignore = "needs compose/with-kafka and kcat"]
fn kcat_and_we_share_under_range_and_round_robin() {
    for assignor in ["range", "roundrobin"] {
        play(&[Who::Ours(assignor), Who::Kcat(assignor)]);
        play(&[Who::Kcat(assignor), Who::Ours(assignor)]);
    }
}

#[test]
#[ignore = "needs compose/with-kafka and kcat"]
fn kcat_and_we_share_under_cooperative_sticky() {
    let assignor = "cooperative-sticky";
    play(&[
        Who::Ours(assignor),
        Who::Kcat(assignor),
        Who::Ours(assignor),
    ]);
    play(&[
        Who::Kcat(assignor),
        Who::Ours(assignor),
        Who::Kcat(assignor),
    ]);
}

#[test]
#[ignore = "needs compose/with-kafka"]
fn javas_console_consumer_and_we_share_under_cooperative_sticky() {
    let ours = Who::Ours(COOPERATIVE);
    play(&[ours, Who::Java(COOPERATIVE), ours]);
    play(&[Who::Java(COOPERATIVE), ours, ours]);
}

#[test]
#[ignore = "needs compose/with-kafka and kcat"]
fn all_three_clients_share_with_the_settings_that_they_have_by_default() {
    let java = "org.apache.kafka.clients.consumer.RangeAssignor,org.apache.kafka.clients.consumer.CooperativeStickyAssignor";
    play(&[
        Who::Ours("range,cooperative-sticky"),
        Who::Kcat("range,roundrobin"),
        Who::Java(java),
    ]);
}
