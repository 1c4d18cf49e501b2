//! A byte stream lent to rskafka's Messenger.
//!
//! The owner can close it at once, which ends whatever Messenger still does with it, or take it
//! back after the handshakes and read it directly. While lent, every byte from the peer passes a
//! [`FrameGuard`].

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::task::Context;
use std::task::Poll;
use std::task::Waker;

use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio::io::ReadBuf;

use crate::client::dial::BoxedStream;
use crate::client::frame_guard::FrameGuard;

struct Slot {
    stream: Option<BoxedStream>,
    guard: FrameGuard,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

/// The borrower's side; end of stream once the owner takes the stream back.
pub(super) struct Lent(Arc<Mutex<Slot>>);

/// The owner's side; dropping it closes the stream.
pub(super) struct Owner(Arc<Mutex<Slot>>);

/// Lends `stream`, refusing frames above `frame_bytes_max`.
#[must_use]
pub(super) fn lend(stream: BoxedStream, frame_bytes_max: usize) -> (Owner, Lent) {
    let slot = Arc::new(Mutex::new(Slot {
        stream: Some(stream),
        guard: FrameGuard::new(frame_bytes_max),
        reader: None,
        writer: None,
    }));
    (Owner(Arc::clone(&slot)), Lent(slot))
}

/// A panic while the lock is held leaves the slot usable: it holds no half-done change.
fn lock(slot: &Mutex<Slot>) -> MutexGuard<'_, Slot> {
    slot.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Owner {
    /// Takes the stream back; dropping what comes back closes the socket.
    #[must_use]
    pub(super) fn take_back(&self) -> Option<BoxedStream> {
        let mut slot = lock(&self.0);
        let stream = slot.stream.take();
        for waker in [slot.reader.take(), slot.writer.take()]
            .into_iter()
            .flatten()
        {
            waker.wake();
        }
        stream
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        drop(self.take_back());
    }
}

impl fmt::Debug for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Owner").finish_non_exhaustive()
    }
}

impl fmt::Debug for Lent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lent").finish_non_exhaustive()
    }
}

impl AsyncRead for Lent {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut slot = lock(&self.0);
        let Slot {
            stream,
            guard,
            reader,
            ..
        } = &mut *slot;
        let Some(stream) = stream else {
            return Poll::Ready(Ok(()));
        };
        let before = buf.filled().len();
        match Pin::new(stream).poll_read(cx, buf) {
            Poll::Pending => {
                *reader = Some(cx.waker().clone());
                Poll::Pending
            }
            Poll::Ready(Ok(())) => {
                guard.watch(buf.filled().get(before..).unwrap_or_default())?;
                Poll::Ready(Ok(()))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
        }
    }
}

type Step<T> = fn(Pin<&mut BoxedStream>, &mut Context<'_>) -> Poll<io::Result<T>>;

impl Lent {
    fn finish(&self, cx: &mut Context<'_>, step: Step<()>) -> Poll<io::Result<()>> {
        let mut slot = lock(&self.0);
        let Some(stream) = &mut slot.stream else {
            return Poll::Ready(Ok(()));
        };
        let result = step(Pin::new(stream), cx);
        if result.is_pending() {
            slot.writer = Some(cx.waker().clone());
        }
        result
    }
}

impl AsyncWrite for Lent {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut slot = lock(&self.0);
        let Some(stream) = &mut slot.stream else {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        };
        let result = Pin::new(stream).poll_write(cx, bytes);
        if result.is_pending() {
            slot.writer = Some(cx.waker().clone());
        }
        result
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.finish(cx, |stream, cx| stream.poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.finish(cx, |stream, cx| stream.poll_shutdown(cx))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncReadExt;
    use tokio::io::AsyncWriteExt;

    #[tokio::test]
    async fn a_borrower_in_the_middle_of_a_read_sees_the_end_when_the_stream_is_taken_back() {
        let (ours, mut peer) = tokio::io::duplex(64);
        let (owner, mut lent) = lend(Box::new(ours), 100);
        let reading =
            tokio::spawn(async move { lent.read_u8().await.map_err(|error| error.kind()) });
        tokio::task::yield_now().await;
        let mut stream = owner.take_back().expect("still there");
        assert_eq!(
            reading.await.expect("ran"),
            Err(io::ErrorKind::UnexpectedEof)
        );
        stream.write_all(b"x").await.expect("open");
        assert_eq!(peer.read_u8().await.expect("open"), b'x');
        assert!(owner.take_back().is_none());
    }

    #[tokio::test]
    async fn a_frame_that_is_too_large_is_an_error_before_it_is_read() {
        let (ours, mut peer) = tokio::io::duplex(64);
        let (_owner, mut lent) = lend(Box::new(ours), 100);
        peer.write_all(&101_i32.to_be_bytes()).await.expect("open");
        let error = lent.read_u32().await.expect_err("refused");
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }

    #[tokio::test]
    async fn dropping_the_owner_closes_the_stream() {
        let (ours, mut peer) = tokio::io::duplex(64);
        let (owner, mut lent) = lend(Box::new(ours), 100);
        drop(owner);
        let mut rest = Vec::new();
        peer.read_to_end(&mut rest).await.expect("end of stream");
        assert!(lent.write_all(b"x").await.is_err());
    }
}
