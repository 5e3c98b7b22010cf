//! Reads a text from left to right.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::{DEEPEST, Json, LONGEST_NUMBER, Malformed};

/// A text, and the offset up to which it is read.
pub(super) struct Reader<'a> {
    text: &'a str,
    at: usize,
}

/// A list or an object that is not complete yet.
enum Open<'a> {
    List(Vec<Json<'a>>),
    /// The name is that of the field whose value comes next.
    Object(Vec<(Cow<'a, str>, Json<'a>)>, Cow<'a, str>),
}

/// A text without its escapes.
///
/// Each unpaired surrogate is a question mark in `text`; `halves` holds its offset and its code
/// unit.
struct Unescaped<'a> {
    text: Cow<'a, str>,
    halves: Vec<(usize, u16)>,
}

/// Creates an error for the position `at` in a text.
pub(super) fn malformed(text: &str, at: usize, reason: impl Into<String>) -> Malformed {
    let before = text.get(..at).unwrap_or(text);
    let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    Malformed { reason: reason.into(), line, column }
}

/// Returns a name in which each unpaired surrogate is an escape again, instead of a question mark.
fn with_escapes(text: &str, halves: &[(usize, u16)]) -> String {
    let mut name = String::with_capacity(text.len() + halves.len() * 5);
    let mut done = 0;
    for (at, half) in halves {
        name.push_str(text.get(done..*at).unwrap_or_default());
        // Writing to a `String` cannot fail.
        let _ = write!(name, "\\u{half:04x}");
        done = at + 1;
    }
    name.push_str(text.get(done..).unwrap_or_default());
    name
}

