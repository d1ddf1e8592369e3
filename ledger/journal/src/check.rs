//! Whether what lies at a place is the whole next group. Reads, never writes, never judges what a broken one means.
//!
//! Not here: torn tail or damage (`recover`).
//! Always: a group that this returns is whole in the sense of FORMAT.md, down to the depth that was asked for.

use std::io;

use crate::format::{
    Broken, Depth, Expected, GROUP_HEADER_BYTES, Group, GroupHeader, Marker, Place,
    SEGMENT_HEADER_BYTES, What, aligned, decode_group,
};
use crate::frame::{Tip, segment_header};
use crate::segments::Segments;

/// A group and how it stands, or what is broken about it.
pub(crate) type Judged<T> = Result<T, Stop>;

/// The place where the walk ends: no whole group follows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Stop {
    /// Where the next group would begin.
    pub(crate) place: Place,
    /// Why there is none.
    pub(crate) broken: Broken,
}

/// What the next group behind this tip has to say.
pub(crate) fn expected(tip: &Tip) -> Expected {
    Expected {
        place: tip.place,
        number: tip.group + 1,
        first: tip.next,
        previous_outer: tip.outer,
    }
}

/// The tip behind a whole group.
pub(crate) fn tip_behind(group: &Group) -> Tip {
    let end = u64::from(group.place.offset) + aligned(u64::from(group.length));
    Tip {
        place: Place {
            segment: group.place.segment,
            offset: end as u32,
        },
        group: group.number,
        next: group.next(),
        outer: group.outer,
        link: group.last_link_hash(),
    }
}

/// Reads a header and the group behind it, whatever group it is; its links are checked among themselves.
pub(crate) fn read_group(
    segments: &Segments,
    marker: &Marker,
    place: Place,
    depth: Depth,
) -> io::Result<Result<Group, Broken>> {
    let header = match read_header(segments, place)? {
        Ok(header) => header,
        Err(broken) => return Ok(Err(broken)),
    };
    if header.place != place {
        return Ok(Err(Broken::new(What::WrongPlace, 8)));
    }
    if header.end() > segments.segment_bytes() {
        return Ok(Err(Broken::new(What::Length, 36)));
    }
    let length = aligned(u64::from(header.length)) as usize;
    let bytes = segments.read(place.segment, u64::from(place.offset), length)?;
    if bytes.len() < length {
        return Ok(Err(Broken::new(What::Short, bytes.len() as u64)));
    }
    Ok(decode_group(&bytes, depth).and_then(|group| {
        group.check_links(marker.chain, group.link_before())?;
        Ok(group)
    }))
}

/// Reads a header alone.
pub(crate) fn read_header(
    segments: &Segments,
    place: Place,
) -> io::Result<Result<GroupHeader, Broken>> {
    let bytes = segments.read(place.segment, u64::from(place.offset), GROUP_HEADER_BYTES)?;
    Ok(GroupHeader::decode(&bytes))
}

/// The group that follows this tip at exactly this place, whole to this depth.
fn next_at(
    segments: &Segments,
    marker: &Marker,
    tip: &Tip,
    place: Place,
    depth: Depth,
) -> io::Result<Judged<Group>> {
    let stop = |broken| Stop { place, broken };
    let wanted = Expected {
        place,
        ..expected(tip)
    };
    // The header's own story comes first: a whole header of something else is never a torn group.
    match read_header(segments, place)? {
        Err(broken) => return Ok(Err(stop(broken))),
        Ok(header) => {
            if let Err(broken) = header.check(&wanted) {
                return Ok(Err(stop(broken)));
            }
        }
    }
    let group = match read_group(segments, marker, place, depth)? {
        Ok(group) => group,
        Err(broken) => return Ok(Err(stop(broken))),
    };
    match group.check_links(marker.chain, tip.link) {
        Ok(()) => Ok(Ok(group)),
        Err(broken) => Ok(Err(stop(broken))),
    }
}

/// The group that follows this tip, in its segment or at the start of the next one.
pub(crate) fn next_group(
    segments: &Segments,
    marker: &Marker,
    tip: &Tip,
    depth: Depth,
) -> io::Result<Judged<Group>> {
    let stop =
        if u64::from(tip.place.offset) + GROUP_HEADER_BYTES as u64 <= segments.segment_bytes() {
            match next_at(segments, marker, tip, tip.place, depth)? {
                Ok(group) => return Ok(Ok(group)),
                Err(stop) => stop,
            }
        } else {
            Stop {
                place: tip.place,
                broken: Broken::new(What::Short, 0),
            }
        };
    let Some(number) = tip.place.segment.checked_add(1) else {
        return Ok(Err(stop));
    };
    if !segments.numbers()?.contains(&number) || !opens_behind(segments, marker, tip, number)? {
        return Ok(Err(stop));
    }
    let place = Place {
        segment: number,
        offset: SEGMENT_HEADER_BYTES as u32,
    };
    let Ok(group) = next_at(segments, marker, tip, place, depth)? else {
        return Ok(Err(stop));
    };
    // A whole group opens the next segment: all that is left of this one must be zeros.
    match segments.first_non_zero(tip.place.segment, u64::from(tip.place.offset))? {
        None => Ok(Ok(group)),
        Some(offset) => {
            let place = Place {
                offset: offset as u32,
                ..tip.place
            };
            Ok(Err(Stop {
                place,
                broken: Broken::new(What::Behind, 0),
            }))
        }
    }
}

/// Whether segment `number` is whole in length and its header says that it follows this tip.
pub(crate) fn opens_behind(
    segments: &Segments,
    marker: &Marker,
    tip: &Tip,
    number: u32,
) -> io::Result<bool> {
    let wanted = segment_header(marker, tip, number);
    let header = segments.header(number)?;
    Ok(header.is_some_and(|header| header.agrees(&wanted))
        && segments.file(number)?.len()? == segments.segment_bytes())
}
