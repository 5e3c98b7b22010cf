//! Reads Terraform's other files: the values of an environment, and the defaults of variables.

use std::path::Path;

use hcl_edit::parser;
use hcl_edit::structure::Structure;
use serde_json::{Map, Value};

use super::document::{Document, literal};
use super::error::{Mistake, Position, TopologyError};

/// Reads the values of a `.tfvars` file.
///
/// # Errors
/// The file cannot be read, or has values that are not literals.
pub fn values(path: &Path) -> Result<Map<String, Value>, TopologyError> {
    read(path, |text| Ok(Document::parse(text)?.value().clone()))
}

/// Reads the literal defaults of the `variable` blocks in a `.tf` file.
///
/// A variable without a default is left out.
///
/// # Errors
/// The file cannot be read, is not HCL, or has a default that is not a literal value.
pub fn defaults(path: &Path) -> Result<Map<String, Value>, TopologyError> {
    read(path, defaults_of)
}

fn defaults_of(text: &str) -> Result<Map<String, Value>, Vec<Mistake>> {
    let body = parser::parse_body(text).map_err(|error| {
        let position =
            Position { line: error.location().line(), column: error.location().column() };
        vec![Mistake::error(position, format!("not HCL: {}", error.message()))]
    })?;
    let mut defaults = Map::new();
    for block in
        body.iter().filter_map(Structure::as_block).filter(|block| block.has_ident("variable"))
    {
        let name = block.labels.first().map(|label| label.as_str());
        if let (Some(name), Some(default)) = (name, block.body.get_attribute("default")) {
            defaults.insert(name.to_owned(), literal(text, &default.value)?);
        }
    }
    Ok(defaults)
}

fn read<T>(
    path: &Path,
    parse: impl Fn(&str) -> Result<T, Vec<Mistake>>,
) -> Result<T, TopologyError> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| TopologyError::Unreadable { file: path.to_owned(), source })?;
    parse(&text).map_err(|mistakes| TopologyError::Mistaken { file: path.to_owned(), mistakes })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn defaults_are_read_and_everything_else_of_a_variable_is_left_alone() {
        let text = r#"
            variable "days" {
              type    = number
              default = 14
              validation {
                condition     = var.days > 0
                error_message = "days is ${var.days}"
              }
            }
            variable "needed" { type = string }
            variable "overrides" {
              type    = map(object({ memory = optional(number) }))
              default = {}
            }
            locals { default = 1 }
        "#;
        assert_eq!(Value::Object(defaults_of(text).unwrap()), json!({"days": 14, "overrides": {}}));
    }

    #[test]
    fn a_default_that_is_computed_is_found_where_it_stands() {
        let mistakes = defaults_of("variable \"a\" {\n  default = var.b\n}\n").unwrap_err();
        assert_eq!(mistakes[0].position.line, 2, "{mistakes:?}");
    }
}
