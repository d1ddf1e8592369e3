//! The write path, in the order in which things become durable. Read this page first.
//!
//! ```text
//!  admit      (door, parallel)   bytes -> checked event, split, field commitments            admit/
//!  resolve    (door, parallel)   who it is about, stream secret, head, seen before?          resolve.rs
//!  sequence   (this file)        fence -> repeat -> person -> stream -> number -> seal -> link; one thread, no IO
//!  close      (this file)        rows of the vault become the group's sealed section; the group is framed
//!  D1 append  (append.rs)        one write, one sync. Crash before: nobody was answered, recovery zeroes the tail.
//!                                Crash after: the events are there, a repeat gets the same foil (C-2, C-3)
//!     answer  (append.rs)        the group's note is signed, foils go out, the watermark rises
//!  D2 checkpoint (keep.rs)       root of durable links -> signed -> stored -> only then published (C-4)
//!  D3 absorb  (keep.rs)          vault rows of durable groups go to their shelves, with the position, in one commit
//!  D4 project (projectors)       view rows and cursor in one batch
//! ```
//!
//! Not here: clocks, disks, threads. Always: an event that is placed has its link, its number in its stream and its keys decided for good;
//! whatever is refused here was never placed.

mod keys;
mod slots;
mod who;

use std::collections::HashMap;
use std::sync::Arc;

use chain::link::{Link, LinkBytes, leaf_hash, link_hash, origin_hash, record_commitment};
use ground::Random;
use journal::{Entry, Framer, GroupDraft, PreparedGroup};
use proto::{Hash, IdTag, Index, Month, NumberInStream, RecordHeader, UnixMillis};
use vault::seal::{RecordKeyName, RecordPlace, RecordSealer};
use vault::{Key32, PersonRef, Row, StreamKeys, StreamSecret, Vault, VaultError};

use crate::admit::{Admitted, Refusal};
use crate::append::Name;
use crate::mint::Minted;
use crate::own::finding_event;
use crate::recent::{Head, Recent};
use crate::resolve::Resolved;

/// Events after which a group is closed.
pub const GROUP_EVENTS_MAX: usize = 4_096;
/// Bytes of entries and vault rows after which a group is closed; one more event, with all the people it may mention, still fits below the
/// journal's limit. Nothing is put into a full group, not even the rest of a submission.
pub const GROUP_BYTES_CLOSE: usize = 2 << 20;
/// Bytes that a vault row takes in a section, from above: those that events bring hold ids, hashes and a few codes.
const ROW_BYTES: usize = 320;

/// An event on its way to its place.
pub struct Arrival {
    /// What was admitted.
    pub event: Box<Admitted>,
    /// What resolve found.
    pub resolved: Box<Resolved>,
    /// Rows of the vault that become true with this event (a token, a user, a key).
    pub rows: Vec<Row>,
}

/// What became of an arrival.
pub enum Verdict {
    /// Placed in the open group at this position.
    Placed(usize, Spent),
    /// (source, id) was recorded at this index; a reader compares the contents.
    Repeat(Index, Box<Admitted>),
    /// Refused; nothing was placed.
    Refused(Refusal),
    /// Resolve it again: it was looked up too long ago, or an alias learnt since names this person, whom the look-up did not know of.
    Stale(Box<Arrival>, Option<PersonRef>),
}

/// What a placed event no longer needs. It goes back with the verdict: what a door allocated a door frees, and the one thread that puts
/// events in order neither wipes nor waits for the allocator's locks.
pub struct Spent {
    _event: Box<Admitted>,
    _resolved: Box<Resolved>,
}

/// What the foil of one event needs beside the group's note.
pub struct Placed {
    /// The link.
    pub link: LinkBytes,
    /// The record.
    pub record: Vec<u8>,
    /// Salt of the record's commitment.
    pub salt: [u8; 32],
}

/// A group that is framed and not yet written.
pub struct Closed {
    /// The bytes for the journal.
    pub prepared: PreparedGroup,
    /// Index of the first event.
    pub first: Index,
    /// Time in the group's header and note.
    pub time: UnixMillis,
    /// RFC 6962 leaf hashes of the links, in order.
    pub leaves: Vec<Hash>,
    /// The events, in order.
    pub placed: Vec<Placed>,
}

/// Where in which stream an event goes.
struct Spot {
    stream: StreamKeys,
    number: NumberInStream,
    previous: Option<Index>,
}

#[derive(Default)]
struct OpenGroup {
    entries: Vec<Entry>,
    leaves: Vec<Hash>,
    placed: Vec<Placed>,
    rows: Vec<Row>,
    streams_new: usize,
    bytes: usize,
    /// Holds a fence, which is in force once the group's rows are staged: nothing is put behind it (S-3).
    fences: bool,
}

