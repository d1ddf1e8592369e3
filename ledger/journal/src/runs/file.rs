//! The file of one run: a header page, then pages of sorted rows, each with its CRC.
//!
//! ```text
//! header (4,096) = "CFOILRUN" ‖ version u16 = 1 ‖ value width u16 ‖ tier u32 ‖ number u64 ‖ rows u64 ‖ pages u64
//!                  ‖ from u64 ‖ size u64 ‖ link hash 32 ‖ ledger 32 ‖ zeros ‖ CRC of the 4,092 before
//! page (4,096)   = rows (key 16 ‖ value V), as many as fit in 4,092 (the last page has the rest) ‖ zeros ‖ CRC of the 4,092 before
//! set            = "CFOILSET" ‖ ledger 32 ‖ count u32 ‖ count × number u64, oldest first ‖ CRC of all before
//! ```
//!
//! Not here: which runs there are. Always: keys ascend strictly; the header is written last; what does not hold is refused.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ground::{File, Open, SharedDisk};

use super::bloom::{Bloom, halves};
use crate::format::{Broken, Take, What, crc, put};
use crate::words::Hash;

/// A key: random bytes (an idtag, a stream id).
pub type Key = [u8; 16];

/// How far runs cover the journal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RunPosition {
    /// Entries covered, from the journal's start.
    pub size: u64,
    /// The hash of the last of their links.
    pub link: Hash,
}

const MAGIC: [u8; 8] = *b"CFOILRUN";
const SET_MAGIC: [u8; 8] = *b"CFOILSET";
const VERSION: u16 = 1;
const KEY_BYTES: usize = 16;
pub(super) const PAGE_BYTES: usize = 4096;
const PAGE_BODY_BYTES: usize = PAGE_BYTES - 4;
/// Pages read or written at once.
const PAGES_AT_ONCE: usize = 64;
/// The most runs in a set.
const SET_RUNS_MAX: usize = 1024;
pub(super) const SET_BYTES_MAX: usize = 8 + 32 + 4 + SET_RUNS_MAX * 8 + 4;

struct Header {
    tier: u32,
    number: u64,
    rows: u64,
    pages: u64,
    from: u64,
    position: RunPosition,
    ledger: Hash,
}

/// One run, open to read.
pub(super) struct Run<const V: usize> {
    file: Arc<dyn File>,
    header: Header,
    bloom: Bloom,
    /// The first half of each page's first key.
    fences: Vec<u64>,
    /// A page did not hold when it was read.
    rotten: AtomicBool,
}

impl<const V: usize> Run<V> {
    const ROW_BYTES: usize = KEY_BYTES + V;
    const ROWS_A_PAGE: usize = PAGE_BODY_BYTES / Self::ROW_BYTES;

