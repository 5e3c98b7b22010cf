//! Texts with `*` for any characters.

use super::complexity::Step;

/// What stands between the asterisks: one part more than there are asterisks.
#[derive(Clone, Debug)]
pub(crate) struct Wildcard {
    first: String,
    /// The parts in the middle, and the last one; none if there is no asterisk.
    rest: Option<(Vec<String>, String)>,
}

impl Wildcard {
    /// Reads a wildcard text; otherwise says what is wrong. A backslash makes an asterisk or a backslash an ordinary character.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut part = String::new();
        let mut characters = text.char_indices().peekable();
        while let Some((at, character)) = characters.next() {
            let next = characters.peek().map(|(_, next)| *next);
            match (character, next) {
                ('*', Some('*')) => {
                    return Err(format!(
                        "has consecutive asterisks at position {at}; one asterisk is allowed"
                    ));
                }
                ('*', _) => parts.push(std::mem::take(&mut part)),
                ('\\', Some(escaped @ ('*' | '\\'))) => {
                    part.push(escaped);
                    characters.next();
                }
                ('\\', _) => {
                    return Err(format!(
                        "has an invalid escape at position {at}; allowed behind a backslash are an asterisk and a backslash"
                    ));
                }
                (other, _) => part.push(other),
            }
        }
        if parts.is_empty() {
            return Ok(Self { first: part, rest: None });
        }
        let first = parts.remove(0);
        Ok(Self { first, rest: Some((parts, part)) })
    }

    pub(crate) fn matches(&self, text: &str) -> bool {
        let Some((middle, last)) = &self.rest else { return text == self.first };
        let Some(text) = text.strip_prefix(&self.first) else { return false };
        let Some(mut text) = text.strip_suffix(last.as_str()) else { return false };
        // The first place is the best: what a later one leaves over, it leaves over too.
        for part in middle {
            match text.split_once(part.as_str()) {
                Some((_, behind)) => text = behind,
                None => return false,
            }
        }
        true
    }

    /// The steps in which Event Ruler matches a text in JSON, its quotation marks included.
    pub(super) fn steps(&self) -> Vec<Step> {
        let mut steps = vec![Step::Byte(b'"')];
        steps.extend(self.first.bytes().map(Step::Byte));
        if let Some((middle, last)) = &self.rest {
            for part in middle.iter().chain([last]) {
                steps.push(Step::Any);
                steps.extend(part.bytes().map(Step::Byte));
            }
        }
        steps.push(Step::Byte(b'"'));
        steps
    }
}
