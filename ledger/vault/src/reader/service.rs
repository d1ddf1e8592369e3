//! Reading the service shelf: keys by name, tokens, users. All from memory.
//!
//! Not here: who may ask (the doors). Always: a row that was staged is in force.

use proto::Personal;
use proto::ids::{Index, Month, StaffReference};

use super::VaultReader;
use crate::keys::{FenceTag, Key32, RecordKey};
use crate::rows::{SecretKind, SigningKind, TokenScope};
use crate::seal::RecordKeyName;
use crate::service::{SigningSecret, User};

impl VaultReader {
    /// The key that seals the records of a class and month.
    #[must_use]
    pub fn record_key(&self, class: u8, month: Month) -> Option<RecordKey> {
        self.shared.service().record_key(class, month)
    }

    /// The names of all living record keys.
    #[must_use]
    pub fn record_keys(&self) -> Vec<RecordKeyName> {
        self.shared.service().record_keys()
    }

    /// The living dedup keys of a source, newest year first.
    #[must_use]
    pub fn dedup_keys(&self, source: &str) -> Vec<(u16, Key32)> {
        self.shared.service().dedup_keys(source)
    }

    /// All signing keys of a kind, oldest first.
    #[must_use]
    pub fn signing_keys(&self, kind: SigningKind) -> Vec<SigningSecret> {
        self.shared.service().signing_keys(kind)
    }

    /// The secret that signs at an index: the newest one in force.
    #[must_use]
    pub fn signing_secret(&self, kind: SigningKind, at: Index) -> Option<Key32> {
        let keys = self.signing_keys(kind);
        keys.into_iter()
            .rfind(|key| key.from <= at)
            .map(|key| key.secret)
    }

    /// What a publisher's token allows, by its hash; a revocation is in `valid_until`.
    #[must_use]
    pub fn token(&self, hash: &[u8; 32]) -> Option<TokenScope> {
        self.shared.service().token(hash)
    }

    /// All publishers' tokens, by hash.
    #[must_use]
    pub fn tokens(&self) -> Vec<([u8; 32], TokenScope)> {
        self.shared.service().tokens()
    }

    /// The user whose token has this hash; nobody where disabled.
    #[must_use]
    pub fn user_by_token(&self, hash: &[u8; 32]) -> Option<User> {
        self.shared.service().user_by_token(hash)
    }

    /// All users, disabled ones included.
    #[must_use]
    pub fn users(&self) -> Vec<User> {
        self.shared.service().users()
    }

    /// The name behind a staff reference.
    #[must_use]
    pub fn staff_name(&self, actor: &StaffReference) -> Option<Personal<String>> {
        self.shared.service().staff_name(actor).map(|name| name.0)
    }

    /// Every destroyed tag with the generation that destroyed it, sorted.
    #[must_use]
    pub fn destroyed_tags(&self) -> Vec<(FenceTag, u64)> {
        self.shared.service().destroyed_tags()
    }

    /// A key of the service shelf by purpose and name.
    #[must_use]
    pub fn secret(&self, kind: SecretKind, name: u32) -> Option<Key32> {
        self.shared.service().secret(kind, name).cloned()
    }
}
