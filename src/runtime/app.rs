//! A pipeline that runs: from a plan to workers, and to their end.

use std::any::Any;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::io;
use std::panic;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::thread;

use tokio::sync::mpsc;

use crate::client::cluster::Cluster;
use crate::client::config::Config;
use crate::client::config::Isolation;
use crate::client::offsets::ByPartition;
use crate::client::offsets::CommittedOffset;
use crate::client::offsets::OffsetSpec;
use crate::client::offsets::Offsets;
use crate::client::producer::TransactionalId;
use crate::client::schema_registry::SchemaRegistry;
use crate::codec::framing::SchemaId;
use crate::pipeline::Delivery;
use crate::record::Offset;
use crate::record::PartitionId;
use crate::record::TopicName;
use crate::record::TopicPartition;
use crate::runtime::commit::Committed;
use crate::runtime::commit::name_of;
use crate::runtime::counts::Counts;
use crate::runtime::counts::FlowCounts;
use crate::runtime::delivering::Delivering;
use crate::runtime::delivering::take_over;
use crate::runtime::error::RunError;
use crate::runtime::input::Input;
use crate::runtime::input::Place;
use crate::runtime::input::Run;
use crate::runtime::internal_topics;
use crate::runtime::joint::Joint;
use crate::runtime::joint::Share;
use crate::runtime::schemas::Schemas;
use crate::runtime::stop;
use crate::runtime::stop::StopReceiver;
use crate::runtime::stop::StopSender;
use crate::runtime::watching::Alerts;
use crate::runtime::worker::End;
use crate::runtime::worker::Worker;
use crate::stream::effects::Effects;
use crate::stream::plan::Plan;
use crate::stream::plan::ValueFormat;
use crate::stream::progress::Progress;
use crate::stream::stage::Part;
use crate::stream::stage::Stage;
use crate::stream::task::Task;

/// How a pipeline is run.
#[derive(Clone, Debug, Default)]
pub struct RunOptions {
    /// At most so many worker threads; `None`: as many as there are processors.
    pub threads: Option<usize>,
    /// When it ends by itself.
    pub end: End,
    /// What is told besides results.
    pub alerts: Alerts,
    /// How often a result may come out.
    pub delivery: Delivery,
}

/// Most workers of one pipeline, and so transactional ids of it.
const WORKERS_MAX: usize = 64;

/// A pipeline that runs.
#[derive(Debug)]
pub struct App {
    stop: StopSender,
    ended: mpsc::UnboundedReceiver<Result<(), RunError>>,
    workers: usize,
    counts: Arc<Counts>,
}

