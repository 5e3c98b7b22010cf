//! EventBridge's pattern language: one matcher for the patterns of rules and for the filters of event source mappings.
//!
//! A pattern has the form of what it matches. Each field holds a list of values and operators, of which one must match; all fields
//! must. The rules are those of the EventBridge User Guide (`eb-create-pattern`, `eb-create-pattern-operators`,
//! `eb-event-patterns-arrays`, `eb-event-patterns-null-values`), and where it is silent those of Event Ruler, the library that
//! EventBridge runs:
//!
//! - A list in an event counts as its elements. Two fields that lie in elements of one list must lie in the same element.
//! - `exists` is about fields that hold a value: an object or an empty list is none. What `exists: false` asks for may stand in other
//!   elements of a list than those that matched before it, in the order of the fields' names.
//! - `anything-but` matches every other value, of whatever type, and never a field that is not there.
//! - Numbers that a double holds exactly are compared by value (300 is 3.0e2, although the guide
//!   says otherwise), others as they are written. A text that is an IP address is compared by what
//!   it means.
//! - A point in a field's name is the same as a level of nesting.
//! - A rule whose wildcards are too complex is refused (`complexity`). Lambda documents no such limit
//!   for filters.
//!
//! Events and patterns are read by [`Json`], as AWS's matcher reads them.

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
use rule::Rule;

/// A pattern that is well-formed.
#[derive(Clone, Debug)]
pub struct Pattern {
    /// The combinations that `$or` makes; one of them must match.
    rules: Vec<Rule>,
    /// Every field that a rule looks at.
    fields: BTreeSet<String>,
}

impl Pattern {
    /// Reads the pattern of a rule.
    ///
    /// # Errors
    /// Everything in which it is no pattern, each with its place.
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
    /// Everything in which it is no pattern, each with its place.
    fn from_filter(pattern: &Json<'_>) -> Result<Self, PatternError> {
        let rules = parser::rules(pattern)?;
        let fields = rules.iter().flat_map(BTreeMap::keys).cloned().collect();
        Ok(Self { rules, fields })
    }

    /// Whether an event matches. What is not an object matches nothing.
    #[must_use]
    pub fn matches(&self, event: &Json<'_>) -> bool {
        let Json::Object(event) = event else { return false };
        let leaves = Leaves::new(event, &self.fields);
        self.rules.iter().any(|rule| leaves.match_all(rule))
    }
}
