//! What took place, in order: for compensation, which goes backwards.

use serde::{Deserialize, Serialize};

/// What took place, in order. Compensation goes through it [`backwards`](Self::backwards).
///
/// It is a part of a state and is stored as a JSON list.
///
/// ```
/// use tidegate::process::Taken;
///
/// let taken = Taken::default().and("flight").and("hotel");
/// assert!(taken.backwards().eq(&["hotel", "flight"]));
/// let (last, before) = taken.undo().unwrap();
/// assert_eq!((last, before.len()), ("hotel", 1));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Taken<T>(Vec<T>);

impl<T> Default for Taken<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Taken<T> {
    /// Adds what took place last.
    pub fn push(&mut self, step: T) {
        self.0.push(step);
    }

    /// Adds what took place last.
    #[must_use]
    pub fn and(mut self, step: T) -> Self {
        self.0.push(step);
        self
    }

    /// Takes out what took place last.
    pub fn pop(&mut self) -> Option<T> {
        self.0.pop()
    }

    /// Returns what took place last, and what took place before it. `None` if nothing did.
    pub fn undo(mut self) -> Option<(T, Self)> {
        let last = self.0.pop()?;
        Some((last, self))
    }

    /// Returns what took place last.
    pub fn last(&self) -> Option<&T> {
        self.0.last()
    }

    /// Iterates from the last to the first.
    pub fn backwards(&self) -> impl Iterator<Item = &T> {
        self.0.iter().rev()
    }

    /// Iterates from the first to the last.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.0.iter()
    }

    /// Returns how many took place.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns whether nothing took place.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<T> FromIterator<T> for Taken<T> {
    fn from_iter<I: IntoIterator<Item = T>>(steps: I) -> Self {
        Self(steps.into_iter().collect())
    }
}
