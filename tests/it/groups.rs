//! `consume -g`: members that come and go share a topic, and every record is printed once.

use std::collections::BTreeMap;
use std::io::BufRead;
use std::io::BufReader;
use std::process::Command;
use std::process::ExitStatus;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;
use std::time::Instant;

use crate::pipeline_suite::Scene;
use crate::pipeline_suite::on_embedded_broker;
use crate::support::commands::Running;
use crate::support::commands::check;

/// What holds on any broker.
pub(crate) const CASES: &[fn(&Scene<'_>)] = &[
    members_come_and_go_under_range,
    members_come_and_go_under_round_robin,
    members_come_and_go_under_sticky,
    members_come_and_go_under_cooperative_sticky,
    a_member_goes_on_where_the_last_one_stopped,
    a_static_member_finds_its_partitions_again,
    of_two_members_with_one_name_the_later_one_stays,
    what_is_not_committed_is_read_again,
];

const PATIENCE: Duration = Duration::from_secs(60);

/// A process that prints what it reads, line by line.
pub(crate) struct Reader {
    process: Running,
    lines: Arc<Mutex<Vec<String>>>,
    said: Arc<Mutex<Vec<String>>>,
}

impl Reader {
    /// Starts `consume TOPIC -g GROUP` with `more`.
    pub(crate) fn start(scene: &Scene<'_>, topic: &str, group: &str, more: &[&str]) -> Self {
        let mut words = vec!["consume", topic, "-g", group];
        words.extend(more);
        Self::of(scene.brokers.command(&words))
    }

    /// Starts a command that prints records.
    pub(crate) fn of(mut command: Command) -> Self {
        let pipes = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut process = pipes.spawn().expect("it is installed");
        let lines = collect(process.stdout.take().expect("piped"));
        let said = collect(process.stderr.take().expect("piped"));
        Self {
            process: Running(process),
            lines,
            said,
        }
    }

    pub(crate) fn printed(&self) -> Vec<String> {
        self.lines.lock().expect("no panic").clone()
    }

    pub(crate) fn said(&self) -> String {
        self.said.lock().expect("no panic").join("\n")
    }

    /// Asks it to end, as Ctrl-C does, and waits until it has.
    pub(crate) fn interrupt(&mut self) -> ExitStatus {
        let kill = format!("kill -INT {}", self.process.0.id());
        let told = Command::new("sh").args(["-c", &kill]).status();
        assert!(told.expect("a shell").success(), "{}", self.said());
        self.ended()
    }

    /// Waits until it has ended.
    pub(crate) fn ended(&mut self) -> ExitStatus {
        let mut status = None;
        eventually(|| {
            status = self.process.0.try_wait().expect("a child");
            status.is_some()
        });
        status.expect("it ended")
    }
}

/// What is read, line by line, as it comes.
fn collect(from: impl std::io::Read + Send + 'static) -> Arc<Mutex<Vec<String>>> {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let filled = Arc::clone(&lines);
    std::thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            filled.lock().expect("no panic").push(line);
        }
    });
    lines
}

/// Waits for `condition`, looking again and again.
#[track_caller]
pub(crate) fn eventually(mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "not within {PATIENCE:?}");
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

/// A topic, its readers, and what was written to it.
pub(crate) struct Reading<'a> {
    scene: &'a Scene<'a>,
    pub(crate) topic: String,
    pub(crate) group: String,
    written: usize,
    pub(crate) readers: Vec<Reader>,
}

impl<'a> Reading<'a> {
    pub(crate) fn new(scene: &'a Scene<'a>, partitions: &str) -> Self {
        let topic = scene.name("shared");
        let create = ["topic", "create", &topic, "-p", partitions];
        scene.brokers.ok(&create, b"");
        Self {
            scene,
            group: scene.name("group"),
            topic,
            written: 0,
            readers: Vec::new(),
        }
    }

    pub(crate) fn start(&mut self, more: &[&str]) {
        let reader = Reader::start(self.scene, &self.topic, &self.group, more);
        self.readers.push(reader);
    }

