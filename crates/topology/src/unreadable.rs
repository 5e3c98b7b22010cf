//! Explains HCL syntax errors when the parser can only report an unexpected token.

use super::error::{Mistake, Position};

/// Finds a byte order mark, an unclosed text, comment or bracket, or a bracket too many.
///
/// Returns `None` if there is none of these.
pub(super) fn why(text: &str) -> Option<Mistake> {
    if text.starts_with('\u{feff}') {
        let what = "the file begins with a byte order mark; save it as UTF-8 without one";
        return Some(Mistake::error(Position { line: 1, column: 1 }, what));
    }
    let at = |offset| Position::from_offset(text, offset);
    let mut open: Vec<(usize, char)> = Vec::new();
    let mut characters = text.char_indices().peekable();
    while let Some((offset, character)) = characters.next() {
        let next = characters.peek().map(|(_, next)| *next);
        match (character, next) {
            ('#', _) | ('/', Some('/')) => {
                while characters.next_if(|(_, c)| *c != '\n').is_some() {}
            }
            ('/', Some('*')) => {
                let ended = text.get(offset..).and_then(|rest| rest.find("*/"));
                let Some(end) = ended else {
                    return Some(Mistake::error(
                        at(offset),
                        "the comment that begins here is not closed; add */",
                    ));
                };
                while characters.next_if(|(place, _)| *place < offset + end + 2).is_some() {}
            }
            ('"', _) => loop {
                match characters.next() {
                    Some((_, '\\')) => drop(characters.next()),
                    Some((_, '"')) => break,
                    Some((_, '\n')) | None => {
                        let what = "the string that begins here is not closed on its line; add \"";
                        return Some(Mistake::error(at(offset), what));
                    }
                    Some(_) => {}
                }
            },
            ('{' | '[' | '(', _) => open.push((offset, character)),
            ('}' | ']' | ')', _) => match open.pop() {
                None => {
                    let what = format!("{character} has no matching opening bracket");
                    return Some(Mistake::error(at(offset), what));
                }
                Some((begun, opening)) if closing(opening) != character => {
                    let Position { line, .. } = at(offset);
                    let what = format!(
                        "{opening} is not closed: expected {} before the {character} in line {line}",
                        closing(opening)
                    );
                    return Some(Mistake::error(at(begun), what));
                }
                Some(_) => {}
            },
            _ => {}
        }
    }
    // Report the innermost bracket: the ones around it may be closed by brackets that were meant
    // for it.
    let (offset, opening) = open.pop()?;
    Some(Mistake::error(
        at(offset),
        format!(
            "{opening} is not closed; expected {} before the end of the file",
            closing(opening)
        ),
    ))
}

fn closing(opening: char) -> char {
    match opening {
        '{' => '}',
        '[' => ']',
        _ => ')',
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_closed_is_named_where_it_begins() {
        for (text, says) in [
            (
                "queues = {\n  jobs = {\n}\n",
                "1:10: { is not closed; expected } before the end of the file",
            ),
            ("a = [\n  1,\n}\n", "1:5: [ is not closed: expected ] before the } in line 3"),
            ("a = 1\n}\n", "2:1: } has no matching opening bracket"),
            (
                "a = {\n  b = \"c\n}\n",
                "2:7: the string that begins here is not closed on its line; add \"",
            ),
            ("a = \"\\\"", "1:5: the string that begins here"),
            ("a = 1 /* {\n", "1:7: the comment that begins here is not closed; add */"),
            (
                "\u{feff}a = 1",
                "1:1: the file begins with a byte order mark; save it as UTF-8 without one",
            ),
        ] {
            let mistake =
                why(text).unwrap_or_else(|| panic!("nothing is found in {text}")).to_string();
            assert!(mistake.starts_with(says), "{mistake}");
        }
    }

    #[test]
    fn nothing_is_said_of_brackets_in_texts_and_comments() {
        let text = "a = \"{ \\\" [\" # { \"\nb = [1, { c = 2 }] // (\n/* { \" */ d = {}\n";
        assert_eq!(why(text), None);
    }
}
