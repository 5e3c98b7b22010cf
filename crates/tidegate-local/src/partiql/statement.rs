//! What a statement does.

use serde_json::{Map, Value, json};

use super::token::{Token, tokens};

/// Deepest nesting of a literal that is read. DynamoDB allows 32 levels.
const DEEPEST: usize = 32;

/// What a statement does with its items.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    /// Puts a new item.
    Insert,
    /// Changes an item that exists.
    Update,
    /// Deletes an item.
    Delete,
    /// Reads items; in a transaction, `EXISTS` checks one.
    Select,
}

/// A statement, as far as it was understood.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Statement {
    pub(crate) verb: Verb,
    pub(crate) table: String,
    /// Attributes that the statement writes: the item of an `INSERT`, and what an `UPDATE` sets.
    /// Values are typed as in DynamoDB's JSON, such as `{"S": "text"}`. An expression stands by its
    /// last value: `n + ?` by the parameter.
    pub(crate) written: Map<String, Value>,
    /// Attributes that must equal a value, by `WHERE`. The key of the item is among them.
    pub(crate) wanted: Map<String, Value>,
}

impl Statement {
    /// Reads a statement with its parameters, which are typed values in the order of the `?`.
    ///
    /// Returns `None` if verb or table cannot be read. Values that cannot be read are left out.
    pub(crate) fn parse(text: &str, parameters: &[Value]) -> Option<Self> {
        let tokens = tokens(text)?;
        let mut reader = Reader { tokens: &tokens, parameters };
        let verb = reader.verb()?;
        let table = reader.name()?;
        let (written, wanted) = match verb {
            Verb::Insert => (reader.item(), Map::new()),
            Verb::Update => (reader.assignments(), reader.equalities()),
            Verb::Delete | Verb::Select => (Map::new(), reader.equalities()),
        };
        Some(Self { verb, table, written, wanted })
    }
}