impl App {
    /// Looks the topics up, creates the internal topics that are missing, finds out where to go
    /// on, and starts the workers. With [`Delivery::ExactlyOnce`], every earlier run of a pipeline of
    /// this name is fenced: it fails with its next commit, and nothing counts that it has not
    /// committed.
    ///
    /// # Errors
    ///
    /// [`RunError`]; nothing runs then.
    pub async fn start(
        cluster: &Cluster,
        plan: &Plan,
        options: RunOptions,
    ) -> Result<Self, RunError> {
        let config = cluster.config();
        if options.delivery == Delivery::ExactlyOnce
            && config.fetch.isolation != Isolation::ReadCommitted
        {
            return Err(RunError::Isolation);
        }
        options.alerts.check(plan)?;
        for topic in options.alerts.topics() {
            cluster.topic(&TopicName::from(topic)).await?;
        }
        let registry = match config.registry.urls.as_slice() {
            [] => None,
            _ => Some(Arc::new(SchemaRegistry::new(&config.registry)?)),
        };
        let stages = lay_out(cluster, plan).await?;
        internal_topics::prepare(cluster, &stages).await?;
        let sinks = sink_schemas(config, registry.as_deref(), &stages).await?;
        // Only who has fenced all others may ask where to go on.
        let mut ids = match options.delivery {
            Delivery::ExactlyOnce => take_over(cluster, &plan.name, workers_max(&stages)).await?,
            Delivery::AtLeastOnce => Vec::new(),
        };
        let inputs = inputs(cluster, &plan.name, &stages, (&sinks, &options.alerts))
            .await?
            .parts();
        let threads = options
            .threads
            .unwrap_or_else(|| thread::available_parallelism().map_or(1, usize::from));
        let workers = threads.clamp(1, inputs.len().clamp(1, workers_max(&stages)));
        let (stop, stopped) = stop::pair();
        let (tell, ended) = mpsc::unbounded_channel();
        let counts = Arc::new(Counts::new(workers, levels(&stages)));
        for mut share in shares(inputs, workers) {
            share.add_globals();
            let start = WorkerStart {
                config: config.clone(),
                group: plan.name.to_string(),
                share,
                id: ids.pop(),
                schemas: Schemas::new(registry.clone()),
                counts: Arc::clone(&counts),
                end: options.end,
                stop: stopped.clone(),
            };
            let tell = tell.clone();
            let spawned = thread::Builder::new()
                .name("worker".to_owned())
                .spawn(move || {
                    // Nobody listens any more only where the whole pipeline is being given up.
                    drop(tell.send(start.run_caught()));
                });
            spawned.map_err(|source| RunError::System {
                doing: "start a worker",
                source,
            })?;
        }
        Ok(Self {
            stop,
            ended,
            workers,
            counts,
        })
    }

    /// Tells the workers to finish, commit and end.
    pub fn stop(&self) {
        self.stop.stop();
    }

    /// Waits until every worker has ended; where one fails, the others are told to stop.
    ///
    /// Cancel safe: may be called again.
    ///
    /// # Errors
    ///
    /// The first worker's [`RunError`].
    pub async fn ended(&mut self) -> Result<(), RunError> {
        let mut first = Ok(());
        while self.workers > 0 {
            let Some(end) = self.ended.recv().await else {
                break;
            };
            self.workers -= 1;
            if end.is_err() {
                self.stop.stop();
                first = first.and(end);
            }
        }
        first
    }

    /// The counts of each flow, by name.
    #[must_use]
    pub fn counts(&self) -> BTreeMap<Box<str>, FlowCounts> {
        self.counts.flows()
    }
}

/// How many workers there may be: each has a partition at least.
fn workers_max(stages: &[Arc<Stage>]) -> usize {
    let partitions = stages.iter().flat_map(|stage| {
        let inputs = stage.inputs().into_iter().enumerate();
        let counted = inputs.filter(|(input, _)| !stage.is_global(*input));
        counted.flat_map(|(_, topic)| (0..stage.partitions).map(move |number| (topic, number)))
    });
    let partitions: BTreeSet<_> = partitions.collect();
    partitions.len().clamp(1, WORKERS_MAX)
}

async fn lay_out(cluster: &Cluster, plan: &Plan) -> Result<Vec<Arc<Stage>>, RunError> {
    let mut partitions = BTreeMap::new();
    for name in plan.flows.iter().flat_map(|flow| flow.topics()) {
        let topic = cluster.topic(name).await?;
        let count = u32::try_from(topic.partitions.len()).unwrap_or(u32::MAX);
        partitions.insert(Arc::clone(name), count);
    }
    Ok(plan.lay_out(|topic| partitions.get(topic).copied())?)
}

/// How many levels of topics there are: those of the user are one, internal ones the others.
fn levels(stages: &[Arc<Stage>]) -> usize {
    let inputs = stages.iter().flat_map(|stage| {
        let inputs = 0..stage.inputs().len();
        inputs.map(|input| stage.input_level(input))
    });
    inputs.max().unwrap_or_default() + 1
}

type SinkSchemas = BTreeMap<Arc<str>, SchemaId>;

/// What is at the ends of tasks: how results are written, and what watches them.
type Ends<'e> = (&'e SinkSchemas, &'e Alerts);