impl<'a> Reader<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// Returns the unread text without leading white space.
    pub(super) fn rest(&mut self) -> &'a str {
        self.space();
        self.text.get(self.at..).unwrap_or_default()
    }

    /// Reads a value.
    ///
    /// It does not recurse, so deep values cannot overflow the stack. Invariant: `open` holds the
    /// lists and objects around the current position, from the outside in.
    pub(super) fn value(&mut self) -> Result<Json<'a>, Malformed> {
        let mut open: Vec<Open<'a>> = Vec::new();
        loop {
            self.space();
            let mut value = match self.peek() {
                Some(b'{') => {
                    self.nest(open.len())?;
                    if !self.eat(b'}') {
                        let name = self.name()?;
                        open.push(Open::Object(Vec::new(), name));
                        continue;
                    }
                    Json::Object(Vec::new())
                }
                Some(b'[') => {
                    self.nest(open.len())?;
                    if !self.eat(b']') {
                        open.push(Open::List(Vec::new()));
                        continue;
                    }
                    Json::List(Vec::new())
                }
                Some(b'"') => Json::Text(self.unescaped()?.text),
                Some(b'-' | b'0'..=b'9') => Json::Number(self.number()?.into()),
                _ => self.literal()?,
            };
            // Adds the value to what is open, and closes every list and object that ends here.
            loop {
                match open.pop() {
                    None => return Ok(value),
                    Some(Open::List(mut list)) => {
                        list.push(value);
                        if self.eat(b',') {
                            open.push(Open::List(list));
                            break;
                        }
                        self.expect(b']', "expected `,` or `]`")?;
                        value = Json::List(list);
                    }
                    Some(Open::Object(mut fields, name)) => {
                        fields.push((name, value));
                        if self.eat(b',') {
                            let name = self.name()?;
                            open.push(Open::Object(fields, name));
                            break;
                        }
                        self.expect(b'}', "expected `,` or `}`")?;
                        value = Json::Object(fields);
                    }
                }
            }
        }
    }

    /// Checks that a list or an object may lie in `levels` others.
    fn nest(&mut self, levels: usize) -> Result<(), Malformed> {
        if levels >= DEEPEST {
            return Err(self.wrong(format!("more than {DEEPEST} levels")));
        }
        self.at += 1;
        Ok(())
    }

    /// Reads the name of a field and the colon after it.
    fn name(&mut self) -> Result<Cow<'a, str>, Malformed> {
        self.space();
        if self.peek() != Some(b'"') {
            return Err(self.wrong("expected the name of a field"));
        }
        let Unescaped { text, halves } = self.unescaped()?;
        self.expect(b':', "expected `:`")?;
        if halves.is_empty() {
            return Ok(text);
        }
        Ok(with_escapes(&text, &halves).into())
    }

    /// Reads a text in quotation marks.
    fn unescaped(&mut self) -> Result<Unescaped<'a>, Malformed> {
        self.at += 1;
        let mut read = Unescaped { text: Cow::Borrowed(""), halves: Vec::new() };
        loop {
            let start = self.at;
            while self.peek().is_some_and(|byte| !matches!(byte, b'"' | b'\\' | 0..=0x1f)) {
                self.at += 1;
            }
            let run = self.text.get(start..self.at).unwrap_or_default();
            match read.text {
                Cow::Borrowed("") => read.text = Cow::Borrowed(run),
                _ => read.text.to_mut().push_str(run),
            }
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(read);
                }
                Some(b'\\') => self.escape(&mut read)?,
                Some(_) => return Err(self.wrong("a control character in a text")),
                None => return Err(self.wrong("expected a quotation mark")),
            }
        }
    }

    fn escape(&mut self, read: &mut Unescaped<'a>) -> Result<(), Malformed> {
        let text = read.text.to_mut();
        self.at += 1;
        let character = match self.peek() {
            Some(b'u') => {
                self.at += 1;
                let unit = self.unit()?;
                let character = char::from_u32(u32::from(unit)).or_else(|| self.pair(unit));
                if character.is_none() {
                    read.halves.push((text.len(), unit));
                }
                text.push(character.unwrap_or('?'));
                return Ok(());
            }
            Some(byte @ (b'"' | b'\\' | b'/')) => char::from(byte),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            _ => return Err(self.wrong("an unknown escape")),
        };
        self.at += 1;
        text.push(character);
        Ok(())
    }

    /// Reads the four digits after `\u`.
    fn unit(&mut self) -> Result<u16, Malformed> {
        let digits = self.text.get(self.at..self.at + 4).unwrap_or_default();
        let unit = digits
            .bytes()
            .all(|byte| byte.is_ascii_hexdigit())
            .then(|| u16::from_str_radix(digits, 16));
        let Some(Ok(unit)) = unit else {
            return Err(self.wrong("expected four hexadecimal digits"));
        };
        self.at += 4;
        Ok(unit)
    }

    /// Reads the second half of a surrogate pair, if it comes next, and returns the character.
    fn pair(&mut self, high: u16) -> Option<char> {
        let start = self.at;
        if self.text.get(start..)?.starts_with("\\u") {
            self.at += 2;
            let low = self.unit().ok();
            if let Some(Ok(character)) = low.and_then(|low| char::decode_utf16([high, low]).next())
            {
                return Some(character);
            }
        }
        self.at = start;
        None
    }

    fn number(&mut self) -> Result<&'a str, Malformed> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        let first = self.peek();
        let mut digits = self.digits()?;
        if first == Some(b'0') && digits > 1 {
            return Err(self.wrong("a number that begins with 0"));
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            digits += self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            digits += self.digits()?;
        }
        if digits > LONGEST_NUMBER {
            return Err(self.wrong(format!("a number of more than {LONGEST_NUMBER} digits")));
        }
        Ok(self.text.get(start..self.at).unwrap_or_default())
    }

    /// Reads at least one digit, and returns how many.
    fn digits(&mut self) -> Result<usize, Malformed> {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        match self.at - start {
            0 => Err(self.wrong("expected a digit")),
            digits => Ok(digits),
        }
    }

    fn literal(&mut self) -> Result<Json<'a>, Malformed> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let literals =
            [("null", Json::Null), ("true", Json::Bool(true)), ("false", Json::Bool(false))];
        let found = literals.into_iter().find(|(word, _)| rest.starts_with(word));
        let Some((word, literal)) = found else { return Err(self.wrong("expected a value")) };
        self.at += word.len();
        Ok(literal)
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// Skips white space, and then this byte if it comes next.
    fn eat(&mut self, byte: u8) -> bool {
        self.space();
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, byte: u8, reason: &str) -> Result<(), Malformed> {
        if self.eat(byte) { Ok(()) } else { Err(self.wrong(reason)) }
    }

    fn wrong(&self, reason: impl Into<String>) -> Malformed {
        let reason = reason.into();
        let reason =
            if self.at < self.text.len() { reason } else { format!("the text ends: {reason}") };
        malformed(self.text, self.at, reason)
    }
}
