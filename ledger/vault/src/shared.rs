//! What the vault's one writer and its many readers share: the current view, the pending rows, the service shelf, the caches.
//!
//! Not here: decisions. Always: a view holds a table and the stored parts of the same commit; locks are held for moments, never across
//! a write of the store.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use ground::Random;
use proto::ids::{ChainNumber, StreamId};

use crate::cache::{Cache, Entry};
use crate::error::VaultError;
use crate::keys::{Key32, StreamKeys, StreamSecret};
use crate::overlay::Overlay;
use crate::part::{LATE, PartPlace, PartRows};
use crate::rows::{Level, PersonRef, SecretKind};
use crate::service::Service;
use crate::shelves::{Home, PartCounts, open_stored};
use crate::store::{Store, StoreView};
use crate::table::{Geometry, Table};

/// A table and the stored parts that it opens.
pub(crate) struct View {
    pub(crate) table: Arc<Table>,
    pub(crate) parts: StoreView,
}

/// Opened lately.
pub(crate) struct Caches {
    /// Alias hash → person and justifying stream.
    pub(crate) aliases: Cache<(PersonRef, StreamId)>,
    /// Keyed hash of (person, activity, party) → stream.
    pub(crate) named: Cache<StreamKeys>,
    /// Stream id → its keys and whose it is.
    pub(crate) streams: Cache<(StreamKeys, Option<PersonRef>)>,
    /// Hash and stream, or set of hashes and stream: the stream justifies it.
    pub(crate) justified: Cache<()>,
    /// Persons known to have no fence mark.
    pub(crate) unmarked: Cache<()>,
}

impl Caches {
    /// For so many streams that get events again: each by its name and with what it justifies; what is asked once a person, or only where
    /// values are opened, has an eighth or a sixteenth of their number.
    pub(crate) fn new(streams_max: usize) -> Caches {
        Caches {
            aliases: Cache::new(streams_max / 6),
            named: Cache::new(streams_max),
            streams: Cache::new(streams_max / 16),
            justified: Cache::new(streams_max + streams_max / 8),
            unmarked: Cache::new(streams_max / 6),
        }
    }

    pub(crate) fn bytes_max(&self) -> usize {
        self.aliases.bytes_max()
            + self.named.bytes_max()
            + self.streams.bytes_max()
            + self.justified.bytes_max()
            + self.unmarked.bytes_max()
    }

    pub(crate) fn clear(&self) {
        self.aliases.clear();
        self.named.clear();
        self.streams.clear();
        self.justified.clear();
        self.unmarked.clear();
    }
}

impl Entry for StreamKeys {
    const BYTES: usize = 16 + 32;

    fn write(&self, out: &mut [u8]) {
        let (stream, secret) = out.split_at_mut(16);
        stream.copy_from_slice(&self.stream.0);
        secret.copy_from_slice(self.secret.expose());
    }

    fn read(bytes: &[u8]) -> Option<StreamKeys> {
        let (stream, secret) = bytes.split_first_chunk()?;
        Some(StreamKeys {
            stream: StreamId(*stream),
            secret: StreamSecret::new(*secret.first_chunk()?),
        })
    }
}

impl Entry for PersonRef {
    const BYTES: usize = 16 + 4;

    fn write(&self, out: &mut [u8]) {
        let (person, shelf) = out.split_at_mut(16);
        person.copy_from_slice(&self.person);
        shelf.copy_from_slice(&self.shelf.to_be_bytes());
    }

    fn read(bytes: &[u8]) -> Option<PersonRef> {
        let (person, shelf) = bytes.split_first_chunk()?;
        Some(PersonRef {
            shelf: u32::from_be_bytes(*shelf.first_chunk()?),
            person: *person,
        })
    }
}

/// A person and the stream that justifies the alias.
impl Entry for (PersonRef, StreamId) {
    const BYTES: usize = PersonRef::BYTES + 16;

    fn write(&self, out: &mut [u8]) {
        let (person, stream) = out.split_at_mut(PersonRef::BYTES);
        self.0.write(person);
        stream.copy_from_slice(&self.1.0);
    }

    fn read(bytes: &[u8]) -> Option<(PersonRef, StreamId)> {
        let (_, stream) = bytes.split_at_checked(PersonRef::BYTES)?;
        Some((PersonRef::read(bytes)?, StreamId(*stream.first_chunk()?)))
    }
}