/// The ids of the schemas that results are written with.
async fn sink_schemas(
    config: &Config,
    registry: Option<&SchemaRegistry>,
    stages: &[Arc<Stage>],
) -> Result<SinkSchemas, RunError> {
    let mut ids = SinkSchemas::new();
    for stage in stages {
        let ValueFormat::Avro { schema } = &stage.flow.sink.value else {
            continue;
        };
        let registry = registry.ok_or(crate::client::schema_registry::RegistryError::NoUrl)?;
        let subject = format!("{}-value", stage.flow.sink.topic);
        let id = if config.registry.auto_register {
            registry.register(&subject, schema).await?
        } else {
            registry.look_up(&subject, schema).await?.id
        };
        ids.insert(Arc::clone(schema), SchemaId::Number(id));
    }
    Ok(ids)
}

/// Every partition that the stages read, with its tasks where they go on.
async fn inputs(
    cluster: &Cluster,
    group: &str,
    stages: &[Arc<Stage>],
    ends: Ends<'_>,
) -> Result<Share, RunError> {
    let readers: Vec<_> = stages.iter().flat_map(readers).collect();
    let (mut partitions, mut globals) = (BTreeSet::new(), BTreeSet::new());
    for (stage, _, read) in &readers {
        for (input, partition) in read.iter().enumerate() {
            match stage.is_global(input) {
                true => globals.insert(partition.clone()),
                false => partitions.insert(partition.clone()),
            };
        }
    }
    let starts = Starts {
        committed: starts(cluster, group, partitions.iter().cloned().collect()).await?,
        first: first_offsets(cluster, &globals.into_iter().collect::<Vec<_>>()).await?,
    };
    let input = |partition: TopicPartition| Input {
        partition,
        runs: Vec::new(),
        places: Vec::new(),
    };
    let mut inputs: BTreeMap<_, _> = partitions
        .into_iter()
        .map(|partition| (partition.clone(), input(partition)))
        .collect();
    let mut joints = Vec::new();
    for (stage, task, partitions) in readers {
        let run = run(group, (task, &partitions), stage, &starts, ends)?;
        let is_joint = matches!(run.stage.part, Part::Stretch(_));
        if let ([partition], false) = (&*partitions, is_joint) {
            if let Some(input) = inputs.get_mut(partition) {
                input.runs.push(run);
            }
            continue;
        }
        for (number, partition) in partitions.iter().enumerate() {
            let input = inputs.get_mut(partition);
            if let Some(input) = input.filter(|_| !run.stage.is_global(number)) {
                input.places.push(Place {
                    joint: joints.len(),
                    input: number,
                });
            }
        }
        joints.push(Joint { run, partitions });
    }
    let inputs = inputs.into_values().collect();
    Ok(Share { inputs, joints })
}

/// The tasks of a stage: the partitions that each of them reads.
fn readers(
    stage: &Arc<Stage>,
) -> impl Iterator<Item = (Arc<Stage>, PartitionId, Vec<TopicPartition>)> {
    let numbers = 0..i32::try_from(stage.partitions).unwrap_or(i32::MAX);
    numbers.map(|number| {
        let topics = stage.inputs().into_iter().enumerate();
        let partitions = topics.map(|(input, topic)| TopicPartition {
            topic: Arc::clone(topic),
            partition: stage.input_partition(input, PartitionId(number)),
        });
        (Arc::clone(stage), PartitionId(number), partitions.collect())
    })
}

