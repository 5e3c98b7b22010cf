//! From JSON to the combinations of fields that a pattern stands for.

use std::net::IpAddr;
use std::sync::Arc;

use serde_json::{Map, Number, Value};

use super::Rule;
use super::address::Block;
use super::error::{Fault, PatternError};
use super::event::extended;
use super::matcher::{Matcher, fold};
use super::number::{LARGEST, Range, millionths};
use super::wildcard::Wildcard;

/// EventBridge's "one of these patterns", possible at every level.
pub(super) const OR: &str = "$or";

/// Most combinations of what the lists of `$or` offer.
const COMBINATIONS: usize = 1_000;

/// What a value may be compared with other than equality.
const OPERATORS: [&str; 8] =
    ["anything-but", "cidr", "equals-ignore-case", "exists", "numeric", "prefix", "suffix", "wildcard"];

/// What `anything-but` may be applied to other than values.
const EXCEPTIONS: [&str; 4] = ["equals-ignore-case", "prefix", "suffix", "wildcard"];

/// Names that no field may have inside `$or`, besides the operators: those of numbers, and those that AWS keeps for later.
const RESERVED: [&str; 16] = [
    "exactly",
    "=",
    "<",
    "<=",
    ">",
    ">=",
    "regex",
    "not-wildcard",
    "not-equals-ignore-case",
    "date-after",
    "date-on-or-after",
    "date-before",
    "date-on-or-before",
    "in-date-range",
    "ip-address-in-range",
    "ip-address-not-in-range",
];

/// Reads a pattern.
pub(super) fn rules(pattern: &Value) -> Result<Vec<Rule>, PatternError> {
    let mut parser = Parser { path: Vec::new(), faults: Vec::new(), too_many: false };
    let mut rules = vec![Rule::new()];
    match pattern {
        Value::Object(fields) => parser.object("", fields, &mut rules, false),
        _ => parser.fault("is not a pattern; an object with at least one field is allowed"),
    }
    if parser.faults.is_empty() { Ok(rules) } else { Err(PatternError { faults: parser.faults }) }
}

struct Parser {
    path: Vec<String>,
    faults: Vec<Fault>,
    too_many: bool,
}

impl Parser {
    fn fault(&mut self, reason: impl Into<String>) {
        self.faults.push(Fault { path: self.path.clone(), reason: reason.into() });
    }

    fn inside<T>(&mut self, step: impl Into<String>, read: impl FnOnce(&mut Self) -> T) -> T {
        self.path.push(step.into());
        let read = read(self);
        self.path.pop();
        read
    }

    /// Adds the fields of an object to every combination so far.
    fn object(&mut self, name: &str, fields: &Map<String, Value>, rules: &mut Vec<Rule>, in_or: bool) {
        if fields.is_empty() {
            self.fault("is empty; an object with at least one field is allowed");
        }
        for (field, value) in fields {
            self.inside(field, |parser| {
                parser.field(&extended(name, field), field, value, rules, in_or, name)
            });
        }
    }

    fn field(
        &mut self,
        name: &str,
        field: &str,
        value: &Value,
        rules: &mut Vec<Rule>,
        in_or: bool,
        parent: &str,
    ) {
        if in_or && (OPERATORS.contains(&field) || RESERVED.contains(&field)) {
            return self.fault("has a name that is reserved inside $or; any other name is allowed");
        }
        match value {
            Value::Array(patterns) if field == OR => self.alternatives(parent, patterns, rules),
            _ if field == OR => self.fault("is not a list; a list of at least two patterns is allowed"),
            Value::Object(fields) => self.object(name, fields, rules, in_or),
            Value::Array(values) => {
                if values.is_empty() {
                    self.fault("is an empty list, which matches nothing; at least one value is allowed");
                }
                let mut matchers = Vec::with_capacity(values.len());
                for (index, value) in values.iter().enumerate() {
                    self.inside(index.to_string(), |parser| parser.value(value, &mut matchers));
                }
                let matchers: Arc<[Matcher]> = matchers.into();
                let mut twice = false;
                for rule in rules {
                    twice |= rule.insert(name.to_owned(), Arc::clone(&matchers)).is_some();
                }
                if twice {
                    self.fault("is matched both inside and outside of $or, of which AWS keeps one; one is allowed");
                }
            }
            _ => self.fault(
                "is not a list; a list of values is allowed, such as [\"OrderPlaced\"], or an object of fields",
            ),
        }
    }