    /// Reads the run once; `None` where it is missing, torn, or another's.
    pub(super) fn open(
        disk: &SharedDisk,
        path: &Path,
        number: u64,
        ledger: Hash,
    ) -> io::Result<Option<Run<V>>> {
        let file = match disk.open(path, Open::Read) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened?,
        };
        let mut bytes = vec![0; PAGE_BYTES];
        let read = file.read_at(&mut bytes, 0)?;
        let Ok(header) = Header::decode(bytes.get(..read).unwrap_or_default(), V) else {
            return Ok(None);
        };
        let length = (header.pages + 1).saturating_mul(PAGE_BYTES as u64);
        if header.number != number || header.ledger != ledger || file.len()? != length {
            return Ok(None);
        }
        let (bloom, fences) = (
            Bloom::new(header.rows),
            Vec::with_capacity(header.pages as usize),
        );
        let mut run = Run {
            file,
            header,
            bloom,
            fences,
            rotten: AtomicBool::new(false),
        };
        Ok(run.check()?.then_some(run))
    }

    /// Reads every page, fills filter and fences; whether all hold.
    fn check(&mut self) -> io::Result<bool> {
        let mut before: Option<Key> = None;
        let (mut page, mut rows) = (0, 0);
        while page < self.header.pages {
            let count = (self.header.pages - page).min(PAGES_AT_ONCE as u64);
            let mut bytes = vec![0; count as usize * PAGE_BYTES];
            self.file
                .read_exact_at(&mut bytes, (page + 1) * PAGE_BYTES as u64)?;
            for piece in bytes.chunks(PAGE_BYTES) {
                let Ok(body) = page_body(piece) else {
                    return Ok(false);
                };
                let here = (self.header.rows - rows).min(Self::ROWS_A_PAGE as u64) as usize;
                for (place, (key, _)) in rows_in::<V>(body).take(here).enumerate() {
                    if before.is_some_and(|before| before >= key) {
                        return Ok(false);
                    }
                    if place == 0 {
                        self.fences.push(halves(&key).0);
                    }
                    self.bloom.insert(&key);
                    before = Some(key);
                }
                rows += here as u64;
            }
            page += count;
        }
        Ok(rows == self.header.rows)
    }

    /// The value of a key, reading at most two pages.
    pub(super) fn get(&self, key: &Key) -> io::Result<Option<[u8; V]>> {
        if !self.bloom.may_hold(key) {
            return Ok(None);
        }
        let wanted = halves(key).0;
        let mut bytes = [0; PAGE_BYTES];
        let mut behind = self.fences.partition_point(|fence| *fence <= wanted);
        // Where a page begins with the same half, the row may lie at the end of the page before.
        for _ in 0..2 {
            let Some(page) = behind.checked_sub(1) else {
                return Ok(None);
            };
            self.read_page(page as u64, &mut bytes)?;
            if let Some(value) = self.value_in(page as u64, &bytes, key) {
                return Ok(Some(value));
            }
            if self.fences.get(page) != Some(&wanted) {
                return Ok(None);
            }
            behind = page;
        }
        Ok(None)
    }

    /// Whether the filter lets this key pass.
    #[cfg(test)]
    pub(super) fn may_hold(&self, key: &Key) -> bool {
        self.bloom.may_hold(key)
    }

    /// The value of a key in a page that holds.
    fn value_in(&self, page: u64, bytes: &[u8; PAGE_BYTES], key: &Key) -> Option<[u8; V]> {
        let row_at = |place: usize| {
            let start = place * Self::ROW_BYTES;
            bytes.get(start..start + Self::ROW_BYTES)
        };
        let (mut low, mut high) = (0, self.rows_of_page(page));
        while low < high {
            let middle = low.midpoint(high);
            let (of, value) = row_at(middle)?.split_first_chunk::<KEY_BYTES>()?;
            match of.cmp(key) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
                std::cmp::Ordering::Equal => return value.first_chunk().copied(),
            }
        }
        None
    }

    /// The rows of a page.
    pub(super) fn page(&self, page: u64) -> io::Result<Vec<(Key, [u8; V])>> {
        let mut bytes = [0; PAGE_BYTES];
        self.read_page(page, &mut bytes)?;
        Ok(rows_in::<V>(&bytes).take(self.rows_of_page(page)).collect())
    }

    /// Reads a page that holds; a disk that answers wrongly once is asked twice.
    fn read_page(&self, page: u64, bytes: &mut [u8; PAGE_BYTES]) -> io::Result<()> {
        self.read_page_once(page, bytes).or_else(|_| {
            self.read_page_once(page, bytes)
                .inspect_err(|_| self.rotten.store(true, Ordering::Release))
        })
    }

    fn read_page_once(&self, page: u64, bytes: &mut [u8; PAGE_BYTES]) -> io::Result<()> {
        let rotten = || io::Error::from(io::ErrorKind::InvalidData);
        self.file
            .read_exact_at(bytes, (page + 1) * PAGE_BYTES as u64)?;
        let body = page_body(bytes).map_err(|_| rotten())?;
        // A whole page of another place has another first key.
        let first = rows_in::<V>(body).next();
        let begins = first.map(|(key, _)| halves(&key).0);
        match begins.as_ref() == self.fences.get(page as usize) {
            true => Ok(()),
            false => Err(rotten()),
        }
    }

    fn rows_of_page(&self, page: u64) -> usize {
        let first = page * Self::ROWS_A_PAGE as u64;
        let behind = self.header.rows.saturating_sub(first);
        behind.min(Self::ROWS_A_PAGE as u64) as usize
    }

    /// Whether a page was met that does not hold.
    pub(super) fn is_rotten(&self) -> bool {
        self.rotten.load(Ordering::Acquire)
    }

    pub(super) fn pages(&self) -> u64 {
        self.header.pages
    }

    pub(super) fn number(&self) -> u64 {
        self.header.number
    }

    pub(super) fn tier(&self) -> u32 {
        self.header.tier
    }

    pub(super) fn rows(&self) -> u64 {
        self.header.rows
    }

    pub(super) fn from(&self) -> u64 {
        self.header.from
    }

    pub(super) fn position(&self) -> RunPosition {
        self.header.position
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.bloom.memory_bytes() + self.fences.len() * 8
    }
}

