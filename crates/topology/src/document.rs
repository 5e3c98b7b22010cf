//! Reads a topology file as JSON, and keeps the position of every key.

use std::collections::BTreeMap;

use hcl_edit::expr::{Expression, ObjectKey};
use hcl_edit::structure::{Body, Structure};
use hcl_edit::{Span, parser};
use serde_json::{Map, Value};

use super::error::{Mistake, Position};
use super::unreadable;

/// Literal content of a file.
#[derive(Clone, Debug)]
pub(super) struct Document {
    value: Map<String, Value>,
    places: Place,
}

/// Position of a key, and of the keys below it.
#[derive(Clone, Debug)]
struct Place {
    at: Position,
    below: BTreeMap<String, Self>,
}

impl Document {
    /// Reads HCL attributes with literal values. Anything else is a mistake.
    pub(super) fn parse(text: &str) -> Result<Self, Vec<Mistake>> {
        let body = parser::parse_body(text).map_err(|error| {
            let position =
                Position { line: error.location().line(), column: error.location().column() };
            let message = match error.message() {
                twice if twice.contains("found redefined") => {
                    "the same name is declared twice; declare it once".to_owned()
                }
                other => format!("not HCL: {other}; values are declared as: name = value"),
            };
            vec![unreadable::why(text).unwrap_or_else(|| Mistake::error(position, message))]
        })?;
        let mut reader = Reader { text, mistakes: Vec::new() };
        let start = Position { line: 1, column: 1 };
        let mut places = Place { at: start, below: BTreeMap::new() };
        let value = reader.body(&body, &mut places);
        if reader.mistakes.is_empty() { Ok(Self { value, places }) } else { Err(reader.mistakes) }
    }

    /// Returns the file's attributes.
    pub(super) fn value(&self) -> &Map<String, Value> {
        &self.value
    }

    /// Returns the position of the key at a path, or of its nearest existing parent.
    pub(super) fn position(&self, path: &[&str]) -> Position {
        let mut place = &self.places;
        for key in path {
            match place.below.get(*key) {
                Some(next) => place = next,
                None => break,
            }
        }
        place.at
    }

    /// Returns whether the file has a key at this path.
    pub(super) fn has(&self, path: &[&str]) -> bool {
        let mut place = Some(&self.places);
        for key in path {
            place = place.and_then(|place| place.below.get(*key));
        }
        place.is_some()
    }
}

/// Reads one literal value from a text.
pub(super) fn literal(text: &str, expression: &Expression) -> Result<Value, Vec<Mistake>> {
    let mut reader = Reader { text, mistakes: Vec::new() };
    let at = reader.position(expression.span());
    let value = reader.value(expression, at, &mut Place { at, below: BTreeMap::new() });
    if reader.mistakes.is_empty() { Ok(value) } else { Err(reader.mistakes) }
}

struct Reader<'a> {
    text: &'a str,
    mistakes: Vec<Mistake>,
}

impl Reader<'_> {
    fn body(&mut self, body: &Body, place: &mut Place) -> Map<String, Value> {
        let mut map = Map::new();
        for structure in body {
            match structure {
                Structure::Attribute(attribute) => {
                    let at = self.position(attribute.key.span());
                    let mut below = Place { at, below: BTreeMap::new() };
                    let value = self.value(&attribute.value, at, &mut below);
                    map.insert(attribute.key.as_str().to_owned(), value);
                    place.below.insert(attribute.key.as_str().to_owned(), below);
                }
                Structure::Block(block) => {
                    let at = self.position(block.ident.span());
                    let name = block.ident.as_str();
                    self.mistake(
                        at,
                        format!("{name} is a block; only values are allowed: {name} = {{ … }}"),
                    );
                }
            }
        }
        map
    }

    fn value(&mut self, expression: &Expression, key: Position, place: &mut Place) -> Value {
        match expression {
            Expression::Null(_) => Value::Null,
            Expression::Bool(value) => Value::Bool(*value.value()),
            Expression::String(value) => Value::String(value.value().clone()),
            Expression::Number(number) => {
                let number = number.value();
                let exact =
                    number.as_i64().map(Value::from).or_else(|| number.as_u64().map(Value::from));
                exact.or_else(|| number.as_f64().map(Value::from)).unwrap_or(Value::Null)
            }
            Expression::Array(array) => {
                let mut values = Vec::new();
                for (n, item) in array.iter().enumerate() {
                    let at = item
                        .span()
                        .map_or(key, |span| Position::from_offset(self.text, span.start));
                    let mut below = Place { at, below: BTreeMap::new() };
                    values.push(self.value(item, at, &mut below));
                    place.below.insert(n.to_string(), below);
                }
                Value::Array(values)
            }
            Expression::Object(object) => {
                let mut map = Map::new();
                for (object_key, value) in object {
                    let (at, name) = match object_key {
                        ObjectKey::Ident(ident) => {
                            (self.position(ident.span()), Some(ident.as_str().to_owned()))
                        }
                        ObjectKey::Expression(expression) => (
                            self.position(expression.span()),
                            expression.as_str().map(str::to_owned),
                        ),
                    };
                    let mut below = Place { at, below: BTreeMap::new() };
                    let value = self.value(value.expr(), at, &mut below);
                    match name {
                        Some(name) => {
                            // The parser refuses the same key twice, but considers `a` and `"a"` to
                            // be different keys.
                            if map.insert(name.clone(), value).is_some() {
                                self.mistake(
                                    at,
                                    format!("{name} is declared twice; declare it once"),
                                );
                            }
                            place.below.insert(name, below);
                        }
                        None => self.mistake(
                            at,
                            "this key is an expression; use a name or a string".to_owned(),
                        ),
                    }
                }
                Value::Object(map)
            }
            computed => {
                let at = computed
                    .span()
                    .map_or(key, |span| Position::from_offset(self.text, span.start));
                let what = kind(computed);
                self.mistake(
                    at,
                    format!(
                        "{what} is not allowed here; literal values are: strings without ${{…}}, numbers, true and \
                         false, [ … ], {{ … }}"
                    ),
                );
                Value::Null
            }
        }
    }

    fn position(&self, span: Option<std::ops::Range<usize>>) -> Position {
        Position::from_offset(self.text, span.map_or(0, |span| span.start))
    }

    fn mistake(&mut self, position: Position, message: String) {
        self.mistakes.push(Mistake::error(position, message));
    }
}

