//! Finding persons by values: the blind indexes, and the tokens of suppressed ones.
//!
//! Not here: normal forms and hashes (`finding`). Always: a value joins nobody; it finds whoever has it.

use proto::ids::{ActivityCode, UnixMillis};
use proto::{Personal, SubjectReference};

use super::VaultReader;
use crate::error::VaultError;
use crate::finding;
use crate::rows::{FindingHash, IndexKind, PersonRef, Row, SecretKind};
use crate::shelves::Home;

impl VaultReader {
    /// The hash that a value is found by; `None` where it has no normal form.
    #[must_use]
    pub fn index_hash(&self, kind: IndexKind, value: &Personal<String>) -> Option<FindingHash> {
        finding::index_hash(&self.shared.finding_key, kind, value.expose())
    }

    /// All hashes of a subject's values, without repeats: what a new person's index rows are made of.
    #[must_use]
    pub fn index_hashes(&self, subject: &SubjectReference) -> Vec<(IndexKind, FindingHash)> {
        let values = [
            (IndexKind::Name, &subject.names),
            (IndexKind::DateOfBirth, &subject.dates_of_birth),
            (IndexKind::Postcode, &subject.postcodes),
            (IndexKind::Email, &subject.emails),
            (IndexKind::Telephone, &subject.telephones),
        ];
        let each = values.iter().flat_map(|(kind, values)| {
            values
                .iter()
                .filter_map(|value| Some((*kind, self.index_hash(*kind, value)?)))
        });
        let mut hashes: Vec<_> = each.collect();
        hashes.sort_unstable();
        hashes.dedup();
        hashes
    }

    /// The persons for whom every one of these values is known. No values: nobody.
    ///
    /// # Errors
    /// As [`VaultReader::person_by_alias`].
    pub fn find(&self, values: &[(IndexKind, FindingHash)]) -> Result<Vec<PersonRef>, VaultError> {
        let mut found: Option<Vec<PersonRef>> = None;
        for (kind, hash) in values {
            let mut rows = self.shared.overlay().index(*kind, *hash).to_vec();
            let prefix = [&[21][..], &hash.0, &[*kind as u8]].concat();
            let home = Home::of_hash(&hash.0, self.shared.geometry);
            rows.extend(self.all(home, &prefix)?.iter().filter_map(|row| match row {
                Row::Index { person, stream, .. } => Some((*person, *stream)),
                _ => None,
            }));
            let mut persons = Vec::with_capacity(rows.len());
            for (person, stream) in rows {
                if self.is_justified(&person, stream)? {
                    persons.push(person);
                }
            }
            persons.sort_unstable();
            persons.dedup();
            found = Some(match found {
                None => persons,
                Some(before) => before.into_iter().filter(|p| persons.contains(p)).collect(),
            });
        }
        found
            .unwrap_or_default()
            .into_iter()
            .map(|p| Ok((p, self.exists(&p)?)))
            .filter_map(|found| match found {
                Ok((person, true)) => Some(Ok(person)),
                Ok((_, false)) => None,
                Err(cause) => Some(Err(cause)),
            })
            .collect()
    }

    /// The token of a value whose return is suppressed; `None` for a value without normal form.
    #[must_use]
    pub fn suppression_token(
        &self,
        kind: IndexKind,
        value: &Personal<String>,
    ) -> Option<FindingHash> {
        let service = self.shared.service();
        finding::index_hash(
            service.secret(SecretKind::Suppression, 0)?,
            kind,
            value.expose(),
        )
    }

    /// The purposes for which an arrival with this token is refused at `now`.
    ///
    /// # Errors
    /// As [`VaultReader::person_by_alias`].
    pub fn suppressed(
        &self,
        token: &FindingHash,
        now: UnixMillis,
    ) -> Result<Vec<ActivityCode>, VaultError> {
        let mut rows: Vec<Row> = self
            .shared
            .overlay()
            .suppression(token)
            .iter()
            .map(|row| row.as_ref().clone())
            .collect();
        let prefix = [&[24][..], &token.0].concat();
        rows.extend(self.all(Home::of_hash(&token.0, self.shared.geometry), &prefix)?);
        let purposes = rows.into_iter().filter_map(|row| match row {
            Row::SuppressionToken {
                purpose, expires, ..
            } if expires > now => Some(purpose),
            _ => None,
        });
        Ok(purposes.collect())
    }
}
