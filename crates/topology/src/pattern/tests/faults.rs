//! Faults in patterns, and their messages.

use serde_json::{Value, json};

use super::super::Pattern;
use aws_json::Json;

fn faults(pattern: &Value) -> Vec<String> {
    let error = Pattern::parse(pattern).expect_err(&pattern.to_string());
    error.faults.iter().map(ToString::to_string).collect()
}

#[test]
fn a_fault_names_its_place_and_what_is_allowed() {
    for (pattern, says) in [
        (json!([]), "the pattern is not a pattern; use an object"),
        (json!({}), "the pattern is empty; use an object with at least one field"),
        (json!({"a": {"b": {}}}), "a.b is empty"),
        (json!({"a": "x"}), "a is not a list; use a list of values"),
        (json!({"a": []}), "a is an empty list"),
        (json!({"a": [["x"]]}), "a.0 is a list in a list"),
        (
            json!({"a": ["x", {}]}),
            "a.1 needs exactly one operator; expected one of anything-but, cidr",
        ),
        (json!({"a": [{"prefix": "x", "suffix": "y"}]}), "a.0 needs exactly one operator"),
        (
            json!({"a": [{"starts": "x"}]}),
            "a.0 has an unknown operator starts; expected one of anything-but",
        ),
        (json!({"a": [{"prefix": 3}]}), "a.0.prefix is not a string"),
        (
            json!({"a": [{"prefix": {"wildcard": "x"}}]}),
            "a.0.prefix is not a string; use a string, or an object with",
        ),
        (json!({"a": [{"suffix": {"equals-ignore-case": ["x"]}}]}), "a.0.suffix is not a string"),
        (
            json!({"a": [{"suffix": {"equals-ignore-case": "x", "y": 1}}]}),
            "a.0.suffix is not a string",
        ),
        (json!({"a": [{"equals-ignore-case": ["x"]}]}), "a.0.equals-ignore-case is not a string"),
        (json!({"a": [{"wildcard": 5}]}), "a.0.wildcard is not a string"),
        (
            json!({"a": [{"wildcard": "foo**bar"}]}),
            "a.0.wildcard has consecutive asterisks at position 3",
        ),
        (json!({"a": [{"wildcard": "a\\d"}]}), "a.0.wildcard has an invalid escape at position 1"),
        (json!({"a": [{"wildcard": "a\\"}]}), "a.0.wildcard has an invalid escape at position 1"),
        (json!({"a": [{"exists": "yes"}]}), "a.0.exists is neither true nor false"),
        (json!({"a": [{"cidr": "foo"}]}), "a.0.cidr is not a CIDR block"),
        (json!({"a": [{"cidr": "10.0.0/8"}]}), "a.0.cidr has 10.0.0 for an address"),
        (
            json!({"a": [{"cidr": "10.0.0.0/32"}]}),
            "a.0.cidr has 32 for the number of bits; must be 0 to 31",
        ),
        (
            json!({"a": [{"cidr": "::/128"}]}),
            "a.0.cidr has 128 for the number of bits; must be 0 to 127",
        ),
        (json!({"a": [{"numeric": 5}]}), "a.0.numeric is not a list"),
        (json!({"a": [{"numeric": ["="]}]}), "a.0.numeric is not a comparison"),
        (json!({"a": [{"numeric": ["=", "1"]}]}), "a.0.numeric is not a comparison"),
        (json!({"a": [{"numeric": ["<", 1, ">", 0]}]}), "a.0.numeric is not a comparison"),
        (json!({"a": [{"numeric": ["==", 1]}]}), "a.0.numeric has an unknown comparison =="),
        (json!({"a": [{"numeric": [">", 30, "<", 1]}]}), "a.0.numeric begins at 30 and ends at 1"),
        (json!({"a": [{"numeric": [">", 1, "<", 1]}]}), "a.0.numeric begins at 1 and ends at 1"),
        (
            json!({"a": [{"numeric": ["<", 9_007_199_254_740_993_u64]}]}),
            "a.0.numeric has 9007199254740993, which is not exactly a double",
        ),
        (
            json!({"a": [{"anything-but": [1, 9_007_199_254_740_993_u64]}]}),
            "a.0.anything-but has 9007199254740993, which is not exactly a double",
        ),
        (json!({"a": [{"anything-but": null}]}), "a.0.anything-but is true, false or null"),
        (
            json!({"a": [{"anything-but": []}]}),
            "a.0.anything-but is not a list of strings or a list of numbers",
        ),
        (
            json!({"a": [{"anything-but": ["x", 1]}]}),
            "a.0.anything-but is not a list of strings or a list of numbers",
        ),
        (
            json!({"a": [{"anything-but": {"cidr": "::/1"}}]}),
            "a.0.anything-but needs exactly one operator",
        ),
        (json!({"a": [{"anything-but": {"prefix": ""}}]}), "a.0.anything-but.prefix is empty"),
        (
            json!({"a": [{"anything-but": {"suffix": ["x", ""]}}]}),
            "a.0.anything-but.suffix is empty",
        ),
        (
            json!({"a": [{"anything-but": {"prefix": 27}}]}),
            "a.0.anything-but.prefix is neither a string nor a list",
        ),
        (
            json!({"a": [{"anything-but": {"wildcard": ["x", "**"]}}]}),
            "a.0.anything-but.wildcard has consecutive",
        ),
        (json!({"$or": {"a": ["x"]}}), "$or is not a list; use a list of at least two patterns"),
        (json!({"$or": [{"a": ["x"]}]}), "$or has fewer than two patterns"),
        (json!({"$or": [{"a": ["x"]}, 1]}), "$or.1 is not a pattern"),
        (
            json!({"$or": [{"a": ["x"]}, {"numeric": [1]}]}),
            "$or.1.numeric has a name that is reserved inside $or",
        ),
        (
            json!({"a": ["x"], "$or": [{"a": ["y"]}, {"b": ["z"]}]}),
            "a is matched twice (in one object, or inside and outside of $or)",
        ),
    ] {
        let said = faults(&pattern);
        assert!(said.len() == 1 && said[0].starts_with(says), "{pattern}: {said:?}");
    }
}

