//! Keys that the sequencer needs for an event: dedup keys with their repeat tags, record keys; minted with the first event that needs one.
//!
//! Always: a minted key is a row of the group that first uses it; a repeat is looked for under every living year's key (C-3).

use std::sync::Arc;

use chain::idtag::idtag;
use proto::{IdTag, Index, Month, UnixMillis};
use vault::seal::{RecordKeyName, RecordSealer};
use vault::{Key32, RecordKey, Row, VaultError};

use super::Sequencer;
use crate::admit::Admitted;
use crate::resolve::Resolved;

impl Sequencer {
    pub(super) fn idtag(
        &mut self,
        event: &Admitted,
        resolved: &Resolved,
        now: UnixMillis,
    ) -> Result<(IdTag, Option<Index>), VaultError> {
        let year = u16::try_from(Month::of(now).year()).unwrap_or(u16::MAX);
        let known = |year| resolved.idtags.iter().find(|(of, _)| *of == year);
        let tag = match known(year) {
            Some((_, tag)) => *tag,
            None => {
                let key = self.dedup_key(&event.source, year);
                tag(&key, &event.source, event.id.expose())?
            }
        };
        let recorded = resolved.repeat.or_else(|| {
            let older = resolved.idtags.iter().map(|(_, tag)| *tag);
            older
                .chain([tag])
                .find_map(|tag| self.recent.index_of(&tag))
        });
        Ok((tag, recorded))
    }

    pub(super) fn dedup_key(&mut self, source: &str, year: u16) -> Key32 {
        let name = (source.to_owned(), year);
        if let Some(key) = self.dedup_keys.get(&name) {
            return key.clone();
        }
        let stored = self.vault.reader().dedup_keys(source);
        let key = match stored.into_iter().find(|(of, _)| *of == year) {
            Some((_, key)) => key,
            None => {
                let key = Key32::random(&*self.random);
                self.open.rows.push(Row::DedupKey {
                    source: source.to_owned(),
                    year,
                    key: key.clone(),
                });
                key
            }
        };
        self.dedup_keys.insert(name, key.clone());
        key
    }

    pub(super) fn record_key(&mut self, name: RecordKeyName) -> Arc<RecordSealer> {
        if let Some(key) = self.record_keys.get(&name) {
            return key.clone();
        }
        let key = match self.vault.reader().record_key(name.class, name.month) {
            Some(key) => key,
            None => {
                let key = Key32::random(&*self.random);
                self.open.rows.push(Row::RecordKey {
                    class: name.class,
                    month: name.month,
                    key: key.clone(),
                });
                RecordKey(key)
            }
        };
        let sealer = Arc::new(RecordSealer::new(&key, name));
        self.record_keys.insert(name, sealer.clone());
        sealer
    }
}

/// The repeat tag of (source, id) under this key.
pub(super) fn tag(key: &Key32, source: &str, id: &str) -> Result<IdTag, VaultError> {
    idtag(key.expose(), source, id).map_err(|_| VaultError::Limit("bytes of a source"))
}
