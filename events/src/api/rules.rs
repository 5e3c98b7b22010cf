//! The rules of a new order that need nothing but the order: sizes and characters.

use tidegate::validation::{BrokenRule, Validate};

use super::order::{NewOrder, NewOrderLine};

impl Validate for NewOrder {
    /// What the shop decides about an order, such as a quantity of zero, is no rule here.
    fn broken_rules(&self) -> Vec<BrokenRule> {
        let mut broken = Vec::new();
        broken.extend(text("country", &self.country, 1, Self::COUNTRY_CHARACTERS));
        let (lines, most) = (self.lines.len(), Self::LINES);
        if lines > most {
            broken.push(BrokenRule::new("lines", format!("has {lines} lines; {most} fit")));
        }
        for (place, line) in self.lines.iter().take(most).enumerate() {
            let (code, most) = (line.stock_code.as_str(), NewOrderLine::STOCK_CODE_CHARACTERS);
            broken.extend(text(&format!("lines[{place}].stock_code"), code, 1, most));
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