#[test]
fn every_fault_is_told() {
    let said = faults(&json!({"a": [], "b": {"c": 1}, "d": [{"x": 1}, {"prefix": 1}]}));
    let begins = [
        "a is an empty list",
        "b.c is not a list",
        "d.0 has an unknown operator x",
        "d.1.prefix is not a string",
    ];
    assert_eq!(said.len(), begins.len(), "{said:?}");
    assert!(said.iter().zip(begins).all(|(said, begin)| said.starts_with(begin)), "{said:?}");
    let error = Pattern::parse(&json!({"a": [], "b": []})).unwrap_err();
    assert!(
        error.to_string().starts_with("the event pattern is not valid: a is an empty list"),
        "{error}"
    );
    assert!(error.to_string().contains("; b is an empty list"), "{error}");
}

// `eb-create-pattern-operators`: the number of combinations is the product of the numbers of
// patterns in the lists of `$or`.
#[test]
fn or_makes_a_thousand_combinations_and_no_more() {
    let list = |name: &str, count: usize| -> Value {
        (0..count).map(|n| json!({ format!("{name}{n}"): [n] })).collect()
    };
    let two = |one: usize, two: usize| json!({"x": {"$or": list("a", one)}, "y": {"$or": list("b", two)}});
    let thousand = Pattern::parse(&two(10, 100)).unwrap();
    assert!(thousand.matches(&Json::from(&json!({"x": {"a9": 9}, "y": {"b99": 99}}))));
    assert!(!thousand.matches(&Json::from(&json!({"x": {"a9": 9}, "y": {"b99": 98}}))));
    for (pattern, at) in [(two(11, 91), "y.$or"), (json!({"$or": list("a", 100_000)}), "$or")] {
        assert_eq!(
            faults(&pattern),
            [format!("{at} makes more than 1000 combinations, the maximum")]
        );
    }
}

// These were compared with `MachineComplexityEvaluator` of event-ruler 1.8.1.
#[test]
fn wildcards_of_a_rule_are_refused_above_a_complexity_of_ten() {
    let stacks = |names: &[&str]| -> Value {
        names.iter().map(|name| json!({"wildcard": format!("*:stack/{name}/*")})).collect()
    };
    for accepted in [
        json!({"a": stacks(&["one", "two", "three"])}),
        json!({"a": [{"wildcard": "*/dir/*/c*"}, {"anything-but": {"wildcard": ["*/lib/*", "*/bin/*"]}}]}),
        json!({"a": [{"wildcard": "F*eatureFeature"}, {"wildcard": "Fe*ature"}]}),
        // Each field alone, and lists of one field after different fields.
        json!({"a": stacks(&["one", "two"]), "b": stacks(&["three", "four"])}),
        json!({"$or": [{"a": [1], "b": stacks(&["one", "two"])}, {"a": [2], "b": stacks(&["three", "four"])}]}),
        // A wildcard with one asterisk is simple, however long it is.
        json!({"a": [{"wildcard": format!("{}*", "x".repeat(1_500))}]}),
    ] {
        Pattern::parse(&accepted).unwrap_or_else(|error| panic!("{accepted}: {error}"));
    }
    for (refused, place) in [
        (json!({"x": [1], "a": {"b.c": stacks(&["one", "two", "three", "four"])}}), "a.b.c"),
        (json!({"a": [{"wildcard": "*a*a*a*a*a*a*a*a*"}]}), "a"),
        (json!({"a": [{"anything-but": {"wildcard": "*a*a*a*a*a*a"}}]}), "a"),
        (
            json!({"a": {"$or": [{"b": stacks(&["one", "two"])}, {"b": stacks(&["three", "four"])}]}}),
            "a.$or.0.b",
        ),
    ] {
        let said = faults(&refused);
        let says = format!("{place} has wildcards that are too complex for EventBridge");
        assert!(said.len() == 1 && said[0].starts_with(&says), "{refused}: {said:?}");
    }
}
