//! Wildcards: texts in which `*` stands for any characters.

/// The parts between the asterisks: one more than there are asterisks.
#[derive(Clone, Debug)]
pub struct Wildcard {
    first: String,
    /// The middle parts and the last part; `None` without an asterisk.
    rest: Option<(Vec<String>, String)>,
}

/// One step of matching a wildcard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Step {
    /// Exactly this byte.
    Byte(u8),
    /// Any number of bytes, including none.
    Any,
}

impl Wildcard {
    /// Reads a wildcard. After a backslash, an asterisk or a backslash is an ordinary character.
    ///
    /// # Errors
    /// What is wrong with the text, and where.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut part = String::new();
        let mut characters = text.char_indices().peekable();
        while let Some((at, character)) = characters.next() {
            let next = characters.peek().map(|(_, next)| *next);
            match (character, next) {
                ('*', Some('*')) => {
                    return Err(format!(
                        "has consecutive asterisks at position {at}; use one asterisk"
                    ));
                }
                ('*', _) => parts.push(std::mem::take(&mut part)),
                ('\\', Some(escaped @ ('*' | '\\'))) => {
                    part.push(escaped);
                    characters.next();
                }
                ('\\', _) => {
                    return Err(format!(
                        "has an invalid escape at position {at}; a backslash must be followed by \
                         an asterisk or a backslash"
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

    /// Returns whether the whole text matches.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        let Some((middle, last)) = &self.rest else { return text == self.first };
        let Some(text) = text.strip_prefix(&self.first) else { return false };
        let Some(mut text) = text.strip_suffix(last.as_str()) else { return false };
        // The first occurrence is the best: it leaves the longest rest, which contains the rest of
        // every later one.
        for part in middle {
            match text.split_once(part.as_str()) {
                Some((_, behind)) => text = behind,
                None => return false,
            }
        }
        true
    }

    /// Returns the steps in which Event Ruler matches a JSON string, including its quotation marks.
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
