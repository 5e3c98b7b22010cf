//! Evaluates DynamoDB's expressions, as far as the measured programs use them.
//!
//! The stub refuses all others, so that no condition counts as met by mistake.

use serde_json::{Map, Value, json};

/// An item: names and typed values, `{"S": "text"}`.
pub(crate) type Item = Map<String, Value>;

/// Names and values of the placeholders of one action.
#[derive(Clone, Copy)]
pub(crate) struct Placeholders<'a> {
    names: Option<&'a Item>,
    values: Option<&'a Item>,
}

impl<'a> Placeholders<'a> {
    pub(crate) fn parse(action: &'a Value) -> Self {
        let map = |field: &str| action.get(field).and_then(Value::as_object);
        Placeholders {
            names: map("ExpressionAttributeNames"),
            values: map("ExpressionAttributeValues"),
        }
    }

    fn name(self, word: &'a str) -> Result<&'a str, String> {
        if !word.starts_with('#') {
            return Ok(word);
        }
        let name = self.names.and_then(|names| names.get(word)).and_then(Value::as_str);
        name.ok_or_else(|| format!("the name {word} is not declared"))
    }

    fn value(self, word: &str) -> Result<&'a Value, String> {
        let value = self.values.and_then(|values| values.get(word));
        value.ok_or_else(|| format!("the value {word} is not declared"))
    }
}

/// Reads an expression word by word.
struct Reader<'a> {
    words: Vec<&'a str>,
    at: usize,
    placeholders: Placeholders<'a>,
}

impl<'a> Reader<'a> {
    fn new(text: &'a str, placeholders: Placeholders<'a>) -> Self {
        Reader { words: words(text), at: 0, placeholders }
    }

    fn peek(&self) -> Option<&'a str> {
        self.words.get(self.at).copied()
    }

    fn next(&mut self) -> Result<&'a str, String> {
        let word = self.peek().ok_or("the expression ends too early")?;
        self.at += 1;
        Ok(word)
    }

    fn take(&mut self, wanted: &str) -> bool {
        let found = self.peek().is_some_and(|word| word.eq_ignore_ascii_case(wanted));
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

    fn path(&mut self) -> Result<&'a str, String> {
        let word = self.next()?;
        if word.starts_with(':') || word.contains(['.', '[']) {
            return Err(format!("{word} is not an attribute of the first level"));
        }
        self.placeholders.name(word)
    }

    /// Returns the value of an attribute or a placeholder.
    fn operand(&mut self, item: &Item) -> Result<Option<Value>, String> {
        match self.peek() {
            Some(word) if word.starts_with(':') => {
                self.at += 1;
                self.placeholders.value(word).map(|value| Some(value.clone()))
            }
            _ => Ok(item.get(self.path()?).cloned()),
        }
    }

    fn any(&mut self, item: &Item) -> Result<bool, String> {
        let mut met = self.all(item)?;
        while self.take("OR") {
            met |= self.all(item)?;
        }
        Ok(met)
    }

    fn all(&mut self, item: &Item) -> Result<bool, String> {
        let mut met = self.one(item)?;
        while self.take("AND") {
            met &= self.one(item)?;
        }
        Ok(met)
    }

    fn one(&mut self, item: &Item) -> Result<bool, String> {
        if self.take("NOT") {
            return self.one(item).map(|met| !met);
        }
        if self.take("(") {
            let met = self.any(item)?;
            self.expect(")")?;
            return Ok(met);
        }
        for (function, wanted) in [("attribute_exists", true), ("attribute_not_exists", false)] {
            if self.take(function) {
                self.expect("(")?;
                let there = item.contains_key(self.path()?);
                self.expect(")")?;
                return Ok(there == wanted);
            }
        }
        let left = self.operand(item)?;
        let comparison = self.next()?;
        if comparison.eq_ignore_ascii_case("IN") {
            self.expect("(")?;
            let mut met = left == self.operand(item)?;
            while self.take(",") {
                met |= left == self.operand(item)?;
            }
            self.expect(")")?;
            return Ok(met);
        }
        let right = self.operand(item)?;
        compare(left.as_ref(), comparison, right.as_ref())
    }

    fn term(&mut self, item: &Item) -> Result<Value, String> {
        if self.take("if_not_exists") {
            self.expect("(")?;
            let there = item.get(self.path()?).cloned();
            self.expect(",")?;
            let otherwise = self.operand(item)?;
            self.expect(")")?;
            return there.or(otherwise).ok_or_else(|| "if_not_exists has no value".to_owned());
        }
        self.operand(item)?.ok_or_else(|| "an attribute in an update does not exist".to_owned())
    }
}