fn run(
    group: &str,
    (number, partitions): (PartitionId, &[TopicPartition]),
    stage: Arc<Stage>,
    starts: &Starts,
    (sinks, alerts): Ends<'_>,
) -> Result<Run, RunError> {
    let sink = match &stage.flow.sink.value {
        ValueFormat::Avro { schema } => sinks.get(schema).copied(),
        ValueFormat::Json => None,
    };
    let task = Task::new(&stage, number, sink);
    let mut task = task.map_err(|source| RunError::Schema {
        what: format!("sink of flow {}", stage.flow.name),
        source,
    })?;
    for (input, partition) in partitions.iter().enumerate() {
        if stage.is_global(input) {
            let first = starts.first.get(partition).copied().unwrap_or_default();
            task.restore_input(input, &Progress::starting_at(first));
            continue;
        }
        let found = starts.committed.get(partition);
        let progress = found.map_or(Ok(Progress::starting_at(Default::default())), |found| {
            Committed::progress(found, &name_of(&stage, input))
        });
        let foreign = |source| RunError::ForeignProgress {
            group: group.to_owned(),
            partition: partition.clone(),
            source,
        };
        task.restore_input(input, &progress.map_err(foreign)?);
    }
    Ok(Run {
        watching: alerts.of(&stage, sink)?,
        stage,
        task,
        effects: Effects::new(),
    })
}

/// Where partitions begin.
struct Starts {
    /// Where those go on that are shared out.
    committed: ByPartition<CommittedOffset>,
    /// The first offsets of those of global tables.
    first: ByPartition<Offset>,
}

/// Where each partition goes on: at what the group has committed, else at its first record.
async fn starts(
    cluster: &Cluster,
    group: &str,
    partitions: Vec<TopicPartition>,
) -> Result<ByPartition<CommittedOffset>, RunError> {
    let offsets = Offsets::new(cluster.clone());
    let mut starts = offsets.committed(group, Some(&partitions)).await?;
    let fresh: Vec<_> = partitions
        .into_iter()
        .filter(|partition| !starts.contains_key(partition))
        .collect();
    for (partition, first) in first_offsets(cluster, &fresh).await? {
        starts.insert(partition, CommittedOffset::new(first));
    }
    Ok(starts)
}

async fn first_offsets(
    cluster: &Cluster,
    partitions: &[TopicPartition],
) -> Result<ByPartition<Offset>, RunError> {
    let offsets = Offsets::new(cluster.clone());
    let found = offsets
        .list(partitions, OffsetSpec::Earliest, Isolation::ReadCommitted)
        .await?;
    let found = found.into_iter();
    Ok(found
        .map(|(partition, found)| (partition, found.offset.unwrap_or_default()))
        .collect())
}

/// Deals the parts out, one after another, so that a topic's partitions are spread.
fn shares(parts: Vec<Share>, workers: usize) -> Vec<Share> {
    let mut shares: Vec<Share> = (0..workers).map(|_| Share::default()).collect();
    for (number, part) in parts.into_iter().enumerate() {
        if let Some(share) = shares.get_mut(number % workers) {
            share.extend(part);
        }
    }
    shares
}

/// All that a worker's thread begins with.
struct WorkerStart {
    config: Config,
    group: String,
    share: Share,
    /// For exactly once.
    id: Option<TransactionalId>,
    schemas: Schemas,
    counts: Arc<Counts>,
    end: End,
    stop: StopReceiver,
}

impl WorkerStart {
    /// Runs the worker on a runtime of its own. A panic ends the worker, not the process.
    fn run_caught(self) -> Result<(), RunError> {
        let caught = panic::catch_unwind(AssertUnwindSafe(|| self.run()));
        caught.unwrap_or_else(|panic| Err(RunError::Panicked(message(&*panic))))
    }

    fn run(self) -> Result<(), RunError> {
        let system = |source: io::Error| RunError::System {
            doing: "start a worker's runtime",
            source,
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(system)?;
        let result = runtime.block_on(async {
            // Connections belong to the runtime that opened them, so each worker has its own.
            let cluster = Cluster::connect(self.config)
                .await
                .map_err(RunError::Connect)?;
            let mut worker = Worker::new(
                &cluster,
                &self.group,
                self.share,
                Delivering::new(&cluster, self.id),
                self.schemas,
                self.counts,
                self.end,
            );
            let result = worker.run(self.stop).await;
            if result.is_err() {
                worker.give_up().await;
            }
            result
        });
        runtime.shutdown_background();
        result
    }
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_default()
}
