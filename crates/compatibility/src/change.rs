//! One change of a schema, and what it breaks.

use std::fmt;

use serde::Serialize;

/// A change of a schema.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Change {
    /// Where: `data.lines[].quantity`.
    pub place: String,
    /// What changed.
    pub what: What,
    /// For a person: what it was and what it is.
    pub text: String,
    /// Which readers cannot read what.
    pub breaks: Breaks,
}

/// Kind of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// There is a new field.
    FieldAdded,
    /// A field is gone.
    FieldRemoved,
    /// A field must be there that could be absent.
    Required,
    /// A field may be absent that had to be there.
    Optional,
    /// The rest: types, words, limits, alternatives.
    Values,
}

/// The directions in which a change breaks readers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Breaks {
    /// A reader with the new schema cannot read every message of the old one.
    pub backward: bool,
    /// A reader with the old schema cannot read every message of the new one.
    pub forward: bool,
}

impl Breaks {
    /// Nothing breaks.
    pub const NOTHING: Self = Self { backward: false, forward: false };
    /// The new schema accepts less.
    pub const NARROWER: Self = Self { backward: true, forward: false };
    /// The new schema accepts more.
    pub const WIDER: Self = Self { backward: false, forward: true };
    /// The schemas accept different values, or the change cannot be judged.
    pub const BOTH: Self = Self { backward: true, forward: true };

    /// Returns whether any reader breaks.
    pub fn any(self) -> bool {
        self.backward || self.forward
    }

    /// Returns what breaks by this or by the other change.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self { backward: self.backward || other.backward, forward: self.forward || other.forward }
    }

    /// Returns the compatibility that is left: `full`, `backward`, `forward` or `none`.
    pub fn compatibility(self) -> &'static str {
        match (self.backward, self.forward) {
            (false, false) => "full",
            (false, true) => "backward",
            (true, false) => "forward",
            (true, true) => "none",
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.text)
    }
}
