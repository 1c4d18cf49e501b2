//! Keeps a member in its group: feeds [`crate::group::membership`] and does what it says.
//!
//! The driver has a thread and connections of its own, so that the member stays alive while its
//! owner waits for a slow reader or works on a batch. The owner is told by [`News`] what to read,
//! and answers [`News::Revoked`] once it has committed; for how long the owner may do nothing is
//! bounded by `max.poll.interval.ms`.

mod error;
mod requests;
mod wire;

use std::thread;
use std::time::Duration;

use tokio::runtime;
use tokio::sync::mpsc;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::client::cluster::Cluster;
use crate::client::config::Config;
use crate::client::group::Group;
use crate::client::group::Patience;
use crate::client::producer::GroupMember;
use crate::group::assignor::Assignor;
use crate::group::membership::Action;
use crate::group::membership::Event;
use crate::group::membership::Membership;
use crate::group::membership::Settings;
use crate::record::TopicName;
use crate::record::TopicPartition;
use crate::runtime::group_driver::requests::Answer;
use crate::runtime::group_driver::requests::Requests;

pub use error::GroupError;

/// What the owner of a member is told.
#[derive(Debug)]
pub enum News {
    /// Read these partitions too, from the committed offsets on.
    Assigned(Vec<TopicPartition>),
    /// Give these partitions up: commit, stop reading, and call [`GroupDriver::given_up`].
    Revoked(Vec<TopicPartition>),
    /// These partitions are not the member's any more, and cannot be committed.
    Lost(Vec<TopicPartition>),
    /// The member is out of the group; nothing follows.
    Ended(Result<(), GroupError>),
}

/// What the owner of a member says.
#[derive(Debug)]
enum Wish {
    Polled,
    GivenUp,
    Stop,
}

/// A member that is kept in its group. Dropping it leaves the group, without waiting for that.
#[derive(Debug)]
pub struct GroupDriver {
    group: String,
    news: mpsc::UnboundedReceiver<News>,
    wishes: mpsc::UnboundedSender<Wish>,
    identity: watch::Receiver<GroupMember>,
}

impl GroupDriver {
    /// Starts a thread whose member of `group` reads `topics`; `config` holds all else.
    ///
    /// # Errors
    ///
    /// [`GroupError::Assignor`] for a name that is none, [`GroupError::Thread`] where the system
    /// gives no thread. What the cluster says comes as [`News::Ended`].
    pub fn start(config: Config, group: &str, topics: &[String]) -> Result<Self, GroupError> {
        let settings = settings(&config, topics)?;
        let nobody = GroupMember {
            instance_id: settings.instance_id.clone(),
            ..GroupMember::by_hand(group)
        };
        let (tell, news) = mpsc::unbounded_channel();
        let (wishes, wished) = mpsc::unbounded_channel();
        let (identify, identity) = watch::channel(nobody);
        let id = group.to_owned();
        thread::Builder::new()
            .name("group".to_owned())
            .spawn(move || {
                let ended = run(config, id, settings, wished, &tell, identify);
                // The owner may be gone.
                drop(tell.send(News::Ended(ended)));
            })
            .map_err(GroupError::Thread)?;
        Ok(Self {
            group: group.to_owned(),
            news,
            wishes,
            identity,
        })
    }

    /// The next news. Cancel safe.
    pub async fn news(&mut self) -> News {
        let news = self.news.recv().await;
        let group = &self.group;
        news.unwrap_or_else(|| News::Ended(Err(GroupError::Gone(group.clone()))))
    }

    /// In whose name to commit now.
    #[must_use]
    pub fn member(&self) -> GroupMember {
        self.identity.borrow().clone()
    }

    /// Tells that the owner works on its partitions.
    pub fn polled(&self) {
        self.wish(Wish::Polled);
    }

    /// Tells that all that [`News::Revoked`] named is given up.
    pub fn given_up(&self) {
        self.wish(Wish::GivenUp);
    }

    /// Asks to leave the group: partitions are revoked, then [`News::Ended`] comes.
    pub fn stop(&self) {
        self.wish(Wish::Stop);
    }

    fn wish(&self, wish: Wish) {
        // A driver that is gone has said so by its last news.
        drop(self.wishes.send(wish));
    }
}

fn settings(config: &Config, topics: &[String]) -> Result<Settings, GroupError> {
    let group = &config.group;
    let assignors: Result<Vec<Assignor>, _> =
        group.assignors.iter().map(|name| name.parse()).collect();
    let mut assignors = assignors?;
    if assignors.is_empty() {
        assignors.push(Assignor::Range);
    }
    Ok(Settings {
        topics: topics
            .iter()
            .map(|topic| TopicName::from(&**topic))
            .collect(),
        assignors,
        instance_id: group.instance_id.clone(),
        heartbeat_interval: group.heartbeat_interval,
        poll_interval: group.poll_interval,
        retry_backoff: config.retry_backoff,
        retry_backoff_max: config.retry_backoff_max,
    })
}

