//! The rules of a new order that need nothing but the order: sizes and characters.

use tidegate::validation::{BrokenRule, Validate};

use super::order::{NewOrder, NewOrderLine};

impl Validate for NewOrder {
    /// A quantity of zero breaks none of these rules: the shop decides about it.
    fn broken_rules(&self) -> Vec<BrokenRule> {
        let mut broken = Vec::new();
        broken.extend(text("country", &self.country, 1, Self::COUNTRY_CHARACTERS));
        let (lines, most) = (self.lines.len(), Self::LINES);
        if lines > most {
            broken.push(BrokenRule::new("lines", format!("has {lines} lines; {most} fit")));
        }
        for (place, line) in self.lines.iter().take(most).enumerate() {
            let (code, most) = (line.stock_code.as_str(), NewOrderLine::STOCK_CODE_CHARACTERS);
            let field = format!("lines[{place}].stock_code");
            let rule = text(&field, code, 1, most);
            // `"85123A "` would be another product, with an opening stock of its own.
            let spaced = code.trim() != code;
            broken.extend(
                rule.or_else(|| {
                    spaced.then(|| BrokenRule::new(field, "begins or ends with a space"))
                }),
            );
            let (words, most) = (&line.description, NewOrderLine::DESCRIPTION_CHARACTERS);
            broken.extend(text(&format!("lines[{place}].description"), words, 0, most));
        }
        broken
    }
}

/// Checks a text that has from `least` to `most` characters.
fn text(field: &str, text: &str, least: usize, most: usize) -> Option<BrokenRule> {
    let characters = text.chars().count();
    let rule = if least > 0 && text.trim().is_empty() {
        "is empty".to_owned()
    } else if characters > most {
        format!("has {characters} characters; {most} fit")
    } else if text.chars().any(char::is_control) {
        "has a control character".to_owned()
    } else {
        return None;
    };
    Some(BrokenRule::new(field, rule))
}
