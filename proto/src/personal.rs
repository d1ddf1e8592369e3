//! `Personal<T>`: the only type in which a personal value travels through memory.
//!
//! It cannot be printed, compared, cloned, hashed or serialised by accident, and it is wiped when it
//! is dropped (S-1). It is not encryption: whoever calls `expose` holds the plain value.

use zeroize::Zeroize;

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
pub struct Personal<T: Zeroize>(Option<T>);

impl<T: Zeroize> Personal<T> {
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
    pub fn map<U: Zeroize>(self, change: impl FnOnce(T) -> U) -> Personal<U> {
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

impl<T: Zeroize> Drop for Personal<T> {
    fn drop(&mut self) {
        if let Some(value) = &mut self.0 {
            value.zeroize();
        }
    }
}

impl<T: Zeroize> Zeroize for Personal<T> {
    fn zeroize(&mut self) {
        if let Some(value) = &mut self.0 {
            value.zeroize();
        }
    }
}

impl From<&str> for Personal<String> {
    fn from(text: &str) -> Self {
        Self::new(text.to_owned())
    }
}
