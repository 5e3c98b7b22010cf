//! Filter policies of SNS subscriptions.
//!
//! The language is that of EventBridge's patterns, so [`Pattern`] matches it. These are SNS's own
//! rules (SNS Developer Guide: `sns-subscription-filter-policies`, `attribute-key-matching`,
//! `subscription-filter-policy-constraints`):
//!
//! - A policy has at most five keys and 150 combinations of values ([`limits`]).
//! - `prefix` and `suffix` take a text alone, and numbers lie between -10⁹ and 10⁹ with at most
//!   five digits behind the point.
//! - In the scope of message attributes, a policy has no nested keys. A `Number` is compared by
//!   value, a `String.Array` counts as its elements, and `Binary` attributes are ignored.
//! - `exists: true` needs a value that is neither null nor an empty text. `exists: false` needs at
//!   least one attribute, or one field of the body.
//! - In the scope of the body, a message that is not a JSON object never matches.
//!
//! AWS documents no limit for wildcards, and says nothing about objects in a list of the body: two
//! keys must then match in the same object, as in EventBridge.

pub mod limits;
mod message;
#[cfg(test)]
mod tests;

use serde_json::Value;

pub use message::{Attribute, Verdict};

use crate::model::FilterPolicyScope;
use crate::pattern::{Pattern, PatternError};
use aws_json::Json;

/// A well-formed filter policy.
#[derive(Clone, Debug)]
pub struct FilterPolicy {
    scope: FilterPolicyScope,
    pattern: Pattern,
}

impl FilterPolicy {
    /// Reads a policy.
    ///
    /// # Errors
    /// All faults of the policy, each with its path.
    pub fn parse(policy: &Value, scope: FilterPolicyScope) -> Result<Self, PatternError> {
        let policy = Json::from(policy);
        let pattern = Pattern::from_filter(&policy)?;
        let faults = limits::faults(&policy, scope);
        if !faults.is_empty() {
            return Err(PatternError { faults });
        }
        Ok(Self { scope, pattern: pattern.with_null_absent() })
    }

    /// Decides whether a message is delivered to the subscription.
    #[must_use]
    pub fn verdict(&self, message: &str, attributes: &[Attribute<'_>]) -> Verdict {
        match self.scope {
            FilterPolicyScope::Attributes => message::by_attributes(&self.pattern, attributes),
            FilterPolicyScope::Body => message::by_body(&self.pattern, message),
        }
    }
}