/// Writes one run, rows ascending.
pub(super) struct RunWriter<const V: usize> {
    file: Arc<dyn File>,
    bloom: Bloom,
    fences: Vec<u64>,
    rows: u64,
    pages: u64,
    /// Whole pages that are not written yet.
    pending: Vec<u8>,
    page: Vec<u8>,
}

impl<const V: usize> RunWriter<V> {
    /// `rows_max`: at least as many as will come.
    pub(super) fn create(
        disk: &SharedDisk,
        path: &Path,
        rows_max: u64,
    ) -> io::Result<RunWriter<V>> {
        let file = disk.open(path, Open::Create)?;
        Ok(RunWriter {
            file,
            bloom: Bloom::new(rows_max),
            fences: Vec::new(),
            rows: 0,
            pages: 0,
            pending: Vec::with_capacity(PAGES_AT_ONCE * PAGE_BYTES),
            page: Vec::with_capacity(PAGE_BYTES),
        })
    }

    pub(super) fn push(&mut self, key: &Key, value: &[u8; V]) -> io::Result<()> {
        if self.page.is_empty() {
            self.fences.push(halves(key).0);
        }
        self.bloom.insert(key);
        self.page.extend_from_slice(key);
        self.page.extend_from_slice(value);
        self.rows += 1;
        if self.page.len() + Run::<V>::ROW_BYTES > PAGE_BODY_BYTES {
            self.end_page()?;
        }
        Ok(())
    }

    fn end_page(&mut self) -> io::Result<()> {
        put::zeros_to(&mut self.page, PAGE_BODY_BYTES);
        put::crc_from(&mut self.page, 0);
        self.pending.append(&mut self.page);
        self.pages += 1;
        if self.pending.len() >= PAGES_AT_ONCE * PAGE_BYTES {
            self.write_pending()?;
        }
        Ok(())
    }

    fn write_pending(&mut self) -> io::Result<()> {
        let first = self.pages - (self.pending.len() / PAGE_BYTES) as u64;
        self.file
            .write_all_at(&self.pending, (first + 1) * PAGE_BYTES as u64)?;
        self.pending.clear();
        Ok(())
    }

    /// Writes what is left and, last, the header.
    pub(super) fn finish(
        mut self,
        number: u64,
        ledger: Hash,
        tier: u32,
        from: u64,
        position: RunPosition,
    ) -> io::Result<Run<V>> {
        if !self.page.is_empty() {
            self.end_page()?;
        }
        self.write_pending()?;
        let header = Header {
            tier,
            number,
            rows: self.rows,
            pages: self.pages,
            from,
            position,
            ledger,
        };
        self.file.write_all_at(&header.encode(V), 0)?;
        Ok(Run {
            file: self.file,
            header,
            bloom: self.bloom,
            fences: self.fences,
            rotten: AtomicBool::new(false),
        })
    }
}

