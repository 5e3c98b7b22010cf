//! Repairs numbers that an emulator writes differently from how it read them.
//!
//! MiniStack reads the detail of an event with Python and writes it again. A number that no `f64`
//! can hold, such as `1e999`, becomes `Infinity`, which is not JSON. No rule could match such an
//! event, and no function could read it.

/// Replaces each `Infinity` outside of strings by `1e999`.
pub(super) fn restored(event: String) -> String {
    const INFINITY: &str = "Infinity";
    if !event.contains(INFINITY) {
        return event;
    }
    let mut restored = String::with_capacity(event.len());
    let (mut in_text, mut is_escaped) = (false, false);
    let mut rest = event.as_str();
    while let Some(character) = rest.chars().next() {
        if let (false, Some(behind)) = (in_text, rest.strip_prefix(INFINITY)) {
            restored.push_str("1e999");
            rest = behind;
            continue;
        }
        in_text ^= character == '"' && !is_escaped;
        is_escaped = in_text && character == '\\' && !is_escaped;
        restored.push(character);
        rest = rest.get(character.len_utf8()..).unwrap_or_default();
    }
    restored
}

#[cfg(test)]
mod tests {
    use super::restored;

    #[test]
    fn an_infinity_that_is_no_text_is_a_number_again() {
        for (event, expected) in [
            (r#"{"a":Infinity,"b":[-Infinity, 1]}"#, r#"{"a":1e999,"b":[-1e999, 1]}"#),
            (
                r#"{"Infinity":"\"Infinity\\","a":Infinity}"#,
                r#"{"Infinity":"\"Infinity\\","a":1e999}"#,
            ),
            (r#"{"a":"ä"}"#, r#"{"a":"ä"}"#),
        ] {
            assert_eq!(restored(event.to_owned()), expected);
        }
    }
}
