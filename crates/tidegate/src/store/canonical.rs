//! The canonical form of JSON: the same bytes for all JSON texts with the same meaning.

use std::borrow::Cow;
use std::io::Write;

/// Deepest nesting that is read; the limit of serde_json.
const DEPTH: u32 = 128;

/// Returns the canonical form of a JSON text: keys sorted, no white space, strings unescaped.
///
/// A number is written as its digits and a power of ten. So `1`, `1.0` and `1e0` are the same
/// number, and nothing is rounded. Members with the value `null` are left out, because some writers
/// omit them. Returns `None` if the text is not JSON, or is nested deeper than 128 levels.
///
/// The form is not JSON. Texts with different meanings have different forms, because each string
/// has its length in front. For example, `{"b":1.0,"a":null}` and `{ "b": 1 }` both become `{`,
/// then `s`, the length 1 in eight bytes, `b`, then `#1e0;` and `}`.
pub(super) fn canonical(json: &str) -> Option<Vec<u8>> {
    let mut reader = Reader { rest: json.as_bytes(), out: Vec::with_capacity(json.len()) };
    reader.value(DEPTH)?;
    reader.skip_space();
    reader.rest.is_empty().then_some(reader.out)
}

struct Reader<'a> {
    rest: &'a [u8],
    out: Vec<u8>,
}

