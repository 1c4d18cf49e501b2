//! Copies of short byte strings.

/// Above this length the call of a general copy is cheap beside its work.
const SHORT_MAX: usize = 1024;

/// Appends `bytes` to `out`, as [`Vec::extend_from_slice`] does, in a way that suits keys and
/// values.
///
/// A copy of unknown length is a call of `memcpy`, and musl's takes about 40 cycles for what are
/// ten moves. Pieces of known length are moves in place.
#[inline]
pub(crate) fn append(out: &mut Vec<u8>, bytes: &[u8]) {
    if bytes.len() > SHORT_MAX {
        out.extend_from_slice(bytes);
        return;
    }
    out.reserve(bytes.len());
    let mut rest = bytes;
    while take_piece::<32>(out, &mut rest) {}
    take_piece::<16>(out, &mut rest);
    take_piece::<8>(out, &mut rest);
    take_piece::<4>(out, &mut rest);
    take_piece::<2>(out, &mut rest);
    take_piece::<1>(out, &mut rest);
}

/// Moves the first `N` bytes of `rest` to `out`, if there are so many.
#[inline]
fn take_piece<const N: usize>(out: &mut Vec<u8>, rest: &mut &[u8]) -> bool {
    match rest.split_first_chunk::<N>() {
        Some((piece, behind)) => {
            out.extend_from_slice(piece);
            *rest = behind;
            true
        }
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_arrives_whole_behind_what_was_there() {
        let bytes: Vec<u8> = (0..=u8::MAX).cycle().take(2 * SHORT_MAX).collect();
        for len in (0..200).chain([SHORT_MAX - 1, SHORT_MAX, SHORT_MAX + 1, 2 * SHORT_MAX]) {
            let mut out = b"before".to_vec();
            append(&mut out, &bytes[..len]);
            assert_eq!(out, [b"before", &bytes[..len]].concat(), "{len} bytes");
        }
    }
}
