//! A batch: events up to the door's limits of number and bytes, as one JSON array.

use hyper::body::Bytes;
use proto::limits::{BATCH_EVENTS_MAX, REQUEST_BYTES_MAX};

use super::source::Event;

/// Events of one request.
#[derive(Default)]
pub(super) struct Batch {
    lines: Vec<u64>,
    body: Vec<u8>,
}

impl Batch {
    /// Whether the event goes in without breaking a limit. An empty batch takes any event: whether it
    /// is too large is the door's to say.
    pub(super) fn fits(&self, event: &Event) -> bool {
        // One byte before it, one after the last.
        let grown = self.body.len() + event.bytes.expose().len() + 2;
        self.lines.is_empty() || (!self.is_full() && grown <= REQUEST_BYTES_MAX)
    }

    /// Whether no event goes in.
    pub(super) fn is_full(&self) -> bool {
        self.lines.len() >= BATCH_EVENTS_MAX
    }

    /// Adds an event.
    pub(super) fn push(&mut self, event: Event) {
        self.body
            .push(if self.lines.is_empty() { b'[' } else { b',' });
        self.body.extend_from_slice(event.bytes.expose());
        self.lines.push(event.line);
    }

    /// The lines and the body of what is in it; it is empty afterwards.
    pub(super) fn take(&mut self) -> (Vec<u64>, Bytes) {
        let lines = std::mem::take(&mut self.lines);
        let mut body = std::mem::take(&mut self.body);
        body.push(b']');
        (lines, Bytes::from(body))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proto::Personal;

    fn event(line: u64, bytes: usize) -> Event {
        Event {
            line,
            bytes: Personal::new(vec![b'1'; bytes]),
        }
    }

    #[test]
    fn a_batch_ends_at_a_thousand_events() {
        let mut batch = Batch::default();
        for line in 0..BATCH_EVENTS_MAX as u64 {
            assert!(batch.fits(&event(line, 1)));
            batch.push(event(line, 1));
        }
        assert!(batch.is_full() && !batch.fits(&event(0, 1)));
        let (lines, body) = batch.take();
        assert_eq!(lines.len(), BATCH_EVENTS_MAX);
        assert_eq!(body.len(), 2 * BATCH_EVENTS_MAX + 1);
        assert!(batch.fits(&event(0, 1)));
    }

    #[test]
    fn a_batch_ends_before_the_request_is_too_large() {
        let mut batch = Batch::default();
        assert!(
            batch.fits(&event(1, REQUEST_BYTES_MAX * 2)),
            "the door refuses it, by name"
        );
        batch.push(event(1, REQUEST_BYTES_MAX - 12));
        assert!(batch.fits(&event(2, 9)));
        assert!(!batch.fits(&event(2, 10)));
        batch.push(event(2, 9));
        assert_eq!(batch.take().1.len(), REQUEST_BYTES_MAX);
    }
}
