//! The task that owns a connection.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::Context;
use std::task::Poll;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::sync::oneshot;
use tokio::time::Instant;
use tokio::time::Sleep;

use crate::client::dial::BoxFuture;
use crate::client::wire::Wire;
use crate::client::wire::WireError;

/// Requests that may await their answers on one connection; more wait their turn unsent.
const IN_FLIGHT_MAX: usize = 32;
/// What is told of a connection that ended in good order.
pub(super) const CLOSED: &str = "the connection is closed";

/// How a request ended without an answer.
#[derive(Clone, Debug)]
pub(super) enum Ended {
    NotSent(String),
    Lost(String),
    Deadline,
}

#[derive(Debug)]
pub(super) struct Job {
    pub(super) request: Vec<u8>,
    pub(super) deadline: Instant,
    pub(super) answer: oneshot::Sender<Result<Vec<u8>, Ended>>,
}

/// A request that was sent, or is being sent.
struct Flight {
    future: BoxFuture<'static, Result<Vec<u8>, WireError>>,
    deadline: Instant,
    answer: oneshot::Sender<Result<Vec<u8>, Ended>>,
}

/// Why a connection ends.
enum End {
    Unused,
    Late,
    Broken(String),
}

/// The task that owns a connection.
pub(super) struct Driver {
    wire: Wire,
    queue: mpsc::Receiver<Job>,
    flights: VecDeque<Flight>,
    idle: Duration,
    used: Instant,
    timer: Pin<Box<Sleep>>,
}

impl Driver {
    pub(super) fn new(wire: Wire, queue: mpsc::Receiver<Job>, idle: Duration) -> Self {
        let used = Instant::now();
        Self {
            wire,
            queue,
            flights: VecDeque::new(),
            idle,
            used,
            timer: Box::pin(tokio::time::sleep_until(used + idle)),
        }
    }

    pub(super) async fn run(mut self) {
        let end = poll_fn(|cx| self.poll(cx)).await;
        self.finish(&end);
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        let unused = self.accept(cx);
        if let Err(WireError(because)) = self.advance(cx) {
            return Poll::Ready(End::Broken(because));
        }
        if unused && self.flights.is_empty() {
            return Poll::Ready(End::Unused);
        }
        self.poll_timer(cx)
    }

    /// Takes requests over while there is room; tells whether there will be no more.
    fn accept(&mut self, cx: &mut Context<'_>) -> bool {
        while self.flights.len() < IN_FLIGHT_MAX {
            match self.queue.poll_recv(cx) {
                Poll::Pending => return false,
                Poll::Ready(None) => return true,
                Poll::Ready(Some(job)) => self.take_off(job),
            }
        }
        false
    }

    fn take_off(&mut self, job: Job) {
        self.used = Instant::now();
        if job.deadline <= self.used {
            let late = Ended::NotSent("its deadline passed while it waited".to_owned());
            reply(job.answer, Err(late));
            return;
        }
        self.flights.push_back(Flight {
            future: self.wire.request(job.request),
            deadline: job.deadline,
            answer: job.answer,
        });
    }

    /// Polls in order, which is what puts requests on the wire in order.
    fn advance(&mut self, cx: &mut Context<'_>) -> Result<(), WireError> {
        let mut index = 0;
        while let Some(flight) = self.flights.get_mut(index) {
            match flight.future.as_mut().poll(cx) {
                Poll::Pending => index += 1,
                Poll::Ready(Err(error)) => return Err(error),
                Poll::Ready(Ok(frame)) => {
                    if let Some(flight) = self.flights.remove(index) {
                        reply(flight.answer, Ok(frame));
                    }
                }
            }
        }
        if index < IN_FLIGHT_MAX && !self.queue.is_empty() {
            cx.waker().wake_by_ref();
        }
        Ok(())
    }

    fn poll_timer(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        let earliest = self.flights.iter().map(|flight| flight.deadline).min();
        let due = earliest.unwrap_or(self.used + self.idle);
        if self.timer.deadline() != due {
            self.timer.as_mut().reset(due);
        }
        match self.timer.as_mut().poll(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(()) if earliest.is_some() => Poll::Ready(End::Late),
            Poll::Ready(()) => Poll::Ready(End::Unused),
        }
    }

    /// Tells everybody who still waits, and drops the stream.
    fn finish(&mut self, end: &End) {
        let because = match end {
            End::Unused => CLOSED,
            End::Late => {
                "the connection was closed because another request on it got no answer in time"
            }
            End::Broken(because) => because,
        };
        let now = Instant::now();
        for flight in self.flights.drain(..) {
            let late = matches!(end, End::Late) && flight.deadline <= now;
            let ended = if late {
                Ended::Deadline
            } else {
                Ended::Lost(because.to_owned())
            };
            reply(flight.answer, Err(ended));
        }
        self.queue.close();
        while let Ok(job) = self.queue.try_recv() {
            reply(job.answer, Err(Ended::NotSent(because.to_owned())));
        }
    }
}

/// Whoever asked may have stopped waiting; then nobody needs the answer.
fn reply(to: oneshot::Sender<Result<Vec<u8>, Ended>>, answer: Result<Vec<u8>, Ended>) {
    drop(to.send(answer));
}
