//! Compares a message with a filter policy.

use crate::pattern::Pattern;
use aws_json::Json;

/// A message attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attribute<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its data type: `String`, `String.Array`, `Number` or `Binary`, perhaps with a label.
    pub kind: &'a str,
    /// Its value; that of a binary attribute is in base64.
    pub value: &'a str,
}

/// Whether a message is delivered, by SNS's reasons (CloudWatch counts them apart, as
/// `NumberOfNotificationsFilteredOut-…`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The message matches.
    Matches,
    /// The message does not match.
    Differs,
    /// The message has no attributes, and the policy is compared with attributes.
    NoAttributes,
    /// An attribute is not what its data type says.
    InvalidAttributes,
    /// The policy is compared with the body, and the body is not a JSON object.
    InvalidBody,
}

/// Compares the attributes with a policy.
pub(super) fn by_attributes(pattern: &Pattern, attributes: &[Attribute<'_>]) -> Verdict {
    if attributes.is_empty() {
        return Verdict::NoAttributes;
    }
    let mut fields = Vec::with_capacity(attributes.len());
    for attribute in attributes {
        match value(attribute) {
            Ok(None) => {}
            Ok(Some(value)) => fields.push((attribute.name.into(), present(value))),
            Err(Invalid) => return Verdict::InvalidAttributes,
        }
    }
    verdict(pattern, &Json::Object(fields))
}

/// Compares the body with a policy.
pub(super) fn by_body(pattern: &Pattern, message: &str) -> Verdict {
    match Json::parse(message) {
        Ok(Json::Object(fields)) if fields.is_empty() => Verdict::Differs,
        Ok(body @ Json::Object(_)) => verdict(pattern, &present(body)),
        _ => Verdict::InvalidBody,
    }
}

fn verdict(pattern: &Pattern, event: &Json<'_>) -> Verdict {
    if pattern.matches(event) { Verdict::Matches } else { Verdict::Differs }
}

/// The attribute is not what its data type says.
struct Invalid;

/// Returns what a policy compares with an attribute; `None` for a binary one.
fn value<'a>(attribute: &Attribute<'a>) -> Result<Option<Json<'a>>, Invalid> {
    let kind = attribute.kind.split('.').next().unwrap_or_default();
    match (attribute.kind, kind) {
        ("String.Array", _) => match Json::parse(attribute.value) {
            Ok(Json::List(values)) if values.iter().all(is_single) => Ok(Some(Json::List(values))),
            _ => Err(Invalid),
        },
        (_, "String") => Ok(Some(Json::Text(attribute.value.into()))),
        (_, "Number") => match Json::parse(attribute.value) {
            Ok(number @ Json::Number(_)) => Ok(Some(number)),
            _ => Err(Invalid),
        },
        (_, "Binary") => Ok(None),
        _ => Err(Invalid),
    }
}

fn is_single(value: &Json<'_>) -> bool {
    !matches!(value, Json::List(_) | Json::Object(_))
}

/// Leaves out empty texts: for SNS, a key without a value does not exist.
///
/// A `null` stays, because a policy may ask for it.
fn present(value: Json<'_>) -> Json<'_> {
    match value {
        Json::Text(text) if text.is_empty() => Json::List(Vec::new()),
        Json::List(values) => Json::List(values.into_iter().map(present).collect()),
        Json::Object(fields) => {
            Json::Object(fields.into_iter().map(|(name, value)| (name, present(value))).collect())
        }
        other => other,
    }
}
