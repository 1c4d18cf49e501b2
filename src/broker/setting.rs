//! The settings of a topic: one row each with Kafka's name, kind, default and meaning.
//!
//! Defaults are Apache Kafka's but for `retention.ms`, which is −1 here: a development broker
//! that drops replayed old records within minutes helps nobody. A topic that asks for retention
//! gets it.
//!
//! Source: `TopicConfig.java`, `LogConfig.java` (Apache Kafka 4.x).

use std::collections::BTreeMap;

/// What a value may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A whole number in `[min, max]`.
    Number {
        /// Smallest value accepted.
        min: i64,
        /// Largest value accepted.
        max: i64,
    },
    /// A ratio in `[0, 1]`.
    Ratio,
    /// `true` or `false`.
    Boolean,
    /// One of these words.
    Word(&'static [&'static str]),
    /// Some of these words, separated by commas.
    Words(&'static [&'static str]),
    /// Any text.
    Text,
}

/// One setting of a topic.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setting {
    /// Kafka's name.
    pub(crate) name: &'static str,
    /// What a value may be.
    pub(crate) kind: Kind,
    /// The value of a topic that does not say.
    pub(crate) default: &'static str,
}

const fn number(name: &'static str, min: i64, max: i64, default: &'static str) -> Setting {
    Setting {
        name,
        kind: Kind::Number { min, max },
        default,
    }
}

const fn setting(name: &'static str, kind: Kind, default: &'static str) -> Setting {
    Setting {
        name,
        kind,
        default,
    }
}

const INT_MAX: i64 = i32::MAX as i64;
const LONG_MAX: &str = "9223372036854775807";
const CODECS: &[&str] = &["producer", "uncompressed", "gzip", "snappy", "lz4", "zstd"];

/// All settings, by name. Those that the broker obeys: `cleanup.policy`, `delete.retention.ms`,
/// `max.message.bytes`, `message.timestamp.*`, `min.cleanable.dirty.ratio`,
/// `min.compaction.lag.ms`, `retention.*`, `segment.bytes`, `segment.ms`; the others are kept and
/// shown.
pub(crate) const SETTINGS: &[Setting] = &[
    setting(
        "cleanup.policy",
        Kind::Words(&["compact", "delete"]),
        "delete",
    ),
    number("compression.gzip.level", -1, 9, "-1"),
    number("compression.lz4.level", 1, 17, "9"),
    setting("compression.type", Kind::Word(CODECS), "producer"),
    number("compression.zstd.level", -131_072, 22, "3"),
    number("delete.retention.ms", 0, i64::MAX, "86400000"),
    number("file.delete.delay.ms", 0, i64::MAX, "60000"),
    number("flush.messages", 1, i64::MAX, LONG_MAX),
    number("flush.ms", 0, i64::MAX, LONG_MAX),
    setting("follower.replication.throttled.replicas", Kind::Text, ""),
    number("index.interval.bytes", 0, INT_MAX, "4096"),
    setting("leader.replication.throttled.replicas", Kind::Text, ""),
    number("local.retention.bytes", -2, i64::MAX, "-2"),
    number("local.retention.ms", -2, i64::MAX, "-2"),
    number("max.compaction.lag.ms", 1, i64::MAX, LONG_MAX),
    number("max.message.bytes", 0, INT_MAX, "1048588"),
    number("message.timestamp.after.max.ms", 0, i64::MAX, LONG_MAX),
    number("message.timestamp.before.max.ms", 0, i64::MAX, LONG_MAX),
    setting(
        "message.timestamp.type",
        Kind::Word(&["CreateTime", "LogAppendTime"]),
        "CreateTime",
    ),
    setting("min.cleanable.dirty.ratio", Kind::Ratio, "0.5"),
    number("min.compaction.lag.ms", 0, i64::MAX, "0"),
    number("min.insync.replicas", 1, INT_MAX, "1"),
    setting("preallocate", Kind::Boolean, "false"),
    setting("remote.storage.enable", Kind::Boolean, "false"),
    number("retention.bytes", -1, i64::MAX, "-1"),
    number("retention.ms", -1, i64::MAX, "-1"),
    number("segment.bytes", 14, INT_MAX, "1073741824"),
    number("segment.index.bytes", 4, INT_MAX, "10485760"),
    number("segment.jitter.ms", 0, i64::MAX, "0"),
    number("segment.ms", 1, i64::MAX, "604800000"),
    setting("unclean.leader.election.enable", Kind::Boolean, "false"),
];

impl Setting {
    /// The setting called `name`.
    pub(crate) fn named(name: &str) -> Option<&'static Self> {
        SETTINGS.iter().find(|setting| setting.name == name)
    }

    /// Whether `value` is one that this setting may have.
    pub(crate) fn accepts(&self, value: &str) -> bool {
        match self.kind {
            Kind::Number { min, max } => value
                .parse()
                .is_ok_and(|number: i64| (min..=max).contains(&number)),
            Kind::Ratio => value
                .parse()
                .is_ok_and(|ratio: f64| (0.0..=1.0).contains(&ratio)),
            Kind::Boolean => matches!(value, "true" | "false"),
            Kind::Word(words) => words.contains(&value),
            Kind::Words(words) => value.split(',').all(|word| words.contains(&word.trim())),
            Kind::Text => true,
        }
    }
}

/// Why a setting was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SettingError {
    /// There is no such setting.
    #[error("unknown topic setting {0}")]
    Unknown(String),
    /// The value is not one that the setting may have.
    #[error("invalid value {value} for topic setting {name}")]
    Value {
        /// The setting.
        name: String,
        /// The value refused.
        value: String,
    },
    /// Appending and subtracting work on lists only.
    #[error("topic setting {0} is not a list")]
    NotAList(String),
    /// An operation that is none of set, delete, append and subtract.
    #[error("unknown operation {0} on a topic setting")]
    Operation(i8),
}

