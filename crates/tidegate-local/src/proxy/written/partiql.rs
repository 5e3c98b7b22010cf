//! Finds the table that a PartiQL statement writes to.

/// Returns the table of an `INSERT`, `UPDATE` or `DELETE`.
///
/// A name is in double quotes, within which two are one, or it is a plain word.
pub(super) fn table(statement: &str) -> Option<String> {
    let (verb, rest) = word(statement);
    let name = if verb.eq_ignore_ascii_case("update") {
        rest
    } else {
        let (preposition, name) = word(rest);
        let fits = |verb_: &str, preposition_: &str| {
            verb.eq_ignore_ascii_case(verb_) && preposition.eq_ignore_ascii_case(preposition_)
        };
        (fits("insert", "into") || fits("delete", "from")).then_some(name)?
    };
    let name = match name.trim_start().strip_prefix('"') {
        Some(quoted) => unquoted(quoted)?,
        None => word(name).0.to_owned(),
    };
    (!name.is_empty()).then_some(name)
}

/// Returns the first word, and what follows it.
fn word(text: &str) -> (&str, &str) {
    let text = text.trim_start();
    let in_name = |character: char| character.is_alphanumeric() || "_-.".contains(character);
    let end = text.find(|character| !in_name(character)).unwrap_or(text.len());
    text.split_at(end)
}

/// Returns the text up to the quote that ends it.
fn unquoted(text: &str) -> Option<String> {
    let mut name = String::new();
    let mut characters = text.chars().peekable();
    loop {
        match characters.next()? {
            '"' if characters.peek() == Some(&'"') => {
                characters.next();
                name.push('"');
            }
            '"' => return Some(name),
            other => name.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::table;

    #[test]
    fn the_table_of_a_statement_that_writes_is_its_first_name() {
        for statement in [
            r#"INSERT INTO "t.1-a_b" VALUE {'id': 'UPDATE "x"'}"#,
            r#"insert into"t.1-a_b"value ?"#,
            "  INSERT\n INTO t.1-a_b VALUE ?",
            r#"UPDATE "t.1-a_b" SET n = n + 1 WHERE id = ?"#,
            "Update t.1-a_b set n = 1",
            r#"DELETE FROM "t.1-a_b" WHERE id = ?"#,
            r#"delete from "t.1-a_b""#,
        ] {
            assert_eq!(table(statement).as_deref(), Some("t.1-a_b"), "{statement}");
        }
        assert_eq!(table(r#"UPDATE "a""b" SET n = 1"#).as_deref(), Some(r#"a"b"#));
    }

    #[test]
    fn anything_else_writes_to_no_table() {
        for statement in [
            r#"SELECT * FROM "t""#,
            r#"EXISTS(SELECT * FROM "t" WHERE id = 'INSERT INTO t')"#,
            "",
            "INSERT",
            "INSERT INTO",
            "UPDATE  ",
            r#"UPDATE "t"#,
            r#"UPDATE """#,
            r#"INSERT "t" VALUE ?"#,
            r#"DELETE INTO "t""#,
            "INSERTINTO t",
        ] {
            assert_eq!(table(statement), None, "{statement}");
        }
    }
}
