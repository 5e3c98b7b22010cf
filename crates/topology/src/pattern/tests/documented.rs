//! Examples from the EventBridge User Guide and from Event Ruler's documentation.

use serde_json::{Value, json};

use super::check;

/// State change of an instance: EventBridge User Guide, "Creating event patterns"
/// (`eb-event-patterns`).
fn instance() -> Value {
    json!({
        "version": "0", "id": "6a7e8feb-b491-4cf7-a9f1-bf3703467718", "account": "111122223333", "region": "us-west-1",
        "detail-type": "EC2 Instance State-change Notification", "source": "aws.ec2", "time": "2017-12-22T18:43:48Z",
        "resources": ["arn:aws:ec2:us-west-1:123456789012:instance/i-1234567890abcdef0"],
        "detail": {"instance-id": "i-1234567890abcdef0", "state": "terminated"}
    })
}

// `eb-event-patterns`, and `eb-event-patterns-arrays`.
#[test]
fn all_fields_must_match_and_one_value_of_each() {
    check(
        &json!({
            "source": ["aws.ec2"], "detail-type": ["EC2 Instance State-change Notification"],
            "detail": {"state": ["terminated"]}
        }),
        &[instance()],
        &[
            json!({"source": "aws.ec2", "detail": {"state": "terminated"}}),
            json!([]),
            json!("aws.ec2"),
        ],
    );
    check(&json!({"detail": {"state": ["running", "terminated"]}}), &[instance()], &[]);
    check(&json!({"detail": {"state": ["Terminated"]}}), &[], &[instance()]);
}

// `eb-event-patterns-arrays`.
#[test]
fn a_list_in_an_event_matches_if_one_of_its_elements_does() {
    let resources = json!({"resources": [
        "arn:aws:ec2:us-east-1:123456789012:instance/i-b188560f",
        "arn:aws:ec2:us-east-1:111122223333:instance/i-b188560f",
    ]});
    let group = "arn:aws:autoscaling:us-east-1:123456789012:autoScalingGroup:eb56d16b:autoScalingGroupName/ASGTerminate";
    check(
        &resources,
        &[json!({"resources": [group, "arn:aws:ec2:us-east-1:123456789012:instance/i-b188560f"]})],
        &[json!({"resources": [group]}), json!({"resources": []})],
    );
}

// `eb-event-patterns-null-values`.
#[test]
fn null_and_an_empty_text_are_not_the_same() {
    let empty = json!({"detail": {"eventVersion": "", "responseElements": null}});
    check(
        &json!({"detail": {"eventVersion": [""]}}),
        std::slice::from_ref(&empty),
        &[json!({"detail": {"eventVersion": null}})],
    );
    check(
        &json!({"detail": {"responseElements": [null]}}),
        &[empty],
        &[json!({"detail": {"responseElements": ""}}), json!({"detail": {}})],
    );
}

/// Checks a pattern on one field: the values that it matches, and those that it does not.
///
/// The examples are from `eb-create-pattern-operators` unless noted.
fn operator(list: Value, matching: &[Value], other: &[Value]) {
    let event = |value: &Value| json!({"detail": {"field": value}});
    let matching: Vec<Value> = matching.iter().map(event).collect();
    let other: Vec<Value> = other.iter().map(event).collect();
    check(&json!({"detail": {"field": list}}), &matching, &other);
}

