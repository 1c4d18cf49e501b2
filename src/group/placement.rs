//! Which instance of a pipeline works on which task, and who keeps copies of its state.
//!
//! A task is assigned whole: the partitions that it reads together stay together. Work is spread
//! evenly, each instance keeps what it has, and a task with state moves only to an instance that
//! has nearly all of that state: until then it stays where the state is, and its next owner warms
//! up.
//!
//! Tasks count alike, and so do instances, however many threads they have. The same for the same
//! instances, in whatever order they come.
//!
//! Source: KIP-441 and `HighAvailabilityTaskAssignor.java` (Apache Kafka 4.3.1), from which it
//! differs where that moves tasks for the sake of a fixed order.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use crate::record::PartitionId;

/// One partition of a stage of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TaskId {
    /// The number of the stage.
    pub stage: u32,
    /// The partition of each topic that it reads.
    pub partition: PartitionId,
}

/// A process that runs the pipeline.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Instance {
    /// Its name, which no other has.
    pub id: String,
    /// The tasks that it has, or has state of.
    pub held: BTreeMap<TaskId, Held>,
}

/// What an instance has of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    /// It works on the task.
    Active,
    /// It has a copy of the task's state, which lacks so many records of the changelog.
    Copy {
        /// Records between the copy and the end of the changelog.
        lag: u64,
    },
}

/// What is to be placed, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    /// Tasks that have state.
    pub stateful: BTreeSet<TaskId>,
    /// Tasks that have none, and may move at any time.
    pub stateless: BTreeSet<TaskId>,
    /// How many further copies of each state are kept, as far as there are instances.
    pub standbys: usize,
    /// A copy that lacks at most so many records is as good as the state itself.
    pub lag_max: u64,
    /// At most so many tasks warm up elsewhere at the same time.
    pub warmups_max: usize,
}

/// What one instance is to do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Placement {
    /// Tasks to work on.
    pub active: BTreeSet<TaskId>,
    /// Tasks whose state is to be copied, in case their owner is lost.
    pub standby: BTreeSet<TaskId>,
    /// Tasks whose state is to be copied, to work on them next.
    pub warming: BTreeSet<TaskId>,
}

/// What all instances are to do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Placements {
    /// By the id of the instance; each has an entry.
    pub by_instance: BTreeMap<String, Placement>,
    /// Tasks that are not yet where they are to be: ask again once their next owners are warm.
    pub waiting: BTreeSet<TaskId>,
}

/// Places tasks. Without instances nothing is placed.
///
/// Every task is active on one instance. Once nothing waits, the numbers of active tasks differ by
/// at most one, those of tasks with state also by themselves; and with the same instances nothing
/// moves again.
#[must_use]
pub fn place(terms: &Terms, instances: &[Instance]) -> Placements {
    let mut table = Table::new(terms, instances);
    if table.instances.is_empty() {
        return Placements::default();
    }
    let owners = table.share_out(&terms.stateful);
    for (task, owner) in owners {
        table.activate(task, owner);
    }
    for (task, owner) in table.share_out(&terms.stateless) {
        table.placement(owner).active.insert(task);
    }
    for task in &terms.stateful {
        table.add_standbys(*task);
    }
    table.placements
}

/// Placements on their way.
#[derive(Debug)]
struct Table<'a> {
    terms: &'a Terms,
    instances: BTreeMap<&'a str, &'a Instance>,
    /// How many tasks each instance will own in the end.
    load: BTreeMap<&'a str, usize>,
    /// How many tasks have been shared out.
    shared: usize,
    placements: Placements,
    warming: usize,
}

impl<'a> Table<'a> {
    fn new(terms: &'a Terms, instances: &'a [Instance]) -> Self {
        let by_id = instances.iter().map(|instance| (&*instance.id, instance));
        let instances: BTreeMap<&str, &Instance> = by_id.collect();
        let load = instances.keys().map(|id| (*id, 0)).collect();
        let empty = instances
            .keys()
            .map(|id| ((*id).to_owned(), Placement::default()));
        let placements = Placements {
            by_instance: empty.collect(),
            waiting: BTreeSet::new(),
        };
        Self {
            terms,
            instances,
            load,
            shared: 0,
            placements,
            warming: 0,
        }
    }

