//! Why something is no pattern.

use std::fmt;

use crate::json::Malformed;

/// Everything in which something is no pattern; at least one fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct PatternError {
    /// The faults, in the order of the pattern.
    pub faults: Vec<Fault>,
}

impl PatternError {
    pub(super) fn no_json(error: &Malformed) -> Self {
        Self { faults: vec![Fault { path: Vec::new(), reason: format!("is not JSON: {error}") }] }
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

/// One fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Where it is: names of fields and indices of lists. Empty for the pattern itself.
    pub path: Vec<String>,
    /// What is wrong with what is there, and what is allowed: the rest of a sentence that begins with the place.
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
