//! Tokens that tell a client where the next page begins.
//!
//! | part | content |
//! |---|---|
//! | `p1.` | form of the token, readable |
//! | 24 bytes | random nonce |
//! | the rest | encrypted: expiry, digests of query and caller, keys of the last item; the tag |
//!
//! The cipher is XChaCha20-Poly1305: a nonce of 192 bits may be random for any number of tokens.

mod identity;
mod keys;
mod seal;
mod token_error;

pub use keys::{InvalidTokenKeys, TokenKeys};
pub use seal::PageTokens;
pub use token_error::TokenError;

#[cfg(test)]
mod tests;
