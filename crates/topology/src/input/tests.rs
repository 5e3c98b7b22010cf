//! Tests of inputs, each named after its rule.
//!
//! Templates and outputs of the first two tests are those of the EventBridge User Guide, and of
//! LocalStack's tests, which were recorded against AWS.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Context, Input, JsonPath};
use crate::model::{InputTransformer, Target};

const CONTEXT: Context<'_> = Context {
    rule_arn: "arn:aws:events:us-east-2:123456789012:rule/shop/example",
    rule_name: "example",
    ingestion_time: "2026-11-30T10:00:00Z",
};

fn event() -> String {
    r#"{"version":"0","id":"7bf73129","detail-type":"EC2 Instance State-change Notification","source":"aws.ec2","account":"123456789012","time":"2015-11-11T21:29:54Z","region":"us-east-1","resources":["arn:aws:ec2:us-east-1:123456789012:instance/i-abcd1111"],"detail":{"instance-id":"i-0123456789","state":"RUNNING","n":1e2,"ok":true,"none":null,"lines":[{"sku":"a"},{"sku":"b"}],"quote":"he said \"hi\"\n<state>","empty":""}}"#.to_owned()
}

/// A target with an input in JSON.
fn target(input: Value) -> Target {
    let mut target = json!({ "function": "f" });
    target.as_object_mut().unwrap().extend(input.as_object().unwrap().clone());
    serde_json::from_value(target).unwrap()
}

fn transformer(template: &str) -> Target {
    target(json!({ "input_transformer": {
        "paths": {
            "instance": "$.detail.instance-id", "state": "$.detail.state", "n": "$.detail.n",
            "ok": "$.detail.ok", "none": "$.detail.none", "nothing": "$.detail.nothing",
            "lines": "$.detail.lines", "first": "$.detail.lines[0].sku",
            "each": "$.detail.lines[*].sku", "quote": "$.detail.quote",
            "resource": "$.resources[0]", "empty": "$.detail.empty",
        },
        "template": template,
    }}))
}

fn rendered(template: &str) -> String {
    let input = Input::parse(&transformer(template)).unwrap();
    input.build(&event(), &CONTEXT).unwrap().into_owned()
}

/// Faults of an input, as `path reason`.
fn faults(target: &Target) -> Vec<String> {
    let faults = Input::parse(target).unwrap_err();
    faults.iter().map(|fault| format!("{} {}", fault.path.join("."), fault.reason)).collect()
}