    /// Finds an owner for each of `tasks`: who works on it, as far as that stays even; else, of those
    /// who have least to do, who lacks least of its state.
    fn share_out(&mut self, tasks: &BTreeSet<TaskId>) -> BTreeMap<TaskId, &'a str> {
        self.shared += tasks.len();
        let quota = self.shared / self.instances.len();
        let mut above_quota_left = self.shared % self.instances.len();
        // Who has a task too many already has taken one of these places.
        let has_more = self.load.values().filter(|load| **load > quota);
        above_quota_left = above_quota_left.saturating_sub(has_more.count());
        let mut owners = BTreeMap::new();
        let mut homeless = Vec::new();
        for task in tasks {
            let Some(owner) = self.worker(*task) else {
                homeless.push(*task);
                continue;
            };
            let load = self.load.entry(owner).or_default();
            if *load < quota {
                *load += 1;
                owners.insert(*task, owner);
            } else if *load == quota && above_quota_left > 0 {
                above_quota_left -= 1;
                *load += 1;
                owners.insert(*task, owner);
            } else {
                homeless.push(*task);
            }
        }
        for task in homeless {
            let owner = self.least_loaded(task);
            *self.load.entry(owner).or_default() += 1;
            owners.insert(task, owner);
        }
        owners
    }

    /// Who works on the task now; the first of several, who disagree.
    fn worker(&self, task: TaskId) -> Option<&'a str> {
        let works = |instance: &Instance| instance.held.get(&task) == Some(&Held::Active);
        let mut instances = self.instances.iter();
        instances
            .find(|(_, instance)| works(instance))
            .map(|(id, _)| *id)
    }

    fn least_loaded(&self, task: TaskId) -> &'a str {
        let loads = self.load.iter();
        let least = loads.min_by_key(|(id, load)| (**load, self.lag(id, task), **id));
        least.map_or("", |(id, _)| *id)
    }

    /// How much of the task's state an instance lacks; the largest number for all of it.
    fn lag(&self, id: &str, task: TaskId) -> u64 {
        let held = self.instances.get(id).and_then(|it| it.held.get(&task));
        match held {
            Some(Held::Active) => 0,
            Some(Held::Copy { lag }) => *lag,
            None => u64::MAX,
        }
    }

    /// Makes a task active with its owner, or, where that lacks too much of the state, with whoever
    /// lacks least of it.
    fn activate(&mut self, task: TaskId, owner: &'a str) {
        let ids = self.instances.keys();
        let nearest = ids.min_by_key(|id| (self.lag(id, task), **id != owner, **id));
        let nearest = nearest.copied().unwrap_or(owner);
        let lag = self.lag(owner, task);
        if lag <= self.terms.lag_max || lag == self.lag(nearest, task) {
            self.placement(owner).active.insert(task);
            return;
        }
        self.placement(nearest).active.insert(task);
        self.placements.waiting.insert(task);
        if self.warming < self.terms.warmups_max {
            self.warming += 1;
            self.placement(owner).warming.insert(task);
        }
    }

    /// Has further copies of a task's state kept: by those who have one, as far as that stays even.
    fn add_standbys(&mut self, task: TaskId) {
        let all = self
            .terms
            .stateful
            .len()
            .saturating_mul(self.terms.standbys);
        let quota = all.div_ceil(self.instances.len());
        let placed = |placement: &Placement| {
            placement.active.contains(&task) || placement.warming.contains(&task)
        };
        let free = self.placements.by_instance.iter();
        let free = free.filter(|(_, placement)| !placed(placement));
        let mut free: Vec<(bool, u64, usize, String)> = free
            .map(|(id, placement)| {
                let count = placement.standby.len();
                let lag = self.lag(id, task);
                let keeps = lag < u64::MAX && count < quota;
                (!keeps, if keeps { lag } else { 0 }, count, id.clone())
            })
            .collect();
        free.sort_unstable();
        for (.., id) in free.into_iter().take(self.terms.standbys) {
            self.placement(&id).standby.insert(task);
        }
    }

    fn placement(&mut self, id: &str) -> &mut Placement {
        let by_instance = &mut self.placements.by_instance;
        by_instance.entry(id.to_owned()).or_default()
    }
}

#[cfg(test)]
mod tests;
