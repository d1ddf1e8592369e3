//! Whether something may be appended, opened or minted (S-3): fence marks on persons, fenced and destroyed tags.
//!
//! Not here: who places a fence (the sequencer). Always: a mark that was staged is seen by the next call, whatever was remembered before.

use proto::ids::ActivityCode;

use super::VaultReader;
use crate::error::VaultError;
use crate::keys::{FenceTag, StreamKeys};
use crate::rows::{FenceScope, PersonRef, Row};

impl VaultReader {
    /// Whether the person is in the vault: false once all that justified it is destroyed.
    ///
    /// # Errors
    /// As [`VaultReader::person_by_alias`].
    pub fn exists(&self, person: &PersonRef) -> Result<bool, VaultError> {
        Ok(!self.person_rows(person, &[1])?.is_empty())
    }

    /// The fence marks on a person.
    ///
    /// # Errors
    /// As [`VaultReader::person_by_alias`].
    pub fn fence_marks(&self, person: &PersonRef) -> Result<Vec<FenceScope>, VaultError> {
        let cache = &self.shared.caches.unmarked;
        // Taken before the pending rows are looked at: a mark that is staged after that turns it.
        let version = cache.version();
        let pending = self.shared.overlay().is_marked(person);
        if !pending && cache.get(&person.person).is_some() {
            return Ok(Vec::new());
        }
        let rows = self.person_rows(person, &[6])?;
        let scopes = rows.into_iter().filter_map(|row| match row {
            Row::FenceMark { scope, .. } => Some(scope),
            _ => None,
        });
        let scopes: Vec<FenceScope> = scopes.collect();
        if scopes.is_empty() {
            cache.put(version, person.person, ());
        }
        Ok(scopes)
    }

    /// Whether nothing may be minted for the person in this activity.
    ///
    /// # Errors
    /// As [`VaultReader::person_by_alias`].
    pub fn is_marked(
        &self,
        person: &PersonRef,
        activity: &ActivityCode,
    ) -> Result<bool, VaultError> {
        let marks = self.fence_marks(person)?;
        Ok(marks.iter().any(|scope| match scope {
            FenceScope::Person => true,
            FenceScope::Activity(of) => of == activity,
        }))
    }

    /// Whether the person entire is fenced: mentions are recorded with that slot withheld.
    ///
    /// # Errors
    /// As [`VaultReader::person_by_alias`].
    pub fn is_fenced_entirely(&self, person: &PersonRef) -> Result<bool, VaultError> {
        Ok(self.fence_marks(person)?.contains(&FenceScope::Person))
    }

    /// Whether the stream of this tag accepts no event and opens no value: fenced or destroyed (S-3).
    #[must_use]
    pub fn is_fenced(&self, tag: &FenceTag) -> bool {
        self.shared.service().is_fenced(tag)
    }

    /// As [`VaultReader::is_fenced`], for a stream whose tag is derived only where there is any fence.
    #[must_use]
    pub fn is_stream_fenced(&self, keys: &StreamKeys) -> bool {
        let service = self.shared.service();
        service.has_fences() && service.is_fenced(&keys.fence_tag())
    }
}