/// The settings of one topic: those given, and defaults for the rest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TopicSettings {
    given: BTreeMap<String, String>,
}

impl TopicSettings {
    /// Nothing given.
    pub(crate) const fn new() -> Self {
        Self {
            given: BTreeMap::new(),
        }
    }

    /// Gives `name` the value `value`; an unknown name or value changes nothing.
    ///
    /// # Errors
    ///
    /// [`SettingError`]: the client's fault.
    pub(crate) fn set(&mut self, name: &str, value: &str) -> Result<(), SettingError> {
        let setting = Setting::named(name).ok_or_else(|| SettingError::Unknown(name.to_owned()))?;
        if !setting.accepts(value) {
            return Err(SettingError::Value {
                name: name.to_owned(),
                value: value.to_owned(),
            });
        }
        self.given.insert(name.to_owned(), value.to_owned());
        Ok(())
    }

    /// Goes back to the default.
    ///
    /// # Errors
    ///
    /// [`SettingError::Unknown`].
    pub(crate) fn unset(&mut self, name: &str) -> Result<(), SettingError> {
        Setting::named(name).ok_or_else(|| SettingError::Unknown(name.to_owned()))?;
        self.given.remove(name);
        Ok(())
    }

    /// Adds words to a list.
    ///
    /// # Errors
    ///
    /// [`SettingError`].
    pub(crate) fn append(&mut self, name: &str, words: &str) -> Result<(), SettingError> {
        let mut list = self.words(name)?;
        for word in words.split(',').map(str::trim) {
            if !list.iter().any(|present| present == word) {
                list.push(word.to_owned());
            }
        }
        self.set(name, &list.join(","))
    }

    /// Takes words out of a list.
    ///
    /// # Errors
    ///
    /// [`SettingError`].
    pub(crate) fn subtract(&mut self, name: &str, words: &str) -> Result<(), SettingError> {
        let mut list = self.words(name)?;
        list.retain(|present| !words.split(',').any(|word| word.trim() == present));
        self.set(name, &list.join(","))
    }

    fn words(&self, name: &str) -> Result<Vec<String>, SettingError> {
        let setting = Setting::named(name).ok_or_else(|| SettingError::Unknown(name.to_owned()))?;
        if !matches!(setting.kind, Kind::Words(_)) {
            return Err(SettingError::NotAList(name.to_owned()));
        }
        let list = self
            .value(name)
            .split(',')
            .map(|word| word.trim().to_owned());
        Ok(list.filter(|word| !word.is_empty()).collect())
    }

    /// The value of `name`: given, or the default; empty where there is no such setting.
    pub(crate) fn value(&self, name: &str) -> &str {
        let default = || Setting::named(name).map_or("", |setting| setting.default);
        self.given.get(name).map_or_else(default, String::as_str)
    }

    /// The numeric value of `name`; 0 where it is no number.
    pub(crate) fn number(&self, name: &str) -> i64 {
        self.value(name).parse().unwrap_or(0)
    }

    /// Whether `name` was given.
    pub(crate) fn is_given(&self, name: &str) -> bool {
        self.given.contains_key(name)
    }

    /// What was given, by name.
    pub(crate) fn given(&self) -> impl Iterator<Item = (&str, &str)> {
        self.given
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Whether the newest record of each key is kept.
    pub(crate) fn is_compacted(&self) -> bool {
        self.value("cleanup.policy").contains("compact")
    }

    /// Whether old segments are deleted by age and size.
    pub(crate) fn is_deleted(&self) -> bool {
        self.value("cleanup.policy").contains("delete")
    }

    /// Whether the broker stamps records.
    pub(crate) fn is_log_append_time(&self) -> bool {
        self.value("message.timestamp.type") == "LogAppendTime"
    }

    /// The share of not yet compacted bytes from which compaction runs.
    pub(crate) fn dirty_ratio_min(&self) -> f64 {
        self.value("min.cleanable.dirty.ratio")
            .parse()
            .unwrap_or(0.5)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_default_is_accepted_and_names_are_in_order() {
        for setting in SETTINGS {
            assert!(setting.accepts(setting.default), "{}", setting.name);
        }
        assert!(SETTINGS.is_sorted_by_key(|setting| setting.name));
    }

    #[test]
    fn bounds_are_inside_and_one_beyond_is_refused() {
        let mut settings = TopicSettings::new();
        assert_eq!(settings.set("retention.ms", "-1"), Ok(()));
        assert_eq!(
            settings.set("retention.ms", "-2"),
            Err(SettingError::Value {
                name: "retention.ms".to_owned(),
                value: "-2".to_owned()
            })
        );
        assert_eq!(settings.number("retention.ms"), -1, "kept");
        assert_eq!(
            settings.set("retention.hours", "1"),
            Err(SettingError::Unknown("retention.hours".to_owned()))
        );
    }

    #[test]
    fn lists_grow_and_shrink_word_by_word() {
        let mut settings = TopicSettings::new();
        assert_eq!(settings.append("cleanup.policy", "compact"), Ok(()));
        assert_eq!(settings.value("cleanup.policy"), "delete,compact");
        assert_eq!(settings.subtract("cleanup.policy", "delete"), Ok(()));
        assert!(settings.is_compacted() && !settings.is_deleted());
        assert_eq!(
            settings.append("retention.ms", "1"),
            Err(SettingError::NotAList("retention.ms".to_owned()))
        );
    }
}