#[test]
fn every_documented_operator_matches_what_the_guide_says() {
    // "Prefix matching", with and without case.
    operator(
        json!([{"prefix": "2017-10-02"}]),
        &[json!("2017-10-02T18:43:48Z")],
        &[json!("2017-10-03T00:00:00Z"), json!("on 2017-10-02"), json!(2017)],
    );
    operator(
        json!([{"prefix": {"equals-ignore-case": "EventB"}}]),
        &[json!("EventBridge"), json!("EVENTBUS"), json!("eventb")],
        &[json!("event"), json!("an eventb")],
    );
    // "Suffix matching", with and without case.
    operator(
        json!([{"suffix": ".png"}]),
        &[json!("a.png")],
        &[json!("a.PNG"), json!("a.png.zip"), json!(null)],
    );
    operator(
        json!([{"suffix": {"equals-ignore-case": ".png"}}]),
        &[json!("a.png"), json!("a.PNG")],
        &[json!("a.pn")],
    );
    // "Anything-but matching": a text, a number, and lists of each.
    operator(
        json!([{"anything-but": "initializing"}]),
        &[json!("running"), json!(null), json!(1)],
        &[json!("initializing")],
    );
    operator(
        json!([{"anything-but": 123}]),
        &[json!(124), json!("123")],
        &[json!(123), json!(1.23e2)],
    );
    operator(
        json!([{"anything-but": ["stopped", "overloaded"]}]),
        &[json!("running")],
        &[json!("stopped"), json!("overloaded")],
    );
    operator(
        json!([{"anything-but": [100, 200, 300]}]),
        &[json!(150)],
        &[json!(100), json!(200), json!(300)],
    );
    // "Anything-but matching while ignoring case": one text and a list.
    operator(
        json!([{"anything-but": {"equals-ignore-case": "initializing"}}]),
        &[json!("running")],
        &[json!("INITIALIZING")],
    );
    operator(
        json!([{"anything-but": {"equals-ignore-case": ["initializing", "stopped"]}}]),
        &[json!("running")],
        &[json!("Initializing"), json!("STOPPED")],
    );
    // "Anything-but matching on prefixes" and "on suffixes": one text and a list.
    operator(
        json!([{"anything-but": {"prefix": "init"}}]),
        &[json!("running")],
        &[json!("initializing")],
    );
    operator(
        json!([{"anything-but": {"prefix": ["init", "stop"]}}]),
        &[json!("running")],
        &[json!("initializing"), json!("stopped")],
    );
    operator(json!([{"anything-but": {"suffix": ".txt"}}]), &[json!("a.png")], &[json!("a.txt")]);
    operator(
        json!([{"anything-but": {"suffix": [".txt", ".rtf"]}}]),
        &[json!("a.png")],
        &[json!("a.txt"), json!("a.rtf")],
    );
    // "Anything-but matching using wildcards": one text and a list.
    operator(
        json!([{"anything-but": {"wildcard": "*/lib/*"}}]),
        &[json!("/usr/bin/x")],
        &[json!("/usr/lib/x")],
    );
    operator(
        json!([{"anything-but": {"wildcard": ["*/lib/*", "*/bin/*"]}}]),
        &[json!("/etc/x"), json!("lib/x")],
        &[json!("/usr/lib/x"), json!("/usr/bin/x")],
    );
    // "Numeric matching".
    operator(
        json!([{"numeric": [">", 0, "<=", 5]}]),
        &[json!(1), json!(5), json!(0.000_001)],
        &[json!(0), json!(5.1), json!("1")],
    );
    operator(json!([{"numeric": ["<", 10]}]), &[json!(-10), json!(9.99)], &[json!(10)]);
    operator(json!([{"numeric": ["=", 3.018e2]}]), &[json!(301.8)], &[json!(301.800_1)]);
    operator(
        json!([{"numeric": [">=", 5, "<", 6]}]),
        &[json!(5), json!(5.999_999)],
        &[json!(6), json!(4.9)],
    );
    operator(
        json!([{"numeric": [">", 9_999]}]),
        &[json!(10_000), json!(5.0e9), json!(6.0e9), json!(1.7e308)],
        &[json!(9_999), json!("10000")],
    );
    // "IP address matching".
    operator(
        json!([{"cidr": "10.0.0.0/24"}]),
        &[json!("10.0.0.0"), json!("10.0.0.255")],
        &[json!("10.0.1.0"), json!("10.0.0"), json!("::a00:0")],
    );
    operator(
        json!([{"cidr": "2001:db8::/33"}]),
        &[json!("2001:db8:7fff::1")],
        &[json!("2001:db8:8000::")],
    );
    operator(json!([{"cidr": "1.2.3.4/0"}]), &[json!("255.255.255.255")], &[json!("::1")]);
    // "Equals-ignore-case matching".
    operator(
        json!([{"equals-ignore-case": "ec2 instance state-change notification"}]),
        &[json!("EC2 Instance State-change Notification")],
        &[json!("EC2 Instance State-change")],
    );
    // "Matching using wildcards", with Event Ruler's escapes.
    operator(
        json!([{"wildcard": "dir/*.png"}]),
        &[json!("dir/a.png"), json!("dir/.png"), json!("dir/b/a.png")],
        &[json!("dir.png"), json!("a/dir/a.png"), json!("dir/a.pngx")],
    );
    operator(
        json!([{"wildcard": "*/dir/*/c*"}]),
        &[json!("/a/dir/b/c"), json!("/dir/dir/c")],
        &[json!("/dir/c")],
    );
    operator(json!([{"wildcard": "ab*bc"}]), &[json!("abbc")], &[json!("abc")]);
    operator(
        json!([{"wildcard": "a\\*b\\\\*"}]),
        &[json!("a*b\\c")],
        &[json!("axb\\c"), json!("a*bc")],
    );
    operator(json!([{"wildcard": "*"}]), &[json!(""), json!("a\nb")], &[json!(1), json!(null)]);
    // Values of other types, and an address in another notation.
    operator(
        json!([true, null, 7]),
        &[json!(true), json!(null), json!(7), json!(7.0)],
        &[json!("true"), json!(8)],
    );
    operator(
        json!([123_456_789_012_u64]),
        &[json!(123_456_789_012_u64)],
        &[json!(123_456_789_013_u64)],
    );
    operator(json!(["2001:db8::1"]), &[json!("2001:DB8:0::1")], &[json!("2001:db8::2")]);
}

