//! What the command promises of whole pipelines, on whatever broker it is pointed at: the embedded
//! one and Apache Kafka run the same functions.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering;
use std::time::SystemTime;

use tempfile::TempDir;

use crate::alerts_in_run;
use crate::bad_records;
use crate::empty_minutes;
use crate::groups;
use crate::kills;
use crate::real_input;
use crate::round_trip;
use crate::support::commands::Brokers;
use crate::support::commands::Running;

/// Runs everything on the broker at `bootstrap`, with a registry of ours beside it.
pub(crate) fn suite(bootstrap: &str) {
    let brokers = Brokers::at(bootstrap);
    for case in real_input::CASES {
        case(&Scene::on(&brokers));
    }
    for case in bad_records::CASES {
        case(&Scene::on(&brokers));
    }
    for case in empty_minutes::CASES {
        case(&Scene::on(&brokers));
    }
    for case in groups::CASES {
        case(&Scene::on(&brokers));
    }
    for case in alerts_in_run::CASES {
        case(&Scene::on(&brokers));
    }
    for case in kills::CASES {
        case(&Scene::on(&brokers));
    }
    round_trip::records_come_back(&Scene::on(&brokers), 2_000);
}

/// Runs one case on an embedded broker of its own.
pub(crate) fn on_embedded_broker(case: impl FnOnce(&Scene<'_>)) {
    case(&Scene::on(&Brokers::embedded()));
}

/// Topics and pipelines that nobody else on the broker uses.
pub(crate) struct Scene<'a> {
    pub(crate) brokers: &'a Brokers,
    prefix: String,
    files: TempDir,
}

impl<'a> Scene<'a> {
    pub(crate) fn on(brokers: &'a Brokers) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let (now, number) = (
            now.expect("after 1970"),
            NUMBER.fetch_add(1, Ordering::Relaxed),
        );
        Self {
            brokers,
            prefix: format!("suite-{}-{number}-", now.as_micros()),
            files: TempDir::new().expect("a folder"),
        }
    }

    /// The name on the broker of a topic or group of this scene.
    pub(crate) fn name(&self, short: &str) -> String {
        format!("{}{short}", self.prefix)
    }

    /// Makes a topic whose records no retention deletes, however old they are.
    pub(crate) fn create(&self, topic: &str, partitions: u32) {
        let (topic, partitions) = (self.name(topic), partitions.to_string());
        let words = [
            "topic",
            "create",
            &topic,
            "-p",
            &partitions,
            "-c",
            "retention.ms=-1",
        ];
        self.brokers.ok(&words, b"");
    }

    /// Writes records that are given as envelopes.
    pub(crate) fn produce(&self, topic: &str, envelopes: &str, flags: &[&str]) {
        let topic = self.name(topic);
        let words = [&["produce", &topic, "-i", "jsonl"], flags].concat();
        self.brokers.ok(&words, envelopes.as_bytes());
    }

    /// What a topic holds now.
    pub(crate) fn consume(&self, topic: &str, flags: &[&str]) -> String {
        let topic = self.name(topic);
        let words = [&["consume", &topic, "-e"], flags].concat();
        self.brokers.text(&words, b"")
    }

    /// A file of this scene.
    pub(crate) fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.files.path().join(name);
        fs::write(&path, text).expect("written");
        path
    }

    /// A pipeline file of this scene: every topic and the pipeline itself get this scene's names.
    pub(crate) fn pipeline(&self, text: &str) -> PathBuf {
        let text = ["topic: ", "name: "]
            .iter()
            .fold(text.to_owned(), |text, key| {
                text.replace(key, &format!("{key}{}", self.prefix))
            });
        self.file("pipeline.yaml", &text)
    }

    /// Starts a pipeline that runs until it is dropped.
    pub(crate) fn start(&self, text: &str) -> Running {
        self.brokers.start(&self.pipeline(text))
    }
}
