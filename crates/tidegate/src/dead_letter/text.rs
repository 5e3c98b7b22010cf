//! Writes JSON text that every SQS message can contain.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Makes JSON text acceptable for a message: characters that SQS and SNS refuse become JSON
/// escapes.
///
/// SQS accepts only the characters of XML 1.0: tab, line feed, carriage return, U+0020 to U+D7FF,
/// U+E000 to U+FFFD and U+10000 to U+10FFFF (AWS docs: SendMessage). JSON strings may also hold
/// U+FFFE and U+FFFF; these become `\ufffe` and `\uffff`, which is equal JSON. JSON escapes control
/// characters anyway, and a Rust string cannot hold half a surrogate pair.
///
/// # Examples
/// ```
/// use tidegate::dead_letter::json_text_for_messages;
///
/// assert_eq!(json_text_for_messages("{\"a\":\"\u{ffff}\"}"), r#"{"a":"\uffff"}"#);
/// ```
pub fn json_text_for_messages(json: &str) -> Cow<'_, str> {
    if json.chars().all(is_taken) {
        return Cow::Borrowed(json);
    }
    let mut text = String::with_capacity(json.len() + 16);
    for character in json.chars() {
        if is_taken(character) {
            text.push(character);
        } else {
            // Writing to a string cannot fail. Every refused character is at most U+FFFF.
            let _ = write!(text, "\\u{:04x}", u32::from(character));
        }
    }
    Cow::Owned(text)
}

/// Returns whether a message may contain this character: the production `Char` of XML 1.0.
pub(super) fn is_taken(character: char) -> bool {
    match character {
        '\t' | '\n' | '\r' => true,
        '\u{fffe}' | '\u{ffff}' => false,
        other => other >= ' ',
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    #[test]
    fn what_xml_lacks_is_escaped_and_nothing_else() {
        let json = "\"\u{fffe} \u{ffff} \u{fffd} \u{1fffe} \u{10ffff} \u{7f} \u{85} ä\"";
        let text = json_text_for_messages(json);
        assert_eq!(text, "\"\\ufffe \\uffff \u{fffd} \u{1fffe} \u{10ffff} \u{7f} \u{85} ä\"");
        assert!(matches!(json_text_for_messages("{\n\t\"ä\":\r 1}"), Cow::Borrowed(_)));
    }

    proptest! {
        #[test]
        fn the_text_means_the_same_and_every_character_is_taken(
            parts in prop::collection::vec(prop_oneof!["\\PC{0,4}", any::<char>().prop_map(String::from),
                Just("\u{ffff}".to_owned()), Just("\\".to_owned()), Just("\"".to_owned())], 0..12),
        ) {
            let value = Value::from(parts.concat());
            let json = value.to_string();
            let text = json_text_for_messages(&json);
            prop_assert!(text.chars().all(is_taken), "{}", text);
            prop_assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
        }
    }
}
