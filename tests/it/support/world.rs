//! All tasks of a plan over topics in memory, stepped in whatever order a test likes.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::Arc;

use tidemill::protocol::partitioner::partition_for_key;
use tidemill::record::Offset;
use tidemill::record::PartitionId;
use tidemill::record::Timestamp;
use tidemill::store::persist::Reader;
use tidemill::store::persist::Writer;
use tidemill::stream::account::Account;
use tidemill::stream::clock::Reading;
use tidemill::stream::effects::Effects;
use tidemill::stream::plan::Plan;
use tidemill::stream::progress::Progress;
use tidemill::stream::stage::Part;
use tidemill::stream::stage::Stage;
use tidemill::stream::step::StepEnd;
use tidemill::stream::task::Task;

use crate::support::stream::Out;
use crate::support::stream::Rec;
use crate::support::stream::outs;

/// A topic: its partitions, each its records in order.
pub(crate) type Topic = Vec<Vec<Rec>>;

/// A number as one of another type, which it is small enough for.
fn number<T, U: TryFrom<T>>(of: T) -> U {
    U::try_from(of).ok().expect("a small number")
}

/// The tasks of a plan, and the topics that they read and write.
pub(crate) struct World {
    pub(crate) topics: BTreeMap<String, Topic>,
    tasks: Vec<Place>,
    pub(crate) account: Account,
}

struct Place {
    stage: Arc<Stage>,
    partition: PartitionId,
    task: Task,
    /// Topic and partition of each input.
    inputs: Vec<(String, usize)>,
    /// What was committed last.
    progress: Vec<Progress>,
}

impl World {
    /// The tasks of `plan` over `topics`; internal topics are made, and so is `out`.
    pub(crate) fn new(plan: &Plan, topics: &[(&str, u32)]) -> Self {
        let of = |topic: &str| {
            topics
                .iter()
                .find(|known| known.0 == topic)
                .map(|known| known.1)
        };
        let stages = plan.lay_out(of).expect("a layout");
        let mut all = BTreeMap::new();
        let mut create = |name: &str, partitions: u32| {
            let partitions = vec![Vec::new(); number(partitions)];
            let known = all.insert(name.to_owned(), partitions);
            assert!(known.is_none(), "two topics are called {name}");
        };
        topics.iter().for_each(|(name, count)| create(name, *count));
        create("out", 3);
        for stage in &stages {
            for (topic, partitions) in stage.internal_topics() {
                create(topic, partitions);
            }
        }
        let mut tasks = Vec::new();
        for stage in &stages {
            for partition in 0..stage.partitions {
                tasks.push(Place::new(stage, partition));
            }
        }
        Self {
            topics: all,
            tasks,
            account: Account::default(),
        }
    }

    /// How many tasks there are.
    pub(crate) fn tasks(&self) -> usize {
        self.tasks.len()
    }

    /// Appends a record to a topic of the user's, by its key.
    pub(crate) fn produce(&mut self, topic: &str, key: &str, value: Option<&str>, time: i64) {
        let mut rec = Rec::new(0, time, key, "");
        rec.value = value.map(|value| value.as_bytes().to_vec());
        self.append(topic, None, rec);
    }

    /// Appends a record to every partition of a topic of the user's.
    pub(crate) fn produce_everywhere(&mut self, topic: &str, key: &str, value: &str, time: i64) {
        for partition in 0..self.topics[topic].len() {
            let rec = Rec::new(0, time, key, value);
            self.append(topic, Some(number(partition)), rec);
        }
    }

    fn append(&mut self, topic: &str, partition: Option<i32>, mut rec: Rec) {
        let partitions = self.topics.get_mut(topic).expect("a topic");
        let count = NonZeroU32::new(number(partitions.len())).expect("partitions");
        let by_key = || partition_for_key(rec.key.as_deref().unwrap_or_default(), count).0;
        let log = &mut partitions[number::<_, usize>(partition.unwrap_or_else(by_key))];
        rec.offset = number(log.len());
        log.push(rec);
    }

