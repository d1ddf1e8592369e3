//! Verifying the running ledger from its files, with the verifier's decoder and the vault's keys for what they commit to.
//!
//! Not through the writer's index, nor with its decoder. Always: links, tree and digests below the newest checkpoint are recomputed;
//! where a record key lives, the record and the digests of its slots are compared too.

use chain::link::origin_hash;
use chain::note::VerifierKey;
use proto::{Hash, Index};
use serde_json::{Value, json};
use vault::seal::{RecordPlace, open_record_uncompared, record_key_name};
use vault::{SigningKind, VaultReader, VaultScrub};
use verifier::{Opened, Opener, verify_directory};

use crate::error::ServeError;
use crate::host::Shared;

/// Opens records with the vault's keys for the verifier.
struct VaultOpener<'a> {
    vault: &'a VaultReader,
    origin_hash: [u8; 32],
    /// The chain in force and those that were closed before it, newest first.
    chains: Vec<proto::ChainNumber>,
}

impl Opener for VaultOpener<'_> {
    fn open(&mut self, index: Index, sealed: &[u8]) -> Option<Opened> {
        let name = record_key_name(sealed).ok()?;
        let key = self.vault.record_key(name.class, name.month)?;
        // The seal says which chain it is; the link's commitment is compared by the verifier, not here.
        let opened = self.chains.iter().find_map(|chain| {
            let place = RecordPlace {
                origin_hash: &self.origin_hash,
                chain: *chain,
                index,
            };
            open_record_uncompared(&key, place, sealed).ok()
        })?;
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
        chains: chains(name.chain, &keys),
    };
    let journal = shared.config.settings().places.journal();
    let clock = &shared.clock;
    let began = clock.monotonic_ns();
    let verdict = verify_directory(&journal, &keys, &notes, Some(&mut opener))
        .map_err(|cause| ServeError::Config(cause.to_string()))?;
    let mut report = verdict.timed(clock.monotonic_ns() - began).to_json();
    judge_vault(shared, &mut report);
    Ok(report)
}

/// Opens every shelf; one that does not open fails the verification, whatever the journal says.
fn judge_vault(shared: &Shared, report: &mut Value) {
    match VaultScrub::default().step(&shared.vault, usize::MAX) {
        Ok(_) => {
            let said = report.get_mut("established").and_then(Value::as_array_mut);
            if let Some(said) = said {
                said.push(json!("every shelf of the vault opens"));
            }
        }
        Err(cause) => {
            shared.report_damage("VAULT_DAMAGED", &cause);
            let Some(report) = report.as_object_mut() else {
                return;
            };
            report.insert("verdict".to_owned(), json!("failed"));
            let damage = report.entry("damage").or_insert(Value::Null);
            if damage.is_null() {
                *damage = json!({
                    "rule": "VAULT_DAMAGED: vault/shelves.redb",
                    "expected": "shelves that open",
                    "actual": crate::error::Causes(&cause).to_string(),
                });
            }
        }
    }
}

/// The chains that these keys signed for, and the one in force.
fn chains(own: proto::ChainNumber, keys: &[VerifierKey]) -> Vec<proto::ChainNumber> {
    let numbers = keys
        .iter()
        .filter_map(|key| key.name().rsplit_once('/')?.1.parse().ok());
    let mut numbers: Vec<u32> = numbers.chain([own.0]).collect();
    numbers.sort_unstable_by(|left, right| right.cmp(left));
    numbers.dedup();
    numbers.into_iter().map(proto::ChainNumber).collect()
}
