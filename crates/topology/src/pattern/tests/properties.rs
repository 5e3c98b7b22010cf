//! Properties: reading never panics, and matching agrees with a slower implementation.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::super::Pattern;
use super::super::filter::{Filter, Filtered};
use aws_json::Json;

fn name() -> impl Strategy<Value = String> {
    let known = [
        "$or",
        "anything-but",
        "cidr",
        "equals-ignore-case",
        "exists",
        "numeric",
        "prefix",
        "suffix",
        "wildcard",
        "a",
        "b",
        "a.b",
        "",
        "data",
        "body",
        "dynamodb",
    ];
    proptest::sample::select(known.to_vec()).prop_map(str::to_owned)
}

fn scalar() -> impl Strategy<Value = Value> {
    let texts = [
        "",
        "*",
        "a*b",
        "**",
        "\\",
        "a\\*",
        "=",
        "<",
        "<=",
        ">",
        ">=",
        "10.0.0.0/8",
        "::/0",
        "10.0.0.1",
        "ß",
        "İ",
        "x",
    ];
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        (-3_i64..3).prop_map(Value::from),
        proptest::sample::select(texts.to_vec()).prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ]
}

fn json_value() -> impl Strategy<Value = Value> {
    scalar().prop_recursive(5, 40, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            prop::collection::vec((name(), inner), 0..4)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

fn small() -> impl Strategy<Value = Value> {
    proptest::sample::select(vec![
        json!("x"),
        json!("xy"),
        json!("y"),
        json!(1),
        json!(2),
        json!(true),
        json!(null),
    ])
}

fn field() -> impl Strategy<Value = String> {
    proptest::sample::select(&["a", "b", "c"][..]).prop_map(str::to_owned)
}

fn object(values: impl Strategy<Value = Value>, least: usize) -> impl Strategy<Value = Value> {
    prop::collection::vec((field(), values), least..4)
        .prop_map(|fields| Value::Object(fields.into_iter().collect()))
}

/// Generates patterns of values, `prefix`, `anything-but` and `exists`.
fn simple_pattern(absent: bool) -> impl Strategy<Value = Value> {
    let one = prop_oneof![
        small(),
        Just(json!({"prefix": "x"})),
        Just(json!({"anything-but": "x"})),
        Just(json!({"exists": true})),
        Just(json!({ "exists": !absent })),
    ];
    let list = prop::collection::vec(one, 1..3).prop_map(Value::Array);
    object(list.prop_recursive(2, 8, 3, |inner| object(inner, 1)), 1)
}

/// Generates events of objects and values, with lists of values.
fn flat_event() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![small(), prop::collection::vec(small(), 0..3).prop_map(Value::Array)];
    object(leaf.prop_recursive(2, 8, 3, |inner| object(inner, 0)), 0)
}

/// Generates events that also have lists of objects, and lists of such lists.
fn event() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![small(), prop::collection::vec(small(), 0..3).prop_map(Value::Array)];
    object(
        leaf.prop_recursive(4, 20, 3, |inner| {
            let objects = object(inner, 0).boxed();
            let list = prop::collection::vec(objects.clone(), 1..3).prop_map(Value::Array);
            let lists = prop::collection::vec(list.clone(), 1..3).prop_map(Value::Array);
            prop_oneof![objects, list, lists]
        }),
        0,
    )
}

/// Implements the guide's rules directly, for events without lists of objects.
fn matches(pattern: &Map<String, Value>, event: &Map<String, Value>) -> bool {
    pattern.iter().all(|(field, wanted)| match (wanted, event.get(field)) {
        (Value::Object(wanted), Some(Value::Object(found))) => matches(wanted, found),
        (Value::Object(wanted), _) => matches(wanted, &Map::new()),
        (wanted, found) => {
            let found: &[Value] = match found {
                None | Some(Value::Object(_)) => &[],
                Some(Value::Array(values)) => values,
                Some(value) => std::slice::from_ref(value),
            };
            wanted.as_array().unwrap().iter().any(|wanted| {
                if wanted["exists"] == json!(false) {
                    return found.is_empty();
                }
                found.iter().any(|found| match wanted {
                    Value::Object(operator) if operator.contains_key("exists") => true,
                    Value::Object(operator) if operator.contains_key("prefix") => {
                        found.as_str().is_some_and(|text| text.starts_with('x'))
                    }
                    Value::Object(_) => *found != json!("x"),
                    value => value == found,
                })
            })
        }
    })
}

/// Returns every event that results from choosing one element of each list of objects.
fn choices(value: &Value) -> Vec<Value> {
    match value {
        Value::Array(elements)
            if elements.iter().any(|element| element.is_object() || element.is_array()) =>
        {
            elements.iter().flat_map(choices).collect()
        }
        Value::Object(fields) => {
            let mut all = vec![Map::new()];
            for (field, value) in fields {
                let with = choices(value);
                all = all
                    .into_iter()
                    .flat_map(|chosen| {
                        with.iter().map(move |value| {
                            let mut chosen = chosen.clone();
                            chosen.insert(field.clone(), value.clone());
                            chosen
                        })
                    })
                    .collect();
            }
            all.into_iter().map(Value::Object).collect()
        }
        other => vec![other.clone()],
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn reading_and_matching_never_panic(tried in json_value(), event in json_value(), body in json_value()) {
        if let Ok(pattern) = Pattern::parse(&tried) {
            let _ = pattern.matches(&Json::from(&event));
        }
        for of in [Filtered::Kinesis, Filtered::DynamoDb, Filtered::Sqs] {
            if let Ok(filter) = Filter::parse(of, [tried.to_string()]) {
                let _ = filter.passes(json!({"body": body.to_string(), "dynamodb": body}).to_string().as_bytes());
                prop_assert!(filter.passes(b"{"), "what cannot be read is not thrown away");
            }
        }
    }

    #[test]
    fn objects_match_as_the_guide_says(tried in simple_pattern(true), event in flat_event()) {
        let slow = matches(tried.as_object().unwrap(), event.as_object().unwrap());
        prop_assert_eq!(super::pattern(&tried).matches(&Json::from(&event)), slow);
    }

    #[test]
    fn lists_of_objects_match_if_one_choice_of_elements_does(tried in simple_pattern(false), event in event()) {
        let chosen = choices(&event);
        let slow = chosen.iter().any(|event| matches(tried.as_object().unwrap(), event.as_object().unwrap()));
        prop_assert_eq!(super::pattern(&tried).matches(&Json::from(&event)), slow);
    }

    #[test]
    fn a_wildcard_matches_what_a_search_of_every_split_finds(wildcard in "[ab*]{0,6}", text in "[ab]{0,8}") {
        fn slow(wildcard: &[u8], text: &[u8]) -> bool {
            match wildcard.split_first() {
                None => text.is_empty(),
                Some((b'*', rest)) => (0..=text.len()).any(|at| slow(rest, &text[at..])),
                Some((one, rest)) => text.first() == Some(one) && slow(rest, &text[1..]),
            }
        }
        if let Ok(pattern) = Pattern::parse(&json!({"a": [{"wildcard": wildcard}]})) {
            prop_assert_eq!(pattern.matches(&Json::from(&json!({"a": text}))), slow(wildcard.as_bytes(), text.as_bytes()));
        } else {
            prop_assert!(wildcard.contains("**"));
        }
    }
}
