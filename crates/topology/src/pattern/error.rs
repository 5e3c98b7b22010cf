//! Errors in patterns.

use std::fmt;

use super::complexity::MOST;
use super::field::{OR, extended};
use aws_json::{Json, Malformed};

/// Error of reading a pattern, with at least one fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct PatternError {
    /// The faults, in the order of the pattern.
    pub faults: Vec<Fault>,
}

impl PatternError {
    pub(super) fn no_json(error: &Malformed) -> Self {
        Self { faults: vec![Fault { path: Vec::new(), reason: format!("is not JSON: {error}") }] }
    }

    /// Creates the error for a field whose wildcards are too complex.
    ///
    /// The fault's path leads to the first list of the field.
    pub(super) fn too_complex(pattern: &Json<'_>, field: &str) -> Self {
        let path = place(pattern, field, "").unwrap_or_default();
        let reason = format!(
            "has wildcards that are too complex for EventBridge: more than {MOST} prefixes of \
             them can match one \
             text (AWS: \"Rule is too complex\"); write prefix or suffix for one asterisk at an end, use fewer \
             asterisks and other texts in front of them, or divide the list among several rules"
        );
        Self { faults: vec![Fault { path, reason }] }
    }
}

impl fmt::Display for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the event pattern is not valid: ")?;
        for (index, fault) in self.faults.iter().enumerate() {
            write!(f, "{}{fault}", if index == 0 { "" } else { "; " })?;
        }
        Ok(())
    }
}

/// One fault in a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Names of fields and indices of lists that lead to the fault. Empty for the pattern itself.
    pub path: Vec<String>,
    /// What is wrong and how to mend it, as the rest of a sentence that begins with the path.
    pub reason: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_empty() {
            write!(f, "the pattern {}", self.reason)
        } else {
            write!(f, "{} {}", self.path.join("."), self.reason)
        }
    }
}

/// Returns the path of the first list of a field in a pattern.
fn place(pattern: &Json<'_>, field: &str, name: &str) -> Option<Vec<String>> {
    let Json::Object(fields) = pattern else { return None };
    fields.iter().find_map(|(step, value)| {
        let path = match value {
            Json::List(patterns) if step == OR => {
                let mut patterns = patterns.iter().enumerate();
                patterns.find_map(|(n, pattern)| {
                    Some([vec![n.to_string()], place(pattern, field, name)?].concat())
                })?
            }
            Json::List(_) if extended(name, step) == field => Vec::new(),
            inner => place(inner, field, &extended(name, step))?,
        };
        Some([vec![step.to_string()], path].concat())
    })
}
