//! Writes a JSON value as compact text.

use aws_json::Json;

/// Appends a value as JSON. Numbers stay as they were written.
pub(super) fn write(value: &Json<'_>, out: &mut String) {
    match value {
        Json::Null => out.push_str("null"),
        Json::Bool(bool) => out.push_str(if *bool { "true" } else { "false" }),
        Json::Number(number) => out.push_str(number),
        Json::Text(text) => string(text, out),
        Json::List(list) => {
            out.push('[');
            for (n, value) in list.iter().enumerate() {
                out.push_str(if n == 0 { "" } else { "," });
                write(value, out);
            }
            out.push(']');
        }
        Json::Object(fields) => {
            object(fields.iter().map(|(name, value)| (&**name, value)), out);
        }
    }
}

/// Appends an object with these fields.
pub(super) fn object<'a, 't: 'a>(
    fields: impl Iterator<Item = (&'a str, &'a Json<'t>)>,
    out: &mut String,
) {
    out.push('{');
    for (n, (name, value)) in fields.enumerate() {
        out.push_str(if n == 0 { "" } else { "," });
        string(name, out);
        out.push(':');
        write(value, out);
    }
    out.push('}');
}

/// Appends a JSON string.
pub(super) fn string(text: &str, out: &mut String) {
    out.push_str(&serde_json::Value::from(text).to_string());
}
