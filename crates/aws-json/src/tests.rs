//! Tests of what is read and what is refused, and comparisons with a strict reader.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Json, LONGEST_NUMBER, value};

fn read(text: &str) -> Json<'_> {
    Json::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn half_of_a_surrogate_pair_is_read_and_so_is_what_stands_beside_it() {
    for (written, text) in [
        (r"thanks \ud83d", "thanks ?"),
        (r"\uDE00x", "?x"),
        (r"\ud83d\ud83d\ude00", "?\u{1F600}"),
        (r"\ud83d\u0041\ud83dB", "?A?B"),
        (r"\ud83d\n\ud83d\\u", "?\n?\\u"),
        (r"\uD83D\uDE00 \u00e4", "\u{1F600} \u{e4}"),
    ] {
        let json = format!(r#"{{"note":"{written}","type":"order"}}"#);
        let value = read(&json);
        assert_eq!(value.get("note").and_then(Json::as_text), Some(text), "{written}");
        assert_eq!(value.get("type").and_then(Json::as_text), Some("order"));
    }
    let names = read(r#"{"a\ud83d":1,"a?":2}"#);
    assert_eq!(names.get(r"a\ud83d"), Some(&Json::Number("1".into())));
    assert_eq!(names.get("a?"), Some(&Json::Number("2".into())));
    let around = read(r#"{"\ude00 ä\ud83d?\ud83d\ude00":1}"#);
    assert!(around.get("\\ude00 ä\\ud83d?\u{1F600}").is_some(), "{around:?}");
}

/// Four million unpaired surrogates. Moving the rest of the text for each of them would copy 40 TB.
#[test]
fn a_name_of_nothing_but_halves_is_read_once_from_left_to_right() {
    let halves = 4 << 20;
    let name = r"\ud83d".repeat(halves);
    let json = format!(r#"{{"{name}":1}}"#);
    let Json::Object(fields) = read(&json) else { panic!("not an object") };
    assert_eq!(fields.len(), 1);
    assert!(fields[0].0 == name, "the name is not what was written");
}

#[test]
fn numbers_are_kept_as_they_are_written() {
    let long = "1".repeat(LONGEST_NUMBER);
    for number in ["1e999", "-1E-999", "123456789012345678901234567890", "1.10", "-0", &long] {
        assert_eq!(read(number), Json::Number(number.into()));
    }
}

#[test]
fn a_name_that_is_there_twice_keeps_both_values_and_the_last_is_the_fields() {
    let twice = read(r#"{"a":1,"a":"x"}"#);
    assert!(matches!(&twice, Json::Object(fields) if fields.len() == 2));
    assert_eq!(twice.get("a").and_then(Json::as_text), Some("x"));
    assert_eq!(read(r#"{"a":{"b":"x"}}"#).at(&["a", "b"]).and_then(Json::as_text), Some("x"));
}

#[test]
fn a_thousand_levels_are_read_and_no_more() {
    let deep = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    assert!(Json::parse(&deep(1_000)).is_ok());
    let error = Json::parse(&deep(1_001)).unwrap_err();
    assert_eq!((error.reason.as_str(), error.column), ("more than 1000 levels", 1_001));
    assert!(Json::parse(&"[".repeat(6 << 20)).is_err(), "six megabytes of nesting take no stack");
}

#[test]
fn what_is_behind_a_value_is_returned() {
    let (value, behind) = Json::leading(" {\"a\":1} \n{\"b\":2}").unwrap();
    assert_eq!((value, behind), (read(r#"{"a":1}"#), "{\"b\":2}"));
    let error = Json::parse("{}\n x").unwrap_err();
    assert_eq!(error.to_string(), "unexpected text behind the value at line 2 column 2");
}

#[test]
fn what_jackson_refuses_is_refused_with_its_place() {
    let long = "1".repeat(LONGEST_NUMBER + 1);
    for (text, says) in [
        ("", "the text ends: expected a value at line 1 column 1"),
        ("[1,\n ä]", "expected a value at line 2 column 2"),
        (r#"{"b":NaN}"#, "expected a value at line 1 column 6"),
        ("-Infinity", "expected a digit at line 1 column 2"),
        (r#"{"b":1,}"#, "expected the name of a field at line 1 column 8"),
        (r#"{"b" 1}"#, "expected `:` at line 1 column 6"),
        (r#"{"b":1"#, "the text ends: expected `,` or `}` at line 1 column 7"),
        ("[1 2]", "expected `,` or `]` at line 1 column 4"),
        ("[01]", "a number that begins with 0 at line 1 column 4"),
        ("1.", "the text ends: expected a digit"),
        ("1e", "the text ends: expected a digit"),
        ("+1", "expected a value"),
        (&long, "the text ends: a number of more than 1000 digits"),
        ("\"a\nb\"", "a control character in a text at line 1 column 3"),
        (r#""\x""#, "an unknown escape at line 1 column 3"),
        (r#""\u12g4""#, "expected four hexadecimal digits at line 1 column 4"),
        (r#""\u+123""#, "expected four hexadecimal digits"),
        ("\"a", "the text ends: expected a quotation mark"),
        ("\u{FEFF}{}", "expected a value"),
    ] {
        let error = Json::parse(text).expect_err(text).to_string();
        assert!(error.starts_with(says), "{text}: {error}");
    }
}

fn json_value() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    scalar.prop_recursive(5, 40, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            prop::collection::vec((any::<String>(), inner), 0..4)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn what_a_strict_reader_reads_is_read_the_same(value in json_value(), pretty in any::<bool>()) {
        let text = if pretty { serde_json::to_string_pretty(&value).unwrap() } else { value.to_string() };
        prop_assert_eq!(Json::parse(&text).unwrap(), Json::from(&value));
    }

    #[test]
    fn any_text_is_read_or_refused_as_the_strict_reader_does(text in r#"[\[\]{}",:0-9a-z\\.eE+\- ]{0,12}"#) {
        let strict = serde_json::from_str::<Value>(&text);
        match Json::parse(&text) {
            Ok(read) => {
                if let Ok(strict) = &strict {
                    let names = matches!(strict, Value::Object(_)) && text.matches("\":").count() > 1;
                    prop_assert!(names || same(&read, strict), "{} {:?}", text, read);
                }
            }
            Err(error) => prop_assert!(strict.is_err(), "{}: {}", text, error),
        }
    }
}

/// Compares numbers by value: the strict reader does not keep their notation.
fn same(read: &Json<'_>, strict: &Value) -> bool {
    match (read, strict) {
        (Json::Number(read), Value::Number(strict)) => read.parse::<f64>().ok() == strict.as_f64(),
        (Json::List(read), Value::Array(strict)) => {
            read.len() == strict.len()
                && read.iter().zip(strict).all(|(read, strict)| same(read, strict))
        }
        (Json::Object(read), Value::Object(strict)) => {
            read.len() == strict.len()
                && read.iter().all(|(name, read)| {
                    strict.get(&**name).is_some_and(|strict| same(read, strict))
                })
        }
        (read, strict) => *read == Json::from(strict),
    }
}

#[test]
fn a_body_that_a_strict_reader_refuses_can_be_looked_into() {
    let body = br#"{"id":"x","id":"7","note":"\ud83d","total":1e999,"n":1.10}"#;
    assert_eq!(value(body).unwrap(), json!({"id": "7", "note": "?", "total": "1e999", "n": 1.10}));
    assert_eq!(value(b"{\"a\":\"\xfc\"}").unwrap(), json!({"a": "\u{FFFD}"}));
    let deep = format!(r#"{{"id":"7","deep":{}{}}}"#, "[".repeat(900), "]".repeat(900));
    assert_eq!(value(deep.as_bytes()).unwrap()["id"], "7");
    assert!(value(b"{} {}").is_err());
}

#[test]
fn a_value_of_the_strict_reader_is_the_same_value_here() {
    let value = json!({"a": [1, 2.5, "x", null, true], "b": {"c": {}}});
    assert_eq!(read(&value.to_string()), Json::from(&value));
}