    /// Writes 60 records, some to every partition, and waits until all are printed.
    pub(crate) fn wave(&mut self) {
        let numbers = self.written..self.written + 60;
        let input: String = numbers
            .map(|number| format!("{number}:{number}\n"))
            .collect();
        let produce = ["produce", &self.topic, "-q", "-K", ":"];
        self.scene.brokers.ok(&produce, input.as_bytes());
        self.written += 60;
        let deadline = Instant::now() + PATIENCE;
        while self.count() < self.written {
            assert!(Instant::now() < deadline, "{}", self.describe());
            std::thread::park_timeout(Duration::from_millis(20));
        }
    }

    /// Writes until each reader has printed more than it has now: so long a rebalance may take.
    pub(crate) fn until_all_read(&mut self) {
        let before: Vec<usize> = self.readers.iter().map(|of| of.printed().len()).collect();
        let deadline = Instant::now() + PATIENCE;
        let is_ahead = |reading: &Self| {
            let now = reading.readers.iter().map(|of| of.printed().len());
            now.zip(&before).all(|(now, before)| now > *before)
        };
        while !is_ahead(self) {
            assert!(Instant::now() < deadline, "{}", self.describe());
            self.wave();
        }
    }

    fn count(&self) -> usize {
        self.readers
            .iter()
            .map(|reader| reader.printed().len())
            .sum()
    }

    fn describe(&self) -> String {
        let each = self
            .readers
            .iter()
            .map(|of| (of.printed().len(), of.said()));
        format!("of {}: {:?}", self.written, each.collect::<Vec<_>>())
    }

    /// Every record was printed, and once.
    #[track_caller]
    pub(crate) fn check(&self) {
        assert_eq!(self.printed_twice(), BTreeMap::new(), "{}", self.describe());
    }

    /// Checks that every record was printed. Those that were printed more than once, with the
    /// numbers of the readers that printed them.
    #[track_caller]
    pub(crate) fn printed_twice(&self) -> BTreeMap<usize, Vec<usize>> {
        let mut by_record: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (place, reader) in self.readers.iter().enumerate() {
            for line in reader.printed() {
                let record = line.parse();
                let record = record.unwrap_or_else(|_| panic!("{line:?} is no record"));
                by_record.entry(record).or_default().push(place);
            }
        }
        let is_lost = |record: &usize| !by_record.contains_key(record);
        let lost: Vec<usize> = (0..self.written).filter(is_lost).collect();
        assert_eq!(lost, [0usize; 0], "{}", self.describe());
        by_record.retain(|_, readers| readers.len() > 1);
        by_record
    }
}

/// One member, then two, then three, then the first one leaves.
fn members_come_and_go(scene: &Scene<'_>, assignor: &str) {
    let strategy = format!("partition.assignment.strategy={assignor}");
    let more = ["-X", &strategy, "-X", "heartbeat.interval.ms=200"];
    let mut reading = Reading::new(scene, "6");
    for _ in 0..3 {
        reading.start(&more);
        reading.until_all_read();
    }
    let status = reading.readers[0].interrupt();
    assert_eq!(status.code(), Some(130), "{}", reading.describe());
    let left = reading.readers[0].printed().len();
    for _ in 0..3 {
        reading.wave();
    }
    assert_eq!(reading.readers[0].printed().len(), left);
    for reader in &mut reading.readers[1..] {
        assert_eq!(reader.interrupt().code(), Some(130));
    }
    reading.check();
}

fn members_come_and_go_under_range(scene: &Scene<'_>) {
    members_come_and_go(scene, "range");
}

fn members_come_and_go_under_round_robin(scene: &Scene<'_>) {
    members_come_and_go(scene, "roundrobin");
}

fn members_come_and_go_under_sticky(scene: &Scene<'_>) {
    members_come_and_go(scene, "org.apache.kafka.clients.consumer.StickyAssignor");
}

fn members_come_and_go_under_cooperative_sticky(scene: &Scene<'_>) {
    members_come_and_go(scene, "cooperative-sticky");
}

fn lines(of: std::ops::Range<usize>) -> String {
    of.map(|number| format!("{number}\n")).collect()
}

/// Reads `count` records as a member of `group`.
fn some(scene: &Scene<'_>, topic: &str, group: &str, count: &str, more: &[&str]) -> String {
    let mut words = vec!["consume", topic, "-q", "-g", group, "-n", count];
    words.extend(more);
    scene.brokers.text(&words, b"")
}

