//! How far publishing is: a bar where standard error is a terminal, a line each tenth elsewhere.
//!
//! A file's length in bytes is what the bar is drawn by; of a pipe only the events are counted.

use std::cell::Cell;
use std::io::{self, IsTerminal, Read};
use std::rc::Rc;

use crate::output;

const WIDTH: u64 = 40;
/// Events between two lines where the length is not known and nobody watches.
const LINE_EVENTS: u64 = 10_000;

/// Counts the bytes that are read through it.
pub(super) struct Counting<R> {
    inner: R,
    read: Rc<Cell<u64>>,
}

impl<R: Read> Counting<R> {
    /// The reader, and where to see its count.
    pub(super) fn new(inner: R) -> (Self, Rc<Cell<u64>>) {
        let read = Rc::new(Cell::new(0));
        let seen = Rc::clone(&read);
        (Self { inner, read }, seen)
    }
}

impl<R: Read> Read for Counting<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.read.set(self.read.get() + count as u64);
        Ok(count)
    }
}

/// The bar or the lines.
pub(super) struct Progress {
    length: Option<u64>,
    position: Rc<Cell<u64>>,
    watched: bool,
    shown: Option<u64>,
}

impl Progress {
    /// Nothing is done yet.
    pub(super) fn new(length: Option<u64>, position: Rc<Cell<u64>>) -> Self {
        Self {
            length: length.filter(|&length| length > 0),
            position,
            watched: io::stderr().is_terminal(),
            shown: None,
        }
    }

    /// So many events are settled.
    pub(super) fn show(&mut self, events: u64) {
        let (done, length) = (self.position.get(), self.length);
        let step = match (length, self.watched) {
            (Some(length), true) => done * 200 / length,
            (Some(length), false) => done * 10 / length,
            (None, true) => events,
            (None, false) => events / LINE_EVENTS,
        };
        if self.shown == Some(step) {
            return;
        }
        self.shown = Some(step);
        if self.watched {
            output::aside_part(&format!("\r{}", line(done, length, events)));
        } else {
            output::aside(&line(done, length, events));
        }
    }

    /// Nothing more comes.
    pub(super) fn end(&mut self, events: u64) {
        // Where nothing came about, what failed is said and nothing else.
        if events > 0 || self.shown.is_some() {
            self.show(events);
        }
        if self.watched && self.shown.is_some() {
            output::aside("");
        }
    }
}

fn line(done: u64, length: Option<u64>, events: u64) -> String {
    let events = match events {
        1 => "1 event".to_owned(),
        more => format!("{more} events"),
    };
    let Some(length) = length else {
        return format!("  {events}");
    };
    let filled = (done * WIDTH / length).min(WIDTH) as usize;
    let (full, open) = ("#".repeat(filled), ".".repeat(WIDTH as usize - filled));
    let percent = (done * 100 / length).min(100);
    format!("  [{full}{open}] {percent:3} %  {events}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_full_at_the_end_and_never_more() {
        let bar = "#".repeat(20) + &".".repeat(20);
        assert_eq!(line(50, Some(100), 7), format!("  [{bar}]  50 %  7 events"));
        assert!(line(120, Some(100), 7).contains("] 100 %"));
        assert_eq!(line(50, None, 7), "  7 events");
    }
}
