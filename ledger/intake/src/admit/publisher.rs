//! Who publishes: what a publisher may say, and the bearer token it says it with.
//!
//! It keeps no tokens; a [`TokenStore`] does, by hash. Always: a token exists in clear only in the
//! publisher's hands and in the one answer that hands it out; what is not registered is refused.

use std::collections::BTreeSet;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ground::Random;
use proto::{Appender, Fact, PublisherCode};
use zeroize::Zeroizing;

use super::refusal::{Refusal, RefusalCode};

/// What every publisher's token begins with, so that a leaked one is recognised.
pub const TOKEN_PREFIX: &str = "cfp_";
/// What every token of an actor of the ledger (an officer, a user of the command line) begins with.
pub const USER_TOKEN_PREFIX: &str = "cfu_";
/// Random bytes of a token.
const TOKEN_BYTES: usize = 32;
/// Letters of base64url after the prefix.
const TOKEN_LETTERS: usize = 43;

/// A registered publisher.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publisher {
    /// Its code in the records.
    pub code: PublisherCode,
    /// The CloudEvents sources it speaks for, letter by letter.
    pub sources: BTreeSet<String>,
    /// The families of facts it appends, such as `collection`.
    pub families: BTreeSet<String>,
    /// Its ids need not be random (design 3).
    pub map_ids: bool,
}

/// Whether this publisher may append this fact for this source.
///
/// # Errors
/// `SOURCE_NOT_ALLOWED`, `MAY_NOT_APPEND` or `FAMILY_NOT_ALLOWED`.
pub fn authorise(publisher: &Publisher, source: &str, fact: &Fact) -> Result<(), Refusal> {
    if !publisher.sources.contains(source) {
        let rule = "the publisher is not registered to speak for this source";
        return Err(Refusal::new(RefusalCode::SourceNotAllowed, "source", rule));
    }
    if !fact.may_append.contains(&Appender::Publisher) {
        let rule = "this fact is appended by officers or by the ledger itself, not by publishers";
        return Err(Refusal::new(RefusalCode::MayNotAppend, "type", rule));
    }
    let family = fact.name.split('.').next().unwrap_or_default();
    if !publisher.families.contains(family) {
        let rule = "the publisher is not registered for this family of facts";
        return Err(Refusal::new(RefusalCode::FamilyNotAllowed, "type", rule));
    }
    Ok(())
}

/// A bearer token in clear. Not printable; wiped when dropped.
pub struct Token(Zeroizing<String>);

impl Token {
    /// A new token of a publisher, of 256 random bits.
    pub fn mint(random: &dyn Random) -> Self {
        Self::mint_as(TOKEN_PREFIX, random)
    }

    /// A new token of an actor of the ledger.
    pub fn mint_user(random: &dyn Random) -> Self {
        Self::mint_as(USER_TOKEN_PREFIX, random)
    }

    fn mint_as(prefix: &str, random: &dyn Random) -> Self {
        let bytes = Zeroizing::new(ground::array::<TOKEN_BYTES>(random));
        let mut text = Zeroizing::new(String::with_capacity(prefix.len() + TOKEN_LETTERS));
        text.push_str(prefix);
        URL_SAFE_NO_PAD.encode_string(bytes.as_slice(), &mut text);
        Self(text)
    }

    /// Reads a token as a request carries it; `None` when it has another form.
    pub fn parse(text: &str) -> Option<Self> {
        let letters = text
            .strip_prefix(TOKEN_PREFIX)
            .or_else(|| text.strip_prefix(USER_TOKEN_PREFIX))?;
        if letters.len() != TOKEN_LETTERS {
            return None;
        }
        let bytes = Zeroizing::new(URL_SAFE_NO_PAD.decode(letters).ok()?);
        (bytes.len() == TOKEN_BYTES).then(|| Self(Zeroizing::new(text.to_owned())))
    }

    /// Reads the value of an `authorization` header.
    pub fn from_authorization(value: &str) -> Option<Self> {
        let (scheme, token) = value.split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return None;
        }
        Self::parse(token.trim())
    }

    /// Shows the token, once, to whom it was made for.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// What is stored of it.
    pub fn hash(&self) -> TokenHash {
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, self.0.as_bytes());
        let mut hash = [0; 32];
        for (to, from) in hash.iter_mut().zip(digest.as_ref()) {
            *to = *from;
        }
        TokenHash(hash)
    }
}

