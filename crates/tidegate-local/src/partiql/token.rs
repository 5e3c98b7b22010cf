//! Tokens of PartiQL.

/// A token of a statement.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token<'a> {
    /// A keyword, a name without quotes, or a number.
    Word(&'a str),
    /// A quoted name: `"key"`.
    Name(String),
    /// A text: `'order'`.
    Text(String),
    /// A parameter, `?`, with its place among the statement's parameters.
    Parameter(usize),
    /// Anything else: one character, or `<<`, `>>`, `<=`, `>=`, `<>`, `!=`, `||`.
    Sign(&'a str),
}

const LONG_SIGNS: [&str; 7] = ["<<", ">>", "<=", ">=", "<>", "!=", "||"];

impl Token<'_> {
    /// Returns whether the token is this keyword. Keywords have no case.
    pub(super) fn is(&self, keyword: &str) -> bool {
        matches!(self, Token::Word(word) if word.eq_ignore_ascii_case(keyword))
    }

    pub(super) fn is_sign(&self, wanted: &str) -> bool {
        matches!(self, Token::Sign(sign) if *sign == wanted)
    }
}

/// Splits a statement into its tokens. Returns `None` if a quote is not closed.
pub(super) fn tokens(text: &str) -> Option<Vec<Token<'_>>> {
    let mut tokens = Vec::new();
    let mut parameters = 0;
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let (token, after) = match first {
            '"' => quoted(rest, '"').map(|(name, after)| (Token::Name(name), after))?,
            '\'' => quoted(rest, '\'').map(|(text, after)| (Token::Text(text), after))?,
            '?' => {
                parameters += 1;
                (Token::Parameter(parameters - 1), rest.get(1..)?)
            }
            _ => {
                let long = || LONG_SIGNS.into_iter().find(|sign| rest.starts_with(sign));
                let (word, after) = match word(rest) {
                    0 => rest.split_at_checked(long().map_or(first.len_utf8(), str::len))?,
                    length => rest.split_at_checked(length)?,
                };
                let is_word = first.is_alphanumeric() || first == '_';
                (if is_word { Token::Word(word) } else { Token::Sign(word) }, after)
            }
        };
        tokens.push(token);
        rest = after.trim_start();
    }
    Some(tokens)
}

/// Returns the length of the word at the beginning, in bytes. A number has points, and a sign in
/// its exponent.
fn word(text: &str) -> usize {
    let number = text.starts_with(|first: char| first.is_ascii_digit());
    let mut before = ' ';
    let mut part = |letter: char| {
        let exponent = matches!(before, 'e' | 'E') && matches!(letter, '+' | '-');
        before = letter;
        letter.is_alphanumeric() || letter == '_' || (number && (letter == '.' || exponent))
    };
    text.find(|letter| !part(letter)).unwrap_or(text.len())
}

/// Returns what is in quotes at the beginning, and the rest. A doubled quote stands for itself.
fn quoted(text: &str, quote: char) -> Option<(String, &str)> {
    let mut content = String::new();
    let mut rest = text.strip_prefix(quote)?;
    loop {
        let (part, after) = rest.split_once(quote)?;
        content.push_str(part);
        match after.strip_prefix(quote) {
            Some(more) => {
                content.push(quote);
                rest = more;
            }
            None => return Some((content, after)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Token::{Name, Parameter, Sign, Text, Word};
    use super::*;

    #[test]
    fn words_quotes_numbers_and_signs_are_separated() {
        let name = |text: &str| Name(text.to_owned());
        let text = |text: &str| Text(text.to_owned());
        for (statement, expected) in [
            (
                "SET n=n+?",
                vec![Word("SET"), Word("n"), Sign("="), Word("n"), Sign("+"), Parameter(0)],
            ),
            ("\"a\"\"b\" 'it''s' ''", vec![name("a\"b"), text("it's"), text("")]),
            ("?<=? 'a?'", vec![Parameter(0), Sign("<="), Parameter(1), text("a?")]),
            ("<<1.5e-3>>", vec![Sign("<<"), Word("1.5e-3"), Sign(">>")]),
            ("a.b[0]", vec![Word("a"), Sign("."), Word("b"), Sign("["), Word("0"), Sign("]")]),
            ("-1-e-2", vec![Sign("-"), Word("1"), Sign("-"), Word("e"), Sign("-"), Word("2")]),
            ("ü€?", vec![Word("ü"), Sign("€"), Parameter(0)]),
            (" \n ", vec![]),
        ] {
            assert_eq!(tokens(statement), Some(expected), "{statement}");
        }
        for open in ["'", "\"a", "'a''", "x \"\"\""] {
            assert_eq!(tokens(open), None, "{open}");
        }
    }
}
