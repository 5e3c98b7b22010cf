//! The pairs of state and input that a process places.

/// The pairs of state and input that a process places: what the attribute
/// [`total`](macro@super::total) found in its `match`.
///
/// Only the attribute creates it, so a process without the attribute does not compile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Total(&'static [(&'static str, &'static str)]);

impl Total {
    /// Creates the list; the attribute calls it.
    #[doc(hidden)]
    pub const fn checked(pairs: &'static [(&'static str, &'static str)]) -> Self {
        Self(pairs)
    }

    /// Returns the pairs: names of a state and of an input, in the order of the arms.
    pub const fn pairs(self) -> &'static [(&'static str, &'static str)] {
        self.0
    }
}