fn words(text: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let part_of_a_word = |letter: char| letter.is_alphanumeric() || "_#:.[]".contains(letter);
        let end = if part_of_a_word(first) {
            rest.find(|letter| !part_of_a_word(letter)).unwrap_or(rest.len())
        } else if ["<=", ">=", "<>"].iter().any(|sign| rest.starts_with(sign)) {
            2
        } else {
            first.len_utf8()
        };
        let (word, after) = rest.split_at(end);
        words.push(word);
        rest = after.trim_start();
    }
    words
}

fn compare(left: Option<&Value>, comparison: &str, right: Option<&Value>) -> Result<bool, String> {
    let (Some(left), Some(right)) = (left, right) else { return Ok(comparison == "<>") };
    let order = match (number(left), number(right)) {
        (Some(left), Some(right)) => Some(left.cmp(&right)),
        _ => left
            .get("S")
            .and_then(Value::as_str)
            .zip(right.get("S").and_then(Value::as_str))
            .map(|(l, r)| l.cmp(r)),
    };
    match comparison {
        "=" => Ok(left == right),
        "<>" => Ok(left != right),
        "<" => Ok(order.is_some_and(std::cmp::Ordering::is_lt)),
        "<=" => Ok(order.is_some_and(std::cmp::Ordering::is_le)),
        ">" => Ok(order.is_some_and(std::cmp::Ordering::is_gt)),
        ">=" => Ok(order.is_some_and(std::cmp::Ordering::is_ge)),
        other => Err(format!("unknown comparison {other}")),
    }
}

/// Parses a number of DynamoDB. The measured programs store only integers.
pub(crate) fn number(value: &Value) -> Option<i128> {
    value.get("N")?.as_str()?.parse().ok()
}

/// Returns whether an item meets a condition. It does if there is no condition.
pub(crate) fn met(
    condition: Option<&str>,
    placeholders: Placeholders<'_>,
    item: &Item,
) -> Result<bool, String> {
    let Some(text) = condition else { return Ok(true) };
    let mut reader = Reader::new(text, placeholders);
    let met = reader.any(item)?;
    match reader.peek() {
        None => Ok(met),
        Some(word) => Err(format!("unexpected {word} in {text}")),
    }
}

/// Returns an item after an update.
pub(crate) fn updated(
    update: &str,
    placeholders: Placeholders<'_>,
    before: &Item,
) -> Result<Item, String> {
    let mut item = before.clone();
    let mut reader = Reader::new(update, placeholders);
    while reader.peek().is_some() {
        let clause = reader.next()?.to_ascii_uppercase();
        loop {
            let name = reader.path()?;
            match clause.as_str() {
                "SET" => {
                    reader.expect("=")?;
                    let mut value = reader.term(before)?;
                    if reader.take("+") {
                        value = sum(Some(&value), &reader.term(before)?)?;
                    }
                    item.insert(name.to_owned(), value);
                }
                "ADD" => {
                    let amount = reader.term(before)?;
                    item.insert(name.to_owned(), sum(before.get(name), &amount)?);
                }
                "REMOVE" => {
                    item.remove(name);
                }
                other => return Err(format!("unknown clause {other} in {update}")),
            }
            if !reader.take(",") {
                break;
            }
        }
    }
    Ok(item)
}

fn sum(value: Option<&Value>, amount: &Value) -> Result<Value, String> {
    let number =
        |value: &Value| number(value).ok_or_else(|| format!("{value} is not a whole number"));
    let value = value.map_or(Ok(0), number)?;
    Ok(json!({ "N": (value + number(amount)?).to_string() }))
}