impl Header {
    fn encode(&self, width: usize) -> Vec<u8> {
        let mut out = Vec::with_capacity(PAGE_BYTES);
        out.extend_from_slice(&MAGIC);
        put::u16(&mut out, VERSION);
        put::u16(&mut out, width as u16);
        put::u32(&mut out, self.tier);
        for number in [
            self.number,
            self.rows,
            self.pages,
            self.from,
            self.position.size,
        ] {
            put::u64(&mut out, number);
        }
        out.extend_from_slice(&self.position.link.0);
        out.extend_from_slice(&self.ledger.0);
        put::zeros_to(&mut out, PAGE_BODY_BYTES);
        put::crc_from(&mut out, 0);
        out
    }

    fn decode(bytes: &[u8], width: usize) -> Result<Header, Broken> {
        let body = page_body(bytes)?;
        let mut take = Take::new(body);
        if take.array()? != MAGIC {
            return Err(Broken::new(What::Magic, 0));
        }
        if take.u16()? != VERSION || usize::from(take.u16()?) != width {
            return Err(Broken::new(What::Version, 8));
        }
        let header = Header {
            tier: take.u32()?,
            number: take.u64()?,
            rows: take.u64()?,
            pages: take.u64()?,
            from: take.u64()?,
            position: RunPosition {
                size: take.u64()?,
                link: Hash(take.array()?),
            },
            ledger: Hash(take.array()?),
        };
        let a_page = (PAGE_BODY_BYTES / (KEY_BYTES + width)) as u64;
        if header.pages != header.rows.div_ceil(a_page) || header.from >= header.position.size {
            return Err(Broken::new(What::Length, 24));
        }
        take.zeros()?;
        Ok(header)
    }
}

/// The body of a page whose CRC holds.
fn page_body(page: &[u8]) -> Result<&[u8], Broken> {
    let mut take = Take::new(page);
    let body = take.bytes(PAGE_BODY_BYTES)?;
    if take.u32()? != crc(body) {
        return Err(Broken::new(What::Checksum, PAGE_BODY_BYTES as u64));
    }
    Ok(body)
}

fn rows_in<const V: usize>(body: &[u8]) -> impl Iterator<Item = (Key, [u8; V])> {
    body.chunks_exact(KEY_BYTES + V).filter_map(|row| {
        let (key, value) = row.split_first_chunk::<KEY_BYTES>()?;
        Some((*key, *value.first_chunk::<V>()?))
    })
}

/// Looks at outside bytes as header and pages; for fuzzing.
pub(crate) fn check_bytes(bytes: &[u8]) -> Result<(), Broken> {
    let header = Header::decode(bytes, 8)?;
    for page in bytes.chunks(PAGE_BYTES).skip(1) {
        let _ = rows_in::<8>(page_body(page)?).count();
    }
    if header.pages + 1 != (bytes.len() / PAGE_BYTES) as u64 {
        return Err(Broken::new(What::Length, 0));
    }
    Ok(())
}

pub(super) fn encode_set(ledger: Hash, numbers: &[u64]) -> Vec<u8> {
    let mut out = Vec::new();
    out.extend_from_slice(&SET_MAGIC);
    out.extend_from_slice(&ledger.0);
    put::u32(&mut out, numbers.len() as u32);
    for number in numbers {
        put::u64(&mut out, *number);
    }
    put::crc_from(&mut out, 0);
    out
}

pub(super) fn decode_set(bytes: &[u8], ledger: Hash) -> Result<Vec<u64>, Broken> {
    let mut take = Take::new(bytes);
    if take.array()? != SET_MAGIC {
        return Err(Broken::new(What::Magic, 0));
    }
    if take.array()? != ledger.0 {
        return Err(Broken::new(What::WrongLedger, 8));
    }
    let count = take.u32()? as usize;
    if count > SET_RUNS_MAX {
        return Err(Broken::new(What::Length, 40));
    }
    let mut numbers = Vec::with_capacity(count);
    for _ in 0..count {
        numbers.push(take.u64()?);
    }
    let body = Take::new(bytes).bytes(take.at() as usize)?;
    if take.u32()? != crc(body) || !take.rest().is_empty() {
        return Err(Broken::new(What::Checksum, body.len() as u64));
    }
    Ok(numbers)
}