/// Puts events in order: one thread owns it.
pub struct Sequencer {
    name: Name,
    origin_hash: [u8; 32],
    next: Index,
    previous_link: Hash,
    framer: Framer,
    vault: Arc<Vault>,
    random: Arc<dyn Random>,
    recent: Recent,
    record_keys: HashMap<RecordKeyName, Arc<RecordSealer>>,
    dedup_keys: HashMap<(String, u16), Key32>,
    open: OpenGroup,
    time: UnixMillis,
}

/// Where the chain stands when the sequencer begins.
pub struct Start {
    /// Whose ledger.
    pub name: Name,
    /// Index of the next event.
    pub next: Index,
    /// BLAKE3 of the last link, or the genesis value.
    pub previous_link: Hash,
    /// Time of the last group; time in groups never goes back.
    pub time: UnixMillis,
}

impl Sequencer {
    /// A sequencer that goes on from `start`.
    pub fn new(
        start: Start,
        framer: Framer,
        vault: Arc<Vault>,
        random: Arc<dyn Random>,
        recent: Recent,
    ) -> Sequencer {
        Sequencer {
            origin_hash: origin_hash(&start.name.origin),
            name: start.name,
            next: start.next,
            previous_link: start.previous_link,
            framer,
            vault,
            random,
            recent,
            record_keys: HashMap::new(),
            dedup_keys: HashMap::new(),
            open: OpenGroup::default(),
            time: start.time,
        }
    }

    /// True where the open group must be closed before more is put in.
    pub fn is_full(&self) -> bool {
        let open = &self.open;
        let full = open.entries.len() >= GROUP_EVENTS_MAX || open.bytes >= GROUP_BYTES_CLOSE;
        full || open.fences
    }

    /// True where nothing was placed since the last close.
    pub fn is_empty(&self) -> bool {
        self.open.entries.is_empty()
    }

    /// Index of the next event to be placed.
    pub fn next(&self) -> Index {
        self.next
    }

    /// Places one event in the open group, or says why not. `now` is the time of admission.
    ///
    /// # Errors
    /// The vault's: the process must stop, since keys for what comes later may be missing.
    pub fn take(&mut self, arrival: Arrival, now: UnixMillis) -> Result<Verdict, VaultError> {
        let now = UnixMillis(now.0.max(self.time.0));
        self.time = now;
        let learnt = self.asks_about(&arrival.event, &arrival.resolved);
        if learnt.is_some() || self.recent.is_stale(arrival.resolved.epoch) {
            return Ok(Verdict::Stale(Box::new(arrival), learnt));
        }
        let Arrival {
            event,
            resolved,
            rows,
        } = arrival;
        // Repeats (C-3). The tag of this year's key goes beside the link.
        let (idtag, repeat) = self.idtag(&event, &resolved, now)?;
        if let Some(index) = repeat {
            return Ok(Verdict::Repeat(index, event));
        }
        // Who, and which stream; minted where nobody knows them yet. Fences close both (S-3).
        let mut minted = Minted::new(self.vault.clone(), self.random.clone());
        let stream = match self.stream(&event, &resolved, &mut minted)? {
            Ok(stream) => stream,
            Err(refusal) => return Ok(Verdict::Refused(refusal)),
        };
        let head = self.recent.head_of(&stream.stream).or(resolved.head);
        let head = if minted.is_new(&stream) { None } else { head };
        let number = NumberInStream(head.map_or(0, |head| head.number.0 + 1));
        let mentions = match self.mentions(&resolved.mentions, &stream, number, &mut minted)? {
            Ok(mentions) => mentions,
            Err(refusal) => return Ok(Verdict::Refused(refusal)),
        };
        // From here on the event is placed, and what screening found in it stands right behind it.
        minted.note(&mut self.recent);
        self.open.streams_new += minted.streams;
        self.open.bytes += (minted.streams + minted.rows.len()) * ROW_BYTES;
        self.open.rows.append(&mut minted.rows);
        self.open.fences |= rows.iter().any(is_fence);
        self.open.rows.extend(rows);
        let at = Spot {
            stream,
            number,
            previous: head.map(|head| head.last),
        };
        let position = self.place(&event, &at, &mentions, idtag, now)?;
        self.place_findings(&event, at, now)?;
        let spent = Spent {
            _event: event,
            _resolved: resolved,
        };
        Ok(Verdict::Placed(position, spent))
    }