fn a_member_goes_on_where_the_last_one_stopped(scene: &Scene<'_>) {
    let topic = scene.name("line");
    let group = scene.name("group");
    scene.brokers.ok(&["topic", "create", &topic], b"");
    let produce = ["produce", &topic, "-q"];
    scene.brokers.ok(&produce, lines(0..10).as_bytes());
    assert_eq!(some(scene, &topic, &group, "3", &[]), lines(0..3));
    assert_eq!(some(scene, &topic, &group, "4", &[]), lines(3..7));
    let rest = ["consume", &topic, "-q", "-g", &group, "-e"];
    assert_eq!(scene.brokers.text(&rest, b""), lines(7..10));
    assert_eq!(scene.brokers.text(&rest, b""), "");
    // Where to start counts only without a committed offset.
    let other = scene.name("other");
    let tail = [
        "consume", &topic, "-q", "-g", &other, "-e", "--offset", "-2",
    ];
    assert_eq!(scene.brokers.text(&tail, b""), lines(8..10));
    scene.brokers.ok(&produce, lines(10..12).as_bytes());
    assert_eq!(scene.brokers.text(&tail, b""), lines(10..12));
}

fn a_static_member_finds_its_partitions_again(scene: &Scene<'_>) {
    let topic = scene.name("line");
    let group = scene.name("group");
    scene.brokers.ok(&["topic", "create", &topic], b"");
    scene
        .brokers
        .ok(&["produce", &topic, "-q"], lines(0..6).as_bytes());
    let one = ["-X", "group.instance.id=one"];
    assert_eq!(some(scene, &topic, &group, "3", &one), lines(0..3));
    // It did not leave: a member that is not static would wait for its session to end.
    let begun = Instant::now();
    assert_eq!(some(scene, &topic, &group, "3", &one), lines(3..6));
    assert!(
        begun.elapsed() < Duration::from_secs(20),
        "{:?}",
        begun.elapsed()
    );
}

fn of_two_members_with_one_name_the_later_one_stays(scene: &Scene<'_>) {
    let mut reading = Reading::new(scene, "2");
    let more = [
        "-X",
        "group.instance.id=one",
        "-X",
        "heartbeat.interval.ms=200",
    ];
    reading.start(&more);
    reading.wave();
    reading.start(&more);
    let status = reading.readers[0].ended();
    assert_eq!(status.code(), Some(1), "{}", reading.describe());
    let said = reading.readers[0].said();
    assert!(said.contains("FENCED_INSTANCE_ID"), "{said}");
}

fn what_is_not_committed_is_read_again(scene: &Scene<'_>) {
    let topic = scene.name("line");
    let group = scene.name("group");
    scene.brokers.ok(&["topic", "create", &topic], b"");
    scene
        .brokers
        .ok(&["produce", &topic, "-q"], lines(0..4).as_bytes());
    let without = ["-X", "enable.auto.commit=false"];
    for _ in 0..2 {
        assert_eq!(some(scene, &topic, &group, "4", &without), lines(0..4));
    }
}

#[test]
fn members_of_a_group_share_its_topics() {
    for case in CASES {
        on_embedded_broker(case);
    }
}

#[test]
fn wrong_usage_of_groups_ends_with_2() {
    on_embedded_broker(|scene| {
        scene.brokers.ok(&["topic", "create", "t"], b"");
        let run = |words: &[&str]| scene.brokers.run(words, b"");
        let strategy = "partition.assignment.strategy=rang";
        let wrong = run(&["consume", "t", "-g", "g", "-X", strategy]);
        check(
            &wrong,
            2,
            &["\"rang\" is no assignor", "cooperative-sticky"],
        );
        let wrong = run(&["consume", "t", "-g", "g", "-p", "0"]);
        check(&wrong, 2, &["--partition"]);
        let wrong = run(&["consume", "t", "-g", "g", "--offset", "1:5"]);
        check(&wrong, 2, &["only where to start"]);
        let wrong = run(&["consume", "tt", "-g", "g"]);
        check(&wrong, 1, &["\"tt\" does not exist"]);
    });
}
