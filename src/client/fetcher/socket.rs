//! A broker's stream, read in bulk into one reused buffer: one fetch on its way at a time.

use std::io;
use std::pin::Pin;
use std::task::Context;
use std::task::Poll;
use std::task::ready;

use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio::io::ReadBuf;

use crate::client::dial::BoxedStream;
use crate::client::frame_guard::FrameFault;
use crate::client::frame_guard::frame_length;

/// The least that one read asks for.
const READ_BYTES: usize = 256 << 10;
/// The length prefix of a frame.
const PREFIX_BYTES: usize = 4;

/// A stream with the request that is being written and the answer that is being read.
pub(super) struct Socket {
    stream: BoxedStream,
    frame_bytes_max: usize,
    outgoing: Vec<u8>,
    written: usize,
}

/// The answer being read, or the one that was read last. Its memory outlives the stream.
#[derive(Debug, Default)]
pub(super) struct FrameBuffer {
    bytes: Vec<u8>,
    filled: usize,
    /// The frame's length, once its prefix is here.
    length: Option<usize>,
}

impl FrameBuffer {
    /// The whole frame without its prefix; empty where it is not whole.
    pub(super) fn frame(&self) -> &[u8] {
        let end = self.length.map_or(0, |length| length + PREFIX_BYTES);
        self.bytes.get(PREFIX_BYTES..end).unwrap_or_default()
    }

    /// Makes room for the next frame.
    pub(super) const fn clear(&mut self) {
        self.filled = 0;
        self.length = None;
    }

    /// How much is to be here before anything else is known.
    fn end(&self) -> usize {
        self.length
            .map_or(PREFIX_BYTES, |length| length + PREFIX_BYTES)
    }

    /// The part that the next read may fill.
    fn space(&mut self) -> &mut [u8] {
        let needed = self.end().max(READ_BYTES);
        if self.bytes.len() < needed {
            self.bytes.resize(needed, 0);
        }
        self.bytes.get_mut(self.filled..).unwrap_or_default()
    }

    /// Looks at what has come; tells whether the frame is whole.
    fn advance(&mut self, read: usize, limit: usize) -> Result<bool, FrameFault> {
        self.filled += read;
        if let (None, Some(prefix)) = (self.length, self.bytes.first_chunk())
            && self.filled >= PREFIX_BYTES
        {
            self.length = Some(frame_length(*prefix, limit)?);
        }
        match self.length {
            // We ask for one answer at a time: nothing may follow it.
            Some(length) if self.filled > length + PREFIX_BYTES => Err(FrameFault::Length(
                i32::try_from(self.filled).unwrap_or(i32::MAX),
            )),
            Some(length) => Ok(self.filled == length + PREFIX_BYTES),
            None => Ok(false),
        }
    }
}

impl Socket {
    pub(super) const fn new(stream: BoxedStream, frame_bytes_max: usize) -> Self {
        Self {
            stream,
            frame_bytes_max,
            outgoing: Vec::new(),
            written: 0,
        }
    }

    /// Takes a request, without its prefix, to be written next.
    pub(super) fn queue(&mut self, request: &[u8]) {
        let length = i32::try_from(request.len()).unwrap_or(i32::MAX);
        self.outgoing.clear();
        self.outgoing.extend_from_slice(&length.to_be_bytes());
        self.outgoing.extend_from_slice(request);
        self.written = 0;
    }

    /// Writes what is queued.
    pub(super) fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut stream = Pin::new(&mut self.stream);
        while let Some(rest) = self
            .outgoing
            .get(self.written..)
            .filter(|rest| !rest.is_empty())
        {
            match ready!(stream.as_mut().poll_write(cx, rest))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                written => self.written += written,
            }
        }
        stream.poll_flush(cx)
    }

    /// Reads on, until the frame is whole.
    pub(super) fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
        frame: &mut FrameBuffer,
    ) -> Poll<io::Result<()>> {
        loop {
            let mut space = ReadBuf::new(frame.space());
            ready!(Pin::new(&mut self.stream).poll_read(cx, &mut space))?;
            let read = space.filled().len();
            if read == 0 {
                return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
            }
            if frame.advance(read, self.frame_bytes_max)? {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;
    use tokio::io::AsyncReadExt;
    use tokio::io::AsyncWriteExt;

    async fn read(limit: usize, pieces: &[&[u8]]) -> io::Result<Vec<u8>> {
        let (ours, mut peer) = tokio::io::duplex(1 << 20);
        for piece in pieces {
            peer.write_all(piece).await?;
        }
        drop(peer);
        let mut socket = Socket::new(Box::new(ours), limit);
        let mut frame = FrameBuffer::default();
        poll_fn(|cx| socket.poll_frame(cx, &mut frame)).await?;
        Ok(frame.frame().to_vec())
    }

    #[tokio::test]
    async fn a_frame_comes_whole_however_it_is_cut() {
        let body = vec![7; 300_000];
        let length = 300_000_i32.to_be_bytes();
        let got = read(
            300_000,
            &[&length[..1], &length[1..], &body[..9], &body[9..]],
        )
        .await;
        assert_eq!(got.expect("exactly the limit"), body);
    }

    #[tokio::test]
    async fn what_is_no_frame_or_too_large_or_followed_by_more_is_refused() {
        for pieces in [
            &[&0_i32.to_be_bytes()[..]][..],
            &[&(-1_i32).to_be_bytes()],
            &[&101_i32.to_be_bytes()],
            &[&i32::MAX.to_be_bytes()],
            &[&4_i32.to_be_bytes(), &[0; 5]],
        ] {
            let error = read(100, pieces).await.expect_err("refused");
            assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{pieces:?}");
        }
        let cut = read(100, &[&8_i32.to_be_bytes(), &[0; 7]])
            .await
            .expect_err("cut");
        assert_eq!(cut.kind(), io::ErrorKind::UnexpectedEof);
    }

    #[tokio::test]
    async fn a_request_is_written_with_its_length() {
        let (ours, mut peer) = tokio::io::duplex(64);
        let mut socket = Socket::new(Box::new(ours), 100);
        socket.queue(b"abc");
        poll_fn(|cx| socket.poll_write(cx)).await.expect("open");
        let mut got = [0; 7];
        peer.read_exact(&mut got).await.expect("written");
        assert_eq!(&got, b"\0\0\0\x03abc");
    }
}
