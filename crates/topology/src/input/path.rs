//! JSON paths in EventBridge's dialect.

use std::borrow::Cow;

use aws_json::Json;

/// Most characters of a path (API reference: `TargetInputPath`).
const LONGEST: usize = 256;

/// A path into an event, such as `$.detail.lines[0].sku`.
///
/// EventBridge supports dot notation with letters, digits, dashes, underscores and slashes, array
/// indices, and wildcards (User Guide: "Amazon EventBridge input transformation").
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonPath {
    steps: Vec<Step>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Field(String),
    Index(usize),
    /// Every element of a list, or every value of an object.
    Each,
}

impl JsonPath {
    /// Reads a path.
    ///
    /// # Errors
    /// What is wrong with it and what to write instead, as the rest of a sentence.
    pub fn parse(path: &str) -> Result<Self, String> {
        let length = path.chars().count();
        if length > LONGEST {
            return Err(format!("has {length} characters; at most {LONGEST} are allowed"));
        }
        let wrong = || {
            format!(
                "is {path:?}, which is not a path that EventBridge reads; write it like \
                 $.detail.lines[0].sku, with names of letters, digits, `-`, `_` and `/`, \
                 indices, and `*`"
            )
        };
        let mut rest = path.strip_prefix('$').ok_or_else(wrong)?;
        let mut steps = Vec::new();
        while !rest.is_empty() {
            let (step, behind) = step(rest).ok_or_else(wrong)?;
            steps.push(step);
            rest = behind;
        }
        Ok(Self { steps })
    }

    /// Returns the path to the event itself: `$`.
    pub(super) fn event() -> Self {
        Self { steps: Vec::new() }
    }

    /// Returns what the path leads to. With a wildcard, it is the list of everything that the path
    /// leads to.
    ///
    /// Returns `None` if there is nothing. A name that occurs twice has its last value.
    #[must_use]
    pub fn find<'e, 't>(&self, event: &'e Json<'t>) -> Option<Cow<'e, Json<'t>>> {
        let mut found = vec![event];
        for step in &self.steps {
            found = found.into_iter().flat_map(|value| step.of(value)).collect();
        }
        if self.steps.contains(&Step::Each) {
            return Some(Cow::Owned(Json::List(found.into_iter().cloned().collect())));
        }
        found.pop().map(Cow::Borrowed)
    }
}

/// Reads the first step of a path, and returns it with the rest.
fn step(path: &str) -> Option<(Step, &str)> {
    if let Some(inside) = path.strip_prefix('[') {
        let (index, rest) = inside.split_once(']')?;
        let digits = !index.is_empty() && index.bytes().all(|byte| byte.is_ascii_digit());
        return match index {
            "*" => Some((Step::Each, rest)),
            index if digits => Some((Step::Index(index.parse().ok()?), rest)),
            _ => None,
        };
    }
    let path = path.strip_prefix('.')?;
    let end = path.find(['.', '[']).unwrap_or(path.len());
    let (name, rest) = path.split_at_checked(end)?;
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '/');
    match name {
        "*" => Some((Step::Each, rest)),
        "" => None,
        name if name.chars().all(allowed) => Some((Step::Field(name.to_owned()), rest)),
        _ => None,
    }
}

impl Step {
    fn of<'e, 't>(&self, value: &'e Json<'t>) -> Vec<&'e Json<'t>> {
        match (self, value) {
            (Self::Field(name), value) => value.get(name).into_iter().collect(),
            (Self::Index(index), Json::List(list)) => list.get(*index).into_iter().collect(),
            (Self::Each, Json::List(list)) => list.iter().collect(),
            (Self::Each, Json::Object(fields)) => fields.iter().map(|(_, value)| value).collect(),
            (Self::Index(_) | Self::Each, _) => Vec::new(),
        }
    }
}
