//! Turns the statements of a batch into actions of DynamoDB's other operations.
//!
//! The forms are those that DynamoDB documents: an item of values, assignments, and conditions that
//! must all hold. The stub refuses every other form, as it refuses unknown expressions.

use serde_json::{Map, Value, json};

use super::expression::Item;
use super::table::Tables;

/// A statement as an action: its kind, such as `Put`, with the fields that the action has in a
/// transaction.
pub(super) struct Action {
    pub(super) kind: &'static str,
    pub(super) fields: Value,
}

/// A word of a statement.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Word<'a> {
    Plain(&'a str),
    Name(&'a str),
    Text(&'a str),
}

/// Returns the action of a statement.
pub(super) fn action(statement: &Value) -> Result<Action, String> {
    let text = statement.get("Statement").and_then(Value::as_str).ok_or("no Statement")?;
    let parameters = statement.get("Parameters").and_then(Value::as_array);
    let mut reader = Reader {
        words: words(text)?,
        at: 0,
        parameters: parameters.map_or(&[][..], Vec::as_slice).iter(),
        names: Map::new(),
        values: Map::new(),
    };
    let action = match reader.keyword()?.as_str() {
        "INSERT" => reader.insert(),
        "UPDATE" => reader.update(),
        "DELETE" => reader.delete(),
        other => Err(format!("the stub does not know the statement {other}")),
    };
    let mut action = action?;
    if reader.at < reader.words.len() {
        return Err(format!("unexpected {:?} in {text}", reader.words.get(reader.at)));
    }
    if reader.parameters.next().is_some() {
        return Err(format!("a parameter too many for {text}"));
    }
    if let Some(fields) = action.fields.as_object_mut() {
        fields.insert("ExpressionAttributeNames".to_owned(), Value::Object(reader.names));
        fields.insert("ExpressionAttributeValues".to_owned(), Value::Object(reader.values));
    }
    Ok(action)
}

/// Reads a statement. Names and values become placeholders of expressions.
struct Reader<'a> {
    words: Vec<Word<'a>>,
    at: usize,
    parameters: std::slice::Iter<'a, Value>,
    names: Item,
    values: Item,
}

impl<'a> Reader<'a> {
    fn peek(&self) -> Option<Word<'a>> {
        self.words.get(self.at).copied()
    }

    fn next(&mut self) -> Result<Word<'a>, String> {
        let word = self.peek().ok_or("the statement ends too early")?;
        self.at += 1;
        Ok(word)
    }

    fn keyword(&mut self) -> Result<String, String> {
        match self.next()? {
            Word::Plain(word) => Ok(word.to_ascii_uppercase()),
            other => Err(format!("expected a keyword, found {other:?}")),
        }
    }

    fn take(&mut self, wanted: &str) -> bool {
        let found =
            matches!(self.peek(), Some(Word::Plain(word)) if word.eq_ignore_ascii_case(wanted));
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, wanted: &str) -> Result<(), String> {
        if self.take(wanted) {
            Ok(())
        } else {
            Err(format!("expected {wanted}, found {:?}", self.peek()))
        }
    }

    fn name(&mut self) -> Result<&'a str, String> {
        match self.next()? {
            Word::Name(name) => Ok(name),
            Word::Plain(name) if name.starts_with(char::is_alphabetic) => Ok(name),
            other => Err(format!("expected a name, found {other:?}")),
        }
    }

    fn value(&mut self) -> Result<Value, String> {
        Ok(match self.next()? {
            Word::Plain("?") => self.parameters.next().ok_or("a parameter is missing")?.clone(),
            Word::Text(text) => json!({ "S": text }),
            Word::Plain(word) if word.parse::<i128>().is_ok() => json!({ "N": word }),
            Word::Plain(word) if word.eq_ignore_ascii_case("true") => json!({ "BOOL": true }),
            Word::Plain(word) if word.eq_ignore_ascii_case("false") => json!({ "BOOL": false }),
            other => return Err(format!("expected a value, found {other:?}")),
        })
    }

    fn name_placeholder(&mut self, name: &str) -> String {
        let placeholder = format!("#n{}", self.names.len());
        self.names.insert(placeholder.clone(), name.into());
        placeholder
    }

    fn value_placeholder(&mut self, value: Value) -> String {
        let placeholder = format!(":v{}", self.values.len());
        self.values.insert(placeholder.clone(), value);
        placeholder
    }

    /// `INSERT INTO "t" VALUE {'a': ?, 'b': 'text'}`
    fn insert(&mut self) -> Result<Action, String> {
        self.expect("INTO")?;
        let table = self.name()?;
        self.expect("VALUE")?;
        self.expect("{")?;
        let mut item = Item::new();
        loop {
            let Word::Text(name) = self.next()? else { return Err("expected 'name'".to_owned()) };
            self.expect(":")?;
            let value = self.value()?;
            if item.insert(name.to_owned(), value).is_some() {
                return Err(format!("{name} is there twice"));
            }
            if !self.take(",") {
                break;
            }
        }
        self.expect("}")?;
        let key = self.name_placeholder(Tables::partition_key(table)?);
        let condition = format!("attribute_not_exists({key})");
        let fields = json!({ "TableName": table, "Item": item, "ConditionExpression": condition });
        Ok(Action { kind: "Put", fields })
    }

    /// `UPDATE "t" SET a = ?, b = b + ? REMOVE c WHERE …`
    fn update(&mut self) -> Result<Action, String> {
        let table = self.name()?;
        let mut update = String::new();
        loop {
            if self.take("SET") {
                update.push_str(" SET ");
                update.push_str(&self.assignment(table)?);
                while self.take(",") {
                    update.push_str(", ");
                    update.push_str(&self.assignment(table)?);
                }
            } else if self.take("REMOVE") {
                // One attribute a clause: DynamoDB refuses a comma here.
                let name = self.name()?;
                let name = self.name_placeholder(name);
                update.push_str(&format!(" REMOVE {name}"));
            } else {
                break;
            }
        }
        if update.is_empty() {
            return Err("expected SET or REMOVE".to_owned());
        }
        let (key, conditions) = self.conditions(table)?;
        // An absent item fails the condition: an update is no upsert.
        let there = self.name_placeholder(Tables::partition_key(table)?);
        let condition = format!("attribute_exists({there}){conditions}");
        let fields = json!({
            "TableName": table,
            "Key": key,
            "UpdateExpression": update,
            "ConditionExpression": condition,
        });
        Ok(Action { kind: "Update", fields })
    }

    /// `DELETE FROM "t" WHERE …`
    fn delete(&mut self) -> Result<Action, String> {
        self.expect("FROM")?;
        let table = self.name()?;
        let (key, conditions) = self.conditions(table)?;
        // An absent item is deleted already, whatever the conditions are.
        let there = self.name_placeholder(Tables::partition_key(table)?);
        let condition =
            format!("attribute_not_exists({there}) OR (attribute_exists({there}){conditions})");
        let fields = json!({ "TableName": table, "Key": key, "ConditionExpression": condition });
        Ok(Action { kind: "Delete", fields })
    }

    /// Reads an assignment: `a = ?`, `b = b + ?`.
    fn assignment(&mut self, table: &str) -> Result<String, String> {
        let name = self.name()?;
        if Tables::is_key(table, name)? {
            return Err(format!("{name} belongs to the key"));
        }
        let name = self.name_placeholder(name);
        self.expect("=")?;
        let mut term = self.term()?;
        if self.take("+") {
            term = format!("{term} + {}", self.term()?);
        }
        Ok(format!("{name} = {term}"))
    }

    /// An attribute, or a value.
    fn term(&mut self) -> Result<String, String> {
        match self.peek() {
            Some(Word::Name(name)) => {
                self.at += 1;
                Ok(self.name_placeholder(name))
            }
            Some(Word::Plain(name)) if is_attribute(name) => {
                self.at += 1;
                Ok(self.name_placeholder(name))
            }
            _ => {
                let value = self.value()?;
                Ok(self.value_placeholder(value))
            }
        }
    }

    /// Reads `WHERE`: the key, and the conditions with ` AND ` in front of each.
    fn conditions(&mut self, table: &str) -> Result<(Item, String), String> {
        self.expect("WHERE")?;
        let (mut key, mut conditions) = (Item::new(), String::new());
        loop {
            let name = self.name()?;
            let comparison = self.keyword()?;
            let value = self.value()?;
            if Tables::is_key(table, name)? {
                if comparison != "=" || key.insert(name.to_owned(), value).is_some() {
                    return Err(format!("{name} must equal one value"));
                }
            } else {
                if !["=", "<>", "<", "<=", ">", ">="].contains(&comparison.as_str()) {
                    return Err(format!("the stub does not know the comparison {comparison}"));
                }
                let (name, value) = (self.name_placeholder(name), self.value_placeholder(value));
                conditions.push_str(&format!(" AND {name} {comparison} {value}"));
            }
            if !self.take("AND") {
                return Ok((key, conditions));
            }
        }
    }
}

