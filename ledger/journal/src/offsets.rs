//! Where each group lies: 24 bytes a group in a derived file, found by index with one small read.
//!
//! Not truth: whatever is read through it is checked against the group's own header, and the file may be deleted at any time.
//! Always: rows are in group order and each row's CRC binds the group's number; the first row that is not whole ends the file.

use std::io;
use std::path::Path;
use std::sync::Arc;

use ground::{File, Open, SharedDisk};

use crate::format::{Broken, Group, GroupHeader, Marker, Place, Take, What, crc, put};
use crate::words::Index;

const MAGIC: [u8; 8] = *b"CFOILOFF";
/// Magic, genesis, chain, CRC.
const HEADER_BYTES: usize = 48;
const ROW_BYTES: usize = 24;
/// Rows between two fences; one lookup reads at most this many (6 KiB).
const FENCE_ROWS: u64 = 256;
/// Rows read at once while loading.
const LOAD_ROWS: usize = 16_384;

/// Where one group lies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Row {
    pub(crate) number: u64,
    pub(crate) first: Index,
    pub(crate) place: Place,
    pub(crate) length: u32,
}

impl Row {
    pub(crate) fn of_header(header: &GroupHeader) -> Row {
        Row {
            number: header.number,
            first: header.first,
            place: header.place,
            length: header.length,
        }
    }

    pub(crate) fn of_group(group: &Group) -> Row {
        Row {
            number: group.number,
            first: group.first,
            place: group.place,
            length: group.length,
        }
    }

    fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(ROW_BYTES);
        put::u64(&mut out, self.first.0);
        put::u32(&mut out, self.place.segment);
        put::u32(&mut out, self.place.offset);
        put::u32(&mut out, self.length);
        let sum = row_sum(self.number, &out);
        put::u32(&mut out, sum);
        out
    }

    fn decode(number: u64, bytes: &[u8]) -> Result<Row, Broken> {
        let mut take = Take::new(bytes);
        let body = Take::new(bytes).bytes(ROW_BYTES - 4)?;
        let row = Row {
            number,
            first: Index(take.u64()?),
            place: Place {
                segment: take.u32()?,
                offset: take.u32()?,
            },
            length: take.u32()?,
        };
        if take.u32()? != row_sum(number, body) {
            return Err(Broken::new(What::Checksum, ROW_BYTES as u64 - 4));
        }
        Ok(row)
    }
}

fn row_sum(number: u64, body: &[u8]) -> u32 {
    let mut bound = number.to_be_bytes().to_vec();
    bound.extend_from_slice(body);
    crc(&bound)
}

/// The rows of groups 1 to `count`.
pub(crate) struct Offsets {
    store: Store,
    count: u64,
    /// The first index of rows 0, 256, 512, …
    fences: Vec<u64>,
}

enum Store {
    File(Arc<dyn File>),
    /// For a process that may not write here: the file's first `kept` rows, then rows in memory.
    Beside {
        file: Option<Arc<dyn File>>,
        kept: u64,
        tail: Vec<Row>,
    },
}

impl Offsets {
    /// Rows kept in memory only.
    pub(crate) fn in_memory() -> Offsets {
        Offsets {
            store: Store::Beside {
                file: None,
                kept: 0,
                tail: Vec::new(),
            },
            count: 0,
            fences: Vec::new(),
        }
    }

