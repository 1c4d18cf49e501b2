//! The table of keys: what a pipeline file may say, where, in which form.
//!
//! The one home of this knowledge: `check` refuses a key that is not here and misses one that must
//! be ([`crate::pipeline::keys`]), and the JSON Schema for editors is made of it
//! ([`mod@crate::pipeline::json_schema`]).

use crate::pipeline::delivery::DELIVERY_WORDS;

/// The keys that a mapping may have.
#[derive(Debug)]
pub(super) struct Vocabulary {
    /// What the mapping is, in words.
    pub(super) of: &'static str,
    /// The keys that are understood, in the order in which help lists them.
    pub(super) keys: &'static [Entry],
    /// The keys that will be, which are refused rather than passed over.
    pub(super) later: &'static [&'static str],
}

/// One key of a mapping.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) name: &'static str,
    pub(super) need: Need,
    /// What may stand under it.
    pub(super) form: Form,
    /// What it says, in a sentence, for people and their editors.
    pub(super) about: &'static str,
}

/// Whether a key has to be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    Required,
    Optional,
}

/// What may stand under a key.
#[derive(Clone, Copy, Debug)]
pub(super) enum Form {
    /// Any text.
    Text,
    /// The name of a topic, or of what becomes part of one's name.
    Name,
    /// `30s`, `1h30m`.
    Duration,
    /// An expression in CEL.
    Expression,
    /// `true` or `false`.
    Truth,
    /// One of [`crate::codec::format::Format::ALL`].
    Format,
    /// One of these words.
    Word(&'static [&'static str]),
    /// A time in a test.
    Time,
    /// A whole number, 0 or more.
    Count,
    /// A number.
    Number,
    /// Anything.
    Any,
    /// A mapping with these keys.
    Mapping(&'static Vocabulary),
    /// A mapping with these keys, and with others that stand for client properties.
    Properties(&'static Vocabulary),
    /// A mapping from names that the user chooses.
    ByName(&'static Self),
    List(&'static Self),
    OneOf(&'static [Self]),
}

impl Vocabulary {
    /// The mapping as a person would write it at its shortest.
    pub(super) fn example(&'static self) -> String {
        format!("`{}`", Form::Mapping(self).written())
    }

    /// The names of the keys that are understood.
    pub(super) fn names(&self) -> impl Iterator<Item = &'static str> {
        self.keys.iter().map(|entry| entry.name)
    }
}

impl Entry {
    /// The key as a person would write it.
    pub(super) fn written(&self) -> String {
        format!("{}: {}", self.name, self.form.written())
    }
}

impl Form {
    fn written(&self) -> String {
        match self {
            Self::Text | Self::Any => "…".to_owned(),
            Self::Name => "NAME".to_owned(),
            Self::Duration => "1m".to_owned(),
            Self::Expression => "EXPRESSION".to_owned(),
            Self::Truth => "true".to_owned(),
            Self::Time => "\"12:00:05\"".to_owned(),
            Self::Count | Self::Number => "1".to_owned(),
            Self::Format => "json".to_owned(),
            Self::Word(words) => words.first().copied().unwrap_or_default().to_owned(),
            Self::Mapping(vocabulary) | Self::Properties(vocabulary) => {
                let required = vocabulary.keys.iter();
                let required = required.filter(|entry| entry.need == Need::Required);
                let mut written: Vec<_> = required.map(Entry::written).collect();
                if written.is_empty() {
                    written.extend(vocabulary.keys.first().map(Entry::written));
                }
                format!("{{ {} }}", written.join(", "))
            }
            Self::ByName(form) => format!("{{ NAME: {} }}", form.written()),
            Self::List(form) => format!("[ {} ]", form.written()),
            Self::OneOf(forms) => forms.first().map(Self::written).unwrap_or_default(),
        }
    }
}

const fn required(name: &'static str, form: Form, about: &'static str) -> Entry {
    Entry {
        name,
        need: Need::Required,
        form,
        about,
    }
}

const fn optional(name: &'static str, form: Form, about: &'static str) -> Entry {
    Entry {
        name,
        need: Need::Optional,
        form,
        about,
    }
}

/// The version of the file format that is read.
pub(super) const FORMAT_VERSION: &str = "1";

/// The words of `emit:`.
pub(super) const EMIT_WORDS: &[&str] = &["final", "updates", "every-update"];

pub(super) static PIPELINE: Vocabulary = Vocabulary {
    of: "a pipeline",
    keys: &[
        required(
            "tidemill",
            Form::Word(&[FORMAT_VERSION]),
            "The version of the file format.",
        ),
        required(
            "name",
            Form::Name,
            "The name of the pipeline: its consumer group, and the prefix of its internal topics.",
        ),
        optional(
            "connect",
            Form::Properties(&CONNECT),
            "How to reach the cluster and the registry. `${NAME}` and `${NAME:-default}` are replaced here, and nowhere else.",
        ),
        optional(
            "delivery",
            Form::Word(DELIVERY_WORDS),
            "How often a result may come out after a crash: once for those who read what is committed (`exactly-once`, the default), or perhaps again (`at-least-once`).",
        ),
        required(
            "sources",
            Form::ByName(&Form::Mapping(&SOURCE)),
            "The topics that are read, by names for this file.",
        ),
        optional(
            "tables",
            Form::ByName(&Form::Mapping(&TABLE)),
            "The topics that are read as tables, the latest value of each key, by names for this file.",
        ),
        required(
            "flows",
            Form::ByName(&Form::OneOf(&[
                Form::Mapping(&FLOW),
                Form::Mapping(&BRANCHED),
            ])),
            "What is computed, by name.",
        ),
        optional(
            "on_error",
            Form::OneOf(&[Form::Word(&["fail", "skip"]), Form::Mapping(&TOPIC_ONLY)]),
            "What happens to records that cannot be used: the pipeline stops (`fail`, the default), they are counted and left out (`skip`), or they go to a topic with the reason in headers.",
        ),
        optional(
            "alerts",
            Form::ByName(&Form::Mapping(&ALERT)),
            "What is to be told when results are not as they should be, by name. An alert knows what came out since its start: after a restart, what still holds fires once more, and what ended meanwhile is not cleared.",
        ),
        optional(
            "tests",
            Form::List(&Form::Mapping(&TEST)),
            "Tests of the flows, run by `tidemill test` on a virtual clock.",
        ),
    ],
    later: &[],
};

static CONNECT: Vocabulary = Vocabulary {
    of: "`connect:`",
    keys: &[
        optional(
            "brokers",
            Form::Text,
            "Brokers to ask first, as host:port,… (default localhost:9092).",
        ),
        optional("registry", Form::Text, "The URL of the schema registry."),
    ],
    later: &[],
};

// What sources and tables have in common.
const TOPIC: Entry = required("topic", Form::Name, "The topic.");
const KEY_FORMAT: Entry = optional("key", Form::Format, "The format of keys (default text).");
const VALUE_FORMAT: Entry = optional(
    "value",
    Form::Format,
    "The format of values (default json).",
);
const VALUE_SCHEMA: Entry = optional(
    "schema",
    Form::OneOf(&[Form::Text, Form::ByName(&Form::Any)]),
    "What is in values, so that expressions are checked before anything runs. Of Avro a file with the schema that values are read as. Of JSON the fields with their types, as in `{ price: double, tags: [string], address: { city: string }, note: string? }`: string, int, double, bool or any, with `?` where null may stand too; an expression that meets a value of another type fails as `on_error` says.",
);

/// The types of fields of JSON.
pub(super) const TYPE_WORDS: &[&str] = &["string", "int", "double", "bool", "any"];
const EVENT_TIME: Entry = optional(
    "time",
    Form::Expression,
    "The event time: integer milliseconds since the epoch, a timestamp, or RFC 3339 text (default: the record's timestamp).",
);
const FUTURE: Entry = optional(
    "future",
    Form::OneOf(&[Form::Word(&["none"]), Form::Duration]),
    "How far beyond the wall clock an event time may lie; records beyond are rejected (default 1h).",
);

pub(super) static SOURCE: Vocabulary = Vocabulary {
    of: "a source",
    keys: &[
        TOPIC,
        KEY_FORMAT,
        VALUE_FORMAT,
        VALUE_SCHEMA,
        EVENT_TIME,
        optional(
            "idle",
            Form::Duration,
            "How long a partition that is read to its end may be silent before its clock follows the wall clock, so that its last windows close (default: for ever).",
        ),
        FUTURE,
        optional(
            "partitioned",
            Form::Truth,
            "Whether records that a flow gives the same key share a partition already, so that no repartition topic is needed.",
        ),
    ],
    later: &["key_schema"],
};

pub(super) static TABLE: Vocabulary = Vocabulary {
    of: "a table",
    keys: &[
        TOPIC,
        KEY_FORMAT,
        VALUE_FORMAT,
        VALUE_SCHEMA,
        EVENT_TIME,
        optional(
            "idle",
            Form::Duration,
            "How long a partition that is read to its end may be silent before its clock follows the wall clock (default: for ever).",
        ),
        FUTURE,
        optional(
            "history",
            Form::Duration,
            "How far back joins look for the value that a row had at a record's time (default: they see the latest).",
        ),
        optional(
            "global",
            Form::Truth,
            "Whether every task has the whole table, so that streams can be joined with it by any key (default: false).",
        ),
    ],
    later: &["key_schema"],
};

pub(super) static FLOW: Vocabulary = Vocabulary {
    of: "a flow",
    keys: &[
        required(
            "from",
            Form::OneOf(&[Form::Text, Form::List(&Form::Text)]),
            "The source, the table or the flow that is read; a list reads several as one.",
        ),
        optional(
            "where",
            Form::Expression,
            "Records for which this is false are filtered.",
        ),
        optional(
            "key",
            Form::Expression,
            "What the flow is keyed by (default: the record's key).",
        ),
        optional(
            "flat_map",
            Form::Expression,
            "A list: each of its elements becomes a record, none where it is empty.",
        ),
        optional(
            "distinct",
            Form::Mapping(&DISTINCT),
            "Leaves out records that repeat one with the same id.",
        ),
        optional(
            "join",
            Form::Mapping(&JOIN),
            "Joins each record with those of another source, table or flow that have its key.",
        ),
        optional(
            "window",
            Form::Mapping(&WINDOW),
            "The stretches of event time that records are aggregated over.",
        ),
        optional(
            "aggregate",
            Form::ByName(&Form::Expression),
            "The aggregates by name, such as `sum(value.price)`.",
        ),
        optional(
            "select",
            Form::ByName(&Form::Expression),
            "The fields of a result by name; without it, key, window and all aggregates, or the value unchanged.",
        ),
        optional(
            "emit",
            Form::OneOf(&[Form::Word(EMIT_WORDS), Form::Mapping(&EMIT)]),
            "When results come out: once, when the window closes (`final`, the default), with each commit (`updates`), or at each change (`every-update`); or how changes are thinned out.",
        ),
        optional(
            "late",
            Form::OneOf(&[Form::Word(&["drop"]), Form::Mapping(&TOPIC_ONLY)]),
            "Where records go whose windows are all closed; they are counted in any case.",
        ),
        required("to", Form::Mapping(&SINK), "Where the results go."),
        optional(
            "chart",
            Form::Mapping(&CHART),
            "How a dashboard draws the results.",
        ),
    ],
    later: &["on_error", "lookup"],
};

pub(super) static BRANCHED: Vocabulary = Vocabulary {
    of: "a flow with branches",
    keys: &[
        required(
            "from",
            Form::OneOf(&[Form::Text, Form::List(&Form::Text)]),
            "The source or the flow that is read; a list reads several as one.",
        ),
        optional(
            "where",
            Form::Expression,
            "Records for which this is false are in no branch.",
        ),
        optional(
            "key",
            Form::Expression,
            "What the branches are keyed by (default: the record's key).",
        ),
        required(
            "branch",
            Form::ByName(&Form::Mapping(&BRANCH)),
            "The branches, by name: each record goes into the first whose `where` holds. Each is a flow of its own, named after both: `FLOW-BRANCH`.",
        ),
    ],
    later: &[],
};

pub(super) static BRANCH: Vocabulary = Vocabulary {
    of: "a branch",
    keys: &[
        optional(
            "where",
            Form::Expression,
            "Which of the records that are left it takes (default: all, of the last one).",
        ),
        optional(
            "select",
            Form::ByName(&Form::Expression),
            "The fields of a result by name; without it the value unchanged.",
        ),
        required("to", Form::Mapping(&SINK), "Where its records go."),
        optional(
            "chart",
            Form::Mapping(&CHART),
            "How a dashboard draws the results.",
        ),
    ],
    later: &[],
};

/// The words of `when_full:`.
pub(super) const FULL_WORDS: &[&str] = &["emit-early", "stop"];

pub(super) static EMIT: Vocabulary = Vocabulary {
    of: "`emit:`",
    keys: &[
        optional(
            "updates",
            Form::Duration,
            "With commits that are at least so long of wall clock apart, at most one result for each key and window; and when the window closes.",
        ),
        optional(
            "hold",
            Form::Duration,
            "So long of event time after the first change of a key and window that has not come out, its last one; when the window closes at the latest.",
        ),
        optional(
            "records",
            Form::Count,
            "How many results `hold` may hold back in a partition (default: any number).",
        ),
        optional(
            "bytes",
            Form::Count,
            "How many bytes `hold` may hold back in a partition, about (default: any number).",
        ),
        optional(
            "when_full",
            Form::Word(FULL_WORDS),
            "What happens beyond that: the oldest come out before their time (`emit-early`, the default), or those that are too much are handled as `on_error` says (`stop`).",
        ),
    ],
    later: &[],
};

pub(super) static WINDOW: Vocabulary = Vocabulary {
    of: "a window",
    keys: &[
        optional(
            "tumbling",
            Form::Duration,
            "Windows of this size, one after another.",
        ),
        optional(
            "hopping",
            Form::Duration,
            "Windows of this size that overlap; `every` says how often one begins.",
        ),
        optional(
            "sliding",
            Form::Duration,
            "Windows of records at most this far apart, one for each distinct set of them.",
        ),
        optional(
            "session",
            Form::Duration,
            "Windows of records that follow one another within this gap.",
        ),
        optional(
            "trailing",
            Form::Duration,
            "The records of the last stretch of this length: as of each record, or as of each tick of `every`.",
        ),
        optional("rows", Form::Text, "The last so many records of a key."),
        optional(
            "calendar",
            Form::Word(&["hour", "day", "week", "month"]),
            "Hours, days, weeks or months of a time zone.",
        ),
        optional(
            "every",
            Form::Duration,
            "How often a hopping window begins, or a trailing one ends.",
        ),
        optional(
            "bounds",
            Form::Word(&["closed", "half-open"]),
            "Whether the start of a trailing window is inside (`closed`, the default) or not.",
        ),
        optional(
            "zone",
            Form::Text,
            "The time zone of calendar windows, such as Europe/Berlin (default UTC).",
        ),
        optional(
            "grace",
            Form::Duration,
            "How long a window stays open after its end for records that come out of order (default 0).",
        ),
        optional(
            "empty",
            Form::OneOf(&[Form::Word(EMPTY_WORDS), Form::Mapping(&EMPTY)]),
            "`zero`: windows without records come out too when they close, with counts of 0 and other aggregates as they are of nothing; of a key up to 1000 windows after its last record, of a flow whose `key` is one constant without end. Only of tumbling, hopping and calendar windows. Default: they do not come out.",
        ),
    ],
    later: &[],
};

/// The words of `empty:`.
pub(super) const EMPTY_WORDS: &[&str] = &["zero"];

pub(super) static EMPTY: Vocabulary = Vocabulary {
    of: "`empty:`",
    keys: &[required(
        "zero",
        Form::Duration,
        "Windows without records come out if they start at most so long after a record of the key.",
    )],
    later: &[],
};

/// The words of `type:`.
pub(super) const JOIN_WORDS: &[&str] = &["inner", "left", "outer"];

pub(super) static JOIN: Vocabulary = Vocabulary {
    of: "`join:`",
    keys: &[
        required(
            "with",
            Form::Text,
            "The source, the table or the flow to join with.",
        ),
        optional(
            "type",
            Form::Word(JOIN_WORDS),
            "Which records come out: with both sides (`inner`, the default), all of the left side (`left`), all of both (`outer`).",
        ),
        optional(
            "within",
            Form::Duration,
            "How near the times of two records must be, both ways, both ends inside.",
        ),
        optional(
            "before",
            Form::Duration,
            "How far before a left record the right one may lie (default 0 beside `after`).",
        ),
        optional(
            "after",
            Form::Duration,
            "How far after a left record the right one may lie (default 0 beside `before`).",
        ),
        optional(
            "grace",
            Form::Duration,
            "How long records wait for partners that come out of order (default 0); with a table that has `history`, for versions.",
        ),
        optional(
            "on",
            Form::Expression,
            "The key of the right row that a left row, or a record joined with a global table, names (default: its own key).",
        ),
    ],
    later: &[],
};

pub(super) static DISTINCT: Vocabulary = Vocabulary {
    of: "`distinct:`",
    keys: &[
        required(
            "by",
            Form::Expression,
            "The id of a record; records with one id must have one key.",
        ),
        required(
            "within",
            Form::Duration,
            "How far from the first record with its id one counts as a repetition.",
        ),
    ],
    later: &[],
};

/// The words of `key:` under `to:`.
pub(super) const KEY_WORDS: &[&str] = &["text", "windowed"];

pub(super) static SINK: Vocabulary = Vocabulary {
    of: "`to:`",
    keys: &[
        TOPIC,
        optional(
            "value",
            Form::Format,
            "The format of results (default json).",
        ),
        optional(
            "schema",
            Form::Text,
            "A file with the Avro schema of results (default: one made of their fields).",
        ),
        optional(
            "key",
            Form::Word(KEY_WORDS),
            "How keys are written: as text (`text`, the default), or with their window behind them as Kafka Streams' windowed serializers do (`windowed`), for readers in Java.",
        ),
    ],
    later: &["file", "webhook", "postgres"],
};

pub(super) static TOPIC_ONLY: Vocabulary = Vocabulary {
    of: "a topic",
    keys: &[TOPIC],
    later: &[],
};

pub(super) static TEST: Vocabulary = Vocabulary {
    of: "a test",
    keys: &[
        required("name", Form::Text, "What the test shows."),
        optional("flow", Form::Text, "The flow that is tested."),
        optional(
            "alert",
            Form::Text,
            "The alert that is tested; its flow gets the records.",
        ),
        optional(
            "partitions",
            Form::Count,
            "How many partitions its topics have (default 1). Each has its own clock, and one without records holds back those of a flow that is keyed anew until it is `idle`.",
        ),
        optional(
            "given",
            Form::List(&Form::Mapping(&ARRIVAL)),
            "The records, in the order in which they arrive.",
        ),
        optional(
            "given_file",
            Form::Text,
            "A file with records, one envelope a line, as `tidemill consume -o jsonl` prints them. Their partitions count where the test has several.",
        ),
        optional(
            "expect",
            Form::List(&Form::Any),
            "The results, each with the fields that matter; for each key in the order in which they come out. `window` is the start of the window, or its `start` and `end`. Of an alert: how often it tells what, as in `[ fired: 1, cleared: 1 ]`, or each thing that it tells, as in `{ key: web, fired: \"12:00:40\", message: … }`; `fired`, `cleared` and `no_data` are there.",
        ),
        optional(
            "expect_file",
            Form::Text,
            "A file with the results, one object a line; `--update` leaves it as it is.",
        ),
        optional("late", Form::Count, "How many records are late."),
        optional(
            "rejected",
            Form::Count,
            "How many records cannot be used (default 0).",
        ),
        optional("filtered", Form::Count, "How many records `where` refuses."),
    ],
    later: &[],
};

pub(super) static ARRIVAL: Vocabulary = Vocabulary {
    of: "a record",
    keys: &[
        required(
            "at",
            Form::Time,
            "The wall clock when the record arrives, and its timestamp. An entry with nothing else lets time pass.",
        ),
        optional(
            "topic",
            Form::Name,
            "Which of the topics that the flow reads it stands in (default: the first).",
        ),
        optional(
            "partition",
            Form::Count,
            "Which partition of the topic, from 0 (default 0).",
        ),
        optional("key", Form::Any, "The key (default: null)."),
        optional(
            "value",
            Form::Any,
            "The value; null is a tombstone. Clock times stand for instants where the source's `time` reads them.",
        ),
        optional("headers", Form::Any, "Headers by name."),
    ],
    later: &[],
};

/// The words of `mark:`.
pub(super) const MARKS: &[&str] = &["lines", "bars", "area"];

pub(super) static CHART: Vocabulary = Vocabulary {
    of: "a chart",
    keys: &[
        required(
            "y",
            Form::OneOf(&[Form::Text, Form::List(&Form::Text)]),
            "The field or the fields that are drawn.",
        ),
        optional("by", Form::Text, "One line for each value of this field."),
        optional("mark", Form::Word(MARKS), "What is drawn."),
        optional(
            "top",
            Form::Count,
            "At most so many lines, the largest ones.",
        ),
        optional("threshold", Form::Number, "A line across at this value."),
    ],
    later: &[],
};

pub(super) static ALERT: Vocabulary = Vocabulary {
    of: "an alert",
    keys: &[
        required("on", Form::Text, "The flow whose results are watched."),
        required(
            "fire",
            Form::Expression,
            "When it fires, as in `value.rate > 0.05`.",
        ),
        optional(
            "for",
            Form::Duration,
            "How long that must hold (default 0s): from the first result of a key that fires to one at least so much later, without another, and without a window that has no records, between them. The time of a result is the end of its window where `emit` is `final`, else its timestamp. Without a window it fires too once the wall clock has gone on for so long.",
        ),
        optional(
            "clear",
            Form::Expression,
            "When what has fired clears (default: when it no longer fires); where both hold, it does not clear.",
        ),
        optional(
            "no_data",
            Form::Duration,
            "How long nothing may come out of a key, by the wall clock, before that is told too; it clears with the next result.",
        ),
        optional(
            "message",
            Form::Text,
            "What it says, with values in braces: `{key}: {value.rate:.1%}` (default: the condition).",
        ),
        optional(
            "to",
            Form::OneOf(&[ALERT_SINK_FORM, Form::List(&ALERT_SINK_FORM)]),
            "Where it says so (default log).",
        ),
    ],
    later: &[],
};

const ALERT_SINK_FORM: Form = Form::OneOf(&[Form::Word(&["log"]), Form::Mapping(&ALERT_SINK)]);

pub(super) static ALERT_SINK: Vocabulary = Vocabulary {
    of: "where an alert goes",
    keys: &[
        optional(
            "topic",
            Form::Name,
            "A topic, which gets a JSON object with `alert`, `key`, `state` (`fired`, `cleared` or `no_data`), `time` and `message`.",
        ),
        optional(
            "webhook",
            Form::Mapping(&WEBHOOK),
            "A webhook; `run` refuses it in this version.",
        ),
    ],
    later: &[],
};

pub(super) static WEBHOOK: Vocabulary = Vocabulary {
    of: "a webhook",
    keys: &[required(
        "url_env",
        Form::Text,
        "The environment variable that holds its address.",
    )],
    later: &[],
};