    /// Multiplies the combinations so far by those of each alternative.
    fn alternatives(&mut self, name: &str, patterns: &[Value], rules: &mut Vec<Rule>) {
        if patterns.len() < 2 {
            self.fault("has fewer than two patterns; a list of at least two is allowed");
        }
        let before = std::mem::take(rules);
        for (index, pattern) in patterns.iter().enumerate() {
            let mut with = before.clone();
            self.inside(index.to_string(), |parser| match pattern {
                Value::Object(fields) => parser.object(name, fields, &mut with, true),
                _ => parser.fault("is not a pattern; an object is allowed"),
            });
            if self.too_many || rules.len() + with.len() > COMBINATIONS {
                if !self.too_many {
                    self.too_many = true;
                    self.fault(format!(
                        "makes more than {COMBINATIONS} combinations; allowed are {COMBINATIONS}"
                    ));
                }
                break;
            }
            rules.append(&mut with);
        }
        if rules.is_empty() {
            *rules = before;
        }
    }

    /// One of the values that a field is compared with.
    fn value(&mut self, value: &Value, matchers: &mut Vec<Matcher>) {
        match value {
            Value::Array(_) => {
                self.fault("is a list in a list; a text, a number, true, false or null is allowed");
            }
            Value::Object(operators) => {
                let mut entries = operators.iter();
                match (entries.next(), entries.next()) {
                    (Some((operator, operand)), None) => {
                        if let Some(matcher) = self.operator(operator, operand) {
                            matchers.push(matcher);
                        }
                    }
                    _ => self
                        .fault(format!("needs exactly one operator; allowed are {}", OPERATORS.join(", "))),
                }
            }
            Value::String(text) => {
                matchers.push(Matcher::Text(text.clone()));
                matchers.extend(text.parse::<IpAddr>().ok().map(Matcher::Address));
            }
            Value::Number(number) => matchers.push(Matcher::Number(number.clone())),
            literal => matchers.push(Matcher::Literal(literal.clone())),
        }
    }

    fn operator(&mut self, operator: &str, operand: &Value) -> Option<Matcher> {
        if !OPERATORS.contains(&operator) {
            self.fault(format!("has no operator {operator}; allowed are {}", OPERATORS.join(", ")));
            return None;
        }
        self.inside(operator, |parser| match (operator, operand) {
            ("exists", Value::Bool(exists)) => Some(if *exists { Matcher::Exists } else { Matcher::Absent }),
            ("exists", _) => parser.none("is neither true nor false; one of them is allowed"),
            ("numeric", Value::Array(terms)) => parser.numeric(terms).map(Matcher::Numeric),
            ("numeric", _) => parser.none("is not a list; a list such as [\">\", 0, \"<=\", 5] is allowed"),
            ("cidr", Value::String(text)) => match Block::parse(text) {
                Ok(block) => Some(Matcher::Cidr(block)),
                Err(reason) => parser.none(reason),
            },
            ("anything-but", operand) => parser.anything_but(operand),
            ("prefix" | "suffix", Value::Object(inner)) => {
                match (inner.len(), inner.get("equals-ignore-case")) {
                    (1, Some(Value::String(text))) if operator == "prefix" => {
                        Some(Matcher::PrefixIgnoreCase(fold(text)))
                    }
                    (1, Some(Value::String(text))) => Some(Matcher::SuffixIgnoreCase(fold(text))),
                    _ => parser.none(
                        "is no text; a text, or an object with a text for equals-ignore-case is allowed",
                    ),
                }
            }
            (_, Value::String(text)) => parser.text(operator, text),
            _ => parser.none("is no text; a text is allowed"),
        })
    }

    fn none(&mut self, reason: impl Into<String>) -> Option<Matcher> {
        self.fault(reason);
        None
    }

    /// The operators that compare with one text.
    fn text(&mut self, operator: &str, text: &str) -> Option<Matcher> {
        match operator {
            "prefix" => Some(Matcher::Prefix(text.to_owned())),
            "suffix" => Some(Matcher::Suffix(text.to_owned())),
            "equals-ignore-case" => Some(Matcher::EqualsIgnoreCase(fold(text))),
            _ => match Wildcard::parse(text) {
                Ok(wildcard) => Some(Matcher::Wildcard(wildcard)),
                Err(reason) => self.none(reason),
            },
        }
    }

