//! Escapes text from outside, so that it cannot control a terminal or change the reading order.

use std::borrow::Cow;
use std::fmt::Write as _;

use serde_json::Value;

/// Returns one line in which every control character is escaped, such as `\n` or `\u{1b}`.
///
/// A letter, a reason, a key or a log line may come from anybody. Printed as it is, it could move
/// the cursor, colour or hide the text around it (`ESC`), forge further lines (line ends), or
/// change the reading direction (bidirectional controls: Unicode TR36, "Trojan Source").
pub fn escaped(text: &str) -> Cow<'_, str> {
    replaced(text, is_control, readable)
}

/// Escapes as [`escaped`] does, for a text of several lines that this program formatted: it keeps
/// line feeds and tabs.
pub fn escaped_lines(text: &str) -> Cow<'_, str> {
    replaced(text, |character| is_control(character) && !matches!(character, '\n' | '\t'), readable)
}

/// Returns the same JSON with its control characters as JSON's own escapes, so that a program reads
/// the same values.
///
/// Between its tokens, where JSON has no escapes, line feeds stay and all other white space becomes
/// blanks.
pub fn escaped_json(json: &str) -> Cow<'_, str> {
    if !json.contains(|character| is_control(character) && character != '\n') {
        return Cow::Borrowed(json);
    }
    Cow::Owned(laid_out(json, |space| Some(if space == '\n' { space } else { ' ' })))
}

/// Escapes as [`escaped_json`] does, in one line and without space between the tokens, so that text
/// copied from a terminal is the JSON.
pub fn escaped_json_line(json: &str) -> String {
    laid_out(json, |_| None)
}

/// Returns JSON with escaped controls in its strings, and with `between` for every space and
/// control elsewhere.
fn laid_out(json: &str, between: impl Fn(char) -> Option<char>) -> String {
    let mut written = String::with_capacity(json.len() + 16);
    let (mut in_text, mut after_backslash) = (false, false);
    for character in json.chars() {
        if !in_text && (character.is_ascii_whitespace() || is_control(character)) {
            written.extend(between(character));
            continue;
        }
        if character == '"' && !after_backslash {
            in_text = !in_text;
        }
        after_backslash = in_text && character == '\\' && !after_backslash;
        if !is_control(character) {
            written.push(character);
            continue;
        }
        for unit in character.encode_utf16(&mut [0; 2]) {
            // Writing to a string cannot fail.
            let _ = write!(written, "\\u{unit:04x}");
        }
    }
    written
}

/// Returns the value with every string and every name in it [`escaped`], to format text from it.
pub fn escaped_value(value: &Value) -> Value {
    match value {
        Value::String(text) => Value::from(escaped(text)),
        Value::Array(values) => values.iter().map(escaped_value).collect(),
        Value::Object(fields) => fields
            .iter()
            .map(|(name, value)| (escaped(name).into_owned(), escaped_value(value)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
        other => other.clone(),
    }
}

fn readable(character: char, text: &mut String) {
    text.extend(character.escape_default());
}

fn replaced(
    text: &str,
    is_meant: impl Fn(char) -> bool,
    replace: impl Fn(char, &mut String),
) -> Cow<'_, str> {
    if !text.contains(&is_meant) {
        return Cow::Borrowed(text);
    }
    let mut written = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        if is_meant(character) { replace(character, &mut written) } else { written.push(character) }
    }
    Cow::Owned(written)
}

/// Returns whether a character is a control of terminals (C0, DEL, C1), a line or paragraph
/// separator, a control of the reading direction, or invisible.
fn is_control(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{61c}'
                | '\u{200b}'
                | '\u{200e}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{2069}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminal_and_bidirectional_controls_are_written_as_their_escapes() {
        for (text, shown) in [
            ("\x1b[2Jgone", "\\u{1b}[2Jgone"),
            ("\u{9b}31m", "\\u{9b}31m"),
            ("a\u{202e}b\u{2066}c", "a\\u{202e}b\\u{2066}c"),
            ("one\r\ntwo\tthree", "one\\r\\ntwo\\tthree"),
            ("\u{2028}\u{feff}\u{7f}\u{0}", "\\u{2028}\\u{feff}\\u{7f}\\u{0}"),
            ("tag\u{e0041}", "tag\\u{e0041}"),
        ] {
            assert_eq!(escaped(text), shown);
        }
    }

    #[test]
    fn what_people_write_stays_as_it_is() {
        for text in ["Müller & Söhne 漢字 👩\u{200d}🚒", "שלום", r"back\slash", ""] {
            assert!(matches!(escaped(text), Cow::Borrowed(same) if same == text), "{text}");
        }
    }

    #[test]
    fn a_layout_keeps_its_lines_and_loses_everything_else() {
        assert_eq!(escaped_lines("a\tb\n\x1b[2Jc\r\n"), "a\tb\n\\u{1b}[2Jc\\r\n");
    }

    #[test]
    fn json_has_the_same_values_in_harmless_characters() {
        let value = serde_json::json!({ "k\u{202e}": "\x1b[2J\u{9b}\u{7f}\u{e0041}\n" });
        let text = serde_json::to_string_pretty(&value).unwrap();
        let written = escaped_json(&text);
        assert!(
            written.chars().all(|character| character == '\n' || !is_control(character)),
            "{written}"
        );
        assert_eq!(serde_json::from_str::<serde_json::Value>(&written).unwrap(), value);
    }

    #[test]
    fn json_of_any_layout_stays_json_and_fits_into_one_line() {
        let value = serde_json::json!({ "k\u{200e}\"\\": ["\u{feff}a b", "\u{61c}\\", 1], "\u{200f}": { "n": null } });
        let text = serde_json::to_string_pretty(&value).unwrap();
        for text in [text.clone(), text.replace('\n', "\r\n").replace("  ", "\t")] {
            let written = escaped_json(&text);
            assert!(
                written.chars().all(|character| character == '\n' || !is_control(character)),
                "{written:?}"
            );
            assert_eq!(serde_json::from_str::<Value>(&written).unwrap(), value, "{written:?}");
            let line = escaped_json_line(&text);
            let compact = serde_json::to_string(&value).unwrap();
            assert_eq!(line, escaped_json(&compact));
            assert_eq!(serde_json::from_str::<Value>(&line).unwrap(), value, "{line:?}");
        }
        assert_eq!(
            escaped_json_line(" { \"n\" : 1.50 } "),
            r#"{"n":1.50}"#,
            "numbers stay as they are"
        );
    }
}
