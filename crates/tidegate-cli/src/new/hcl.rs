//! Values as HCL writes them.

use serde_json::Value;

/// Formats a literal value as HCL.
pub(super) fn literal(value: &Value) -> String {
    match value {
        Value::Object(fields) => {
            let fields: Vec<String> = fields
                .iter()
                .map(|(name, value)| {
                    let plain =
                        name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
                    let name =
                        if plain { name.clone() } else { Value::from(name.as_str()).to_string() };
                    format!("{name} = {}", literal(value))
                })
                .collect();
            format!("{{ {} }}", fields.join(", "))
        }
        Value::Array(values) => {
            let values: Vec<String> = values.iter().map(literal).collect();
            format!("[{}]", values.join(", "))
        }
        // A text that looks like a template must stay a text.
        other => other.to_string().replace("${", "$${").replace("%{", "%%{"),
    }
}
