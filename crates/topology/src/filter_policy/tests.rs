//! Tests of filter policies: the examples of the SNS Developer Guide, and hostile input.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Attribute, FilterPolicy, Verdict};
use crate::model::FilterPolicyScope;

fn parsed(policy: &Value, scope: FilterPolicyScope) -> FilterPolicy {
    FilterPolicy::parse(policy, scope).unwrap_or_else(|error| panic!("{policy}: {error}"))
}

fn by_attributes(policy: &Value, attributes: &[(&str, &str, &str)]) -> Verdict {
    let attributes: Vec<_> =
        attributes.iter().map(|(name, kind, value)| Attribute { name, kind, value }).collect();
    parsed(policy, FilterPolicyScope::Attributes).verdict("", &attributes)
}

fn by_body(policy: &Value, body: &str) -> Verdict {
    parsed(policy, FilterPolicyScope::Body).verdict(body, &[])
}

/// Asserts which values of the key `k` a list of values and operators matches: as an attribute of
/// this type, and as JSON in a body.
#[track_caller]
fn values(list: Value, kind: &str, matching: &[&str], other: &[&str]) {
    let policy = json!({ "k": list });
    for (values, expected) in [(matching, Verdict::Matches), (other, Verdict::Differs)] {
        for value in values {
            assert_eq!(by_attributes(&policy, &[("k", kind, value)]), expected, "{policy} {value}");
            let body = match kind {
                "String" => json!({ "k": value }).to_string(),
                _ => format!(r#"{{"k":{value}}}"#),
            };
            assert_eq!(by_body(&policy, &body), expected, "{policy} {body}");
        }
    }
}

#[test]
fn texts_match_as_the_guide_shows() {
    values(json!(["rugby", "tennis"]), "String", &["rugby", "tennis"], &["baseball", "Rugby"]);
    values(json!([{"anything-but": ["rugby", "tennis"]}]), "String", &["baseball"], &["rugby"]);
    values(json!([{"anything-but": {"prefix": "order-"}}]), "String", &["data"], &["order-number"]);
    values(json!([{"anything-but": {"suffix": "ball"}}]), "String", &["rugby"], &["baseball"]);
    values(json!([{"anything-but": {"wildcard": "*ball"}}]), "String", &["hockey"], &["baseball"]);
    values(json!([{"equals-ignore-case": "tennis"}]), "String", &["TENNIS", "Tennis"], &["ten"]);
    values(json!([{"prefix": "bas"}]), "String", &["baseball", "basketball"], &["rugby"]);
    values(json!([{"suffix": "ball"}]), "String", &["baseball", "basketball"], &["rugby"]);
    values(json!([{"wildcard": "*ball"}]), "String", &["baseball", "ball"], &["rugby"]);
    values(json!([{"cidr": "10.0.0.0/24"}]), "String", &["10.0.0.255"], &["10.1.1.0", "no"]);
    values(json!([{"prefix": "a"}, "b"]), "String", &["ab", "b"], &["bb"]);
}

#[test]
fn numbers_match_by_value() {
    values(json!([{"numeric": ["=", 301.5]}]), "Number", &["301.5", "3.015e2"], &["301.6"]);
    values(json!([301.5]), "Number", &["301.5", "3.015e2"], &["3015"]);
    values(json!([{"anything-but": [100, 500]}]), "Number", &["101", "200.1"], &["100", "5e2"]);
    let range = json!([{"numeric": [">", 0, "<=", 150]}]);
    values(range, "Number", &["1", "150"], &["0", "150.1", "-1"]);
    values(json!([{"numeric": ["<", 0]}]), "Number", &["-1"], &["0", "50"]);
    // A text that looks like a number is a text.
    assert_eq!(by_attributes(&json!({"k": [5]}), &[("k", "String", "5")]), Verdict::Differs);
    assert_eq!(by_body(&json!({"k": [5]}), r#"{"k":"5"}"#), Verdict::Differs);
}

#[test]
fn an_array_matches_if_one_element_does() {
    let interests = |list: Value| json!({ "customer_interests": list });
    let attribute = |value| [("customer_interests", "String.Array", value)];
    let two = attribute(r#"["rugby", "baseball"]"#);
    let but = interests(json!([{"anything-but": ["rugby", "tennis"]}]));
    assert_eq!(by_attributes(&but, &two), Verdict::Matches, "baseball is none of them");
    assert_eq!(by_attributes(&but, &attribute(r#"["rugby"]"#)), Verdict::Differs);
    assert_eq!(by_attributes(&interests(json!(["rugby"])), &two), Verdict::Matches);
    assert_eq!(by_body(&but, r#"{"customer_interests":["rugby","baseball"]}"#), Verdict::Matches);
    let mixed = attribute(r#"[true, null, 3.0e2]"#);
    for list in [json!([true]), json!([null]), json!([300])] {
        assert_eq!(by_attributes(&interests(list), &mixed), Verdict::Matches);
    }
    assert_eq!(by_attributes(&interests(json!(["true"])), &mixed), Verdict::Differs);
    for broken in ["rugby", "[", r#"{"a":1}"#, "[[1]]", "[{}]", ""] {
        let verdict = by_attributes(&but, &attribute(broken));
        assert_eq!(verdict, Verdict::InvalidAttributes, "{broken}");
    }
}

#[test]
fn all_keys_must_match_and_one_alternative_of_or() {
    let all = json!({"store": ["shop"], "price": [{"numeric": [">=", 100]}]});
    let shop = ("store", "String", "shop");
    assert_eq!(by_attributes(&all, &[shop, ("price", "Number", "100")]), Verdict::Matches);
    assert_eq!(by_attributes(&all, &[shop, ("price", "Number", "99")]), Verdict::Differs);
    assert_eq!(by_attributes(&all, &[shop]), Verdict::Differs);
    let or = json!({"source": ["cw"], "$or": [{"metric": ["CPU"]}, {"namespace": ["EC2", "ES"]}]});
    let source = ("source", "String", "cw");
    for (name, value, expected) in [
        ("metric", "CPU", Verdict::Matches),
        ("namespace", "ES", Verdict::Matches),
        ("namespace", "S3", Verdict::Differs),
    ] {
        assert_eq!(by_attributes(&or, &[source, (name, "String", value)]), expected);
        let body = json!({"source": "cw", name: value}).to_string();
        assert_eq!(by_body(&or, &body), expected);
    }
}

#[test]
fn a_key_exists_with_a_value_and_is_absent_only_beside_others() {
    let (there, absent) =
        (json!({"store": [{"exists": true}]}), json!({"store": [{"exists": false}]}));
    let other = ("event", "String", "x");
    assert_eq!(by_attributes(&there, &[("store", "String", "fans")]), Verdict::Matches);
    assert_eq!(by_attributes(&there, &[("store", "String", ""), other]), Verdict::Differs);
    assert_eq!(by_attributes(&there, &[other]), Verdict::Differs);
    assert_eq!(by_attributes(&absent, &[other]), Verdict::Matches);
    assert_eq!(by_attributes(&absent, &[("store", "String", "fans"), other]), Verdict::Differs);
    assert_eq!(by_attributes(&absent, &[]), Verdict::NoAttributes);
    assert_eq!(by_body(&there, r#"{"store":"fans"}"#), Verdict::Matches);
    for body in [r#"{"store":null}"#, r#"{"store":""}"#, r#"{"store":{"a":1}}"#, "{}"] {
        assert_eq!(by_body(&there, body), Verdict::Differs, "{body}");
    }
    assert_eq!(by_body(&json!({"store": [null]}), r#"{"store":null}"#), Verdict::Matches);
    assert_eq!(by_body(&absent, r#"{"event":"x"}"#), Verdict::Matches);
    assert_eq!(by_body(&absent, "{}"), Verdict::Differs, "an empty set");
}

#[test]
fn a_body_is_matched_at_every_level_and_must_be_an_object() {
    let nested = json!({"store": {"name": ["shop"], "tags": [{"prefix": "a"}]}});
    let body = r#"{"store":{"name":"shop","tags":["b","ab"]}}"#;
    assert_eq!(by_body(&nested, body), Verdict::Matches);
    assert_eq!(by_body(&nested, &body.replace("ab", "cb")), Verdict::Differs);
    let deep = format!("{}1{}", "[".repeat(5_000), "]".repeat(5_000));
    for hostile in ["", "text", "[1]", "12", "null", "{", "{\"a\":1}x", deep.as_str()] {
        let verdict = by_body(&nested, hostile);
        assert_eq!(verdict, Verdict::InvalidBody, "{}", hostile.get(..20).unwrap_or(hostile));
    }
}

#[test]
fn binary_attributes_are_ignored_and_unknown_types_are_invalid() {
    let policy = json!({"k": ["aGk="]});
    let other = ("o", "String", "x");
    assert_eq!(by_attributes(&policy, &[("k", "Binary", "aGk="), other]), Verdict::Differs);
    assert_eq!(by_attributes(&policy, &[("k", "String.url", "aGk=")]), Verdict::Matches);
    assert_eq!(by_attributes(&policy, &[("k", "Date", "aGk=")]), Verdict::InvalidAttributes);
    assert_eq!(by_attributes(&policy, &[("k", "Number", "1 2")]), Verdict::InvalidAttributes);
    assert_eq!(by_attributes(&policy, &[("k", "Number.int", "12")]), Verdict::Differs);
}

/// Returns the faults of a policy, as text.
fn faults(policy: &Value, scope: FilterPolicyScope) -> Vec<String> {
    match FilterPolicy::parse(policy, scope) {
        Ok(_) => Vec::new(),
        Err(error) => error.faults.iter().map(ToString::to_string).collect(),
    }
}

#[test]
fn a_policy_has_five_keys_and_150_combinations() {
    use FilterPolicyScope::{Attributes, Body};
    let list = |length: usize| (0..length).map(|n| n.to_string()).collect::<Vec<_>>();
    let keys = |count: usize| -> Value {
        (0..count)
            .map(|n| (format!("k{n}"), json!(["v"])))
            .collect::<serde_json::Map<_, _>>()
            .into()
    };
    assert_eq!(faults(&keys(5), Attributes), [""; 0]);
    assert!(faults(&keys(6), Attributes)[0].contains("has 6 keys; at most 5"));
    // Of nested keys only the outermost counts.
    assert_eq!(faults(&json!({"a": keys(6)}), Body), [""; 0]);
    let product = |one, other| json!({"a": list(one), "b": list(other)});
    assert_eq!(faults(&product(15, 10), Attributes), [""; 0]);
    assert!(faults(&product(16, 10), Attributes)[0].contains("makes 160 combinations"));
    // The guide's example: 4 values at level 3 and 3 values at level 2 make 72.
    let level3 = |values: usize| json!({"a": {"b": {"c": list(values)}}, "d": {"e": list(3)}});
    assert_eq!(faults(&level3(8), Body), [""; 0], "8 x 3 x 3 x 2 = 144");
    assert!(faults(&level3(9), Body)[0].contains("makes 162 combinations"));
    let or = |one, other| json!({"$or": [{"a": list(one)}, {"b": list(other)}]});
    assert_eq!(faults(&or(75, 75), Attributes), [""; 0], "alternatives add up");
    assert!(faults(&or(76, 75), Attributes)[0].contains("makes 151 combinations"));
    let huge = json!({"a": list(1 << 14), "b": list(1 << 14), "c": list(1 << 14),
        "d": list(1 << 14), "e": list(1 << 14)});
    assert!(faults(&huge, Attributes)[0].contains(&u64::MAX.to_string()), "it does not overflow");
}

#[test]
fn what_only_eventbridge_takes_is_a_fault_at_its_place() {
    use FilterPolicyScope::{Attributes, Body};
    for (policy, said) in [
        (json!({"a": {"b": ["x"]}}), "a is nested, and message attributes are not"),
        (json!({"a": [{"prefix": {"equals-ignore-case": "x"}}]}), "a.0.prefix is an object"),
        (
            json!({"a": [{"anything-but": {"equals-ignore-case": "x"}}]}),
            "a.0.anything-but has equals-ignore-case",
        ),
        (json!({"a": [1e10]}), "SNS compares numbers from -1e9 to 1e9"),
        (json!({"a": [{"numeric": [">", -1_000_000_001]}]}), "from -1e9 to 1e9"),
        (json!({"a": [0.123_456]}), "SNS compares 5 digits behind the point"),
        (json!({"a": []}), "a is an empty list"),
        (json!({"a": "x"}), "a is not a list"),
        (json!({"a": [{"regex": "x"}]}), "unknown operator regex"),
        (json!({}), "is empty"),
        (json!(["a"]), "is not a pattern"),
    ] {
        let found = faults(&policy, Attributes);
        assert!(found.iter().any(|fault| fault.contains(said)), "{policy}: {found:?}");
    }
    assert_eq!(faults(&json!({"a": {"b": ["x"]}}), Body), [""; 0]);
}

proptest! {
    #[test]
    fn no_message_stops_the_filter(
        body in any::<String>(),
        kind in "(String|Number|Binary|String\\.Array|[A-Za-z.]{0,8})",
        value in any::<String>(),
    ) {
        let policy = json!({"k": [{"exists": true}, {"anything-but": ["x"]}]});
        let attribute = Attribute { name: "k", kind: &kind, value: &value };
        let _ = parsed(&policy, FilterPolicyScope::Attributes).verdict(&body, &[attribute]);
        let verdict = parsed(&policy, FilterPolicyScope::Body).verdict(&body, &[]);
        let is_object = serde_json::from_str::<Value>(&body).is_ok_and(|value| value.is_object());
        prop_assert!(!is_object || verdict != Verdict::InvalidBody);
    }

    /// A slower implementation of exact texts in lists, for any attributes.
    #[test]
    fn a_message_matches_if_each_key_has_one_of_its_values(
        policy in proptest::collection::btree_map(
            "[a-c]", proptest::collection::vec("[x-z]{1,2}", 1..4), 1..4),
        attributes in proptest::collection::btree_map("[a-d]", "[x-z]{1,2}", 0..4),
    ) {
        let typed: Vec<_> = attributes
            .iter()
            .map(|(name, value)| Attribute { name, kind: "String", value })
            .collect();
        let read = parsed(&json!(policy), FilterPolicyScope::Attributes);
        let all = policy.iter().all(|(key, values)| {
            attributes.get(key).is_some_and(|value| values.contains(value))
        });
        prop_assert_eq!(read.verdict("", &typed) == Verdict::Matches, all);
    }
}
