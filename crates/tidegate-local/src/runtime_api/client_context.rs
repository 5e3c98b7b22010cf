//! Converts the client context into a header.

use std::fmt::Write as _;

/// Writes JSON in ASCII and on one line.
///
/// It remains the same JSON. Rust's runtime ends its process if a header has other bytes.
pub(super) fn ascii(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for letter in json.chars() {
        match letter {
            ' '..='~' => text.push(letter),
            // Only between values: strings in JSON have them escaped.
            '\n' | '\r' | '\t' => text.push(' '),
            _ => {
                for unit in letter.encode_utf16(&mut [0; 2]) {
                    let _ = write!(text, "\\u{unit:04x}");
                }
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_beyond_ascii_are_escaped_and_mean_the_same() {
        let json = "{\n\"custom\":{\"user\":\"J\u{fc}rgen \u{1f600}\u{7f}\\u00e9\"}}";
        let text = ascii(json);
        assert_eq!(text, r#"{ "custom":{"user":"J\u00fcrgen \ud83d\ude00\u007f\u00e9"}}"#);
        let parse = |json: &str| serde_json::from_str::<serde_json::Value>(json).unwrap();
        assert_eq!(parse(&text), parse(json));
        assert!(http::HeaderValue::from_str(&text).unwrap().to_str().is_ok());
    }
}