// "Exists matching" in `eb-create-pattern-operators`, and Event Ruler's README.
#[test]
fn exists_is_about_fields_with_a_value() {
    let present = json!({"detail": {"instance-id": "i-abcd1111", "state": "pending"}});
    let absent = json!({"detail": {"c-count": {"c1": 100}}});
    check(
        &json!({"detail": {"state": [{"exists": true}]}}),
        std::slice::from_ref(&present),
        std::slice::from_ref(&absent),
    );
    check(
        &json!({"detail": {"state": [{"exists": false}]}}),
        std::slice::from_ref(&absent),
        &[present],
    );
    check(&json!({"detail": {"c-count": [{"exists": false}]}}), std::slice::from_ref(&absent), &[]);
    check(
        &json!({"detail": {"c-count": [{"exists": true}]}}),
        &[json!({"detail": {"c-count": null}})],
        &[absent],
    );
    check(&json!({"a": [{"exists": false}]}), &[json!({"a": []}), json!({})], &[json!({"a": [1]})]);
    check(
        &json!({"a": [{"exists": false}, "x"]}),
        &[json!({"a": "x"}), json!({})],
        &[json!({"a": "y"})],
    );
    check(
        &json!({"a": [{"anything-but": "x"}]}),
        &[json!({"a": "y"})],
        &[json!({}), json!({"a": {"b": 1}})],
    );
}

// "Complex example with multiple matching".
#[test]
fn several_operators_are_combined() {
    let good = json!({"time": "2017-10-02T18:43:48Z", "detail": {
        "state": "running", "c-count": 5, "d-count": 9, "x-limit": 301.8
    }});
    let mut bad = good.clone();
    bad["detail"]["x-limit"] = json!(300);
    let tried = json!({
        "time": [{"prefix": "2017-10-02"}],
        "detail": {
            "state": [{"anything-but": "initializing"}], "c-count": [{"numeric": [">", 0, "<=", 5]}],
            "d-count": [{"numeric": ["<", 10]}], "x-limit": [{"anything-but": [100, 200, 300]}]
        }
    });
    check(&tried, &[good], &[bad]);
}

