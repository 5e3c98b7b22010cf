//! The texts of e-mails, from the files in `templates`.

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, UndefinedBehavior};
use serde::Serialize;
use tidegate::failure::{Failure, chain};

use crate::news::Kind;

/// The texts of e-mails, one template for each kind of news.
///
/// A template begins with a line `Subject: …` and an empty line. A value that it names and does not
/// get is an error, as is one of another shape.
pub(crate) struct Templates(Environment<'static>);

/// A text from a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rendered {
    pub(crate) subject: String,
    pub(crate) text: String,
}

impl Templates {
    /// Reads the templates.
    ///
    /// # Errors
    /// `invalid_template` (permanent): a template is not one; a test reads them all.
    pub(crate) fn new() -> Result<Self, Failure> {
        let mut templates = Environment::new();
        templates.set_undefined_behavior(UndefinedBehavior::Strict);
        // The text is plain. Values are cleaned where they come from.
        templates.set_auto_escape_callback(|_| AutoEscape::None);
        let mut syntax = SyntaxConfig::builder();
        let syntax = syntax.trim_blocks(true).lstrip_blocks(true).keep_trailing_newline(true);
        templates.set_syntax(syntax.build().map_err(|error| invalid("syntax", &error))?);
        for kind in Kind::ALL {
            let (name, source) = file(kind);
            templates.add_template(name, source).map_err(|error| invalid(name, &error))?;
        }
        Ok(Self(templates))
    }

    /// Writes the text of this kind with these values.
    ///
    /// # Errors
    /// `invalid_template` (permanent): a value is missing, or the template has no subject.
    pub(crate) fn render(&self, kind: Kind, values: &impl Serialize) -> Result<Rendered, Failure> {
        let (name, _) = file(kind);
        let template = self.0.get_template(name).map_err(|error| invalid(name, &error))?;
        let whole = template.render(Serde(values)).map_err(|error| invalid(name, &error))?;
        let (head, text) = whole.split_once("\n\n").unwrap_or((&whole, ""));
        match head.strip_prefix("Subject: ") {
            Some(subject) if !subject.contains('\n') && !text.trim().is_empty() => {
                Ok(Rendered { subject: subject.to_owned(), text: text.to_owned() })
            }
            _ => {
                let reason = format!("{name}: expected `Subject: …`, an empty line, and a text");
                Err(Failure::permanent("invalid_template", reason))
            }
        }
    }
}

/// Returns the name of a template and its source.
fn file(kind: Kind) -> (&'static str, &'static str) {
    match kind {
        Kind::Placed => ("placed.txt", include_str!("../templates/placed.txt")),
        Kind::Confirmed => ("confirmed.txt", include_str!("../templates/confirmed.txt")),
        Kind::Dispatched => ("dispatched.txt", include_str!("../templates/dispatched.txt")),
        Kind::Cancelled => ("cancelled.txt", include_str!("../templates/cancelled.txt")),
    }
}

fn invalid(name: &str, error: &minijinja::Error) -> Failure {
    Failure::permanent("invalid_template", format!("{name}: {}", chain(error)))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn a_value_that_a_template_names_and_does_not_get_is_an_error_with_its_file() {
        let templates = Templates::new().unwrap();
        for kind in Kind::ALL {
            let failure = templates.render(kind, &BTreeMap::<&str, &str>::new()).unwrap_err();
            assert_eq!(failure.code(), "invalid_template");
            assert!(failure.reason().contains(file(kind).0), "{failure}");
        }
    }
}