    fn anything_but(&mut self, operand: &Value) -> Option<Matcher> {
        let these = match operand {
            Value::String(_) | Value::Number(_) => self.exceptions(std::slice::from_ref(operand)),
            Value::Array(values) => self.exceptions(values),
            Value::Object(inner) => {
                let mut entries = inner.iter();
                match (entries.next(), entries.next()) {
                    (Some((operator, operand)), None) if EXCEPTIONS.contains(&operator.as_str()) => {
                        self.inside(operator, |parser| parser.excepted_texts(operator, operand))
                    }
                    _ => {
                        let allowed = EXCEPTIONS.join(", ");
                        self.fault(format!("needs exactly one operator; allowed are {allowed}"));
                        None
                    }
                }
            }
            _ => {
                self.fault(
                    "is true, false or null; a text, a number, a list of either or an operator is allowed",
                );
                None
            }
        };
        these.map(Matcher::AnythingBut)
    }

    /// Texts or numbers, and not both.
    fn exceptions(&mut self, values: &[Value]) -> Option<Vec<Matcher>> {
        let texts = values.iter().all(Value::is_string);
        let numbers = values.iter().all(Value::is_number);
        if values.is_empty() || !(texts || numbers) {
            self.fault("is not a list of texts or a list of numbers; one of them is allowed");
            return None;
        }
        let matcher = |value: &Value| match value {
            Value::String(text) => Matcher::Text(text.clone()),
            Value::Number(number) => Matcher::Number(number.clone()),
            other => Matcher::Literal(other.clone()),
        };
        Some(values.iter().map(matcher).collect())
    }

    fn excepted_texts(&mut self, operator: &str, operand: &Value) -> Option<Vec<Matcher>> {
        let texts: Option<Vec<&str>> = match operand {
            Value::String(text) => Some(vec![text]),
            Value::Array(texts) if !texts.is_empty() => texts.iter().map(Value::as_str).collect(),
            _ => None,
        };
        let Some(texts) = texts else {
            self.fault("is neither a text nor a list of texts; one of them is allowed");
            return None;
        };
        if matches!(operator, "prefix" | "suffix") && texts.contains(&"") {
            self.fault("is empty, which every text begins and ends with; a longer text is allowed");
            return None;
        }
        texts.into_iter().map(|text| self.text(operator, text)).collect()
    }

    /// `["=", 1]`, `["<", 1]`, `[">", 1]` or `[">", 0, "<=", 1]`, with `<=` and `>=` likewise.
    fn numeric(&mut self, terms: &[Value]) -> Option<Range> {
        let range = match terms {
            [Value::String(sign), Value::Number(number)] => self.bounded(Range::ALL, sign, number)?,
            [Value::String(above), Value::Number(low), Value::String(below), Value::Number(high)]
                if matches!(above.as_str(), ">" | ">=") && matches!(below.as_str(), "<" | "<=") =>
            {
                let range = self.bounded(Range::ALL, above, low)?;
                if millionths(low) >= millionths(high) && millionths(high).is_some() {
                    self.fault(format!(
                        "begins at {low} and ends at {high}; a beginning below the end is allowed"
                    ));
                    return None;
                }
                self.bounded(range, below, high)?
            }
            _ => {
                self.fault(
                    "is no comparison; allowed are one of =, <, <=, > and >= with a number, and a range such as [\">\", 0, \
                     \"<=\", 5]",
                );
                return None;
            }
        };
        Some(range)
    }

    fn bounded(&mut self, range: Range, sign: &str, number: &Number) -> Option<Range> {
        let Some(value) = millionths(number) else {
            self.fault(format!("has {number}; allowed are numbers from -{LARGEST:e} to {LARGEST:e}"));
            return None;
        };
        match sign {
            "=" => Some(Range { lowest: value, highest: value }),
            "<" => Some(Range { highest: value - 1, ..range }),
            "<=" => Some(Range { highest: value, ..range }),
            ">" => Some(Range { lowest: value + 1, ..range }),
            ">=" => Some(Range { lowest: value, ..range }),
            _ => {
                self.fault(format!("has no comparison {sign}; allowed are =, <, <=, > and >="));
                None
            }
        }
    }
}