#[test]
fn aws_examples_of_templates_come_out_as_aws_says() {
    for (template, output) in [
        (r#""instance <instance> is in <state>""#, r#""instance i-0123456789 is in RUNNING""#),
        (
            r#""instance \"<instance>\" is in <state>""#,
            r#""instance \"i-0123456789\" is in RUNNING""#,
        ),
        (
            r#"{ "instance" : <instance>, "state": [ 9, <state>, true ], "Transformed" : "Yes" }"#,
            r#"{ "instance" : "i-0123456789", "state": [ 9, "RUNNING", true ], "Transformed" : "Yes" }"#,
        ),
        (
            r#"{"state": "<state>", "status": "instance \"<instance>\" is in <state>"}"#,
            r#"{"state": "RUNNING", "status": "instance \"i-0123456789\" is in RUNNING"}"#,
        ),
        (r#""<aws.events.rule-name> triggered""#, r#""example triggered""#),
        (
            r#"{"ruleArn": <aws.events.rule-arn>, "at": <aws.events.event.ingestion-time>}"#,
            r#"{"ruleArn": "arn:aws:events:us-east-2:123456789012:rule/shop/example", "at": "2026-11-30T10:00:00Z"}"#,
        ),
        (
            "\"<state> of <instance>\"\n\"ARN: \\\"<resource>\\\"\"",
            "\"RUNNING of i-0123456789\"\n\"ARN: \\\"arn:aws:ec2:us-east-1:123456789012:instance/i-abcd1111\\\"\"",
        ),
        (
            r#""{[/Check with special starting characters for <state>""#,
            r#""{[/Check with special starting characters for RUNNING""#,
        ),
    ] {
        assert_eq!(rendered(template), output);
    }
}

#[test]
fn the_event_is_whole_or_without_its_detail() {
    let read = |template| serde_json::from_str::<Value>(&rendered(template)).unwrap();
    let mut event: Value = serde_json::from_str(&event()).unwrap();
    assert_eq!(read(r#"{"e": <aws.events.event.json>}"#)["e"], event);
    let fields = event.as_object_mut().unwrap();
    fields.remove("detail");
    let kind = fields.remove("detail-type").unwrap();
    fields.insert("detailType".to_owned(), kind);
    assert_eq!(read(r#"{"e": <aws.events.event>}"#)["e"], event);
}

#[test]
fn a_value_is_json_outside_of_quotes_and_bare_inside() {
    for (template, output) in [
        ("{\"v\": <n>, \"w\": <ok>}", "{\"v\": 1e2, \"w\": true}"),
        ("\"<n> <ok>\"", "\"1e2 true\""),
        ("{\"v\": <lines>}", r#"{"v": [{"sku":"a"},{"sku":"b"}]}"#),
        ("{\"v\": \"<lines>\"}", r#"{"v": "[{sku:a},{sku:b}]"}"#),
        ("{\"v\": <first>, \"w\": <each>}", r#"{"v": "a", "w": ["a","b"]}"#),
        // Absent and null values are the empty text.
        ("{\"v\": <nothing>, \"w\": <none>, \"x\": <empty>}", r#"{"v": "", "w": "", "x": ""}"#),
        ("{\"v\": \"a<nothing>b\"}", r#"{"v": "ab"}"#),
        // A text outside of quotes stays what it is, and is not read as a template.
        ("{\"v\": <quote>}", r#"{"v": "he said \"hi\"\n<state>"}"#),
        // No angle bracket closes, so there is no variable.
        ("\"1 < 2\"", "\"1 < 2\""),
    ] {
        assert_eq!(rendered(template), output);
    }
}

#[test]
fn a_text_that_breaks_the_json_around_it_makes_no_input() {
    let input = Input::parse(&transformer(r#"{"v": "<quote>!"}"#)).unwrap();
    let error = input.build(&event(), &CONTEXT).unwrap_err().to_string();
    assert!(error.contains("makes no JSON of the event"), "{error}");
    // Texts are no JSON anyway: they are sent as they are.
    assert_eq!(rendered("\"<quote>\""), "\"he said \"hi\"\n<state>\"");
}

#[test]
fn templates_that_aws_refuses_are_faults() {
    for (template, says) in [
        ("<instance> is in state <state>", "is not JSON with values in it"),
        ("{\"a\": <instance>", "is not JSON with values in it"),
        ("{<instance>: 1}", "is not JSON with values in it"),
        ("{\"a\": <instance><state>}", "is not JSON with values in it"),
        ("{\"a\": 1} {\"b\": 2}", "is not JSON with values in it"),
        ("{\"a-<instance>\" : 1}", "has <instance> in the name of a field"),
        ("\"<unknown>\"", "contains invalid placeholder unknown"),
        ("\"1 < 2 and 3 > 2\"", "contains invalid placeholder  2 and 3 "),
        (
            "\"<aws.events.ingestion-time>\"",
            "contains invalid placeholder aws.events.ingestion-time",
        ),
        ("", "has 0 characters; must have 1 to 8192"),
        (&format!("\"{}\"", "x".repeat(8_191)), "has 8193 characters"),
    ] {
        let faults = faults(&transformer(template));
        let begins = format!("input_transformer.template {says}");
        assert!(faults.len() == 1 && faults[0].starts_with(&begins), "{template}: {faults:?}");
    }
    assert!(Input::parse(&transformer(&format!("\"{}\"", "x".repeat(8_190)))).is_ok());
}

#[test]
fn paths_and_variables_that_aws_refuses_are_faults() {
    let with = |paths: BTreeMap<String, String>| {
        let template = "\"x\"".to_owned();
        Target {
            input_transformer: Some(InputTransformer { paths, template }),
            ..target(json!({}))
        }
    };
    let one = |name: &str, path: &str| with(BTreeMap::from([(name.to_owned(), path.to_owned())]));
    for (name, path, says) in [
        ("a b", "$.id", "input_transformer.paths.a b is not a valid variable"),
        ("AWS-x", "$.id", "input_transformer.paths.AWS-x is not a valid variable"),
        ("", "$.id", "input_transformer.paths. is not a valid variable"),
        ("a", "id", "input_transformer.paths.a is \"id\", which is not a path"),
        ("a", "$.detail['id']", "is not a path that EventBridge reads"),
        ("a", "$.", "is not a path that EventBridge reads"),
        ("a", "$.a[x]", "is not a path that EventBridge reads"),
        ("a", "$.a[-1]", "is not a path that EventBridge reads"),
        ("a", "$..id", "is not a path that EventBridge reads"),
        ("a", &format!("$.{}", "x".repeat(255)), "has 257 characters; at most 256"),
    ] {
        let faults = faults(&one(name, path));
        assert!(faults.len() == 1 && faults[0].contains(says), "{name} {path}: {faults:?}");
    }
    let many = |count| with((0..count).map(|n| (format!("v{n}"), "$.id".to_owned())).collect());
    assert!(Input::parse(&many(100)).is_ok());
    assert_eq!(
        faults(&many(101)),
        ["input_transformer.paths has 101 variables; at most 100 are allowed"]
    );
}

#[test]
fn a_target_gets_the_event_a_constant_or_a_part() {
    let built = |input: Value| {
        let input = Input::parse(&target(input)).unwrap();
        input.build(&event(), &CONTEXT).map(|built| built.into_owned())
    };
    assert_eq!(built(json!({})).unwrap(), event(), "as it came");
    assert_eq!(
        built(json!({ "input": { "b": [1, "<state>"] } })).unwrap(),
        r#"{"b":[1,"<state>"]}"#
    );
    assert_eq!(built(json!({ "input": "text" })).unwrap(), "\"text\"");
    assert_eq!(built(json!({ "input_path": "$.detail.state" })).unwrap(), "\"RUNNING\"");
    assert_eq!(built(json!({ "input_path": "$.detail.lines[1]" })).unwrap(), r#"{"sku":"b"}"#);
    assert_eq!(built(json!({ "input_path": "$.detail.none" })).unwrap(), "null");
    let nothing = built(json!({ "input_path": "$.detail.nothing" })).unwrap_err();
    assert_eq!(nothing.to_string(), "input_path leads to nothing in the event");
    let long = json!({ "input": "x".repeat(8_191) });
    assert!(faults(&target(long))[0].starts_with("input has 8193 characters as JSON"));
    let two = json!({ "input": 1, "input_path": "$.id" });
    assert!(faults(&target(two))[0].starts_with("input_path stands beside another input"));
}

#[test]
fn a_constant_needs_no_event_and_the_rest_needs_json() {
    let build = |input: Value| Input::parse(&target(input)).unwrap().build("{", &CONTEXT).map(drop);
    assert_eq!(build(json!({ "input": 1 })), Ok(()));
    assert_eq!(build(json!({})), Ok(()), "as it came");
    let refused = build(json!({ "input_path": "$.id" })).unwrap_err();
    assert!(refused.to_string().starts_with("the event is not JSON"), "{refused}");
    assert!(Input::parse(&transformer("\"<state>\"")).unwrap().build("", &CONTEXT).is_err());
}

/// Any JSON value of a few levels.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        "[<>\"\\\\a.-]{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-z<>\"]{1,4}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// What the User Guide says of a value in a template, without the template's code.
fn expected(value: &Value, in_quotes: bool) -> String {
    match (value, in_quotes) {
        (Value::Null, true) => String::new(),
        (Value::Null, false) => "\"\"".to_owned(),
        (Value::String(text), true) => text.clone(),
        (value, false) => value.to_string(),
        (value, true) => value.to_string().replace('"', ""),
    }
}

proptest! {
    #[test]
    fn a_template_is_its_text_with_the_values_in_their_places(
        value in any_json(),
        before in "[a-z ,:]{0,6}",
        behind in "[a-z ,:]{0,6}",
    ) {
        let event = json!({ "detail": { "v": value } }).to_string();
        let paths = json!({ "v": "$.detail.v" });
        let built = |template: String| {
            let transformer = json!({ "paths": paths, "template": template });
            let input = Input::parse(&target(json!({ "input_transformer": transformer }))).unwrap();
            input.build(&event, &CONTEXT).map(|built| built.into_owned())
        };
        // Outside of quotes every value makes JSON, with exactly this value in it.
        let outside = built(r#"{"a": [<v>, 1]}"#.to_owned()).unwrap();
        prop_assert_eq!(&outside, &format!(r#"{{"a": [{}, 1]}}"#, expected(&value, false)));
        let read: Value = serde_json::from_str(&outside).unwrap();
        let as_read = if value.is_null() { json!("") } else { value.clone() };
        prop_assert_eq!(&read["a"][0], &as_read);
        // A text is sent as it comes out. JSON is sent only if it is some.
        let inside = format!("\"{before}{}{behind}\"", expected(&value, true));
        prop_assert_eq!(&built(format!("\"{before}<v>{behind}\"")).unwrap(), &inside);
        let field = format!("{{\"a\": {inside}}}");
        match built(format!("{{\"a\": \"{before}<v>{behind}\"}}")) {
            Ok(built) => prop_assert_eq!(built, field),
            Err(_) => prop_assert!(serde_json::from_str::<Value>(&field).is_err(), "{}", field),
        }
    }

    #[test]
    fn no_template_and_no_path_panics(template in "[<>a\"\\\\{}:, \n.-]{0,40}", path in any::<String>()) {
        let paths = json!({ "a": "$.detail", "a.a": "$.id" });
        let transformer = json!({ "paths": paths, "template": template });
        if let Ok(input) = Input::parse(&target(json!({ "input_transformer": transformer }))) {
            drop(input.build(&event(), &CONTEXT));
        }
        let transformer = json!({ "paths": { "a": "$.detail" }, "template": template });
        if let Ok(input) = Input::parse(&target(json!({ "input_transformer": transformer }))) {
            drop(input.build(&event(), &CONTEXT));
        }
        drop(JsonPath::parse(&path));
        drop(JsonPath::parse(&format!("$.{path}")));
    }
}