impl Reader<'_> {
    fn value(&mut self, depth: u32) -> Option<()> {
        self.skip_space();
        match self.rest.first()? {
            b'{' => self.object(depth.checked_sub(1)?),
            b'[' => self.array(depth.checked_sub(1)?),
            b'"' => self.string(),
            b't' => self.word(b"true"),
            b'f' => self.word(b"false"),
            b'n' => self.word(b"null"),
            _ => self.number(),
        }
    }

    fn skip_space(&mut self) {
        self.rest = self.rest.trim_ascii_start();
    }

    fn take(&mut self, byte: u8) -> Option<()> {
        self.skip_space();
        self.rest = self.rest.strip_prefix(&[byte])?;
        Some(())
    }

    /// Reads a comma (true) or the closing bracket (false).
    fn goes_on(&mut self, closing: u8) -> Option<bool> {
        self.skip_space();
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        match *first {
            b',' => Some(true),
            byte if byte == closing => Some(false),
            _ => None,
        }
    }

    fn is_closed(&mut self, closing: u8) -> bool {
        self.take(closing).is_some()
    }

    fn word(&mut self, word: &[u8]) -> Option<()> {
        self.rest = self.rest.strip_prefix(word)?;
        self.out.push(*word.first()?);
        Some(())
    }

    fn array(&mut self, depth: u32) -> Option<()> {
        self.take(b'[')?;
        self.out.push(b'[');
        if !self.is_closed(b']') {
            loop {
                self.value(depth)?;
                if !self.goes_on(b']')? {
                    break;
                }
            }
        }
        self.out.push(b']');
        Some(())
    }

    fn object(&mut self, depth: u32) -> Option<()> {
        self.take(b'{')?;
        self.out.push(b'{');
        let begin = self.out.len();
        // Ranges of the members in the output.
        let mut members = Vec::new();
        if !self.is_closed(b'}') {
            loop {
                let member = self.out.len();
                self.skip_space();
                self.string()?;
                self.take(b':')?;
                let value = self.out.len();
                self.value(depth)?;
                if self.out.get(value..) == Some(b"n") {
                    self.out.truncate(member);
                } else {
                    members.push(member..self.out.len());
                }
                if !self.goes_on(b'}')? {
                    break;
                }
            }
        }
        self.sort(begin, members)?;
        self.out.push(b'}');
        Some(())
    }

    /// Sorts the members, which begin with their keys.
    ///
    /// Each key has its length in front, so this order is not alphabetical. It only has to be the
    /// same every time.
    fn sort(&mut self, begin: usize, mut members: Vec<std::ops::Range<usize>>) -> Option<()> {
        if members.is_sorted_by(|one, next| self.out.get(one.clone()) <= self.out.get(next.clone()))
        {
            return Some(());
        }
        members.sort_by(|one, other| self.out.get(one.clone()).cmp(&self.out.get(other.clone())));
        let unsorted = self.out.split_off(begin);
        for member in members {
            let range = member.start.checked_sub(begin)?..member.end.checked_sub(begin)?;
            self.out.extend_from_slice(unsorted.get(range)?);
        }
        Some(())
    }

    fn string(&mut self) -> Option<()> {
        let text = self.rest.strip_prefix(b"\"")?;
        let mut end = 0;
        let mut escaped = false;
        loop {
            end += memchr::memchr2(b'"', b'\\', text.get(end..)?)?;
            if *text.get(end)? == b'"' {
                break;
            }
            escaped = true;
            end += 2;
        }
        let (content, rest) = text.split_at_checked(end)?;
        self.rest = rest.get(1..)?;
        if escaped {
            let quoted = [b"\"", content, b"\""].concat();
            // A lone surrogate is not a character. Its escape is kept as it is written.
            match serde_json::from_slice::<String>(&quoted) {
                Ok(unescaped) => self.write_text(b's', unescaped.as_bytes()),
                Err(_) => self.write_text(b'r', content),
            }
        } else {
            self.write_text(b's', content);
        }
        Some(())
    }

    fn write_text(&mut self, kind: u8, text: &[u8]) {
        self.out.push(kind);
        self.out.extend_from_slice(&(text.len() as u64).to_be_bytes());
        self.out.extend_from_slice(text);
    }

    /// Writes the sign, the digits without zeros at either end, and the power of ten of the last
    /// digit.
    fn number(&mut self) -> Option<()> {
        let end = self.rest.iter().position(|byte| !b"+-.0123456789eE".contains(byte));
        let (text, rest) = self.rest.split_at_checked(end.unwrap_or(self.rest.len()))?;
        self.rest = rest;
        let text = std::str::from_utf8(text).ok()?;
        let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let (negative, mantissa) = match mantissa.strip_prefix('-') {
            Some(mantissa) => (true, mantissa),
            None => (false, mantissa),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        if whole.is_empty()
            || !whole.bytes().chain(fraction.bytes()).all(|byte| byte.is_ascii_digit())
        {
            return None;
        }
        let digits = match fraction {
            "" => Cow::Borrowed(whole),
            _ => Cow::Owned([whole, fraction].concat()),
        };
        let kept = digits.trim_end_matches('0');
        let zeros = digits.len() - kept.len();
        let kept = kept.trim_start_matches('0');
        self.out.push(b'#');
        if kept.is_empty() {
            self.out.push(b'0');
        } else {
            // An exponent beyond `i64` is rejected; no program reads such a number.
            let exponent: i64 = exponent.parse().ok()?;
            let power = exponent
                .checked_sub(i64::try_from(fraction.len()).ok()?)?
                .checked_add(i64::try_from(zeros).ok()?)?;
            let sign = if negative { "-" } else { "" };
            write!(self.out, "{sign}{kept}e{power}").ok()?;
        }
        self.out.push(b';');
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn same(one: &str, other: &str) -> bool {
        let (one, other) = (canonical(one), canonical(other));
        assert!(one.is_some() && other.is_some());
        one == other
    }

    #[test]
    fn white_space_order_of_keys_and_forms_of_numbers_and_strings_do_not_matter() {
        for (one, other) in [
            (r#"{"a":1,"b":[true,null]}"#, " {\n\"b\" : [ true , null ] ,\t\"a\" : 1 } "),
            (r#"{"aa":1,"b":2}"#, r#"{"b":2,"aa":1}"#),
            ("1", "1.0"),
            ("1", "1e0"),
            ("1", "10E-1"),
            ("100", "1e+2"),
            ("0", "-0.000e7"),
            ("-12.5", "-1250.0e-2"),
            ("9007199254740993", "9007199254740993.0"),
            (r#""aé/""#, r#""\u0061\u00e9\/""#),
            (r#""\ud834\udd1e""#, r#""𝄞""#),
            (r#"{"a":null,"b":[{"c":null}]}"#, r#"{"b":[{}]}"#),
            ("{}", "{ }"),
            ("[]", "[ ]"),
        ] {
            assert!(same(one, other), "{one} and {other}");
        }
    }

    #[test]
    fn what_says_something_different_is_different() {
        for (one, other) in [
            ("1", "2"),
            ("1", "-1"),
            ("1", "10"),
            ("1", "\"1\""),
            ("9007199254740993", "9007199254740992"),
            ("[1,2]", "[2,1]"),
            ("[1,[2]]", "[[1],2]"),
            ("[12]", "[1,2]"),
            (r#"{"a":"b"}"#, r#"{"b":"a"}"#),
            (r#"{"a":null}"#, "null"),
            ("[null]", "[]"),
            (r#"{"a":"n"}"#, "{}"),
            (r#"["a","b"]"#, r#"["a\",\"b"]"#),
            ("true", "false"),
            (r#""\ud800""#, r#""\ud801""#),
        ] {
            assert!(!same(one, other), "{one} and {other}");
        }
    }

    #[test]
    fn what_is_not_json_or_nested_without_end_has_none() {
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        for text in
            ["", "{", "[1,]", "{\"a\"}", "tru", "-", "1 2", "\"a", "1e99999999999999999999", &deep]
        {
            assert_eq!(canonical(text), None, "{}", text.get(..20).unwrap_or(text));
        }
    }

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>()
                .prop_filter("JSON has no other", |number| number.is_finite())
                .prop_map(|n| json!(n)),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 64, 8, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
                proptest::collection::btree_map(any::<String>(), inner, 0..8).prop_map(|map| {
                    Value::from(map.into_iter().collect::<serde_json::Map<_, _>>())
                }),
            ]
        })
    }

    fn without_nulls(value: &Value) -> Value {
        match value {
            Value::Array(values) => values.iter().map(without_nulls).collect(),
            Value::Object(members) => {
                let kept = members.iter().filter(|(_, value)| !value.is_null());
                kept.map(|(name, value)| (name.clone(), without_nulls(value))).collect()
            }
            value => value.clone(),
        }
    }

    proptest! {
        #[test]
        fn a_text_written_again_by_serde_has_the_same_form(value in values()) {
            let pretty = serde_json::to_string_pretty(&value).unwrap();
            prop_assert!(same(&value.to_string(), &pretty));
        }

        #[test]
        fn two_values_have_the_same_form_only_if_they_are_equal(one in values(), other in values()) {
            let equal = without_nulls(&one) == without_nulls(&other);
            prop_assert_eq!(same(&one.to_string(), &other.to_string()), equal);
        }
    }
}