    /// Appends what screening found in an event, in the same stream and group.
    fn place_findings(
        &mut self,
        event: &Admitted,
        mut at: Spot,
        now: UnixMillis,
    ) -> Result<(), VaultError> {
        let found_in = at.number;
        for finding in &event.findings {
            let beside = Some((&event.split.clear, found_in));
            let own = finding_event(&self.name, finding, beside, now, &*self.random);
            let year = u16::try_from(Month::of(now).year()).unwrap_or(u16::MAX);
            let key = self.dedup_key(&own.source, year);
            let idtag = keys::tag(&key, &own.source, own.id.expose())?;
            at = Spot {
                stream: at.stream,
                number: NumberInStream(at.number.0 + 1),
                previous: Some(Index(self.next.0 - 1)),
            };
            self.place(&own, &at, &[], idtag, now)?;
        }
        Ok(())
    }

    /// Seals an event's slots, makes its record and its link, and puts the entry into the open group; its position there.
    fn place(
        &mut self,
        event: &Admitted,
        at: &Spot,
        mentions: &[Option<StreamSecret>],
        idtag: IdTag,
        now: UnixMillis,
    ) -> Result<usize, VaultError> {
        let (slots, seals) = self.seal_slots(event, &at.stream, at.number, mentions)?;
        let header = RecordHeader {
            publisher: event.publisher.clone(),
            source: event.source.clone(),
            time: event.time,
            admitted: now,
            stream: at.stream.stream,
            number: at.number,
            previous: at.previous,
            slots: seals,
            quarantined: event.quarantined(),
        };
        let record = proto::encode_record(&header, event.split.fact, &event.split.body);
        let head = Head {
            number: at.number,
            last: self.next,
        };
        self.recent.record(idtag, at.stream.stream, head);
        self.link(event, record, slots, idtag, now)
    }

    /// Seals the record, makes the link and puts the entry into the open group.
    fn link(
        &mut self,
        event: &Admitted,
        record: Vec<u8>,
        slots: Vec<Vec<u8>>,
        idtag: IdTag,
        now: UnixMillis,
    ) -> Result<usize, VaultError> {
        let salt: [u8; 32] = ground::array(&*self.random);
        let link = Link {
            chain: self.name.chain,
            index: self.next,
            prev: self.previous_link,
            commitment: record_commitment(&salt, &record),
        };
        let bytes = link.encode();
        let name = RecordKeyName {
            class: event.split.fact.class as u8,
            month: Month::of(now),
        };
        let key = self.record_key(name);
        let place = RecordPlace {
            origin_hash: &self.origin_hash,
            chain: self.name.chain,
            index: self.next,
        };
        let sealed = key.seal(place, (&salt, &record), &*self.random);
        self.open.bytes += sealed.len() + slots.iter().map(Vec::len).sum::<usize>() + 128;
        self.open.leaves.push(leaf_hash(&bytes));
        self.open.entries.push(Entry {
            idtag,
            link: bytes,
            record: sealed,
            slots,
        });
        self.open.placed.push(Placed {
            link: bytes,
            record,
            salt,
        });
        self.previous_link = link_hash(&bytes);
        self.next = Index(self.next.0 + 1);
        Ok(self.open.placed.len() - 1)
    }

    /// Closes the open group: its vault rows become its sealed section and are visible to resolves from now on.
    /// `None` where nothing was placed.
    ///
    /// # Errors
    /// The vault's or the framer's: the process must stop.
    pub fn close(&mut self) -> Result<Option<Closed>, crate::IntakeError> {
        if self.open.entries.is_empty() {
            return Ok(None);
        }
        let open = std::mem::take(&mut self.open);
        let first = Index(self.next.0 - open.entries.len() as u64);
        let group = self.framer.next_group();
        let section = self
            .vault
            .seal_section(&open.rows, group, first, open.streams_new)?;
        let prepared = self.framer.frame(GroupDraft {
            time: self.time,
            first,
            entries: open.entries,
            vault_section: section,
        })?;
        self.vault.stage(open.rows, group)?;
        self.recent.freeze_if_full();
        Ok(Some(Closed {
            prepared,
            first,
            time: self.time,
            leaves: open.leaves,
            placed: open.placed,
        }))
    }

    /// Where one of these tags was recorded lately, durable or not yet.
    pub fn recorded_lately(&self, tags: &[IdTag]) -> Option<Index> {
        tags.iter().find_map(|tag| self.recent.index_of(tag))
    }

    /// Freezes recent memory, so that derived files can take all of it. Between groups only.
    pub fn freeze(&mut self) {
        self.recent.freeze();
    }
}

/// Whether a row refuses events that come behind it.
fn is_fence(row: &Row) -> bool {
    matches!(row, Row::FencedTag { .. } | Row::FenceMark { .. })
}
