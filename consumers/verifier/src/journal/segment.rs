//! The segment header, the completion marker, the watermark, and the names of segment files.

use proto::{ChainNumber, Hash, Origin};

use super::Wrong;
use super::take::Take;

pub(crate) const SEGMENT_HEADER_BYTES: usize = 4096;
pub(crate) const WATERMARK_BYTES: usize = 512;
const VERSION: [u8; 2] = [0, 1];
const NAME_DIGITS: usize = 10;

/// The file name of a segment.
pub(crate) fn segment_name(number: u32) -> String {
    format!("{number:010}.segment")
}

/// The number in the file name of a segment; `None` when it is no such name.
pub(crate) fn segment_number(name: &str) -> Option<u32> {
    let digits = name.strip_suffix(".segment")?;
    let all_digits = digits.len() == NAME_DIGITS && digits.bytes().all(|b| b.is_ascii_digit());
    all_digits.then(|| digits.parse().ok()).flatten()
}

/// What a segment says about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SegmentHeader {
    pub(crate) chain: u32,
    pub(crate) number: u32,
    pub(crate) first_index: u64,
    pub(crate) first_group: u64,
    pub(crate) file_bytes: u64,
    pub(crate) genesis: Hash,
    pub(crate) previous: Hash,
}

impl SegmentHeader {
    pub(crate) fn decode(bytes: &[u8; SEGMENT_HEADER_BYTES]) -> Result<Self, Wrong> {
        let mut take = Take::new(bytes, 0);
        take.constant("segment magic", b"CFOILSEG")?;
        take.constant("segment version", &VERSION)?;
        take.zeros(2)?;
        let chain = take.u32()?;
        let number = take.u32()?;
        take.zeros(4)?;
        let header = Self {
            chain,
            number,
            first_index: take.u64()?,
            first_group: take.u64()?,
            file_bytes: take.u64()?,
            genesis: Hash(take.array()?),
            previous: Hash(take.array()?),
        };
        take.zeros(3980)?;
        let covered = bytes
            .split_last_chunk::<4>()
            .map_or(&[][..], |(all, _)| all);
        take.crc(covered)?;
        Ok(header)
    }

    /// Names the first field that is not as expected.
    pub(crate) fn same_as(&self, expected: &Self) -> Result<(), Wrong> {
        let numbers = |header: &Self| {
            [
                ("segment's chain", 12, u64::from(header.chain)),
                ("segment number", 16, u64::from(header.number)),
                ("segment's first index", 24, header.first_index),
                ("segment's first group", 32, header.first_group),
                ("segment's length", 40, header.file_bytes),
            ]
        };
        for ((rule, at, expected), (_, _, actual)) in
            numbers(expected).into_iter().zip(numbers(self))
        {
            if expected != actual {
                return Err(Wrong::new(rule, at, expected, actual));
            }
        }
        for (rule, at, expected, actual) in [
            ("segment's genesis hash", 48, expected.genesis, self.genesis),
            (
                "outer digest before the segment",
                80,
                expected.previous,
                self.previous,
            ),
        ] {
            if expected != actual {
                let hex = |hash: proto::Hash| crate::report::hex(&hash.0);
                return Err(Wrong::new(rule, at, hex(expected), hex(actual)));
            }
        }
        Ok(())
    }
}

/// What `init` fixed for good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Marker {
    pub(crate) chain: ChainNumber,
    pub(crate) segment_bytes: u64,
    pub(crate) genesis: Hash,
    pub(crate) origin: Origin,
}

impl Marker {
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Wrong> {
        let mut take = Take::new(bytes, 0);
        take.constant("marker magic", b"CFOILJNL")?;
        take.constant("marker version", &VERSION)?;
        let chain = ChainNumber(take.u32()?);
        let segment_bytes = take.u64()?;
        let _group_bytes_max = take.u64()?;
        let genesis = Hash(take.array()?);
        let length = take.u16()?;
        let at = take.at();
        let origin = take.bytes(usize::from(length))?;
        let covered = bytes
            .split_last_chunk::<4>()
            .map_or(&[][..], |(all, _)| all);
        take.crc(covered)?;
        if take.at() != bytes.len() as u64 {
            return Err(Wrong::new(
                "marker length",
                take.at(),
                take.at(),
                bytes.len(),
            ));
        }
        let origin = std::str::from_utf8(origin).ok().map(Origin::new);
        let Some(Ok(origin)) = origin else {
            return Err(Wrong::new("origin", at, "an origin", "another text"));
        };
        Ok(Self {
            chain,
            segment_bytes,
            genesis,
            origin,
        })
    }
}

/// How far readers of other processes may read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Watermark {
    pub(crate) group: u64,
    pub(crate) next_index: u64,
}

impl Watermark {
    pub(crate) fn decode(bytes: &[u8; WATERMARK_BYTES]) -> Result<Self, Wrong> {
        let mut take = Take::new(bytes, 0);
        take.constant("watermark magic", b"CFOILWMK")?;
        let _boot: [u8; 16] = take.array()?;
        let group = take.u64()?;
        let _segment = take.u32()?;
        let _end = take.u32()?;
        let next_index = take.u64()?;
        let (covered, _) = bytes.split_at(48);
        take.crc(covered)?;
        take.zeros(WATERMARK_BYTES - 52)?;
        Ok(Self { group, next_index })
    }
}