/// A stream and whose it is, if anyone's.
impl Entry for (StreamKeys, Option<PersonRef>) {
    const BYTES: usize = StreamKeys::BYTES + 1 + PersonRef::BYTES;

    fn write(&self, out: &mut [u8]) {
        let (keys, person) = out.split_at_mut(StreamKeys::BYTES);
        self.0.write(keys);
        person.fill(0);
        if let (Some(of), Some((known, person))) = (self.1, person.split_first_mut()) {
            *known = 1;
            of.write(person);
        }
    }

    fn read(bytes: &[u8]) -> Option<(StreamKeys, Option<PersonRef>)> {
        let (_, person) = bytes.split_at_checked(StreamKeys::BYTES)?;
        let (known, person) = person.split_first()?;
        let person = match known {
            0 => None,
            _ => Some(PersonRef::read(person)?),
        };
        Some((StreamKeys::read(bytes)?, person))
    }
}

/// Shared by the writer and every reader.
pub(crate) struct Shared {
    pub(crate) origin_hash: [u8; 32],
    pub(crate) chain: ChainNumber,
    pub(crate) geometry: Geometry,
    pub(crate) random: Arc<dyn Random>,
    pub(crate) store: Store,
    view: RwLock<Arc<View>>,
    overlay: RwLock<Overlay>,
    service: RwLock<Service>,
    pub(crate) finding_key: Key32,
    /// Hashes cache keys; lives as long as the process.
    pub(crate) cache_key: Key32,
    pub(crate) caches: Caches,
    pub(crate) counts: PartCounts,
    pub(crate) epoch: AtomicU64,
    pub(crate) fatal: AtomicBool,
}

/// What is opened before it is shared.
pub(crate) struct Opened {
    pub(crate) origin_hash: [u8; 32],
    pub(crate) chain: ChainNumber,
    pub(crate) random: Arc<dyn Random>,
    pub(crate) store: Store,
    pub(crate) table: Table,
    pub(crate) service: Service,
    pub(crate) entries_max: usize,
}

impl Shared {
    pub(crate) fn new(opened: Opened) -> Result<Shared, VaultError> {
        let finding_key = opened.service.secret(SecretKind::Finding, 0);
        let finding_key = finding_key
            .ok_or(VaultError::Damaged("service shelf"))?
            .clone();
        let geometry = opened.table.geometry;
        let view = View {
            table: Arc::new(opened.table),
            parts: opened.store.view()?,
        };
        Ok(Shared {
            origin_hash: opened.origin_hash,
            chain: opened.chain,
            geometry,
            cache_key: Key32::random(&*opened.random),
            random: opened.random,
            store: opened.store,
            view: RwLock::new(Arc::new(view)),
            overlay: RwLock::new(Overlay::default()),
            service: RwLock::new(opened.service),
            finding_key,
            caches: Caches::new(opened.entries_max),
            counts: PartCounts::new(geometry),
            epoch: AtomicU64::new(0),
            fatal: AtomicBool::new(false),
        })
    }