/// Returns whether a word without quotes names an attribute.
fn is_attribute(word: &str) -> bool {
    word.starts_with(char::is_alphabetic)
        && !["true", "false"].iter().any(|value| word.eq_ignore_ascii_case(value))
}

fn words(text: &str) -> Result<Vec<Word<'_>>, String> {
    let mut words = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        if matches!(first, '"' | '\'') {
            let quoted = rest.get(1..).and_then(|rest| rest.split_once(first));
            let (content, after) = quoted.ok_or("a quote is not closed")?;
            if after.starts_with(first) {
                return Err("the stub does not know doubled quotes".to_owned());
            }
            words.push(if first == '"' { Word::Name(content) } else { Word::Text(content) });
            rest = after.trim_start();
            continue;
        }
        let part_of_a_word = |letter: char| letter.is_alphanumeric() || letter == '_';
        let end = if part_of_a_word(first) {
            rest.find(|letter| !part_of_a_word(letter)).unwrap_or(rest.len())
        } else if ["<=", ">=", "<>"].iter().any(|sign| rest.starts_with(sign)) {
            2
        } else {
            first.len_utf8()
        };
        let (word, after) = rest.split_at(end);
        words.push(Word::Plain(word));
        rest = after.trim_start();
    }
    Ok(words)
}
