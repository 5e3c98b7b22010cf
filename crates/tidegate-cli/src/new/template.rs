//! Creates the source files of a function.

use topology::{Key, KeyType};

use super::name::KEYWORDS;
use crate::arguments::FunctionSource;

/// Returns `main.rs` of a function that takes records from `from`.
pub(super) fn main(source: FunctionSource, from: &str) -> String {
    let text = match source {
        FunctionSource::Kinesis => include_str!("templates/kinesis/main.rs"),
        FunctionSource::Sqs => include_str!("templates/sqs/main.rs"),
        FunctionSource::Dynamodb => include_str!("templates/dynamodb/main.rs"),
        FunctionSource::Eventbridge => include_str!("templates/eventbridge/main.rs"),
    };
    text.replace("`FROM`", &format!("`{from}`"))
}

/// Returns `handler.rs`. `keys` are those of the table whose changes the function takes.
pub(super) fn handler(source: FunctionSource, keys: &[Key]) -> String {
    match source {
        FunctionSource::Kinesis => include_str!("templates/kinesis/handler.rs").to_owned(),
        FunctionSource::Sqs => include_str!("templates/sqs/handler.rs").to_owned(),
        FunctionSource::Dynamodb => dynamodb(keys),
        FunctionSource::Eventbridge => include_str!("templates/eventbridge/handler.rs").to_owned(),
    }
}

/// Returns `handler.rs` for these keys. The template has one key, the text `key`.
fn dynamodb(keys: &[Key]) -> String {
    let (mut fields, mut logged) = (String::new(), Vec::new());
    let (mut names, mut known, mut unknown) = (Vec::new(), Vec::new(), Vec::new());
    for (key, field) in keys.iter().zip(["partition_key", "sort_key"]) {
        let attribute = key.name.as_str();
        let field = if is_field(attribute) { attribute } else { field };
        if field != attribute {
            fields.push_str(&format!("    #[serde(rename = {attribute:?})]\n"));
        }
        let (kind, value) = match key.kind {
            KeyType::N => ("i64", "7"),
            KeyType::S | KeyType::B => ("String", "\"7\""),
        };
        fields.push_str(&format!("    {field}: {kind},\n"));
        logged.push(format!("record.key.{field}"));
        names.push(format!("{attribute:?}"));
        known.push(format!("{attribute:?}: {value}"));
        // No key is a boolean.
        unknown.push(format!("{attribute:?}: true"));
    }
    include_str!("templates/dynamodb/handler.rs")
        .replace("    key: String,\n", &fields)
        .replace("record.key.key", &logged.join(", "))
        .replace(r#"["key"]"#, &format!("[{}]", names.join(", ")))
        .replace(r#""key": "7""#, &known.join(", "))
        .replace(r#""key": true"#, &unknown.join(", "))
}

/// Returns whether an attribute's name is a valid name of a Rust field.
fn is_field(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        && !KEYWORDS.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str, kind: KeyType) -> Key {
        Key { name: name.to_owned(), kind }
    }

    #[test]
    fn the_template_is_that_of_a_table_with_one_text_as_its_key() {
        assert_eq!(
            dynamodb(&[key("key", KeyType::S)]),
            include_str!("templates/dynamodb/handler.rs")
        );
    }

    #[test]
    fn keys_are_fields_of_their_names_and_types_and_others_are_renamed() {
        let text = dynamodb(&[key("type", KeyType::S), key("version", KeyType::N)]);
        assert!(
            text.contains(
                "    #[serde(rename = \"type\")]\n    partition_key: String,\n    version: i64,\n"
            ),
            "{text}"
        );
        assert!(
            text.contains("record.key.partition_key, record.key.version, \"handled\""),
            "{text}"
        );
        assert!(
            text.contains(r#"let known = json!({ "type": "7", "version": 7 });"#)
                && text.contains(r#"let keys = ["type", "version"];"#),
            "{text}"
        );
    }

    #[test]
    fn main_says_where_records_come_from() {
        let text = main(FunctionSource::Kinesis, "orders");
        assert!(text.starts_with("//! Handles records from the stream `orders`.\n"), "{text}");
    }
}
