//! The verdict: one word, what was established, what was not, and where the first damage is.
//!
//! Always: one of three words, spelled here and nowhere else; the list of what was not established
//! is never empty.

use std::fmt;

use serde_json::{Value, json};

/// The word of a verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// Everything agrees, and a key that the caller pinned signed it.
    Pinned,
    /// Everything agrees with itself; nobody whom the caller named vouches for it.
    Unpinned,
    /// Something does not agree.
    Failed,
}

impl Word {
    /// The exact words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pinned => "verified with pinned keys",
            Self::Unpinned => "consistent but unpinned",
            Self::Failed => "failed",
        }
    }
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Where in a journal something lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Number of the segment file.
    pub segment: u32,
    /// Number of the group, from 1.
    pub group: u64,
    /// Offset of the damaged field in the segment file, in bytes.
    pub offset: u64,
}

/// The first thing that cannot be right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The rule that is broken.
    pub rule: String,
    /// Where in the journal, when one was read.
    pub place: Option<Place>,
    /// Index of the event, where the damage lies in one or shows at one.
    pub index: Option<u64>,
    /// What had to be there.
    pub expected: String,
    /// What is there.
    pub actual: String,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.rule)?;
        if let Some(Place {
            segment,
            group,
            offset,
        }) = self.place
        {
            write!(f, " in segment {segment}, group {group}, offset {offset}")?;
        }
        if let Some(index) = self.index {
            write!(f, ", index {index}")?;
        }
        write!(f, ": expected {}, found {}", self.expected, self.actual)
    }
}

/// What a verification of a whole ledger had to do, so that its speed can be judged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// Bytes read of groups or served files.
    pub read_bytes: u64,
    /// Bytes under BLAKE3: links, and what each of a group's two digests is over.
    pub blake3_bytes: u64,
    /// Bytes under SHA-256: leaves, nodes, and records and slots where they were opened.
    pub sha256_bytes: u64,
    /// How long it took; set by the program, since this crate has no clock.
    pub nanoseconds: Option<u64>,
}

impl Work {
    /// The work of chaining `links` and of their tree, on top of what was counted.
    pub(crate) fn with_links(self, links: u64) -> Self {
        const LINK: u64 = chain::LINK_BYTES as u64;
        const LEAF: u64 = 1 + LINK;
        const NODE: u64 = 1 + 2 * 32;
        // Every perfect subtree on the right edge saves a node.
        let nodes = links - u64::from(links.count_ones());
        Self {
            blake3_bytes: self.blake3_bytes + links * LINK,
            sha256_bytes: self.sha256_bytes + links * LEAF + nodes * NODE,
            ..self
        }
    }

    fn to_json(self) -> Value {
        let seconds = self.nanoseconds.map(|ns| ns as f64 / 1e9);
        json!({
            "read_bytes": self.read_bytes,
            "blake3_bytes": self.blake3_bytes,
            "sha256_bytes": self.sha256_bytes,
            "seconds": seconds,
        })
    }
}

/// What a verification says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The word.
    pub word: Word,
    /// What was judged: `foil`, `tlog-proof`, `checkpoint`, `journal`, `served ledger`.
    pub subject: &'static str,
    /// What is established, a sentence each.
    pub established: Vec<String>,
    /// What this did not establish, a sentence each; never empty.
    pub not_established: Vec<String>,
    /// The first damage, when the word is `failed`.
    pub damage: Option<Damage>,
    /// What was read and hashed, where a whole ledger was verified.
    pub work: Option<Work>,
}

impl Verdict {
    /// A failed verdict. `not_established` says what stays open besides.
    pub(crate) fn failed(subject: &'static str, damage: Damage) -> Self {
        Self {
            word: Word::Failed,
            subject,
            established: Vec::new(),
            not_established: vec!["anything beyond the first damage".into()],
            damage: Some(damage),
            work: None,
        }
    }

    /// The same with the time that it took.
    #[must_use]
    pub fn timed(mut self, nanoseconds: u64) -> Self {
        if let Some(work) = &mut self.work {
            work.nanoseconds = Some(nanoseconds);
        }
        self
    }

    /// 0 when nothing is wrong, 1 when it failed.
    pub fn exit_code(&self) -> u8 {
        u8::from(self.word == Word::Failed)
    }

    /// For people.
    pub fn to_text(&self) -> String {
        let mut out = format!("{}: {}\n", self.subject, self.word);
        if let Some(damage) = &self.damage {
            out.push_str(&format!("first damage: {damage}\n"));
        }
        for line in &self.established {
            out.push_str(&format!("  + {line}\n"));
        }
        out.push_str("what this did not establish:\n");
        for line in &self.not_established {
            out.push_str(&format!("  - {line}\n"));
        }
        out
    }

    /// For programs.
    pub fn to_json(&self) -> Value {
        let place = |damage: &Damage| {
            damage.place.map(|place| {
                json!({
                    "segment": place.segment,
                    "group": place.group,
                    "offset": place.offset,
                })
            })
        };
        json!({
            "verdict": self.word.as_str(),
            "subject": self.subject,
            "established": self.established,
            "not_established": self.not_established,
            "damage": self.damage.as_ref().map(|damage| json!({
                "rule": damage.rule,
                "place": place(damage),
                "index": damage.index,
                "expected": damage.expected,
                "actual": damage.actual,
            })),
            "work": self.work.map(Work::to_json),
        })
    }
}
