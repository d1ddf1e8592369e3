//! `Personal<T>`: the only type in which a personal value travels through memory.
//!
//! It cannot be printed, compared, cloned, hashed or serialised by accident, and it is wiped when it
//! is dropped (S-1). It is not encryption: whoever calls `expose` holds the plain value.

use std::any::Any;
use zeroize::{Zeroize, optimization_barrier};

/// A value that names or describes a person. No `Debug`, `Display`, `PartialEq`, `Clone`, `Serialize`.
///
/// ```compile_fail
/// println!("{:?}", proto::Personal::from("Alex Example"));
/// ```
/// ```compile_fail
/// let same = proto::Personal::from("Alex Example") == proto::Personal::from("Alex Example");
/// ```
/// ```compile_fail
/// let copy = proto::Personal::from("Alex Example").clone();
/// ```
pub struct Personal<T: Zeroize + 'static>(Option<T>);

impl<T: Zeroize + 'static> Personal<T> {
    /// Takes a value into custody.
    pub fn new(value: T) -> Self {
        Self(Some(value))
    }

    /// Lends the plain value. Every call is a place that a reviewer looks at.
    pub fn expose(&self) -> &T {
        self.0
            .as_ref()
            .expect("only into_inner takes the value, and it consumes self")
    }

    /// Lends the plain value for change in place.
    pub fn expose_mut(&mut self) -> &mut T {
        self.0
            .as_mut()
            .expect("only into_inner takes the value, and it consumes self")
    }

    /// Gives the plain value away; the caller now wipes it.
    pub fn into_inner(mut self) -> T {
        self.0
            .take()
            .expect("only into_inner takes the value, and it consumes self")
    }

    /// Changes the value without leaving custody.
    pub fn map<U: Zeroize + 'static>(self, change: impl FnOnce(T) -> U) -> Personal<U> {
        Personal::new(change(self.into_inner()))
    }

    /// A second copy, asked for by name so that copies can be found.
    pub fn duplicate(&self) -> Self
    where
        T: Clone,
    {
        Self::new(self.expose().clone())
    }
}

impl<T: Zeroize + 'static> Drop for Personal<T> {
    fn drop(&mut self) {
        if let Some(value) = &mut self.0 {
            wipe(value);
        }
    }
}

impl<T: Zeroize + 'static> Zeroize for Personal<T> {
    fn zeroize(&mut self) {
        if let Some(value) = &mut self.0 {
            wipe(value);
        }
    }
}

/// Wipes a value. Bytes and texts, which are nearly all there is, are wiped whole, spare capacity
/// included, at the speed of `memset`; zeroize would write them byte by byte.
fn wipe<T: Zeroize + 'static>(value: &mut T) {
    let any: &mut dyn Any = value;
    if let Some(bytes) = any.downcast_mut::<Vec<u8>>() {
        wipe_bytes(bytes);
    } else if let Some(text) = any.downcast_mut::<String>() {
        wipe_bytes(&mut std::mem::take(text).into_bytes());
    } else {
        value.zeroize();
    }
}

fn wipe_bytes(bytes: &mut Vec<u8>) {
    bytes.clear();
    // Within the capacity nothing moves; the barrier keeps the compiler from leaving the zeros out.
    bytes.resize(bytes.capacity(), 0);
    optimization_barrier(bytes.as_slice());
    bytes.clear();
}

impl From<&str> for Personal<String> {
    fn from(text: &str) -> Self {
        Self::new(text.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wiped_keeps_its_memory_and_none_of_its_bytes() {
        let mut bytes = Vec::with_capacity(64);
        bytes.extend_from_slice(b"Alex Example");
        bytes.truncate(4);
        let at = bytes.as_ptr();
        wipe(&mut bytes);
        assert!(bytes.is_empty());
        bytes.resize(64, 1);
        assert_eq!(bytes.as_ptr(), at);

        let mut personal = Personal::from("Alex Example");
        personal.zeroize();
        assert!(personal.expose().is_empty());
        let mut number = 7_u64;
        wipe(&mut number);
        assert_eq!(number, 0);
    }
}
