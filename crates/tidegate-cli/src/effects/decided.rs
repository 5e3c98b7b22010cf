//! What became of one effect that an operator decided on.

use serde::Serialize;
use serde_json::value::RawValue;
use terminal::escape::{escaped, escaped_json_line};

/// Result of one effect.
#[derive(Debug, Serialize)]
pub(super) struct Decided {
    pub(super) key: String,
    #[serde(rename = "outcome")]
    pub(super) resolution: Resolution,
    pub(super) message: String,
    /// The event, if it is stored nowhere else any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) event: Option<Box<RawValue>>,
}

impl Decided {
    /// Creates the result of an effect whose event is stored elsewhere.
    pub(super) fn new(key: &str, resolution: Resolution, message: String) -> Self {
        Self { key: key.to_owned(), resolution, message, event: None }
    }

    /// Returns the lines for people. An event is a separate line of JSON that can be copied.
    pub(super) fn lines(&self) -> String {
        let said = escaped(&format!("{}: {}", self.key, self.message)).into_owned();
        match &self.event {
            Some(event) => format!("{said}\n{}", escaped_json_line(event.get())),
            None => said,
        }
    }
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Resolution {
    /// The record says that the effect took place.
    Completed,
    /// The function ran again and succeeded.
    Ran,
    /// The effect is released but has not run. The next delivery runs it.
    Released,
    /// The function ran again, and the effect is held again.
    HeldAgain,
    /// The function failed, and its event is now a dead letter.
    DeadLettered,
    /// The function failed, and its event could not be stored.
    Failed,
    /// No place would hold its event if the function failed. The effect is not released.
    NoPlace,
    /// No effect with this key is held.
    Unknown,
    /// Its record names something that the topology does not declare. The effect is not released.
    Refused,
    /// Its record or its event cannot be read. The effect is not released.
    Unreadable,
}

impl Resolution {
    /// Whether the operator has nothing more to do with it.
    pub(super) fn is_good(self) -> bool {
        matches!(self, Self::Completed | Self::Ran | Self::Released)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_only_copy_of_an_event_is_a_line_of_json_that_can_be_copied() {
        let event =
            "{\r\n\t\"name\u{200e}\" : \"Acme\u{feff}\u{61c} \\\"\u{200f}\",\n \"n\": 1.50 }";
        let value: serde_json::Value = serde_json::from_str(event).unwrap();
        let decided = Decided {
            event: Some(RawValue::from_string(event.to_owned()).unwrap()),
            ..Decided::new("mail#\x1b[2J", Resolution::Failed, "down\nforged".to_owned())
        };
        let text = decided.lines();
        let [said, copied] = text.lines().collect::<Vec<_>>()[..] else { panic!("{text}") };
        assert_eq!(said, r"mail#\u{1b}[2J: down\nforged");
        assert_eq!(serde_json::from_str::<serde_json::Value>(copied).unwrap(), value);
        assert!(copied.is_ascii() && copied.contains("1.50"), "{copied}");
    }
}