    /// Offers the next `count` records of an input of a task, and lets it work.
    pub(crate) fn step(&mut self, task: usize, input: usize, count: usize) {
        let place = &mut self.tasks[task];
        let input = input % place.inputs.len();
        let mut effects = Effects::new();
        let (topic, partition) = &place.inputs[input];
        let log = &self.topics[topic][*partition];
        let from = number::<_, usize>(place.task.offered(input).0).min(log.len());
        let to = (from + count).min(log.len());
        let records = log[from..to].iter().map(Rec::view);
        let end = place.task.offer(input, records, Timestamp(0), &mut effects);
        assert_eq!(end, StepEnd::Done);
        place.task.move_input_to(input, Offset(number(to)));
        let (topics, inputs) = (&self.topics, &place.inputs);
        let offered: Vec<i64> = (0..inputs.len())
            .map(|input| place.task.offered(input).0)
            .collect();
        let reading = |input: usize| {
            let (topic, partition) = &inputs[input];
            match number::<_, usize>(offered[input]) >= topics[topic][*partition].len() {
                true => Reading::CaughtUp,
                false => Reading::Behind,
            }
        };
        place.task.work(reading, &mut effects).expect("no failure");
        self.write(task, &effects);
    }

    /// What a commit does: everything comes out, and progress is kept.
    pub(crate) fn commit(&mut self, task: usize) {
        let mut effects = Effects::new();
        let place = &mut self.tasks[task];
        place.task.flush(&mut effects).expect("no failure");
        self.write(task, &effects);
        let place = &mut self.tasks[task];
        let inputs = 0..place.inputs.len();
        place.progress = inputs.map(|input| place.task.progress_of(input)).collect();
    }

    fn write(&mut self, task: usize, effects: &Effects) {
        assert_eq!(effects.account.imbalance(), 0, "{:?}", effects.account);
        self.account += effects.account;
        let stage = Arc::clone(&self.tasks[task].stage);
        for Out {
            destination,
            partition,
            rec,
        } in outs(effects)
        {
            let topic = stage.destination(destination).expect("a topic");
            self.append(topic, partition, rec);
        }
    }

    /// Saves a task, and goes on with what was loaded of it.
    pub(crate) fn reload(&mut self, task: usize) {
        let mut out = Writer::new();
        let place = &mut self.tasks[task];
        place.task.save(&mut out);
        let bytes = out.into_bytes();
        let mut from = Reader::new(&bytes);
        let mut fresh = place.fresh();
        fresh.load(&mut from).expect("what was saved");
        from.end().expect("all of it");
        place.task = fresh;
    }

    /// Goes on from what a task committed last, as after a crash.
    pub(crate) fn crash(&mut self, task: usize) {
        let place = &mut self.tasks[task];
        place.task = place.fresh();
        for (input, progress) in place.progress.iter().enumerate() {
            let metadata = progress.to_metadata();
            let read = Progress::parse(progress.committable, &metadata);
            place.task.restore_input(input, &read.expect("our own"));
        }
    }

    /// Reads everything to its end.
    pub(crate) fn settle(&mut self) {
        loop {
            let before: usize = self.topics.values().flatten().map(Vec::len).sum();
            for task in 0..self.tasks.len() {
                for input in 0..self.tasks[task].inputs.len() {
                    self.step(task, input, usize::MAX / 2);
                }
                self.commit(task);
            }
            let after: usize = self.topics.values().flatten().map(Vec::len).sum();
            if after == before {
                return;
            }
        }
    }

    /// What `out` holds: key, value and time of each record, in the order of each partition.
    pub(crate) fn results(&self) -> Vec<(String, serde_json::Value, i64)> {
        let line = |rec: &Rec| {
            let key = rec.key.clone().unwrap_or_default();
            let value = rec.value.as_deref();
            let value = value.map(|value| serde_json::from_slice(value).expect("JSON"));
            (
                String::from_utf8(key).expect("text"),
                value.unwrap_or_default(),
                rec.timestamp,
            )
        };
        self.topics["out"].iter().flatten().map(line).collect()
    }
}

impl Place {
    fn new(stage: &Arc<Stage>, partition: u32) -> Self {
        let partition = PartitionId(number(partition));
        let fresh = Task::new(stage, partition, None);
        let inputs = stage.inputs().into_iter().enumerate();
        let inputs: Vec<_> = inputs
            .map(|(input, topic)| {
                let read = stage.input_partition(input, partition);
                (topic.to_string(), number(read.0))
            })
            .collect();
        Self {
            stage: Arc::clone(stage),
            partition,
            task: fresh.expect("a task"),
            progress: vec![Progress::starting_at(Offset(0)); inputs.len()],
            inputs,
        }
    }

    fn fresh(&self) -> Task {
        assert!(
            matches!(self.stage.part, Part::Stretch(_)),
            "of several operators"
        );
        Task::new(&self.stage, self.partition, None).expect("a task")
    }
}
