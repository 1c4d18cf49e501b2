//! Telling workers to end, and when they all have.

use tokio::sync::watch;

/// Tells every worker to finish, commit and end. Dropping it tells them too.
#[derive(Debug)]
pub(super) struct StopSender(watch::Sender<bool>);

/// What a worker listens to.
#[derive(Clone, Debug)]
pub(super) struct StopReceiver(watch::Receiver<bool>);

/// Both ends.
pub(super) fn pair() -> (StopSender, StopReceiver) {
    let (tell, told) = watch::channel(false);
    (StopSender(tell), StopReceiver(told))
}

impl StopSender {
    /// Tells them.
    pub(super) fn stop(&self) {
        self.0.send_replace(true);
    }
}

impl StopReceiver {
    /// Waits until it is told.
    pub(super) async fn stopped(&mut self) {
        // The sender gone is the same as told.
        drop(self.0.wait_for(|stop| *stop).await);
    }
}
