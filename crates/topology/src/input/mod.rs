//! What a rule's target gets of an event: the event, a constant, a part, or a template.
//!
//! An [`Input`] is read once from the declaration, and builds the text for each event. It does no
//! I/O and knows no clock.

mod path;
mod template;
#[cfg(test)]
mod tests;
mod text;

use std::borrow::Cow;
use std::collections::BTreeMap;

use aws_json::Json;

use super::model::{InputTransformer, Target};
pub use path::JsonPath;
pub use template::{Context, Template};

/// Most characters of a constant (API reference: `TargetInput`).
const LONGEST_CONSTANT: usize = 8_192;
/// Most variables of a template (API reference: `TransformerPaths`).
const MOST_VARIABLES: usize = 100;

/// What a target gets of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// The event as it came.
    Event,
    /// This JSON, whatever the event.
    Constant(String),
    /// The part of the event to which the path leads.
    Path(JsonPath),
    /// A template with values of the event.
    Template(Template),
}

/// One fault of a declared input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Names that lead from the target to the fault.
    pub path: Vec<String>,
    /// What is wrong and how to mend it, as the rest of a sentence that begins with the path.
    pub reason: String,
}

/// Why no input can be made of an event. Another try makes none either.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unfit(String);

impl Input {
    /// Reads the input of a target.
    ///
    /// # Errors
    /// All faults of it, each with its path.
    pub fn parse(target: &Target) -> Result<Self, Vec<Fault>> {
        let one = |path: &str, reason: String| vec![Fault { path: vec![path.to_owned()], reason }];
        match (&target.input, &target.input_path, &target.input_transformer) {
            (None, None, None) => Ok(Self::Event),
            (Some(constant), None, None) => {
                let text = constant.to_string();
                match text.chars().count() {
                    0..=LONGEST_CONSTANT => Ok(Self::Constant(text)),
                    length => Err(one(
                        "input",
                        format!(
                            "has {length} characters as JSON; at most {LONGEST_CONSTANT} are \
                             allowed"
                        ),
                    )),
                }
            }
            (None, Some(path), None) => {
                JsonPath::parse(path).map(Self::Path).map_err(|reason| one("input_path", reason))
            }
            (None, None, Some(transformer)) => template(transformer).map(Self::Template),
            _ => {
                let reason = "stands beside another input; EventBridge takes one of input, \
                              input_path and input_transformer";
                let names = [
                    ("input", target.input.is_some()),
                    ("input_path", target.input_path.is_some()),
                    ("input_transformer", target.input_transformer.is_some()),
                ];
                let second = names.iter().filter(|(_, is_set)| *is_set).nth(1);
                Err(one(second.map_or("input", |(name, _)| name), reason.to_owned()))
            }
        }
    }

    /// Returns a warning about an input that EventBridge takes.
    pub(crate) fn warning(&self) -> Option<Fault> {
        let Self::Template(template) = self else { return None };
        template.warning().map(|reason| Fault {
            path: vec!["input_transformer".to_owned(), "template".to_owned()],
            reason: reason.to_owned(),
        })
    }

    /// Returns what the target gets of an event.
    ///
    /// # Errors
    /// The event is not JSON, has nothing at the path, or makes no JSON in the template.
    pub fn build<'a>(&self, event: &'a str, context: &Context<'_>) -> Result<Cow<'a, str>, Unfit> {
        let read = || match Json::leading(event) {
            Ok((read, _)) => Ok(read),
            Err(error) => Err(Unfit(format!("the event is not JSON: {error}"))),
        };
        match self {
            Self::Event => Ok(event.into()),
            Self::Constant(constant) => Ok(constant.clone().into()),
            Self::Path(path) => {
                let event = read()?;
                let nothing = || Unfit("input_path leads to nothing in the event".to_owned());
                let found = path.find(&event).ok_or_else(nothing)?;
                let mut out = String::new();
                text::write(&found, &mut out);
                Ok(out.into())
            }
            Self::Template(template) => {
                template.render(&read()?, context).map(Cow::Owned).map_err(Unfit)
            }
        }
    }
}

fn template(transformer: &InputTransformer) -> Result<Template, Vec<Fault>> {
    let fault = |path: &[&str], reason: String| Fault {
        path: ["input_transformer"].iter().chain(path).map(ToString::to_string).collect(),
        reason,
    };
    let mut faults = Vec::new();
    let count = transformer.paths.len();
    if count > MOST_VARIABLES {
        let reason = format!("has {count} variables; at most {MOST_VARIABLES} are allowed");
        faults.push(fault(&["paths"], reason));
    }
    let mut paths = BTreeMap::new();
    for (name, path) in &transformer.paths {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        let of_aws = name.get(..3).is_some_and(|begin| begin.eq_ignore_ascii_case("aws"));
        if of_aws || !(1..=256).contains(&name.len()) || !name.chars().all(allowed) {
            let reason = "is not a valid variable; use 1 to 256 letters, digits, `-` and `_`, not \
                          beginning with AWS";
            faults.push(fault(&["paths", name], reason.to_owned()));
        }
        match JsonPath::parse(path) {
            Ok(path) => drop(paths.insert(name.clone(), path)),
            Err(reason) => {
                faults.push(fault(&["paths", name], reason));
                // The template may use it: one fault is enough.
                paths.insert(name.clone(), JsonPath::event());
            }
        }
    }
    match Template::parse(&transformer.template, &paths) {
        Ok(template) if faults.is_empty() => Ok(template),
        Ok(_) => Err(faults),
        Err(reason) => {
            faults.push(fault(&["template"], reason));
            Err(faults)
        }
    }
}
