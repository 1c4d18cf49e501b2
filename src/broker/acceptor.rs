//! Takes connections, and not too many of them.

use std::time::Duration;

use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// After a failed accept (out of file descriptors, say) the listener rests this long.
const PAUSE: Duration = Duration::from_millis(50);

/// Has `attend` serve each connection in a task of its own until `stopping` turns true, then
/// waits for those there are. Beyond `connections_max` a connection is closed at once.
pub(crate) async fn accept<F>(
    listener: TcpListener,
    connections_max: usize,
    mut stopping: watch::Receiver<bool>,
    attend: impl Fn(TcpStream) -> F,
) where
    F: Future<Output = ()> + Send + 'static,
{
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_ended) = connections.join_next() => continue,
            _ = stopping.wait_for(|is_stopping| *is_stopping) => break,
        };
        match accepted {
            Ok((stream, _)) if connections.len() < connections_max => {
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(%error, "set TCP_NODELAY");
                }
                connections.spawn(attend(stream));
            }
            Ok((_, peer)) => {
                tracing::warn!(%peer, connections_max, "refused a connection: too many");
            }
            Err(error) => {
                tracing::warn!(%error, "accept failed");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}