/// The tokens that were not read yet.
struct Reader<'a> {
    tokens: &'a [Token<'a>],
    parameters: &'a [Value],
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Option<&'a Token<'a>> {
        let (first, rest) = self.tokens.split_first()?;
        self.tokens = rest;
        Some(first)
    }

    fn take(&mut self, is: impl Fn(&Token<'_>) -> bool) -> bool {
        let found = self.tokens.first().is_some_and(is);
        if found {
            self.next();
        }
        found
    }

    fn keyword(&mut self, keyword: &str) -> Option<()> {
        self.take(|token| token.is(keyword)).then_some(())
    }

    fn sign(&mut self, sign: &str) -> Option<()> {
        self.take(|token| token.is_sign(sign)).then_some(())
    }

    /// Reads the verb and the words up to the table's name.
    fn verb(&mut self) -> Option<Verb> {
        let first = self.next()?;
        if first.is("INSERT") {
            return self.keyword("INTO").map(|()| Verb::Insert);
        }
        if first.is("UPDATE") {
            return Some(Verb::Update);
        }
        if first.is("DELETE") {
            return self.keyword("FROM").map(|()| Verb::Delete);
        }
        if first.is("SELECT") || first.is("EXISTS") {
            while !self.next()?.is("FROM") {}
            return Some(Verb::Select);
        }
        None
    }

    fn name(&mut self) -> Option<String> {
        match self.next()? {
            Token::Word(word) => Some((*word).to_owned()),
            Token::Name(name) => Some(name.clone()),
            _ => None,
        }
    }

    /// Reads the item of an `INSERT`.
    fn item(&mut self) -> Map<String, Value> {
        let item = self.keyword("VALUE").and_then(|()| self.value(0));
        match item.as_ref().and_then(|item| item.get("M")) {
            Some(Value::Object(item)) => item.clone(),
            _ => Map::new(),
        }
    }

    /// Reads the clauses of an `UPDATE`, up to `WHERE`: `SET a = ?, b = b + ? REMOVE c SET d = ?`.
    fn assignments(&mut self) -> Map<String, Value> {
        let mut written = Map::new();
        let mut name = None;
        while let Some(token) = self.tokens.first().filter(|token| !token.is("WHERE")) {
            let clause = token.is("SET") || token.is("REMOVE") || token.is_sign(",");
            let value = if clause { None } else { self.value(0) };
            if let (Some(name), Some(value)) = (&name, &value) {
                written.insert(String::clone(name), value.clone());
            }
            if value.is_some() {
                continue;
            }
            self.next();
            let root = self.tokens.first().filter(|_| clause && !token.is("REMOVE"));
            match root {
                Some(Token::Word(root)) if self.is_assigned() => name = Some((*root).to_owned()),
                Some(Token::Name(root)) if self.is_assigned() => name = Some(root.clone()),
                _ if token.is("REMOVE") => name = None,
                _ => {}
            }
        }
        written
    }

    /// Returns whether a path with `=` behind it comes next: `a =`, `a.b[0] =`. After the comma in
    /// `list_append(a, b)` none does.
    fn is_assigned(&self) -> bool {
        let ends = |token: &Token<'_>| {
            ["=", ",", ")", "+", "-"].iter().any(|sign| token.is_sign(sign))
                || ["SET", "REMOVE", "WHERE"].iter().any(|keyword| token.is(keyword))
        };
        self.tokens.iter().find(|token| ends(token)).is_some_and(|token| token.is_sign("="))
    }

    /// Reads the comparisons with `=` behind `WHERE`: `"key" = ? AND owner = 'a'`.
    fn equalities(&mut self) -> Map<String, Value> {
        let mut wanted = Map::new();
        while self.next().is_some_and(|token| !token.is("WHERE")) {}
        while let Some(token) = self.next() {
            let name = match token {
                Token::Word(word) => (*word).to_owned(),
                Token::Name(name) => name.clone(),
                _ => continue,
            };
            if self.sign("=").is_some()
                && let Some(value) = self.value(0)
            {
                wanted.entry(name).or_insert(value);
            }
        }
        wanted
    }

    /// Reads a parameter or a literal. If none comes next, nothing is read.
    fn value(&mut self, depth: usize) -> Option<Value> {
        let before = self.tokens;
        let value = self.typed(depth);
        if value.is_none() {
            self.tokens = before;
        }
        value
    }

    fn typed(&mut self, depth: usize) -> Option<Value> {
        if depth > DEEPEST {
            return None;
        }
        match self.next()? {
            Token::Parameter(place) => self.parameters.get(*place).cloned(),
            Token::Text(text) => Some(json!({ "S": text })),
            Token::Word(word) => scalar(word, ""),
            Token::Sign("-") => match self.next()? {
                Token::Word(word) => scalar(word, "-").filter(|value| value.get("N").is_some()),
                _ => None,
            },
            Token::Sign("[") => Some(json!({ "L": self.values("]", depth)? })),
            Token::Sign("<<") => set(&self.values(">>", depth)?),
            Token::Sign("{") => self.map(depth),
            _ => None,
        }
    }

    /// Reads values up to the end of a list or a set.
    fn values(&mut self, end: &str, depth: usize) -> Option<Vec<Value>> {
        let mut values = Vec::new();
        while self.sign(end).is_none() {
            if !values.is_empty() {
                self.sign(",")?;
            }
            values.push(self.typed(depth + 1)?);
        }
        Some(values)
    }

    fn map(&mut self, depth: usize) -> Option<Value> {
        let mut map = Map::new();
        while self.sign("}").is_none() {
            if !map.is_empty() {
                self.sign(",")?;
            }
            let (Token::Text(name) | Token::Name(name)) = self.next()? else { return None };
            self.sign(":")?;
            map.insert(name.clone(), self.typed(depth + 1)?);
        }
        Some(json!({ "M": map }))
    }
}

/// Types a word: `true`, `null` or a number.
fn scalar(word: &str, sign: &str) -> Option<Value> {
    if word.starts_with(|first: char| first.is_ascii_digit()) {
        return Some(json!({ "N": format!("{sign}{word}") }));
    }
    match word.to_ascii_lowercase().as_str() {
        "true" => Some(json!({ "BOOL": true })),
        "false" => Some(json!({ "BOOL": false })),
        "null" => Some(json!({ "NULL": true })),
        _ => None,
    }
}

