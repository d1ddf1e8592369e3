//! Single files: a foil (bytes or JSON), a `.tlog-proof`, a checkpoint.
//!
//! Without keys a consistent file is only that: anyone can make one. With keys, a signature by
//! another key is a failure and not "unpinned".

use chain::ChainError;
use chain::checkpoint::Checkpoint;
use chain::foil::{Foil, FoilVerdict};
use chain::note::VerifierKey;
use chain::tlog_proof::TlogProof;

use crate::report::{OMISSION, ONE_HISTORY, TRUTH, owned, refused, signers};
use crate::verdict::{Verdict, Word};

/// Verifies a file, whichever of the kinds it is.
pub fn verify_file(bytes: &[u8], keys: &[VerifierKey]) -> Verdict {
    if bytes.starts_with(b"c2sp.org/tlog-proof") {
        return verify_tlog_proof(bytes, keys);
    }
    if bytes.trim_ascii_start().starts_with(b"{") {
        return verify_foil(Foil::from_json(bytes), keys);
    }
    // A foil's first byte is the tag of its origin; a checkpoint's is the origin itself.
    if bytes.first() == Some(&0x0a) {
        return verify_foil(Foil::decode(bytes), keys);
    }
    verify_checkpoint(bytes, keys)
}

fn word(keys: &[VerifierKey]) -> Word {
    if keys.is_empty() {
        Word::Unpinned
    } else {
        Word::Pinned
    }
}

fn signed(kind: &str, by: &[VerifierKey]) -> String {
    if by.is_empty() {
        format!("{kind} is well formed; no key was given, its signature is not checked")
    } else {
        format!("{kind} is signed by {}", signers(by))
    }
}

fn judged(
    subject: &'static str,
    keys: &[VerifierKey],
    result: Result<(Vec<String>, &[&str]), ChainError>,
) -> Verdict {
    match result {
        Ok((established, open)) => Verdict {
            word: word(keys),
            subject,
            established,
            not_established: owned(open),
            damage: None,
            work: None,
        },
        Err(error) => Verdict::failed(subject, refused(&error)),
    }
}

/// Verifies a foil that was read from bytes or JSON.
pub fn verify_foil(foil: Result<Foil, ChainError>, keys: &[VerifierKey]) -> Verdict {
    const OPEN: [&str; 4] = [
        "which personal values were recorded: only that some were committed to",
        "that the event is still in the ledger: compare it with a checkpoint",
        ONE_HISTORY,
        TRUTH,
    ];
    let result = foil.and_then(|foil| {
        let FoilVerdict {
            link,
            note,
            signed_by,
            ..
        } = if keys.is_empty() {
            foil.check()?
        } else {
            foil.verify(keys)?
        };
        let established = vec![
            format!(
                "index {} of chain {} of {} has this link and this record of {} bytes",
                link.index,
                link.chain,
                foil.origin,
                foil.record.len()
            ),
            format!(
                "its group has {} links from index {}, made durable at {} unix ms",
                note.count, note.first, note.time.0
            ),
            signed("the group's note", &signed_by),
        ];
        Ok((established, OPEN.as_slice()))
    });
    judged("foil", keys, result)
}

/// Verifies a `.tlog-proof`.
pub fn verify_tlog_proof(bytes: &[u8], keys: &[VerifierKey]) -> Verdict {
    const OPEN: [&str; 4] = [
        "which personal values were recorded: only that some were committed to",
        "that later checkpoints extend this one",
        ONE_HISTORY,
        TRUTH,
    ];
    let result = TlogProof::parse(bytes).and_then(|proof| {
        let verdict = if keys.is_empty() {
            proof.check()?
        } else {
            proof.verify(keys)?
        };
        let record = match &proof.shown {
            Some(shown) => format!("this record of {} bytes", shown.record.len()),
            None => "a record that is not shown".to_owned(),
        };
        let established = vec![
            format!(
                "index {} of {} has this link and {record}",
                verdict.link.index, verdict.checkpoint.origin_line
            ),
            format!(
                "the link is in the tree of {} links",
                verdict.checkpoint.size
            ),
            signed("the checkpoint", &verdict.signed_by),
        ];
        Ok((established, OPEN.as_slice()))
    });
    judged("tlog-proof", keys, result)
}

/// Verifies a signed checkpoint alone.
pub fn verify_checkpoint(bytes: &[u8], keys: &[VerifierKey]) -> Verdict {
    const OPEN: [&str; 4] = [
        "that the links below it exist: verify the ledger against it",
        "that later checkpoints extend this one",
        ONE_HISTORY,
        OMISSION,
    ];
    let result = checkpoint_signers(bytes, keys).map(|(checkpoint, signed_by)| {
        let established = vec![
            format!("{} has {} links", checkpoint.origin_line, checkpoint.size),
            signed("the checkpoint", &signed_by),
        ];
        (established, OPEN.as_slice())
    });
    judged("checkpoint", keys, result)
}

pub(crate) fn checkpoint_signers(
    bytes: &[u8],
    keys: &[VerifierKey],
) -> Result<(Checkpoint, Vec<VerifierKey>), ChainError> {
    if keys.is_empty() {
        return Ok((Checkpoint::parse(bytes)?, Vec::new()));
    }
    let verified = Checkpoint::verify(bytes, keys)?;
    Ok((verified.checkpoint, verified.signed_by))
}
