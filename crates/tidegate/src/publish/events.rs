//! Which events a target gets.

/// Which events a target gets, by type and source.
///
/// In a pattern, `*` stands for any text, also for none: `Order*`, `shop.*`.
///
/// # Examples
/// ```
/// use tidegate::publish::Events;
///
/// let orders = Events::all().of_type("Order*").of_type("Return*").from_source("shop.orders");
/// assert!(orders.have("OrderPlaced", "shop.orders"));
/// assert!(!orders.have("OrderPlaced", "shop.stock"));
/// assert!(!orders.have("StockCounted", "shop.orders"));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Events {
    types: Vec<String>,
    sources: Vec<String>,
}

impl Events {
    /// Creates the selection of all events.
    pub fn all() -> Self {
        Self::default()
    }

    /// Restricts the events to a pattern of types. Called again, it adds a further pattern.
    #[must_use]
    pub fn of_type(mut self, pattern: impl Into<String>) -> Self {
        self.types.push(pattern.into());
        self
    }

    /// Restricts the events to a pattern of sources. Called again, it adds a further pattern.
    #[must_use]
    pub fn from_source(mut self, pattern: impl Into<String>) -> Self {
        self.sources.push(pattern.into());
        self
    }

    /// Returns whether an event of this type and source is one of them.
    pub fn have(&self, kind: &str, source: &str) -> bool {
        let any = |patterns: &[String], text: &str| {
            patterns.is_empty() || patterns.iter().any(|pattern| matches(pattern, text))
        };
        any(&self.types, kind) && any(&self.sources, source)
    }
}

/// Returns whether a text has the form of a pattern.
fn matches(pattern: &str, text: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut text) = text.strip_prefix(first) else { return false };
    let mut parts = rest.split('*');
    let last = parts.next_back().unwrap_or_default();
    // The leftmost place of each part leaves the most text for those behind it.
    for part in parts {
        match text.split_once(part) {
            Some((_, behind)) => text = behind,
            None => return false,
        }
    }
    text.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_text() {
        for (pattern, text, expected) in [
            ("OrderPlaced", "OrderPlaced", true),
            ("OrderPlaced", "OrderPlaced2", false),
            ("Order*", "OrderPlaced", true),
            ("Order*", "Order", true),
            ("Order*", "Reorder", false),
            ("*", "", true),
            ("*Placed", "OrderPlaced", true),
            ("*Placed", "PlacedOrder", false),
            ("a*b*a", "aba", true),
            ("a*b*a", "ab", false),
            ("ab*ba", "aba", false),
            ("a*bc*d", "abbcxbcd", true),
            ("", "", true),
            ("", "a", false),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }
}