    pub(crate) fn view(&self) -> Arc<View> {
        self.view
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Shows what was committed last, under this table.
    pub(crate) fn show(&self, table: Arc<Table>) -> Result<(), VaultError> {
        let parts = self.store.view()?;
        *self.view.write().unwrap_or_else(PoisonError::into_inner) =
            Arc::new(View { table, parts });
        Ok(())
    }

    pub(crate) fn overlay(&self) -> RwLockReadGuard<'_, Overlay> {
        self.overlay.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn overlay_mut(&self) -> RwLockWriteGuard<'_, Overlay> {
        self.overlay.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn service(&self) -> RwLockReadGuard<'_, Service> {
        self.service.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn service_mut(&self) -> RwLockWriteGuard<'_, Service> {
        self.service.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Refuses to write after a write failed; marks the vault where this one does.
    pub(crate) fn guarded<T>(
        &self,
        write: impl FnOnce() -> Result<T, VaultError>,
    ) -> Result<T, VaultError> {
        if self.fatal.load(Ordering::Acquire) {
            return Err(VaultError::Fatal);
        }
        let done = write();
        if let Err(cause) = &done
            && !matches!(cause, VaultError::OutOfOrder(_))
        {
            self.fatal.store(true, Ordering::Release);
        }
        done
    }

    pub(crate) fn turn_epoch(&self) {
        self.epoch.fetch_add(1, Ordering::AcqRel);
    }

    /// The rows that lie in a block with these, opened; `None` where the shelf has none yet.
    pub(crate) fn part_of(&self, view: &View, home: Home) -> Result<Option<PartRows>, VaultError> {
        let Some((rows, parts)) = self.settled_part_of(view, home)? else {
            return Ok(None);
        };
        if parts < 2 || home.level == Level::Service {
            return Ok(Some(rows));
        }
        let late = PartPlace {
            level: home.level,
            shelf: home.shelf,
            part: LATE,
            parts: 0,
        };
        match read(view, late, Some(&home.locator))? {
            Some((late, _)) if late.len() > 0 => {
                let both = rows.overlaid(&late);
                both.map(Some).ok_or(VaultError::Damaged("row on a shelf"))
            }
            _ => Ok(Some(rows)),
        }
    }

    /// The block that holds these rows, without what came lately, and the number of parts.
    fn settled_part_of(
        &self,
        view: &View,
        home: Home,
    ) -> Result<Option<(PartRows, u16)>, VaultError> {
        let (level, shelf) = (home.level, home.shelf);
        let place = |part, parts| PartPlace {
            level,
            shelf,
            part,
            parts,
        };
        let locator = Some(&home.locator);
        if let Some(parts) = self.counts.get(level, shelf) {
            // A view from before a split holds other parts than the hint says: then ask part 0.
            if let Ok(Some((rows, _))) = read(view, place(home.part(parts), parts), locator) {
                return Ok(Some((rows, parts)));
            }
        }
        let Some((rows, parts)) = read(view, place(0, 0), locator)? else {
            return Ok(None);
        };
        self.counts.set(level, shelf, parts);
        match home.part(parts) {
            0 => Ok(Some((rows, parts))),
            part => match read(view, place(part, parts), locator)? {
                Some((rows, _)) => Ok(Some((rows, parts))),
                None => Err(VaultError::Damaged("shelf part")),
            },
        }
    }

    /// All parts of a shelf, opened; what came lately is last, and replaces rows of its keys.
    pub(crate) fn shelf(
        &self,
        view: &View,
        level: Level,
        shelf: u32,
    ) -> Result<Vec<PartRows>, VaultError> {
        let place = |part, parts| PartPlace {
            level,
            shelf,
            part,
            parts,
        };
        let Some((rows, parts)) = read(view, place(0, 0), None)? else {
            return Ok(Vec::new());
        };
        let mut all = vec![rows];
        for part in 1..parts {
            let (rows, _) =
                read(view, place(part, parts), None)?.ok_or(VaultError::Damaged("shelf part"))?;
            all.push(rows);
        }
        let late = read(view, place(LATE, 0), None)?;
        all.extend(late.map(|(rows, _)| rows));
        Ok(all)
    }
}

fn read(
    view: &View,
    place: PartPlace,
    locator: Option<&[u8; 16]>,
) -> Result<Option<(PartRows, u16)>, VaultError> {
    view.parts
        .part(place.level, place.shelf, place.part, |stored| {
            open_stored(&view.table, place, locator, stored)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `Options::streams_cached_max` says.
    #[test]
    fn a_cached_stream_takes_the_memory_that_is_said() {
        for entries in [100_000, 1_000_000, 3_000_000] {
            let caches = Caches::new(entries);
            let bytes = caches.bytes_max();
            assert!(bytes <= entries * 110, "{} bytes a stream", bytes / entries);
        }
        let empty = Caches::new(1_000_000);
        empty.clear();
        assert!(empty.justified.get(&[1; 16]).is_none());
    }

    #[test]
    fn what_is_kept_comes_back() {
        let caches = Caches::new(1_000);
        let person = PersonRef {
            shelf: 0x0102_0304,
            person: [5; 16],
        };
        let keys = StreamKeys {
            stream: StreamId([6; 16]),
            secret: StreamSecret::new([7; 32]),
        };
        caches.aliases.put(0, [1; 16], (person, keys.stream));
        caches.named.put(0, [1; 16], keys.clone());
        caches.streams.put(0, [1; 16], (keys.clone(), Some(person)));
        caches.streams.put(0, [2; 16], (keys.clone(), None));
        assert_eq!(caches.aliases.get(&[1; 16]), Some((person, keys.stream)));
        assert_eq!(caches.named.get(&[1; 16]), Some(keys.clone()));
        let streams = [caches.streams.get(&[1; 16]), caches.streams.get(&[2; 16])];
        assert_eq!(
            streams,
            [Some((keys.clone(), Some(person))), Some((keys, None))]
        );
    }
}
