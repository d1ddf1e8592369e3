//! Verifying the running ledger from its files, with the verifier's decoder and the vault's keys for what they commit to.
//!
//! Not through the writer's index, nor with its decoder. Always: links, tree and digests below the newest checkpoint are recomputed;
//! where a record key lives, the record and the digests of its slots are compared too.

use chain::link::origin_hash;
use chain::note::VerifierKey;
use proto::{Hash, Index};
use serde_json::Value;
use vault::seal::{RecordPlace, open_record_uncompared, record_key_name};
use vault::{SigningKind, VaultReader};
use verifier::{Opened, Opener, verify_directory};

use crate::error::ServeError;
use crate::host::Shared;

/// Opens records with the vault's keys for the verifier.
struct VaultOpener<'a> {
    vault: &'a VaultReader,
    origin_hash: [u8; 32],
    chain: proto::ChainNumber,
}

impl Opener for VaultOpener<'_> {
    fn open(&mut self, index: Index, sealed: &[u8]) -> Option<Opened> {
        let name = record_key_name(sealed).ok()?;
        let key = self.vault.record_key(name.class, name.month)?;
        let place = RecordPlace {
            origin_hash: &self.origin_hash,
            chain: self.chain,
            index,
        };
        // The link's commitment is compared by the verifier, not here.
        let opened = open_record_uncompared(&key, place, sealed).ok()?;
        let record = proto::decode_record(&opened.record).ok()?;
        let digest =
            |seal: &proto::SlotSeal| -> Option<Hash> { (!seal.withheld).then_some(seal.digest) };
        Some(Opened {
            salt: opened.salt,
            slots: record.header.slots.iter().map(digest).collect(),
            record: opened.record,
        })
    }
}

/// Verifies everything below the newest checkpoint; the verifier's report as JSON.
///
/// # Errors
/// Where the files cannot be read.
pub(crate) fn running(shared: &Shared) -> Result<Value, ServeError> {
    let vault = shared.records.vault();
    let keys: Vec<VerifierKey> = vault
        .signing_keys(SigningKind::Checkpoint)
        .iter()
        .filter_map(|key| VerifierKey::parse(&key.vkey).ok())
        .collect();
    let notes: Vec<Vec<u8>> = shared
        .published
        .newest()
        .map(|signed| signed.note.clone().into_bytes())
        .into_iter()
        .collect();
    let name = shared.records.name();
    let mut opener = VaultOpener {
        vault,
        origin_hash: origin_hash(&name.origin),
        chain: name.chain,
    };
    let journal = shared.config.settings().places.journal();
    let clock = &shared.clock;
    let began = clock.monotonic_ns();
    let verdict = verify_directory(&journal, &keys, &notes, Some(&mut opener))
        .map_err(|cause| ServeError::Config(cause.to_string()))?;
    Ok(verdict.timed(clock.monotonic_ns() - began).to_json())
}
