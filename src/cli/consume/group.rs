//! `consume -g`: reading as a member of a group.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use tokio::time::Instant;
use tokio::time::sleep_until;
use tracing::info;
use tracing::warn;

use crate::cli::consume::Consume;
use crate::cli::consume::POLL;
use crate::cli::consume::Reading;
use crate::cli::exit::Exit;
use crate::cli::exit::Failure;
use crate::cli::offset_spec::OffsetSpec;
use crate::cli::signal::Stop;
use crate::client::call::CallError;
use crate::client::config::Commit;
use crate::client::error_chain::chain;
use crate::client::fetcher::Fetcher;
use crate::client::group::Group;
use crate::client::offsets::CommittedOffset;
use crate::client::offsets::Offsets;
use crate::protocol::error_code::Action;
use crate::record::Offset;
use crate::record::TopicPartition;
use crate::runtime::group_driver::GroupDriver;
use crate::runtime::group_driver::GroupError;
use crate::runtime::group_driver::News;

/// The longest that leaving may take; the session timeout does the rest.
const LEAVE_MAX: Duration = Duration::from_secs(5);

impl Consume {
    /// Joins `group`, reads what it is given, and leaves: printed is committed.
    pub(super) async fn read_in_group(
        &self,
        group: &str,
        reading: &mut Reading,
        fetcher: Fetcher,
        stop: &mut Stop,
    ) -> Result<Exit, Failure> {
        if self.offset.to.is_some() {
            return Err(Failure::usage(
                "--offset: a group reads on; only where to start may be given with -g",
            ));
        }
        let cluster = reading.cluster.clone();
        for topic in &self.topics {
            // A name with a slip of the pen is told at once.
            cluster.topic(topic).await?;
        }
        let config = cluster.config();
        let mut member = Member {
            driver: GroupDriver::start(config.clone(), group, &self.topics)?,
            group: Group::new(cluster.clone(), group.to_owned()),
            offsets: Offsets::new(cluster.clone()),
            commit_every: match config.group.commit {
                Commit::Automatic => Some(config.group.commit_interval),
                Commit::Never => None,
            },
            start: self.offset,
            exit_at_end: self.exit_at_end,
            has_share: false,
            fetcher,
        };
        let result = member.read(reading, stop).await;
        // What is printed is committed also where reading fails.
        let left = member.leave(reading).await;
        result.and_then(|exit| left.map(|()| exit))
    }
}

/// A member of a group that prints what it reads.
struct Member {
    driver: GroupDriver,
    group: Group,
    offsets: Offsets,
    /// `None` where nothing is committed.
    commit_every: Option<Duration>,
    start: OffsetSpec,
    exit_at_end: bool,
    /// Whether the group has given it a share, if only an empty one.
    has_share: bool,
    fetcher: Fetcher,
}

/// What a member waits for.
enum Turn {
    Stop(Exit),
    News(News),
    Commit,
    Polled,
}

impl Member {
    async fn read(&mut self, reading: &mut Reading, stop: &mut Stop) -> Result<Exit, Failure> {
        let mut commit_at = self.next_commit();
        while reading.left > 0 && !self.is_done(reading) {
            let turn = tokio::select! {
                exit = stop.stopped() => Turn::Stop(exit),
                news = self.driver.news() => Turn::News(news),
                () = at(commit_at) => Turn::Commit,
                fetched = self.fetcher.poll(Instant::now() + POLL) => {
                    reading.take(&fetched?).await?;
                    Turn::Polled
                }
            };
            match turn {
                Turn::Stop(exit) => return Ok(exit),
                Turn::News(News::Ended(ended)) => {
                    ended?;
                    return Ok(Exit::Done);
                }
                Turn::News(news) => self.heed(news, reading).await?,
                Turn::Commit => {
                    tokio::select! {
                        // A coordinator that is away is waited for, but not by who wants to end.
                        exit = stop.stopped() => return Ok(exit),
                        committed = self.commit(reading) => committed?,
                    }
                    commit_at = self.next_commit();
                }
                Turn::Polled => self.printed(reading)?,
            }
        }
        Ok(Exit::Done)
    }

    fn printed(&mut self, reading: &mut Reading) -> Result<(), Failure> {
        reading.write()?;
        self.driver.polled();
        for done in reading.ranges.newly_done() {
            self.fetcher.pause(&done);
        }
        Ok(())
    }

    fn next_commit(&self) -> Option<Instant> {
        self.commit_every.map(|every| Instant::now() + every)
    }

