//! Templates of input transformers.
//!
//! A template is JSON, or several texts in quotes, in which `<name>` stands for a value of the
//! event. The rules (User Guide: "Amazon EventBridge input transformation"; those marked V are
//! recorded against AWS by LocalStack's test suite):
//!
//! - Outside of quotes a value is written as JSON, a text with quotes around it.
//! - Inside of quotes a text is written as it is, without escapes, and an object or a list without
//!   its quotes. So a text with a quote in it changes the JSON around it.
//! - A value that is not in the event is the empty text (V): `""` outside of quotes, nothing
//!   inside. AWS does not say what `null` is; here it is the same.
//! - Values are not read as templates: a `<name>` in an event stays as it is.
//! - A name that is neither declared nor reserved is refused (V).

use std::collections::BTreeMap;

use aws_json::Json;
use serde::de::IgnoredAny;

use super::path::JsonPath;
use super::text;

/// Most characters of a template.
const LONGEST: usize = 8_192;

/// What a template may name beside the values of its paths.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// ARN of the rule.
    pub rule_arn: &'a str,
    /// Name of the rule.
    pub rule_name: &'a str,
    /// When the bus received the event, in ISO 8601.
    pub ingestion_time: &'a str,
}

/// A template that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    parts: Vec<Part>,
    /// The template is texts in quotes, so its output need not be JSON.
    is_text: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Literal(String),
    Value { variable: Variable, in_quotes: bool },
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Variable {
    Path(JsonPath),
    RuleArn,
    RuleName,
    IngestionTime,
    /// The event without its detail.
    Event,
    /// The whole event.
    EventJson,
}

impl Variable {
    fn reserved(name: &str) -> Option<Self> {
        Some(match name {
            "aws.events.rule-arn" => Self::RuleArn,
            "aws.events.rule-name" => Self::RuleName,
            "aws.events.event.ingestion-time" => Self::IngestionTime,
            "aws.events.event" => Self::Event,
            "aws.events.event.json" => Self::EventJson,
            _ => return None,
        })
    }
}

impl Template {
    /// Reads a template with the paths of its variables.
    ///
    /// # Errors
    /// What is wrong with it, as the rest of a sentence.
    pub(super) fn parse(
        template: &str,
        paths: &BTreeMap<String, JsonPath>,
    ) -> Result<Self, String> {
        let length = template.chars().count();
        if !(1..=LONGEST).contains(&length) {
            return Err(format!("has {length} characters; must have 1 to {LONGEST}"));
        }
        let parts = Scanner { rest: template, in_quotes: false, paths }.parts()?;
        let is_text = template.trim_start().starts_with('"');
        let template = Self { parts, is_text };
        template.check()?;
        Ok(template)
    }

    /// Checks that the output is JSON, or several JSON values, if every value is.
    fn check(&self) -> Result<(), String> {
        let mut sample = String::new();
        for part in &self.parts {
            match part {
                Part::Literal(literal) => sample.push_str(literal),
                Part::Value { in_quotes: false, .. } => sample.push('0'),
                Part::Value { .. } => sample.push('x'),
            }
        }
        let refused = if self.is_text {
            let values = serde_json::Deserializer::from_str(&sample).into_iter::<IgnoredAny>();
            values.filter_map(Result::err).next()
        } else {
            serde_json::from_str::<IgnoredAny>(&sample).err()
        };
        match refused {
            None => Ok(()),
            Some(error) => Err(format!(
                "is not JSON with values in it, which EventBridge refuses: {error}; put quotes \
                 around text, write a value without quotes as {{\"name\": <name>}}, and do not \
                 use one as a key"
            )),
        }
    }

    /// Returns what may surprise in a template that EventBridge takes, as the rest of a sentence.
    pub(super) fn warning(&self) -> Option<&'static str> {
        if let [Part::Value { .. }] = self.parts.as_slice() {
            return Some(
                "is a value alone; EventBridge documents a value only in a field, such as \
                 {\"order\": <order>}; for a part of the event write input_path",
            );
        }
        self.quotes_a_value_alone().then_some(
            "has a value between quotes of its own; write it without quotes: EventBridge adds \
             them, and escapes nothing in a text that is between quotes already",
        )
    }

    /// Returns whether a text of the event is written between quotes of JSON, so that a quote in
    /// it breaks the JSON.
    fn quotes_a_value_alone(&self) -> bool {
        let literal = |n: usize| match self.parts.get(n) {
            Some(Part::Literal(literal)) => Some(literal.as_str()),
            _ => None,
        };
        !self.is_text
            && self.parts.iter().enumerate().any(|(n, part)| {
                let is_path =
                    matches!(part, Part::Value { variable: Variable::Path(_), in_quotes: true });
                let before = n.checked_sub(1).and_then(literal);
                is_path
                    && before.is_some_and(|before| before.ends_with('"'))
                    && literal(n + 1).is_some_and(|behind| behind.starts_with('"'))
            })
    }

    /// Returns the template with the values of an event.
    ///
    /// # Errors
    /// The output is not JSON, although the template is.
    pub(super) fn render(&self, event: &Json<'_>, context: &Context<'_>) -> Result<String, String> {
        let mut out = String::new();
        for part in &self.parts {
            match part {
                Part::Literal(literal) => out.push_str(literal),
                Part::Value { variable, in_quotes } => {
                    write(variable, *in_quotes, event, context, &mut out);
                }
            }
        }
        if self.is_text {
            return Ok(out);
        }
        match Json::parse(&out) {
            Ok(_) => Ok(out),
            Err(error) => Err(format!(
                "the input transformer makes no JSON of the event: {error}; a text of the event \
                 was written between quotes and has a quote or a control character in it, which \
                 EventBridge does not escape"
            )),
        }
    }
}

