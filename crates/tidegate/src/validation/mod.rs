//! Checks records by the rules that their types declare, when they are decoded.
//!
//! A record that breaks a rule fails permanently (`invalid_record`), and the reason names every
//! field with its rule: no redelivery can repair it.
//!
//! With the feature `garde`, `derive(garde::Validate)` declares the rules. Without it, or for rules
//! between fields, implement [`Validate`] yourself.
//!
//! ```
//! use tidegate::batch::Handled;
//! use tidegate::validation::{BrokenRule, Valid, Validate};
//!
//! #[derive(serde::Deserialize)]
//! struct Stay {
//!     from: u16,
//!     to: u16,
//! }
//!
//! impl Validate for Stay {
//!     fn broken_rules(&self) -> Vec<BrokenRule> {
//!         let short = self.to <= self.from;
//!         short.then(|| BrokenRule::new("to", "must be after `from`")).into_iter().collect()
//!     }
//! }
//!
//! let handler = tidegate::each!(16, async |Valid(stay): &Valid<Stay>, _| {
//!     tracing::info!(nights = stay.to - stay.from);
//!     Ok(Handled::Applied)
//! });
//! # drop(handler);
//! assert_eq!(
//!     Stay { from: 7, to: 7 }.check().unwrap_err().to_string(),
//!     "permanent (invalid_record): to: must be after `from`"
//! );
//! ```
//!
//! In a handler that decodes by itself, call [`Validate::check`].
//!
//! # Limits
//!
//! The rules see one record, not the store. A rule that needs state belongs to the decision of an
//! aggregate. A newer writer may send what an older rule refuses: loosen a rule in the readers
//! before a writer relies on it.

use std::fmt;
use std::ops::Deref;

use tracing::Span;

use crate::batch::{FromDelivery, Routed};
use crate::failure::Failure;
use crate::source::Delivery;

#[cfg(feature = "garde")]
mod derived;

/// Code of the permanent failure of a record that breaks a rule.
pub const INVALID_RECORD: &str = "invalid_record";

/// Most broken rules that the reason of a failure names.
const NAMED: usize = 20;
/// Longest name of a field in a reason, in characters. A key of a map comes from the sender.
const FIELD: usize = 200;

/// A record with rules.
#[diagnostic::on_unimplemented(
    message = "`{Self}` declares no rules",
    note = "derive `garde::Validate` for it, with the feature `garde` of `tidegate`",
    note = "or write `impl tidegate::validation::Validate for {Self}`"
)]
pub trait Validate {
    /// Returns every rule that the record breaks, in the order of its fields.
    fn broken_rules(&self) -> Vec<BrokenRule>;

    /// Checks every rule.
    ///
    /// # Errors
    /// [`INVALID_RECORD`] (permanent): the reason names the first 20 broken rules with their
    /// fields, and the number of the others.
    fn check(&self) -> Result<(), Failure> {
        let broken = self.broken_rules();
        if broken.is_empty() {
            return Ok(());
        }
        let named: Vec<String> = broken.iter().take(NAMED).map(BrokenRule::to_string).collect();
        let mut reason = named.join("; ");
        if let Some(more) = broken.len().checked_sub(NAMED).filter(|more| *more > 0) {
            reason.push_str(&format!("; and {more} more"));
        }
        Err(Failure::permanent(INVALID_RECORD, reason))
    }
}

/// A rule that a record breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BrokenRule {
    /// Path of the field, such as `lines[2].quantity`. Empty: the record as a whole.
    pub field: String,
    /// What the field must be, for people. It should not repeat the value, which may be a secret.
    pub rule: String,
}

impl BrokenRule {
    /// Creates a broken rule of this field.
    pub fn new(field: impl Into<String>, rule: impl Into<String>) -> Self {
        Self { field: field.into(), rule: rule.into() }
    }
}

impl fmt::Display for BrokenRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let field = match self.field.char_indices().nth(FIELD) {
            Some((end, _)) => format!("{}…", self.field.get(..end).unwrap_or_default()),
            None => self.field.clone(),
        };
        match field.as_str() {
            "" => f.write_str(&self.rule),
            field => write!(f, "{field}: {}", self.rule),
        }
    }
}

/// A record that keeps its rules: a record of [`each!`](crate::each) that is checked when it is
/// decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Valid<R>(
    /// The record.
    pub R,
);

impl<R> Deref for Valid<R> {
    type Target = R;

    fn deref(&self) -> &R {
        &self.0
    }
}

impl<R: FromDelivery + Validate> FromDelivery for Valid<R> {
    fn from_delivery(delivery: &Delivery<'_>) -> Result<Self, Failure> {
        let record = R::from_delivery(delivery)?;
        record.check()?;
        Ok(Self(record))
    }

    fn span(&self) -> Span {
        self.0.span()
    }
}

/// The rules of a message are those of its content, in the newest version.
impl<M: Validate> Validate for Routed<M> {
    fn broken_rules(&self) -> Vec<BrokenRule> {
        self.message.broken_rules()
    }
}

#[cfg(test)]
mod tests;
