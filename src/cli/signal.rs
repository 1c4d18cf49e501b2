//! Stopping: by signal, by `--for`, by `--timeout`.

use std::future::Future;
use std::time::Duration;

use tokio::runtime;
use tokio::signal::unix;
use tokio::signal::unix::SignalKind;
use tokio::sync::watch;

use crate::cli::exit::Exit;
use crate::cli::exit::Failure;

/// Tells, once, that the command is to end cleanly, and how it then exits.
///
/// Clones share the news.
#[derive(Clone, Debug)]
pub(crate) struct Stop(watch::Receiver<Option<Exit>>);

impl Stop {
    /// Stops on SIGINT (exit code 130) and SIGTERM (143); where `after` is given, also when that
    /// time has passed (exit code 0).
    pub(crate) fn listen(after: Option<Duration>) -> Result<Self, Failure> {
        let listen = |kind| {
            unix::signal(kind)
                .map_err(|error| Failure::new(Exit::Failed, format!("listen for signals: {error}")))
        };
        let mut interrupt = listen(SignalKind::interrupt())?;
        let mut terminate = listen(SignalKind::terminate())?;
        let (tell, told) = watch::channel(None);
        tokio::spawn(async move {
            let exit = tokio::select! {
                _ = interrupt.recv() => Exit::Interrupted,
                _ = terminate.recv() => Exit::Terminated,
                () = sleep(after) => Exit::Done,
            };
            tell.send_replace(Some(exit));
            // The sender stays until all have heard.
            tell.closed().await;
        });
        Ok(Self(told))
    }

    /// Waits for the news.
    pub(crate) async fn stopped(&mut self) -> Exit {
        // The lock on what was told must not be held while waiting.
        let told = self.0.wait_for(Option::is_some).await.map(|exit| *exit);
        match told {
            Ok(exit) => exit.unwrap_or(Exit::Done),
            Err(_) => std::future::pending().await,
        }
    }
}

async fn sleep(after: Option<Duration>) {
    match after {
        Some(after) => tokio::time::sleep(after).await,
        None => std::future::pending().await,
    }
}

/// Runs `command` on a runtime of one thread; past `timeout` it ends with exit code 8.
pub(crate) fn block_on<T>(
    timeout: Option<Duration>,
    command: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(Exit::Failed, format!("start the runtime: {error}")))?;
    let result = runtime.block_on(async {
        match timeout {
            None => command.await,
            Some(limit) => tokio::time::timeout(limit, command)
                .await
                .unwrap_or_else(|_| {
                    Err(Failure::new(
                        Exit::Deadline,
                        format!("not done within --timeout {limit:?}"),
                    ))
                }),
        }
    });
    // A connection that is being closed must not hold the process.
    runtime.shutdown_background();
    result
}