fn run(
    config: Config,
    id: String,
    settings: Settings,
    wished: mpsc::UnboundedReceiver<Wish>,
    news: &mpsc::UnboundedSender<News>,
    identity: watch::Sender<GroupMember>,
) -> Result<(), GroupError> {
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(GroupError::Thread)?;
    let patience = Patience {
        session: config.group.session_timeout,
        rebalance: config.group.poll_interval,
    };
    let ended = runtime.block_on(async {
        let connected = Cluster::connect(config).await;
        let cluster = connected.map_err(GroupError::Connect)?;
        let driver = Driver {
            membership: Membership::new(settings, Duration::ZERO),
            began: Instant::now(),
            requests: Requests::new(Group::new(cluster, id.clone()), patience, id),
            running: JoinSet::new(),
            watched: None,
            news,
            identity,
            refused: None,
        };
        driver.drive(wished).await
    });
    runtime.shutdown_background();
    ended
}

/// The member and all that is under way for it.
#[derive(Debug)]
struct Driver<'a> {
    membership: Membership,
    began: Instant,
    requests: Requests,
    running: JoinSet<Answer>,
    /// As the leader: the topics whose sizes are to be known, and when to ask again.
    watched: Option<(Vec<TopicName>, Instant)>,
    news: &'a mpsc::UnboundedSender<News>,
    identity: watch::Sender<GroupMember>,
    /// The latest answer that nothing can be made of.
    refused: Option<GroupError>,
}

impl Driver<'_> {
    async fn drive(mut self, mut wished: mpsc::UnboundedReceiver<Wish>) -> Result<(), GroupError> {
        let mut has_owner = true;
        while !self.membership.has_ended() {
            let deadline = self.deadline();
            tokio::select! {
                wish = wished.recv(), if has_owner => {
                    has_owner = wish.is_some();
                    self.wish(wish.unwrap_or(Wish::Stop));
                }
                Some(answer) = self.running.join_next() => {
                    let answer = answer.map_err(|error| GroupError::Panicked(error.to_string()))?;
                    self.answered(answer);
                }
                () = until(deadline) => self.tick(),
            }
            if !has_owner {
                self.event(Event::GivenUp);
            }
        }
        self.refused.map_or(Ok(()), Err)
    }

    fn now(&self) -> Duration {
        self.began.elapsed()
    }

    fn deadline(&self) -> Option<Instant> {
        let due = self.membership.deadline().map(|due| self.began + due);
        let watch = self.watched.as_ref().map(|(_, at)| *at);
        due.into_iter().chain(watch).min()
    }

    fn wish(&mut self, wish: Wish) {
        self.event(match wish {
            Wish::Polled => Event::Polled,
            Wish::GivenUp => Event::GivenUp,
            Wish::Stop => Event::Stop,
        });
    }

    fn answered(&mut self, answer: Answer) {
        self.refused = answer.refused.or(self.refused.take());
        self.event(answer.event);
    }

    fn event(&mut self, event: Event) {
        let actions = self.membership.handle(event, self.now());
        self.perform(actions);
    }

    fn tick(&mut self) {
        let now = Instant::now();
        if let Some((topics, at)) = &mut self.watched
            && *at <= now
        {
            *at = now + self.requests.metadata_age_max();
            self.running.spawn(self.requests.look_up(topics.clone()));
        }
        let actions = self.membership.tick(self.now());
        self.perform(actions);
    }

    fn perform(&mut self, actions: Vec<Action>) {
        let member = self.requests.member(self.membership.identity());
        self.identity.send_if_modified(|known| {
            let is_news = *known != member;
            *known = member;
            is_news
        });
        for action in actions {
            self.act(action);
        }
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Join(request) => {
                self.watched = None;
                self.running.spawn(self.requests.join(request));
            }
            Action::LookUp(topics) => {
                let again = Instant::now() + self.requests.metadata_age_max();
                self.watched = Some((topics.clone(), again));
                self.running.spawn(self.requests.look_up(topics));
            }
            Action::Sync(request) => {
                self.running.spawn(self.requests.sync(request));
            }
            Action::Heartbeat(ticket, identity) => {
                self.running
                    .spawn(self.requests.heartbeat(ticket, &identity));
            }
            Action::Leave(identity) => {
                self.running.spawn(self.requests.leave(&identity));
            }
            Action::Revoke(partitions) => self.tell(News::Revoked(partitions)),
            Action::Lost(partitions) => self.tell(News::Lost(partitions)),
            Action::Assign(partitions) => self.tell(News::Assigned(partitions)),
            Action::End => {}
        }
    }

    fn tell(&self, news: News) {
        // An owner that is gone shows by its wishes.
        drop(self.news.send(news));
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