/// SHA-256 of a token. 256 random bits need no salt and no slow hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TokenHash(pub [u8; 32]);

/// Where tokens are kept, by hash: the vault in the product, a map in tests.
pub trait TokenStore: Send + Sync {
    /// The stored hash and the publisher of a token that is valid at this moment, found by hash.
    /// Rotation keeps two tokens of one publisher valid until the older one expires.
    fn find(&self, hash: &TokenHash, now: proto::UnixMillis)
    -> Option<(TokenHash, Arc<Publisher>)>;
}

/// Finds the publisher of an `authorization` header.
///
/// # Errors
/// `UNAUTHENTICATED`, the same for a missing, a malformed and an unknown token.
pub fn authenticate(
    authorization: Option<&str>,
    store: &dyn TokenStore,
    now: proto::UnixMillis,
) -> Result<Arc<Publisher>, Refusal> {
    let found = authorization
        .and_then(Token::from_authorization)
        .and_then(|token| {
            let hash = token.hash();
            let (stored, publisher) = store.find(&hash, now)?;
            // An index may compare a prefix at its own pace; the decision is made in constant time.
            aws_lc_rs::constant_time::verify_slices_are_equal(&stored.0, &hash.0).ok()?;
            Some(publisher)
        });
    found.ok_or_else(|| {
        let rule = "a bearer token of a registered publisher is required";
        Refusal::new(RefusalCode::Unauthenticated, "authorization", rule)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ground::SeededRandom;
    use proto::UnixMillis;

    struct One(TokenHash, Arc<Publisher>);

    impl TokenStore for One {
        fn find(&self, hash: &TokenHash, _: UnixMillis) -> Option<(TokenHash, Arc<Publisher>)> {
            (*hash == self.0).then(|| (self.0, self.1.clone()))
        }
    }

    fn publisher() -> Publisher {
        Publisher {
            code: PublisherCode::new("crm").expect("a code"),
            sources: BTreeSet::from(["urn:crm".to_owned()]),
            families: BTreeSet::from(["collection".to_owned()]),
            map_ids: false,
        }
    }

    fn check(source: &str, type_name: &str) -> Option<RefusalCode> {
        let fact = proto::fact_by_type(type_name).expect("a type of the catalogue");
        authorise(&publisher(), source, fact)
            .err()
            .map(|refusal| refusal.code)
    }

    #[test]
    fn only_what_is_registered() {
        let collected = "uk.counterfoil.collection.collected.v1";
        assert_eq!(check("urn:crm", collected), None);
        assert_eq!(
            check("urn:crm2", collected),
            Some(RefusalCode::SourceNotAllowed)
        );
        let consent = "uk.counterfoil.consent.given.v1";
        assert_eq!(
            check("urn:crm", consent),
            Some(RefusalCode::FamilyNotAllowed)
        );
        let blocked = "uk.counterfoil.collection.card-data-blocked.v1";
        assert_eq!(check("urn:crm", blocked), Some(RefusalCode::MayNotAppend));
    }

    #[test]
    fn tokens_have_one_form_and_are_found_by_hash() {
        let token = Token::mint(&SeededRandom::new(1));
        assert_eq!(token.reveal().len(), TOKEN_PREFIX.len() + TOKEN_LETTERS);
        let store = One(token.hash(), Arc::new(publisher()));
        let found = |header: &str| authenticate(Some(header), &store, UnixMillis(0)).is_ok();
        assert!(found(&format!("Bearer {}", token.reveal())));
        assert!(found(&format!("bearer  {}", token.reveal())));
        assert!(!found(token.reveal()));
        assert!(!found(&format!("Basic {}", token.reveal())));
        assert!(!found(&format!("Bearer {}x", token.reveal())));
        let other = Token::mint(&SeededRandom::new(2));
        assert!(!found(&format!("Bearer {}", other.reveal())));
        assert!(authenticate(None, &store, UnixMillis(0)).is_err());
    }
}
