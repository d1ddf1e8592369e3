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
