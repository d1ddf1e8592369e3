//! Who calls: publishers by their tokens, actors of the ledger by theirs. Tokens are known by hash alone, from the vault.
//!
//! Not here: what they may do (`intake::admit::publisher`, `questions::roles`). Always: an unknown, a revoked and a missing token get the same answer.

use std::sync::Arc;

use intake::admit::{Publisher, Token, TokenHash, TokenStore};
use proto::{StaffReference, UnixMillis};
use questions::Role;
use vault::VaultReader;

/// Publishers' tokens, as the vault has them.
pub(crate) struct VaultTokens(pub VaultReader);

impl TokenStore for VaultTokens {
    fn find(&self, hash: &TokenHash, now: UnixMillis) -> Option<(TokenHash, Arc<Publisher>)> {
        let scope = self.0.token(&hash.0)?;
        let expired = scope.valid_until.is_some_and(|until| until <= now);
        if scope.valid_from > now || expired {
            return None;
        }
        let publisher = Publisher {
            code: scope.publisher,
            sources: scope.sources.into_iter().collect(),
            families: scope.families.into_iter().collect(),
            map_ids: scope.map_ids,
        };
        Some((*hash, Arc::new(publisher)))
    }
}

/// An authenticated actor of the ledger.
#[derive(Clone, Debug)]
pub(crate) struct User {
    /// Random staff reference.
    pub reference: StaffReference,
    /// The role it holds.
    pub role: Role,
}

/// The actor of an `authorization` header.
pub(crate) fn user_of(vault: &VaultReader, authorization: Option<&str>) -> Option<User> {
    let token = Token::from_authorization(authorization?)?;
    let user = vault.user_by_token(&token.hash().0)?;
    let role = Role::ALL
        .into_iter()
        .find(|role| role.code() == user.role)?;
    Some(User {
        reference: user.actor,
        role,
    })
}
