//! Explains every dead letter.

use std::collections::HashSet;

use serde::Deserialize;

use crate::comparison::Part;

/// Queue of the functions' own letters.
const OWN: &str = "dead-letters";

/// A dead letter, as `tidegate dlq --json` lists it.
#[derive(Debug, Deserialize)]
pub(super) struct Letter {
    queue: String,
    #[serde(default)]
    function: Option<String>,
    condition: String,
    #[serde(default)]
    subject: String,
    reason: String,
    /// Body of the record; absent if it is not text.
    #[serde(default)]
    payload: Option<String>,
}

/// Compares the letters with the lines of the file that cannot be read: each line has a letter, and
/// no letter is about anything else. A letter may be written again after a crash.
pub(super) fn letters(letters: &[Letter], unreadable: &[Vec<u8>]) -> Part {
    let mut part = Part::new("dead letters");
    part.compared = letters.len();
    let texts: HashSet<&str> =
        unreadable.iter().filter_map(|line| str::from_utf8(line).ok()).collect();
    let has_bytes = unreadable.iter().any(|line| str::from_utf8(line).is_err());
    let mut explained: HashSet<&str> = HashSet::new();
    for letter in letters {
        let function = letter.function.as_deref().unwrap_or("no function");
        part.count(format!("{function}: {}", letter.condition), 1);
        // After one more try, a record might have been saved whose failure was not permanent.
        let is_line = letter.queue == OWN && letter.condition.starts_with("permanent/");
        match &letter.payload {
            Some(payload) if is_line && texts.contains(payload.as_str()) => {
                explained.insert(payload);
            }
            None if is_line && has_bytes => {}
            _ => {
                let what = format!("{} in {}: {}", letter.condition, letter.queue, letter.reason);
                part.differ(&format!("{function} {}", letter.subject), "letter", "none", what);
            }
        }
    }
    let mut missing: Vec<&&str> = texts.difference(&explained).collect();
    missing.sort();
    for line in missing {
        part.differ(line, "letter", "a letter", "none");
    }
    part
}
