//! What the vault's one writer and its many readers share: the current view, the pending rows, the service shelf, the caches.
//!
//! Not here: decisions. Always: a view holds a table and the stored parts of the same commit; locks are held for moments, never across
//! a write of the store.

mod caches;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use ground::Random;
use proto::ids::ChainNumber;

use crate::error::VaultError;
use crate::keys::Key32;
use crate::overlay::Overlay;
use crate::part::{LATE, PartPlace, PartRows};
use crate::rows::{Level, SecretKind};
use crate::service::Service;
use crate::shelves::{Home, PartCounts, open_stored};
use crate::store::{Store, StoreView};
use crate::table::{Geometry, Table};

pub(crate) use caches::{Caches, Names};

/// A table and the stored parts that it opens.
pub(crate) struct View {
    pub(crate) table: Arc<Table>,
    pub(crate) parts: StoreView,
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