/// Appends the value of a variable.
fn write(
    variable: &Variable,
    in_quotes: bool,
    event: &Json<'_>,
    context: &Context<'_>,
    out: &mut String,
) {
    let mut text = |value: &str| match in_quotes {
        true => out.push_str(value),
        false => text::string(value, out),
    };
    match variable {
        Variable::RuleArn => text(context.rule_arn),
        Variable::RuleName => text(context.rule_name),
        Variable::IngestionTime => text(context.ingestion_time),
        Variable::Event => json(&without_detail(event), in_quotes, out),
        Variable::EventJson => json(&whole(event), in_quotes, out),
        Variable::Path(path) => match path.find(event).as_deref() {
            None | Some(Json::Null) => text(""),
            Some(Json::Text(value)) => text(value),
            Some(value) => {
                let mut written = String::new();
                text::write(value, &mut written);
                json(&written, in_quotes, out);
            }
        },
    }
}

/// Appends JSON. Inside of quotes it loses its own.
fn json(value: &str, in_quotes: bool, out: &mut String) {
    match in_quotes {
        true => out.extend(value.chars().filter(|c| *c != '"')),
        false => out.push_str(value),
    }
}

fn whole(event: &Json<'_>) -> String {
    let mut written = String::new();
    text::write(event, &mut written);
    written
}

/// Returns the event without its detail. Its type is then called `detailType` (recorded against
/// AWS).
fn without_detail(event: &Json<'_>) -> String {
    let mut written = String::new();
    let Json::Object(fields) = event else { return whole(event) };
    let fields = fields
        .iter()
        .filter(|(name, _)| name != "detail")
        .map(|(name, value)| (if name == "detail-type" { "detailType" } else { &**name }, value));
    text::object(fields, &mut written);
    written
}

/// Splits a template into its parts.
struct Scanner<'a> {
    rest: &'a str,
    in_quotes: bool,
    paths: &'a BTreeMap<String, JsonPath>,
}

impl Scanner<'_> {
    fn parts(mut self) -> Result<Vec<Part>, String> {
        let mut parts = Vec::new();
        let mut literal = String::new();
        // A text in which a value stands, so that it cannot be the name of a field.
        let (mut is_escaped, mut has_value) = (false, None);
        while let Some(character) = self.rest.chars().next() {
            if character == '<'
                && let Some((name, behind)) = inside(self.rest)
            {
                if !literal.is_empty() {
                    parts.push(Part::Literal(std::mem::take(&mut literal)));
                }
                let variable = self.variable(name)?;
                has_value = self.in_quotes.then_some(name);
                parts.push(Part::Value { variable, in_quotes: self.in_quotes });
                self.rest = behind;
                is_escaped = false;
                continue;
            }
            literal.push(character);
            self.rest = self.rest.get(character.len_utf8()..).unwrap_or_default();
            if character == '"' && !is_escaped {
                self.in_quotes = !self.in_quotes;
                let name = has_value.take().filter(|_| !self.in_quotes);
                if let Some(name) = name.filter(|_| self.rest.trim_start().starts_with(':')) {
                    return Err(format!(
                        "has <{name}> in the name of a field; EventBridge takes values of the \
                         event only as values"
                    ));
                }
            }
            is_escaped = self.in_quotes && character == '\\' && !is_escaped;
        }
        if !literal.is_empty() {
            parts.push(Part::Literal(literal));
        }
        Ok(parts)
    }

    fn variable(&self, name: &str) -> Result<Variable, String> {
        if let Some(reserved) = Variable::reserved(name) {
            return Ok(reserved);
        }
        if let Some(path) = self.paths.get(name) {
            return Ok(Variable::Path(path.clone()));
        }
        let known: Vec<String> = self.paths.keys().map(|name| format!("<{name}>")).collect();
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        Err(format!(
            "contains invalid placeholder {name}, which paths does not declare; declared: {known}"
        ))
    }
}

/// Returns the name in angle brackets at the beginning of a text, and what follows it.
fn inside(text: &str) -> Option<(&str, &str)> {
    text.strip_prefix('<')?.split_once('>')
}
