//! Builds update expressions for DynamoDB.

use std::collections::HashMap;
use std::fmt::Write;

use aws_sdk_dynamodb::types::{AttributeValue, Update};

use super::apply_error::ApplyError;
use crate::failure::Failure;

/// Builds the expressions of an update.
///
/// Every name gets a placeholder, because DynamoDB reserves about 570 words, `stream` among them.
#[derive(Default)]
pub(crate) struct Expression {
    sets: Vec<String>,
    adds: Vec<String>,
    removes: Vec<String>,
    conditions: Vec<String>,
    names: HashMap<String, String>,
    values: HashMap<String, AttributeValue>,
}

impl Expression {
    pub(super) fn set(&mut self, name: &str, value: AttributeValue) {
        let clause = format!("{} = {}", self.name(name), self.value(value));
        self.sets.push(clause);
    }

    /// Sets an attribute that does not exist, and adds to the result. DynamoDB refuses two clauses
    /// for one attribute.
    pub(super) fn set_if_absent(&mut self, name: &str, value: AttributeValue, add: Option<i64>) {
        let name = self.name(name);
        let mut clause = format!("{name} = if_not_exists({name}, {})", self.value(value));
        if let Some(amount) = add {
            clause = format!("{clause} + {}", self.value(AttributeValue::N(amount.to_string())));
        }
        self.sets.push(clause);
    }

    pub(super) fn add(&mut self, name: &str, amount: impl ToString) {
        let clause =
            format!("{} {}", self.name(name), self.value(AttributeValue::N(amount.to_string())));
        self.adds.push(clause);
    }

    pub(super) fn remove(&mut self, name: &str) {
        let clause = self.name(name);
        self.removes.push(clause);
    }

    pub(super) fn set_or_remove(&mut self, name: &str, value: Option<AttributeValue>) {
        match value {
            Some(value) => self.set(name, value),
            None => self.remove(name),
        }
    }

    /// Requires that the attribute has this value or, with `None`, does not exist.
    pub(crate) fn require(&mut self, name: &str, value: Option<AttributeValue>) {
        let name = self.name(name);
        let clause = match value {
            Some(value) => format!("{name} = {}", self.value(value)),
            None => format!("attribute_not_exists({name})"),
        };
        self.conditions.push(clause);
    }

    /// Requires that the attribute has at most this value.
    pub(crate) fn require_at_most(&mut self, name: &str, value: AttributeValue) {
        let clause = format!("{} <= {}", self.name(name), self.value(value));
        self.conditions.push(clause);
    }

    /// Requires that the attribute has at least this value.
    pub(crate) fn require_at_least(&mut self, name: &str, value: AttributeValue) {
        let clause = format!("{} >= {}", self.name(name), self.value(value));
        self.conditions.push(clause);
    }

    /// Requires that the attribute is a number.
    pub(crate) fn require_number(&mut self, name: &str) {
        let kind = AttributeValue::S("N".to_owned());
        let clause = format!("attribute_type({}, {})", self.name(name), self.value(kind));
        self.conditions.push(clause);
    }

    /// Requires that the attribute does not exist, or is below this value.
    pub(super) fn require_absent_or_below(&mut self, name: &str, value: AttributeValue) {
        let name = self.name(name);
        let value = self.value(value);
        self.conditions.push(format!("(attribute_not_exists({name}) OR {name} < {value})"));
    }

    /// Requires that the item does not exist, or that the attribute has this value. `key` is an
    /// attribute of its key.
    pub(super) fn require_absent_or(&mut self, key: &str, name: &str, value: AttributeValue) {
        let key = self.name(key);
        let clause = format!("{} = {}", self.name(name), self.value(value));
        self.conditions.push(format!("(attribute_not_exists({key}) OR {clause})"));
    }

    pub(crate) fn into_update(
        self,
        table: &str,
        key: HashMap<String, AttributeValue>,
    ) -> Result<Update, ApplyError> {
        let mut text = String::new();
        for (word, clauses) in [("SET", &self.sets), ("ADD", &self.adds), ("REMOVE", &self.removes)]
        {
            if !clauses.is_empty() {
                // Writing to a string cannot fail.
                let _ = write!(text, "{word} {} ", clauses.join(", "));
            }
        }
        Update::builder()
            .table_name(table)
            .set_key(Some(key))
            .update_expression(text.trim_end())
            .set_condition_expression(
                (!self.conditions.is_empty()).then(|| self.conditions.join(" AND ")),
            )
            .set_expression_attribute_names(Some(self.names))
            .set_expression_attribute_values((!self.values.is_empty()).then_some(self.values))
            .build()
            .map_err(|error| {
                ApplyError::Failed(Failure::permanent("invalid_request", error.to_string()))
            })
    }

    /// Returns the placeholder of a name. Placeholders are numbered, because a name may contain
    /// characters that a placeholder may not.
    fn name(&mut self, name: &str) -> String {
        if let Some((placeholder, _)) = self.names.iter().find(|(_, known)| *known == name) {
            return placeholder.clone();
        }
        let placeholder = format!("#n{}", self.names.len());
        self.names.insert(placeholder.clone(), name.to_owned());
        placeholder
    }

    fn value(&mut self, value: AttributeValue) -> String {
        let placeholder = format!(":v{}", self.values.len());
        self.values.insert(placeholder.clone(), value);
        placeholder
    }
}
