//! Vectors of borrowed values whose memory outlives what they borrowed from.

/// An empty-valued vector in the memory of `used`: as long, every element its default.
///
/// The elements may borrow from something else than those of `used` did, which is the point: a
/// vector of values that borrow from one record serves for the next without being allocated anew.
/// (The standard library collects an iterator over a vector in place where the elements are of one
/// size; a test counts allocations.)
#[inline]
pub(crate) fn recycle<T, U: Default>(used: Vec<T>) -> Vec<U> {
    used.into_iter().map(|_| U::default()).collect()
}
