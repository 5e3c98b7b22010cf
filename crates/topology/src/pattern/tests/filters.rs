//! Filters of each source: the tables of the Lambda Developer Guide, "Control which events Lambda
//! sends to your function".

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::super::filter::{Filter, Filtered};

fn passes(of: Filtered, patterns: &[Value], record: &Value) -> bool {
    Filter::parse(of, patterns.iter().map(Value::to_string))
        .unwrap()
        .passes(record.to_string().as_bytes())
}

fn kinesis(data: &[u8]) -> Value {
    json!({"kinesis": {"partitionKey": "1", "data": STANDARD.encode(data)}, "eventSource": "aws:kinesis"})
}

// `with-kinesis-filtering`.
#[test]
fn the_data_of_a_kinesis_record_is_decoded_and_read_as_json() {
    let code = [json!({"data": {"RequestCode": ["BBBB"]}})];
    assert!(passes(
        Filtered::Kinesis,
        &code,
        &kinesis(br#"{"RequestCode": "BBBB", "RecordNumber": "0001"}"#)
    ));
    assert!(!passes(Filtered::Kinesis, &code, &kinesis(br#"{"RequestCode": "AAAA"}"#)));
    assert!(
        passes(Filtered::Kinesis, &code, &kinesis(br#"[{"RequestCode": "BBBB"}]"#)),
        "a list is its elements"
    );
}

#[test]
fn a_kinesis_record_that_is_no_json_never_matches() {
    let not_there = [json!({"data": {"RequestCode": [{"exists": false}]}})];
    assert!(passes(Filtered::Kinesis, &not_there, &kinesis(b"{}")));
    for data in [&b"text"[..], b"\xff\xfe", b"", b"{\"a\":"] {
        assert!(!passes(Filtered::Kinesis, &not_there, &kinesis(data)), "{data:?}");
    }
}

// `with-sqs-filtering`, and the table in "Properly filtering Amazon SQS messages".
#[test]
fn a_body_of_the_other_form_than_the_pattern_expects_never_matches() {
    let body = |body: &str| json!({"messageId": "1", "body": body});
    let json_body = body(r#"{"RecordNumber": 10000, "RequestCode": "BBBB"}"#);
    let expects_json = [json!({"body": {"RecordNumber": [{"numeric": [">", 9999]}]}})];
    assert!(passes(Filtered::Sqs, &expects_json, &json_body));
    assert!(!passes(Filtered::Sqs, &expects_json, &body(r#"{"RecordNumber": 9999}"#)));
    let absent = [json!({"body": {"RecordNumber": [{"exists": false}]}})];
    assert!(passes(Filtered::Sqs, &absent, &body("{}")));
    assert!(
        !passes(Filtered::Sqs, &absent, &body("Result: 1")),
        "a plain text for a pattern of JSON"
    );
    let expects_text =
        [json!({"body": [{"anything-but": {"prefix": "Result: "}}, {"prefix": "Result: "}]})];
    assert!(passes(Filtered::Sqs, &expects_text, &body("Result: 1")));
    assert!(
        passes(Filtered::Sqs, &expects_text, &body("12")),
        "JSON that is not an object is plain text"
    );
    assert!(!passes(Filtered::Sqs, &expects_text, &json_body), "JSON for a pattern of plain text");
    assert!(!passes(Filtered::Sqs, &expects_text, &body(r#"["Result: 1"]"#)));
}

// `with-ddb-filtering`. `eventName` and `userIdentity` are as in the DynamoDB Developer Guide,
// "DynamoDB Streams and Time to Live".
#[test]
fn a_change_is_filtered_with_its_types_and_by_who_made_it() {
    let change = json!({
        "eventName": "REMOVE", "userIdentity": {"type": "Service", "principalId": "dynamodb.amazonaws.com"},
        "dynamodb": {"Keys": {"CustomerName": {"S": "AnyCompany Industries"}}, "OldImage": {"Terms": {"N": "60"}}}
    });
    for (pattern, expected) in [
        (json!({"dynamodb": {"Keys": {"CustomerName": {"S": ["AnyCompany Industries"]}}}}), true),
        (json!({"dynamodb": {"OldImage": {"Terms": {"N": ["60"]}}}}), true),
        (json!({"dynamodb": {"OldImage": {"Terms": {"N": [60]}}}}), false),
        (json!({"dynamodb": {"NewImage": {"Terms": {"N": [{"exists": false}]}}}}), true),
        (
            json!({"eventName": ["REMOVE"], "userIdentity": {"principalId": ["dynamodb.amazonaws.com"]}}),
            true,
        ),
        (json!({"eventName": ["INSERT", "MODIFY"]}), false),
    ] {
        assert_eq!(
            passes(Filtered::DynamoDb, std::slice::from_ref(&pattern), &change),
            expected,
            "{pattern}"
        );
    }
}

// `invocation-eventfiltering`: "Your filters are logically ORed together."
#[test]
fn one_of_several_filters_is_enough() {
    let either = [json!({"body": {"a": [1]}}), json!({"body": ["x"]})];
    assert!(passes(Filtered::Sqs, &either, &json!({"body": "{\"a\": 1}"})));
    assert!(passes(Filtered::Sqs, &either, &json!({"body": "x"})));
    assert!(!passes(Filtered::Sqs, &either, &json!({"body": "y"})));
}

#[test]
fn a_pattern_that_is_no_json_is_told_with_its_place() {
    let error = Filter::parse(Filtered::Sqs, ["{\"body\": [\"x\"}"]).unwrap_err();
    let says = "the event pattern is not valid: the pattern is not JSON: expected `,` or `]` at line 1 column 14";
    assert_eq!(error.to_string(), says);
}

#[test]
fn what_a_source_cannot_be_filtered_by_is_told() {
    for (of, pattern, says) in [
        (
            Filtered::Kinesis,
            json!({"partitionKey": ["1"]}),
            "partitionKey cannot be filtered by; expected data",
        ),
        (
            Filtered::Kinesis,
            json!({"data": ["x"]}),
            "data is not an object; a filter expects JSON here",
        ),
        (Filtered::DynamoDb, json!({"dynamodb": ["x"]}), "dynamodb is not an object"),
        (
            Filtered::DynamoDb,
            json!({"data": {"a": [1]}}),
            "data cannot be filtered by; expected dynamodb, eventName",
        ),
        (
            Filtered::Sqs,
            json!({"messageAttributes": ["x"]}),
            "messageAttributes cannot be filtered by; expected body",
        ),
        (
            Filtered::Sqs,
            json!({"$or": [{"body": ["x"]}, {"body": {"a": [1]}}]}),
            "the pattern expects both plain text and JSON",
        ),
        (
            Filtered::Sqs,
            json!({"$or": [{"body": ["x"]}, {"id": ["x"]}]}),
            "$or.1.id cannot be filtered by",
        ),
        (Filtered::Sqs, json!({"body": []}), "body is an empty list"),
    ] {
        let error = Filter::parse(of, [pattern.to_string()]).expect_err(&pattern.to_string());
        assert!(error.faults[0].to_string().starts_with(says), "{pattern}: {error}");
    }
}

/// A body that a strict reader refuses, with the type that the filter asks for.
const HALF: &str = r#"{"type":"order","note":"thanks \ud83d","total":1e999}"#;

// serde-rs/json#827.
#[test]
fn half_of_a_surrogate_pair_or_a_large_number_costs_no_source_its_record() {
    let order = |field: &str| [json!({field: {"type": ["order"]}})];
    let other = |field: &str| [json!({field: {"type": ["refund"]}})];
    let sqs = json!({"messageId": "1", "body": HALF});
    assert!(passes(Filtered::Sqs, &order("body"), &sqs));
    assert!(!passes(Filtered::Sqs, &other("body"), &sqs));
    let not_there = [json!({"body": {"note": [{"exists": false}]}})];
    assert!(!passes(Filtered::Sqs, &not_there, &sqs));
    assert!(passes(Filtered::Kinesis, &order("data"), &kinesis(HALF.as_bytes())));
    assert!(!passes(Filtered::Kinesis, &other("data"), &kinesis(HALF.as_bytes())));
    // ISO 8859-1, which is not UTF-8, in a field that no filter asks for.
    let latin = kinesis(b"{\"type\":\"order\",\"note\":\"Gr\xfc\xdfe\"}");
    assert!(passes(Filtered::Kinesis, &order("data"), &latin));
    let text = json!({"dynamodb": {"NewImage": {"body": {"S": HALF}, "type": {"S": "order"}}}});
    let typed = [json!({"dynamodb": {"NewImage": {"type": {"S": ["order"]}}}})];
    assert!(passes(Filtered::DynamoDb, &typed, &text));
}

#[test]
fn text_behind_an_object_hides_the_object_from_no_filter() {
    let body = json!({"body": "{\"n\":1} {\"n\":2}"});
    assert!(passes(Filtered::Sqs, &[json!({"body": {"n": [1]}})], &body));
    assert!(!passes(Filtered::Sqs, &[json!({"body": {"n": [2]}})], &body));
    assert!(
        passes(Filtered::Sqs, &[json!({"body": [{"prefix": "{\"n\""}]})], &body),
        "it is a plain text too"
    );
    assert!(passes(
        Filtered::Kinesis,
        &[json!({"data": {"n": [1]}})],
        &kinesis(b"{\"n\":1}{\"n\":2}")
    ));
}

// `invocation-eventfiltering`: "numeric" is for numbers, and a table's numbers are texts.
#[test]
fn numeric_does_not_match_a_text_and_a_tables_number_is_one() {
    let above = json!([{"numeric": [">", 1_700_000_000_000_u64]}]);
    let body = |total: Value| json!({"body": json!({ "at": total }).to_string()});
    let filter = [json!({"body": {"at": above}})];
    assert!(passes(Filtered::Sqs, &filter, &body(json!(1_790_000_000_000_u64))));
    assert!(!passes(Filtered::Sqs, &filter, &body(json!("1790000000000"))));
    let change = json!({"dynamodb": {"NewImage": {"at": {"N": "1790000000000"}}}});
    let numeric = [json!({"dynamodb": {"NewImage": {"at": {"N": above}}}})];
    assert!(!passes(Filtered::DynamoDb, &numeric, &change));
    assert!(passes(
        Filtered::DynamoDb,
        &[json!({"dynamodb": {"NewImage": {"at": {"N": [{"prefix": "179"}]}}}})],
        &change
    ));
}

#[test]
fn a_value_of_a_pattern_matches_its_own_type_alone() {
    let values =
        [json!(1), json!("1"), json!(true), json!("true"), json!(null), json!("null"), json!("")];
    for wanted in &values {
        for found in &values {
            let body = json!({"body": json!({ "v": found }).to_string()});
            let filter = [json!({"body": {"v": [wanted]}})];
            assert_eq!(passes(Filtered::Sqs, &filter, &body), wanted == found, "{wanted} {found}");
        }
    }
}

#[test]
fn a_field_that_is_null_or_empty_exists_and_one_without_a_value_does_not() {
    let absent = [json!({"body": {"v": [{"exists": false}]}})];
    for (body, expected) in [
        ("{}", true),
        (r#"{"w":1}"#, true),
        (r#"{"v":[]}"#, true),
        (r#"{"v":{"w":1}}"#, true),
        (r#"{"v":null}"#, false),
        (r#"{"v":""}"#, false),
        (r#"{"v":"\ud83d"}"#, false),
    ] {
        assert_eq!(passes(Filtered::Sqs, &absent, &json!({ "body": body })), expected, "{body}");
    }
}
