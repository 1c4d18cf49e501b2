//! One client's connection: frames in, answers out, one request at a time.
//!
//! As in Kafka, the next request is read when the one before has been answered, so what a client
//! can make the broker keep is one frame and one answer; what it sends ahead stays in the socket.

use std::time::Duration;

use tokio::io::AsyncRead;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWrite;
use tokio::io::AsyncWriteExt;
use tokio::io::BufReader;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::broker::api;
use crate::broker::api::Answer;
use crate::broker::state::Shared;

/// A connection without a request for this long is closed (`connections.max.idle.ms`).
const IDLE_MAX: Duration = Duration::from_secs(600);
/// A frame that has begun must be there within this, and an answer must be taken within it.
const TRANSFER_MAX: Duration = Duration::from_secs(30);
/// Buffers that one request made larger than this are given back.
const BUFFER_BYTES_KEPT: usize = 1 << 20;

/// Why a connection ended, where it was not the client's own close.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConnectionError {
    /// The socket failed.
    #[error("read or write: {0}")]
    Io(#[from] std::io::Error),
    /// The client said or took nothing for too long.
    #[error("{0}: deadline passed")]
    Deadline(&'static str),
    /// The announced length is negative or above the bound.
    #[error("frame of {length} bytes: only 0 to {bytes_max} are read")]
    FrameLength {
        /// As announced.
        length: i32,
        /// The bound.
        bytes_max: usize,
    },
    /// The connection ended within a frame.
    #[error("connection ended within a frame")]
    Cut,
    /// The frame is no request that is served here.
    #[error(transparent)]
    Request(#[from] api::RequestError),
    /// A hook closed the connection.
    #[error("closed by a hook")]
    Hook,
}

/// Serves one connection until the client closes it, breaks the protocol, or `stopping` turns
/// true. `host` is the client's address as shown to tools.
///
/// # Errors
///
/// [`ConnectionError`] tells why the broker closed the connection.
pub(crate) async fn serve<S>(
    shared: &Shared,
    stream: S,
    host: &str,
    mut stopping: watch::Receiver<bool>,
) -> Result<(), ConnectionError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (reader, mut writer) = tokio::io::split(stream);
    let mut reader = BufReader::with_capacity(64 << 10, reader);
    let (mut frame, mut out) = (Vec::new(), Vec::new());
    loop {
        let bytes_max = shared.config.request_bytes_max;
        tokio::select! {
            is_open = read_frame(&mut reader, bytes_max, &mut frame) => if !is_open? {
                return Ok(());
            },
            _ = stopping.wait_for(|is_stopping| *is_stopping) => return Ok(()),
        }
        out.clear();
        let answer = tokio::select! {
            biased;
            answer = api::serve(shared, &frame, host, &mut out) => answer?,
            _ = stopping.wait_for(|is_stopping| *is_stopping) => return Ok(()),
        };
        match answer {
            Answer::Send => timeout(TRANSFER_MAX, writer.write_all(&out))
                .await
                .map_err(|_| ConnectionError::Deadline("send an answer"))??,
            Answer::Silence => {}
            Answer::Close => return Err(ConnectionError::Hook),
        }
        give_back(&mut frame);
        give_back(&mut out);
    }
}

/// Reads one frame, its length prefix taken off; false where the client has closed.
async fn read_frame<R>(
    reader: &mut R,
    bytes_max: usize,
    frame: &mut Vec<u8>,
) -> Result<bool, ConnectionError>
where
    R: AsyncRead + Unpin,
{
    let mut prefix = [0; 4];
    match timeout(IDLE_MAX, reader.read_exact(&mut prefix)).await {
        Err(_) => return Err(ConnectionError::Deadline("wait for a request")),
        Ok(Err(error)) if error.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(false),
        Ok(result) => result?,
    };
    let announced = i32::from_be_bytes(prefix);
    let length = usize::try_from(announced)
        .ok()
        .filter(|&length| length <= bytes_max)
        .ok_or(ConnectionError::FrameLength {
            length: announced,
            bytes_max,
        })?;
    frame.clear();
    // Memory grows with what arrives, not with what is announced.
    let mut body = reader.take(length as u64);
    timeout(TRANSFER_MAX, body.read_to_end(frame))
        .await
        .map_err(|_| ConnectionError::Deadline("read a request"))??;
    if frame.len() < length {
        return Err(ConnectionError::Cut);
    }
    Ok(true)
}

fn give_back(buffer: &mut Vec<u8>) {
    if buffer.capacity() > BUFFER_BYTES_KEPT {
        *buffer = Vec::new();
    }
}
