//! A progress bar on standard error: redrawn in place on a terminal, one line each tenth elsewhere.

use std::io::{self, IsTerminal, Write};

const WIDTH: u64 = 40;

/// How much of a known amount is done.
#[derive(Debug)]
pub(crate) struct Progress {
    title: &'static str,
    total: u64,
    done: u64,
    drawn_share: Option<u64>,
}

impl Progress {
    /// Nothing of `total` done yet.
    pub(crate) fn new(title: &'static str, total: u64) -> Progress {
        Progress {
            title,
            total: total.max(1),
            done: 0,
            drawn_share: None,
        }
    }

    /// So many more are done. A standard error that cannot be written to is no reason to stop.
    pub(crate) fn add(&mut self, more: u64) {
        self.done += more;
        let mut out = io::stderr();
        let steps = if out.is_terminal() { 200 } else { 10 };
        let share = self.done * steps / self.total;
        if self.drawn_share == Some(share) {
            return;
        }
        self.drawn_share = Some(share);
        let _ = if steps == 10 {
            writeln!(out, "   {}: {} of {}", self.title, self.done, self.total)
        } else {
            let filled = (self.done * WIDTH / self.total).min(WIDTH) as usize;
            let bar = format!(
                "{}{}",
                "#".repeat(filled),
                ".".repeat(WIDTH as usize - filled)
            );
            let end = if self.done >= self.total { "\n" } else { "" };
            write!(
                out,
                "\r   {} [{bar}] {} of {}{end}",
                self.title, self.done, self.total
            )
        };
    }
}
