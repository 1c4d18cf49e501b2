//! The first connection: any address of the list that answers.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::client::address::BrokerAddress;
use crate::client::connect_error::ConnectError;
use crate::client::connection::Connection;
use crate::client::dial::Dial;
use crate::client::handshake::ConnectOptions;

/// How long the next address waits for one that is silent.
const NEXT_AFTER: Duration = Duration::from_millis(500);

/// Tries the addresses in order; one that is silent does not hold the next ones up, and the first
/// to answer wins.
///
/// # Errors
///
/// [`ConnectError::NoBroker`] lists what became of each. A refused login ends the search: the
/// others would refuse it too, and accounts may be locked.
pub(crate) async fn connect(
    dial: &Arc<dyn Dial>,
    addresses: &[BrokerAddress],
    options: &ConnectOptions,
) -> Result<Connection, ConnectError> {
    let mut attempts = JoinSet::new();
    let mut tried = Vec::new();
    let mut left = addresses.iter();
    loop {
        match left.next() {
            Some(address) => start(&mut attempts, dial, address, options),
            None if attempts.is_empty() => return Err(none(tried)),
            None => {}
        }
        let patience = if left.len() > 0 {
            NEXT_AFTER
        } else {
            options.timeout * 2
        };
        match timeout(patience, attempts.join_next()).await {
            Ok(Some(Ok(Ok(connection)))) => return Ok(connection),
            Ok(Some(Ok(Err(error)))) if error.is_final() => return Err(error),
            Ok(Some(Ok(Err(error)))) => tried.push(error),
            // An attempt that panicked or was cancelled has said all it can.
            Ok(Some(Err(_)) | None) | Err(_) => {}
        }
    }
}

fn start(
    attempts: &mut JoinSet<Result<Connection, ConnectError>>,
    dial: &Arc<dyn Dial>,
    address: &BrokerAddress,
    options: &ConnectOptions,
) {
    let (dial, address, options) = (Arc::clone(dial), address.clone(), options.clone());
    attempts.spawn(async move { Connection::open(&*dial, &address, &options).await });
}

/// One cause stands for itself.
fn none(mut tried: Vec<ConnectError>) -> ConnectError {
    match tried.pop() {
        Some(only) if tried.is_empty() => only,
        Some(last) => {
            tried.push(last);
            ConnectError::NoBroker { tried }
        }
        None => ConnectError::NoBroker { tried },
    }
}