fn kind(expression: &Expression) -> &'static str {
    match expression {
        Expression::StringTemplate(_) => "a template (${…} or %{…})",
        Expression::HeredocTemplate(_) => "a heredoc",
        Expression::FuncCall(_) => "a function call",
        Expression::Variable(_) | Expression::Traversal(_) => "a reference",
        Expression::Conditional(_) => "a conditional",
        Expression::ForExpr(_) => "a for expression",
        Expression::Parenthesis(_) => "an expression in parentheses",
        _ => "an operation",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn only_mistake(text: &str) -> (usize, usize, String) {
        let mistakes = Document::parse(text).expect_err("the text has a mistake");
        assert_eq!(mistakes.len(), 1, "{mistakes:?}");
        (mistakes[0].position.line, mistakes[0].position.column, mistakes[0].message.clone())
    }

    #[test]
    fn a_syntax_error_has_its_line_and_column() {
        let (line, _, message) = only_mistake("a = 1\nb = {\n  c = \n}\n");
        assert_eq!(line, 3);
        assert!(message.starts_with("not HCL: invalid expression"), "{message}");
    }

    #[test]
    fn templates_calls_references_and_blocks_are_refused_where_they_stand() {
        for (line, word) in [
            ("  b = \"x-${env}\"", "template"),
            ("  b = file(\"x\")", "function call"),
            ("  b = var.name", "reference"),
            ("  b = name", "reference"),
            ("  b = 1 + 2", "operation"),
            ("  b = true ? 1 : 2", "conditional"),
            ("  b = (1)", "parentheses"),
        ] {
            let (at, column, message) = only_mistake(&format!("a = {{\n{line}\n}}\n"));
            assert_eq!((at, column), (2, 7), "{line}: {message}");
            assert!(message.contains(word), "{line}: {message}");
        }
        let (line, column, message) = only_mistake("a = 1\n\nstream \"orders\" {\n}\n");
        assert_eq!((line, column), (3, 1));
        assert!(message.contains("stream is a block"), "{message}");
    }

    #[test]
    fn a_key_declared_twice_is_found_where_it_stands_again() {
        let (line, column, message) = only_mistake("a = {\n  b = 1\n  c = 2\n  b = 3\n}\n");
        assert_eq!((line, column), (4, 3), "{message}");
        let (line, column, message) = only_mistake("a = {\n  b = 1\n  c = 2\n  \"b\" = 3\n}\n");
        assert_eq!(
            (line, column, message.as_str()),
            (4, 3, "b is declared twice; declare it once")
        );
        let (line, column, message) = only_mistake("a = 1\nb = 2\na = 3\n");
        assert_eq!((line, column), (3, 1), "{message}");
    }

    #[test]
    fn every_refused_value_is_reported_at_once() {
        let mistakes = Document::parse("a = x\nb = { c = [f(), 1] }\n").expect_err("two mistakes");
        assert_eq!(
            mistakes.iter().map(|mistake| mistake.position.line).collect::<Vec<_>>(),
            [1, 2]
        );
    }

    #[test]
    fn a_path_has_the_position_of_its_key_or_of_the_nearest_above() {
        let document = Document::parse("a = {\n  \"b\" = { c = -1 }\n}\n").expect("no mistake");
        assert_eq!(document.position(&["a", "b", "c"]), Position { line: 2, column: 11 });
        assert_eq!(document.position(&["a", "b", "x"]), Position { line: 2, column: 3 });
        assert_eq!(document.position(&["x"]), Position { line: 1, column: 1 });
        assert_eq!(document.value()["a"]["b"]["c"], -1);
    }
}
