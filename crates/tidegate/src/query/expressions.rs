//! Builds the expressions of reads for DynamoDB.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;

use super::condition::{Condition, Filter};
use super::request::Query;
use super::scalar::Scalar;

/// Names by their placeholders.
type Names = HashMap<String, String>;
/// Values by their placeholders.
type Values = HashMap<String, AttributeValue>;

/// Names and values of expressions.
///
/// Every name gets a placeholder, because DynamoDB reserves about 570 words.
#[derive(Debug, Default)]
pub(super) struct Expressions {
    names: Names,
    values: Values,
}

/// Expressions of a query, with their names and values.
pub(super) struct Built {
    pub(super) key: Option<String>,
    pub(super) filter: Option<String>,
    pub(super) only: Option<String>,
    pub(super) names: Option<Names>,
    pub(super) values: Option<Values>,
}

impl Built {
    pub(super) fn from_query(query: &Query) -> Self {
        let mut expressions = Expressions::default();
        let key = query.partition().map(|(name, value)| {
            let partition = expressions.condition(name, &Condition::Equals(value.clone()));
            match (query.sort_key(), &query.sort) {
                (Some(name), Some(condition)) => {
                    format!("{partition} AND {}", expressions.condition(name, condition))
                }
                _ => partition,
            }
        });
        let filters: Vec<String> =
            query.filters.iter().map(|filter| expressions.filter(filter)).collect();
        let filter = (!filters.is_empty()).then(|| filters.join(" AND "));
        let only = expressions.only(&query.only);
        let (names, values) = expressions.into_parts();
        Self { key, filter, only, names, values }
    }
}

impl Expressions {
    /// Returns the expression that selects these attributes; `None` for all.
    pub(super) fn only(&mut self, names: &[String]) -> Option<String> {
        let names: Vec<String> = names.iter().map(|name| self.name(name)).collect();
        (!names.is_empty()).then(|| names.join(", "))
    }

    pub(super) fn into_parts(self) -> (Option<Names>, Option<Values>) {
        let (names, values) = (self.names, self.values);
        ((!names.is_empty()).then_some(names), (!values.is_empty()).then_some(values))
    }

    fn condition(&mut self, name: &str, condition: &Condition) -> String {
        let name = self.name(name);
        let mut compare =
            |sign: &str, value: &Scalar| format!("{name} {sign} {}", self.value(value));
        match condition {
            Condition::Equals(value) => compare("=", value),
            Condition::Below(value) => compare("<", value),
            Condition::AtMost(value) => compare("<=", value),
            Condition::AtLeast(value) => compare(">=", value),
            Condition::Above(value) => compare(">", value),
            Condition::Between(from, to) => {
                let from = self.value(from);
                format!("{name} BETWEEN {from} AND {}", self.value(to))
            }
            Condition::BeginsWith(text) => {
                let text = self.value(&Scalar::Text(text.clone()));
                format!("begins_with({name}, {text})")
            }
        }
    }

    fn filter(&mut self, filter: &Filter) -> String {
        match filter {
            Filter::Attribute(name, condition) => self.condition(name, condition),
            Filter::Exists(name) => format!("attribute_exists({})", self.name(name)),
            Filter::Absent(name) => format!("attribute_not_exists({})", self.name(name)),
        }
    }

    fn name(&mut self, name: &str) -> String {
        if let Some((placeholder, _)) = self.names.iter().find(|(_, known)| *known == name) {
            return placeholder.clone();
        }
        let placeholder = format!("#n{}", self.names.len());
        self.names.insert(placeholder.clone(), name.to_owned());
        placeholder
    }

    fn value(&mut self, value: &Scalar) -> String {
        let placeholder = format!(":v{}", self.values.len());
        self.values.insert(placeholder.clone(), value.attribute().into());
        placeholder
    }
}

#[cfg(test)]
mod tests {
    use super::super::consistency::Consistency;
    use super::super::table::{Index, Table};
    use super::*;

    #[test]
    fn expressions_name_each_attribute_once() {
        let (table, index) = (Table::new("t", "stream"), Index::new("i", "status").sorted_by("at"));
        let query = Query::of_index(&table, &index, "placed")
            .sorted(Condition::between(1_i64, 2_i64))
            .filtered(Filter::equals("at", 3_i64))
            .filtered(Filter::Absent("parked".to_owned()))
            .only(["at", "a.b"]);
        let built = Built::from_query(&query);
        assert_eq!(built.key.unwrap(), "#n0 = :v0 AND #n1 BETWEEN :v1 AND :v2");
        assert_eq!(built.filter.unwrap(), "#n1 = :v3 AND attribute_not_exists(#n2)");
        assert_eq!(built.only.unwrap(), "#n1, #n3");
        assert_eq!((built.names.unwrap().len(), built.values.unwrap().len()), (4, 4));
        let whole = Built::from_query(&Query::of_whole_table(&table, Consistency::Strong));
        assert_eq!((whole.key, whole.filter, whole.only, whole.names), (None, None, None, None));
    }
}
