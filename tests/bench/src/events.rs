//! Where a load gets its next event from: the endless mix of the bench or the demo's finite story.

use people::{Mix, Story};

/// Events, one at a time, written into the caller's buffer.
pub(crate) trait Events {
    /// Appends the next event; false, and nothing appended, when there is none.
    fn write_next(&mut self, out: &mut Vec<u8>) -> bool;
}

impl Events for Mix {
    fn write_next(&mut self, out: &mut Vec<u8>) -> bool {
        Mix::write_next(self, out);
        true
    }
}

impl Events for Story {
    fn write_next(&mut self, out: &mut Vec<u8>) -> bool {
        self.next().map(|event| event.write(out)).is_some()
    }
}

/// At most so many events of another source, with the bytes that they took.
#[derive(Debug)]
pub(crate) struct Counted<E> {
    pub(crate) inner: E,
    pub(crate) left: u64,
    pub(crate) bytes: u64,
}

impl<E> Counted<E> {
    /// No limit: only the bytes are counted.
    pub(crate) fn endless(inner: E) -> Counted<E> {
        Counted {
            inner,
            left: u64::MAX,
            bytes: 0,
        }
    }
}

impl<E: Events> Events for Counted<E> {
    fn write_next(&mut self, out: &mut Vec<u8>) -> bool {
        let before = out.len();
        if self.left == 0 || !self.inner.write_next(out) {
            return false;
        }
        self.left -= 1;
        self.bytes += (out.len() - before) as u64;
        true
    }
}

#[test]
fn no_more_than_the_count_is_written_and_its_bytes_are_known() {
    let mut counted = Counted {
        inner: Mix::new(1, 10, 0),
        left: 2,
        bytes: 0,
    };
    let mut out = Vec::new();
    assert!(counted.write_next(&mut out) && counted.write_next(&mut out));
    assert!(!counted.write_next(&mut out));
    assert_eq!(counted.bytes, out.len() as u64);
}