    /// Opens or creates the file and keeps the rows that are whole; a file of another ledger starts anew.
    pub(crate) fn open(disk: &SharedDisk, path: &Path, marker: &Marker) -> io::Result<Offsets> {
        let file = match disk.open(path, Open::Write) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                disk.open(path, Open::Create)?
            }
            opened => opened?,
        };
        let header = file_header(marker);
        let mut found = vec![0; HEADER_BYTES];
        let read = file.read_at(&mut found, 0)?;
        let ours = read == HEADER_BYTES && found == header;
        if !ours {
            file.set_len(0)?;
            file.write_all_at(&header, 0)?;
        }
        let mut offsets = Offsets {
            store: Store::File(file),
            count: 0,
            fences: Vec::new(),
        };
        offsets.load()?;
        Ok(offsets)
    }

    /// The rows of another process's file, which it may extend meanwhile; none where the file is missing or another ledger's.
    pub(crate) fn copy(disk: &SharedDisk, path: &Path, marker: &Marker) -> io::Result<Offsets> {
        let file = match disk.open(path, Open::Read) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(Offsets::in_memory());
            }
            opened => opened?,
        };
        let mut found = vec![0; HEADER_BYTES];
        if file.read_at(&mut found, 0)? != HEADER_BYTES || found != file_header(marker) {
            return Ok(Offsets::in_memory());
        }
        let mut offsets = Offsets {
            store: Store::File(file),
            count: 0,
            fences: Vec::new(),
        };
        offsets.load()?;
        if let Store::File(file) = offsets.store {
            offsets.store = Store::Beside {
                file: Some(file),
                kept: offsets.count,
                tail: Vec::new(),
            };
        }
        Ok(offsets)
    }

    /// Counts the whole rows from the start and collects the fences.
    fn load(&mut self) -> io::Result<()> {
        let Store::File(file) = &self.store else {
            return Ok(());
        };
        let mut buffer = vec![0; LOAD_ROWS * ROW_BYTES];
        let mut previous: Option<Row> = None;
        loop {
            let at = HEADER_BYTES as u64 + self.count * ROW_BYTES as u64;
            let read = file.read_at(&mut buffer, at)?;
            let rows = buffer
                .get(..read)
                .unwrap_or_default()
                .chunks_exact(ROW_BYTES);
            for bytes in rows {
                let Ok(row) = Row::decode(self.count + 1, bytes) else {
                    return Ok(());
                };
                if previous
                    .is_some_and(|before| before.first >= row.first || before.place >= row.place)
                {
                    return Ok(());
                }
                if self.count.is_multiple_of(FENCE_ROWS) {
                    self.fences.push(row.first.0);
                }
                self.count += 1;
                previous = Some(row);
            }
            if read < buffer.len() {
                return Ok(());
            }
        }
    }

    /// How many groups have a row.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// Forgets every row behind the first `count`.
    pub(crate) fn keep(&mut self, count: u64) {
        if count < self.count {
            self.count = count;
            self.fences.truncate(count.div_ceil(FENCE_ROWS) as usize);
            if let Store::Beside { kept, tail, .. } = &mut self.store {
                tail.truncate(count.saturating_sub(*kept) as usize);
                *kept = count.min(*kept);
            }
        }
    }

    /// Appends the row of the next group.
    pub(crate) fn push(&mut self, row: Row) -> io::Result<()> {
        assert_eq!(row.number, self.count + 1, "rows are pushed in group order");
        match &mut self.store {
            Store::Beside { tail, .. } => tail.push(row),
            Store::File(file) => {
                let at = HEADER_BYTES as u64 + self.count * ROW_BYTES as u64;
                file.write_all_at(&row.encode(), at)?;
            }
        }
        if self.count.is_multiple_of(FENCE_ROWS) {
            self.fences.push(row.first.0);
        }
        self.count += 1;
        Ok(())
    }

    /// Puts rows that the groups' own headers say in the place of rotten ones: in the file where it is ours, else in memory.
    pub(crate) fn correct(&mut self, all: &[Row]) -> io::Result<u64> {
        let mut wrong = 0;
        for row in all {
            if self.row(row.number)? == Some(*row) {
                continue;
            }
            wrong += 1;
            if let Store::File(file) = &self.store {
                let at = HEADER_BYTES as u64 + (row.number - 1) * ROW_BYTES as u64;
                file.write_all_at(&row.encode(), at)?;
            }
            if let Some(fence) = (row.number - 1).checked_div(FENCE_ROWS)
                && (row.number - 1).is_multiple_of(FENCE_ROWS)
                && let Some(first) = self.fences.get_mut(fence as usize)
            {
                *first = row.first.0;
            }
        }
        if let Store::Beside { file, kept, tail } = &mut self.store
            && wrong > 0
            && all.len() as u64 == self.count
        {
            (*file, *kept) = (None, 0);
            *tail = all.to_vec();
        }
        Ok(wrong)
    }

    /// The row of a group.
    pub(crate) fn row(&self, number: u64) -> io::Result<Option<Row>> {
        if number == 0 || number > self.count {
            return Ok(None);
        }
        Ok(self.block(number - 1, 1)?.first().copied())
    }

    /// The row of the last group that begins at or before this index.
    pub(crate) fn find(&self, index: Index) -> io::Result<Option<Row>> {
        let behind = self.fences.partition_point(|first| *first <= index.0) as u64;
        let Some(fence) = behind.checked_sub(1) else {
            return Ok(None);
        };
        let rows = self.block(fence * FENCE_ROWS, FENCE_ROWS)?;
        let within = rows.partition_point(|row| row.first <= index);
        Ok(within
            .checked_sub(1)
            .and_then(|place| rows.get(place))
            .copied())
    }

    /// Rows from `start` (counted from 0), at most `rows` of them; stops at one that is not whole.
    fn block(&self, start: u64, rows: u64) -> io::Result<Vec<Row>> {
        let rows = rows.min(self.count.saturating_sub(start));
        let (file, on_file, tail) = match &self.store {
            Store::File(file) => (Some(file), self.count, [].as_slice()),
            Store::Beside { file, kept, tail } => (file.as_ref(), *kept, tail.as_slice()),
        };
        let from_file = on_file.saturating_sub(start).min(rows);
        let mut block = match file {
            Some(file) if from_file > 0 => read_rows(&**file, start, from_file)?,
            _ => Vec::new(),
        };
        if block.len() as u64 == from_file && from_file < rows {
            let skip = (start + from_file - on_file) as usize;
            block.extend(tail.iter().skip(skip).take((rows - from_file) as usize));
        }
        Ok(block)
    }
}

/// Rows from `start` (counted from 0); ends at one that is not whole.
fn read_rows(file: &dyn File, start: u64, rows: u64) -> io::Result<Vec<Row>> {
    let mut bytes = vec![0; rows as usize * ROW_BYTES];
    let read = file.read_at(&mut bytes, HEADER_BYTES as u64 + start * ROW_BYTES as u64)?;
    let whole = bytes
        .get(..read)
        .unwrap_or_default()
        .chunks_exact(ROW_BYTES);
    Ok((start + 1..)
        .zip(whole)
        .map_while(|(number, row)| Row::decode(number, row).ok())
        .collect())
}

fn file_header(marker: &Marker) -> Vec<u8> {
    let mut out = Vec::with_capacity(HEADER_BYTES);
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&marker.genesis.0);
    put::u32(&mut out, marker.chain.0);
    put::crc_from(&mut out, 0);
    out
}
