//! EventBridge's pattern language, for the patterns of rules and the filters of event source
//! mappings.
//!
//! A pattern has the structure of the events it matches. Each field holds a list of values and
//! operators, of which one must match. All fields must match. The rules are those of the
//! EventBridge User Guide (`eb-create-pattern`, `eb-create-pattern-operators`,
//! `eb-event-patterns-arrays`, `eb-event-patterns-null-values`). Where the guide is silent, they
//! are those of Event Ruler, the library that EventBridge runs:
//!
//! - A list in an event counts as its elements. Two fields that lie in elements of one list must
//!   lie in the same element.
//! - `exists` applies to fields that hold a value; an object or an empty list is not a value.
//!   Fields match in the order of their names. A field with `exists: false` may be present in other
//!   elements of a list than those that matched before.
//! - `anything-but` matches every other value of any type, but never a field that is absent.
//! - Numbers that a double holds exactly are compared by value: 300 equals 3.0e2, although the
//!   guide says otherwise. Other numbers are compared as written. A text that is an IP address is
//!   compared as an address.
//! - A dot in a field's name is the same as a level of nesting.
//! - A rule whose wildcards are too complex is refused (see `complexity`). Lambda documents no such
//!   limit for filters.
//!
//! [`Json`] reads events and patterns, as AWS's matcher does.

mod address;
mod complexity;
mod error;
mod event;
mod field;
pub mod filter;
mod matcher;
mod number;
mod parser;
mod rule;
#[cfg(test)]
mod tests;
mod wildcard;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

pub use error::{Fault, PatternError};
pub use wildcard::Wildcard;

use aws_json::Json;
use event::Leaves;
use matcher::Matcher;
use rule::Rule;

/// A well-formed pattern.
#[derive(Clone, Debug)]
pub struct Pattern {
    /// Combinations that `$or` makes. One of them must match.
    rules: Vec<Rule>,
    /// All fields of all combinations.
    fields: BTreeSet<String>,
}

impl Pattern {
    /// Reads the pattern of a rule.
    ///
    /// # Errors
    /// All faults of the pattern, each with its path.
    pub fn parse(pattern: &Value) -> Result<Self, PatternError> {
        let pattern = Json::from(pattern);
        let read = Self::from_filter(&pattern)?;
        match complexity::too_complex(&read.rules) {
            None => Ok(read),
            Some(field) => Err(PatternError::too_complex(&pattern, field)),
        }
    }

    /// Reads the pattern of a filter.
    ///
    /// # Errors
    /// All faults of the pattern, each with its path.
    pub(crate) fn from_filter(pattern: &Json<'_>) -> Result<Self, PatternError> {
        let rules = parser::rules(pattern)?;
        let fields = rules.iter().flat_map(BTreeMap::keys).cloned().collect();
        Ok(Self { rules, fields })
    }

    /// Makes `exists` need a value that is not null, as SNS does.
    pub(crate) fn with_null_absent(mut self) -> Self {
        for matchers in self.rules.iter_mut().flat_map(BTreeMap::values_mut) {
            let valued = matchers.iter().map(|matcher| match matcher {
                Matcher::Exists => Matcher::HasValue,
                other => other.clone(),
            });
            *matchers = valued.collect();
        }
        self
    }

    /// Returns whether an event matches. A value that is not an object never matches.
    #[must_use]
    pub fn matches(&self, event: &Json<'_>) -> bool {
        let Json::Object(event) = event else { return false };
        let leaves = Leaves::new(event, &self.fields);
        self.rules.iter().any(|rule| leaves.match_all(rule))
    }
}
