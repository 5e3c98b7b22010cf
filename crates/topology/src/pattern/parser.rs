//! Parses a pattern from JSON into the combinations of fields that it stands for.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;

use super::address::Block;
use super::error::{Fault, PatternError};
use super::field::{OR, extended};
use super::matcher::{Matcher, fold};
use super::number::{End, Number, Range};
use super::rule::Rule;
use super::wildcard::Wildcard;
use aws_json::Json;

/// Most combinations of the alternatives in the lists of `$or`.
const COMBINATIONS: usize = 1_000;

/// Operators that a field's list may contain.
const OPERATORS: [&str; 8] = [
    "anything-but",
    "cidr",
    "equals-ignore-case",
    "exists",
    "numeric",
    "prefix",
    "suffix",
    "wildcard",
];

/// Operators that `anything-but` may contain.
const EXCEPTIONS: [&str; 4] = ["equals-ignore-case", "prefix", "suffix", "wildcard"];

/// Names that fields inside `$or` may not have, besides the operators.
///
/// They are the names of numeric comparisons, and names that AWS reserves.
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

/// Parses a pattern.
pub(super) fn rules(pattern: &Json<'_>) -> Result<Vec<Rule>, PatternError> {
    let mut parser = Parser { path: Vec::new(), faults: Vec::new(), too_many: false };
    let mut rules = vec![Rule::new()];
    match pattern {
        Json::Object(fields) => parser.object("", fields, &mut rules, false),
        _ => parser.fault("is not a pattern; use an object with at least one field"),
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

    /// Adds the fields of an object to each combination in `rules`.
    fn object(
        &mut self,
        name: &str,
        fields: &[(Cow<'_, str>, Json<'_>)],
        rules: &mut Vec<Rule>,
        in_or: bool,
    ) {
        if fields.is_empty() {
            self.fault("is empty; use an object with at least one field");
        }
        for (field, value) in fields {
            self.inside(&**field, |parser| {
                parser.field(&extended(name, field), field, value, rules, in_or, name)
            });
        }
    }

    fn field(
        &mut self,
        name: &str,
        field: &str,
        value: &Json<'_>,
        rules: &mut Vec<Rule>,
        in_or: bool,
        parent: &str,
    ) {
        if in_or && (OPERATORS.contains(&field) || RESERVED.contains(&field)) {
            return self.fault("has a name that is reserved inside $or; choose another name");
        }
        match value {
            Json::List(patterns) if field == OR => self.alternatives(parent, patterns, rules),
            _ if field == OR => self.fault("is not a list; use a list of at least two patterns"),
            Json::Object(fields) => self.object(name, fields, rules, in_or),
            Json::List(values) => {
                if values.is_empty() {
                    self.fault("is an empty list, which matches nothing; add a value");
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
                    self.fault(
                        "is matched twice (in one object, or inside and outside of $or); AWS \
                         keeps only one of them, so match it once",
                    );
                }
            }
            _ => self.fault(
                "is not a list; use a list of values, such as [\"OrderPlaced\"], or an object \
                 of fields",
            ),
        }
    }

    /// Replaces the combinations in `rules` by their products with each alternative of `$or`.
    ///
    /// For example, `rules` with 2 combinations and an `$or` of 3 patterns make 6 combinations.
    fn alternatives(&mut self, name: &str, patterns: &[Json<'_>], rules: &mut Vec<Rule>) {
        if patterns.len() < 2 {
            self.fault("has fewer than two patterns; use a list of at least two");
        }
        let before = std::mem::take(rules);
        for (index, pattern) in patterns.iter().enumerate() {
            let mut with = before.clone();
            self.inside(index.to_string(), |parser| match pattern {
                Json::Object(fields) => parser.object(name, fields, &mut with, true),
                _ => parser.fault("is not a pattern; use an object"),
            });
            if self.too_many || rules.len() + with.len() > COMBINATIONS {
                if !self.too_many {
                    self.too_many = true;
                    self.fault(format!("makes more than {COMBINATIONS} combinations, the maximum"));
                }
                break;
            }
            rules.append(&mut with);
        }
        if rules.is_empty() {
            *rules = before;
        }
    }

    /// Parses one element of a field's list.
    fn value(&mut self, value: &Json<'_>, matchers: &mut Vec<Matcher>) {
        match value {
            Json::List(_) => {
                self.fault("is a list in a list; use a string, a number, true, false or null");
            }
            Json::Object(operators) => {
                if let [(operator, operand)] = operators.as_slice() {
                    matchers.extend(self.operator(operator, operand));
                } else {
                    let allowed = OPERATORS.join(", ");
                    self.fault(format!("needs exactly one operator; expected one of {allowed}"));
                }
            }
            Json::Text(text) => {
                matchers.push(Matcher::Text(text.to_string()));
                matchers.extend(text.parse::<IpAddr>().ok().map(Matcher::Address));
            }
            Json::Number(number) => matchers.push(Matcher::Number(Number::new(number))),
            Json::Bool(literal) => matchers.push(Matcher::Literal(Some(*literal))),
            Json::Null => matchers.push(Matcher::Literal(None)),
        }
    }

    fn operator(&mut self, operator: &str, operand: &Json<'_>) -> Option<Matcher> {
        if !OPERATORS.contains(&operator) {
            self.fault(format!(
                "has an unknown operator {operator}; expected one of {}",
                OPERATORS.join(", ")
            ));
            return None;
        }
        self.inside(operator, |parser| match (operator, operand) {
            ("exists", Json::Bool(exists)) => Some(if *exists { Matcher::Exists } else { Matcher::Absent }),
            ("exists", _) => parser.none("is neither true nor false; use one of them"),
            ("numeric", Json::List(terms)) => parser.numeric(terms).map(Matcher::Numeric),
            ("numeric", _) => parser.none("is not a list; use a list such as [\">\", 0, \"<=\", 5]"),
            ("cidr", Json::Text(text)) => match Block::parse(text) {
                Ok(block) => Some(Matcher::Cidr(block)),
                Err(reason) => parser.none(reason),
            },
            ("anything-but", operand) => parser.anything_but(operand),
            ("prefix" | "suffix", Json::Object(inner)) => match inner.as_slice() {
                [(inner, Json::Text(text))] if inner == "equals-ignore-case" => {
                    let folded = fold(text);
                    Some(match operator {
                        "prefix" => Matcher::PrefixIgnoreCase(folded),
                        _ => Matcher::SuffixIgnoreCase(folded),
                    })
                }
                _ => parser
                    .none("is not a string; use a string, or an object with a string for equals-ignore-case"),
            },
            (_, Json::Text(text)) => parser.text(operator, text),
            _ => parser.none("is not a string; use a string"),
        })
    }

    fn none(&mut self, reason: impl Into<String>) -> Option<Matcher> {
        self.fault(reason);
        None
    }

    /// Parses an operator whose operand is one text.
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

    fn anything_but(&mut self, operand: &Json<'_>) -> Option<Matcher> {
        let these = match operand {
            Json::Text(_) | Json::Number(_) => self.exceptions(std::slice::from_ref(operand)),
            Json::List(values) => self.exceptions(values),
            Json::Object(inner) => {
                let allowed = EXCEPTIONS.join(", ");
                match inner.as_slice() {
                    [(operator, operand)] if EXCEPTIONS.contains(&&**operator) => {
                        self.inside(&**operator, |parser| parser.excepted_texts(operator, operand))
                    }
                    _ => {
                        self.fault(format!(
                            "needs exactly one operator; expected one of {allowed}"
                        ));
                        None
                    }
                }
            }
            _ => {
                self.fault("is true, false or null; use a string, a number, a list of either or an operator");
                None
            }
        };
        these.map(Matcher::AnythingBut)
    }

    /// Parses the operands of `anything-but`: either texts or numbers.
    fn exceptions(&mut self, values: &[Json<'_>]) -> Option<Vec<Matcher>> {
        let texts: Option<Vec<&str>> = values.iter().map(Json::as_text).collect();
        let numbers: Option<Vec<&str>> = values.iter().map(number).collect();
        match (texts, numbers) {
            _ if values.is_empty() => {}
            (Some(texts), _) => {
                return Some(
                    texts.into_iter().map(|text| Matcher::Text(text.to_owned())).collect(),
                );
            }
            (_, Some(numbers)) => {
                let numbers =
                    numbers.into_iter().map(|number| Some(Matcher::Number(self.exact(number)?)));
                return numbers.collect();
            }
            _ => {}
        }
        self.fault("is not a list of strings or a list of numbers; use one of them");
        None
    }

    /// Parses a number that can be compared by value.
    fn exact(&mut self, text: &str) -> Option<Number> {
        let number = Number::new(text);
        if number.double().is_none() {
            let digits = text.chars().take(40).collect::<String>();
            self.fault(format!(
                "has {digits}, which is not exactly a double; AWS compares numbers of up to 15 digits below 1.8e308"
            ));
            return None;
        }
        Some(number)
    }

    fn excepted_texts(&mut self, operator: &str, operand: &Json<'_>) -> Option<Vec<Matcher>> {
        let texts: Option<Vec<&str>> = match operand {
            Json::Text(text) => Some(vec![&**text]),
            Json::List(texts) if !texts.is_empty() => texts.iter().map(Json::as_text).collect(),
            _ => None,
        };
        let Some(texts) = texts else {
            self.fault("is neither a string nor a list of strings; use one of them");
            return None;
        };
        if matches!(operator, "prefix" | "suffix") && texts.contains(&"") {
            self.fault("is empty, which every string begins and ends with; use a longer string");
            return None;
        }
        texts.into_iter().map(|text| self.text(operator, text)).collect()
    }

    /// Parses `["=", 1]`, `["<", 1]`, `[">", 1]` or `[">", 0, "<=", 1]`.
    ///
    /// Accepts `<=` and `>=` likewise.
    fn numeric(&mut self, terms: &[Json<'_>]) -> Option<Range> {
        let range = match terms {
            [Json::Text(sign), Json::Number(number)] => self.bounded(Range::ALL, sign, number)?,
            [Json::Text(above), Json::Number(low), Json::Text(below), Json::Number(high)]
                if matches!(&**above, ">" | ">=") && matches!(&**below, "<" | "<=") =>
            {
                let range = self.bounded(Range::ALL, above, low)?;
                let range = self.bounded(range, below, high)?;
                if range.low.at >= range.high.at {
                    self.fault(format!(
                        "begins at {low} and ends at {high}; the beginning must be below the end"
                    ));
                    return None;
                }
                range
            }
            _ => {
                self.fault(
                    "is not a comparison; use one of =, <, <=, > and >= with a number, or a range \
                     such as [\">\", 0, \
                     \"<=\", 5]",
                );
                return None;
            }
        };
        Some(range)
    }

    fn bounded(&mut self, range: Range, sign: &str, number: &str) -> Option<Range> {
        let at = self.exact(number)?.double()?;
        let (inside, outside) = (End { at, is_inside: true }, End { at, is_inside: false });
        match sign {
            "=" => Some(Range { low: inside, high: inside }),
            "<" => Some(Range { high: outside, ..range }),
            "<=" => Some(Range { high: inside, ..range }),
            ">" => Some(Range { low: outside, ..range }),
            ">=" => Some(Range { low: inside, ..range }),
            _ => {
                self.fault(format!(
                    "has an unknown comparison {sign}; expected one of =, <, <=, > and >="
                ));
                None
            }
        }
    }
}

/// Returns the notation of a number.
fn number<'a>(value: &'a Json<'_>) -> Option<&'a str> {
    match value {
        Json::Number(number) => Some(number),
        _ => None,
    }
}