// "Complex example with $or matching", and the nested example of Event Ruler's README.
#[test]
fn or_matches_if_one_of_its_patterns_does() {
    check(
        &json!({"detail": {"$or": [
            {"c-count": [{"numeric": [">", 0, "<=", 5]}]}, {"d-count": [{"numeric": ["<", 10]}]},
            {"x-limit": [{"numeric": ["=", 3.018e2]}]}
        ]}}),
        &[
            json!({"detail": {"c-count": 1}}),
            json!({"detail": {"d-count": 1}}),
            json!({"detail": {"x-limit": 301.8}}),
        ],
        &[json!({"detail": {"c-count": 6, "d-count": 10, "x-limit": 1}}), json!({"c-count": 1})],
    );
    let cloud = |more: Value| {
        let mut event = json!({"source": "aws.cloudwatch"});
        event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        event
    };
    check(
        &json!({
            "source": ["aws.cloudwatch"],
            "$or": [
                {"metricName": ["CPUUtilization", "ReadLatency"]},
                {
                    "metricType": ["MetricType"], "namespace": ["AWS/EC2", "AWS/ES"],
                    "$or": [{"metricId": [1234]}, {"spaceId": [1000]}]
                },
                {"scope": ["Service"]}
            ]
        }),
        &[
            cloud(json!({"metricName": "ReadLatency"})),
            cloud(json!({"scope": "Service"})),
            cloud(json!({"metricType": "MetricType", "namespace": "AWS/ES", "spaceId": 1000})),
        ],
        &[
            json!({"scope": "Service"}),
            cloud(json!({"metricType": "MetricType", "namespace": "AWS/ES"})),
            cloud(json!({"metricType": "MetricType", "spaceId": 1000})),
        ],
    );
}

// Event Ruler's README, "JSON Array Matching".
#[test]
fn fields_of_different_elements_of_a_list_do_not_match_together() {
    let employees = json!({"employees": [
        {"firstName": "John", "lastName": "Doe"}, {"firstName": "Anna", "lastName": "Smith"},
        {"firstName": "Peter", "lastName": "Jones"}
    ]});
    let nested = json!({"employees": [
        [{"firstName": "John", "lastName": "Doe"}, {"firstName": "Anna", "lastName": "Smith"}],
        [{"firstName": "Peter", "lastName": "Jones"}]
    ]});
    let both = [employees, nested];
    check(&json!({"employees": {"firstName": ["Anna"]}}), &both, &[]);
    check(&json!({"employees": {"firstName": ["Anna"], "lastName": ["Smith"]}}), &both, &[]);
    check(&json!({"employees": {"firstName": ["Anna"], "lastName": ["Jones"]}}), &[], &both);
    // A field counts as absent if the element in which the other field matched lacks it.
    let event = json!({"list": [{"a": 1}, {"a": 2, "b": 1}]});
    check(
        &json!({"list": {"a": [1], "b": [{"exists": false}]}}),
        std::slice::from_ref(&event),
        &[],
    );
    check(&json!({"list": {"a": [2], "b": [{"exists": false}]}}), &[], &[event]);
    // A list in an element: the value beside it and one of its elements match together.
    let nested =
        json!({"list": [{"a": 1, "in": [{"b": 1}, {"b": 2, "c": 1}]}, {"a": 2, "in": [{"c": 2}]}]});
    let of = |a: u8, b: u8, c: u8| json!({"list": {"a": [a], "in": {"b": [b], "c": [c]}}});
    check(&of(1, 2, 1), std::slice::from_ref(&nested), &[]);
    for other in [of(1, 1, 1), of(2, 2, 1), of(1, 2, 2)] {
        check(&other, &[], std::slice::from_ref(&nested));
    }
    let two = json!({"a": {"x": [{"n": 1}]}, "b": [[{"m": 1}, {"m": 2}], [{"m": 3, "k": 1}]]});
    check(
        &json!({"a": {"x": {"n": [1]}}, "b": {"m": [3], "k": [1]}}),
        std::slice::from_ref(&two),
        &[],
    );
    check(&json!({"a": {"x": {"n": [1]}}, "b": {"m": [2], "k": [1]}}), &[], &[two]);
    // Elements of different lists match together.
    let lists = json!({"one": [{"a": 1}, {"a": 2}], "two": [{"b": 1}, {"b": 2}]});
    check(&json!({"one": {"a": [1]}, "two": {"b": [2]}}), &[lists], &[]);
}

// Event Ruler's README, "Compiled rules and JSON keys with dots".
#[test]
fn a_point_in_a_name_is_a_level() {
    let events = [
        json!({"detail": {"state": {"status": "running"}}}),
        json!({"detail": {"state.status": "running"}}),
    ];
    check(&json!({"detail": {"state.status": ["running"]}}), &events, &[]);
    check(&json!({"detail": {"state": {"status": ["running"]}}}), &events, &[]);
}
