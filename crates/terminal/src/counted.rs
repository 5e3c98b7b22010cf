//! Formats numbers with their nouns.

use std::fmt::Display;

/// Formats a number with its noun, which is singular after 1.
pub fn counted(number: impl Display, one: &str, many: &str) -> String {
    let number = number.to_string();
    let noun = if number == "1" { one } else { many };
    format!("{number} {noun}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_alone_is_singular() {
        let said = [0, 1, 2, 11].map(|number| counted(number, "bus", "buses"));
        assert_eq!(said, ["0 buses", "1 bus", "2 buses", "11 buses"]);
    }
}