/// Returns a set of texts or numbers.
fn set(values: &[Value]) -> Option<Value> {
    let kind = if values.first()?.get("S").is_some() { "S" } else { "N" };
    let values: Option<Vec<&Value>> = values.iter().map(|value| value.get(kind)).collect();
    Some(json!({ format!("{kind}S"): values? }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Option<(Verb, String, Value, Value)> {
        let parameters: Vec<Value> = (1..10).map(|n| json!({ "N": n.to_string() })).collect();
        let statement = Statement::parse(text, &parameters)?;
        Some((
            statement.verb,
            statement.table,
            Value::Object(statement.written),
            Value::Object(statement.wanted),
        ))
    }

    #[test]
    fn a_statement_is_read_with_its_table_and_its_values() {
        let n = |number: u32| json!({ "N": number.to_string() });
        for (text, verb, written, wanted) in [
            (
                r#"INSERT INTO "t" VALUE {'k': ?, 's': 'it''s', 'n': -1.5, 'b': TRUE, 'z': null}"#,
                Verb::Insert,
                json!({"k": n(1), "s": {"S": "it's"}, "n": {"N": "-1.5"}, "b": {"BOOL": true}, "z": {"NULL": true}}),
                json!({}),
            ),
            (
                "insert into t value {'l': [?, {'m': ?}], 's': <<'a', 'b'>>, 'e': [], 'i': <<1>>}",
                Verb::Insert,
                json!({"l": {"L": [n(1), {"M": {"m": n(2)}}]}, "s": {"SS": ["a", "b"]}, "e": {"L": []}, "i": {"NS": ["1"]}}),
                json!({}),
            ),
            (
                r#"UPDATE "t" SET a = ?, "b" = "b" + ? REMOVE c REMOVE d SET e = list_append(e, ?), f = f WHERE "k" = ? AND "s" = ? AND b < ?"#,
                Verb::Update,
                json!({"a": n(1), "b": n(2), "e": n(3)}),
                json!({"k": n(4), "s": n(5)}),
            ),
            (
                "UPDATE t SET m.x[0] = ? SET n = if_not_exists(n, 0) - ? WHERE k='a' RETURNING ALL OLD *",
                Verb::Update,
                json!({"m": n(1), "n": n(2)}),
                json!({"k": {"S": "a"}}),
            ),
            (
                r#"DELETE FROM "t" WHERE k = ? AND (owner = ? OR owner = ?)"#,
                Verb::Delete,
                json!({}),
                json!({"k": n(1), "owner": n(2)}),
            ),
            (
                r#"SELECT a, "from" FROM "t"."i" WHERE k=?"#,
                Verb::Select,
                json!({}),
                json!({"k": n(1)}),
            ),
            ("EXISTS(SELECT * FROM t WHERE k = ?)", Verb::Select, json!({}), json!({"k": n(1)})),
        ] {
            assert_eq!(read(text), Some((verb, "t".to_owned(), written, wanted)), "{text}");
        }
    }

    #[test]
    fn what_is_not_understood_leaves_verb_and_table() {
        for text in ["INSERT INTO t VALUE {'k': f(?)}", "INSERT INTO t", "INSERT INTO t VALUE {"] {
            let nothing = json!({});
            assert_eq!(read(text), Some((Verb::Insert, "t".to_owned(), nothing.clone(), nothing)));
        }
        let missing = Statement::parse("DELETE FROM t WHERE k = ?", &[]).unwrap();
        assert!(missing.wanted.is_empty(), "a parameter that the request does not have");
        for text in ["", "UPDATE", "UPDATE ?", "INSERT t", "DELETE t", "SELECT *", "DROP t", "'"] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn nesting_without_end_ends_the_reading_and_not_the_engine() {
        let text = format!("INSERT INTO t VALUE {{'k': {}", "[".repeat(1_000_000));
        assert_eq!(read(&text).unwrap().2, json!({}));
        let sets = format!("UPDATE t SET a = {} WHERE k = ?", "[".repeat(20_000));
        assert_eq!(read(&sets).unwrap().3, json!({"k": {"N": "1"}}));
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(text in ".{0,80}") {
            let _ = read(&text);
        }

        #[test]
        fn no_order_of_tokens_makes_the_reader_panic(
            words in proptest::collection::vec(
                prop_oneof![
                    Just("INSERT INTO"), Just("UPDATE"), Just("DELETE FROM"), Just("SET"),
                    Just("WHERE"), Just("VALUE"), Just("REMOVE"), Just("t"), Just("\"k\""),
                    Just("'v'"), Just("?"), Just("="), Just(","), Just("("), Just(")"), Just("{"),
                    Just("}"), Just("["), Just("]"), Just("<<"), Just(">>"), Just("-"), Just("1"),
                    Just(":"), Just("FROM"), Just("SELECT"),
                ],
                0..30,
            ),
        ) {
            let _ = read(&words.join(" "));
            let _ = read(&format!("UPDATE t {}", words.join(" ")));
        }
    }
}