    fn is_done(&self, reading: &Reading) -> bool {
        self.exit_at_end && self.has_share && reading.ranges.are_done()
    }

    async fn heed(&mut self, news: News, reading: &mut Reading) -> Result<(), Failure> {
        match news {
            News::Assigned(partitions) => {
                info!("taking up {}", Listed(&partitions));
                self.take_up(&partitions, reading).await
            }
            News::Revoked(partitions) => {
                info!("giving up {}", Listed(&partitions));
                // Those that have moved commit as well: it is one request.
                let committed = self.commit(reading).await;
                self.give_up(&partitions, reading);
                self.driver.given_up();
                committed
            }
            News::Lost(partitions) => {
                info!("lost {}", Listed(&partitions));
                self.give_up(&partitions, reading);
                Ok(())
            }
            News::Ended(ended) => Ok(ended?),
        }
    }

    async fn take_up(
        &mut self,
        partitions: &[TopicPartition],
        reading: &mut Reading,
    ) -> Result<(), Failure> {
        self.has_share = true;
        if partitions.is_empty() {
            return Ok(());
        }
        let group = &self.driver.member().group;
        let committed = self.offsets.committed(group, Some(partitions)).await?;
        let committed: BTreeMap<TopicPartition, Offset> = committed
            .into_iter()
            .map(|(partition, committed)| (partition, committed.offset))
            .collect();
        let cluster = reading.cluster.clone();
        let starts = reading
            .ranges
            .take_up(
                &cluster,
                partitions,
                &committed,
                self.start,
                self.exit_at_end,
            )
            .await?;
        for (partition, start) in starts {
            let known = committed.get(&partition).copied();
            self.fetcher.assign(partition.clone(), start);
            reading.positions.take_up(partition, start, known);
        }
        Ok(())
    }

    fn give_up(&mut self, partitions: &[TopicPartition], reading: &mut Reading) {
        for partition in partitions {
            self.fetcher.release(partition);
            reading.ranges.give_up(partition);
            reading.positions.give_up(partition);
        }
    }

    /// Commits what is printed. Where the group has moved on, other members read it again.
    async fn commit(&self, reading: &mut Reading) -> Result<(), Failure> {
        let printed = reading.positions.committable();
        if self.commit_every.is_none() || printed.is_empty() {
            return Ok(());
        }
        let offsets = printed
            .iter()
            .map(|(partition, offset)| (partition.clone(), CommittedOffset::new(*offset)))
            .collect();
        match self.group.commit(&self.driver.member(), &offsets).await {
            Ok(()) => {
                reading.positions.committed(&printed);
                Ok(())
            }
            Err(error) if is_of_another_generation(&error) => {
                info!("not committed: {}", chain(&error));
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Commits, gives everything up, and waits until the member is out of the group; not for ever,
    /// because a coordinator that is away must not keep the command from ending.
    async fn leave(&mut self, reading: &mut Reading) -> Result<(), Failure> {
        self.driver.stop();
        let left = tokio::time::timeout(LEAVE_MAX, self.wind_up(reading)).await;
        left.unwrap_or_else(|_| {
            warn!("the group did not let go within {LEAVE_MAX:?}: its members may print again what was not committed");
            Ok(())
        })
    }

    async fn wind_up(&mut self, reading: &mut Reading) -> Result<(), Failure> {
        loop {
            match self.driver.news().await {
                News::Ended(ended) => return Ok(ended?),
                // Nothing more is read.
                News::Assigned(_) => {}
                news => self.heed(news, reading).await?,
            }
        }
    }
}

/// Partitions, as they are told of.
struct Listed<'a>(&'a [TopicPartition]);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("no partitions");
        }
        for (place, partition) in self.0.iter().enumerate() {
            let comma = if place == 0 { "" } else { ", " };
            write!(f, "{comma}{partition}")?;
        }
        Ok(())
    }
}

async fn at(instant: Option<Instant>) {
    match instant {
        Some(instant) => sleep_until(instant).await,
        None => std::future::pending().await,
    }
}

/// Whether the member is not who it was any more, so that its commit was refused.
fn is_of_another_generation(error: &CallError) -> bool {
    let action = error.code().map(|code| code.action());
    action == Some(Action::Rejoin)
}

impl From<GroupError> for Failure {
    fn from(error: GroupError) -> Self {
        match error {
            GroupError::Connect(error) => error.into(),
            error => Self::new(error.kind().into(), chain(&error)),
        }
    }
}
