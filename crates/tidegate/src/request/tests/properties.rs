//! Properties of every request: no bytes of a client fail the invocation.

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use serde_json::Value;
use serde_json::value::to_raw_value;

use super::*;

/// Statuses that a client may get for what it sends.
const CLIENTS: [u16; 12] = [200, 400, 401, 403, 404, 405, 406, 409, 413, 414, 415, 422];

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[/a-z%0-9.{}\\[\\]\"]{0,40}",
        Just("../../etc/passwd".to_owned()),
        Just("%00%ff%2e%2e".to_owned()),
        Just("[".repeat(3000)),
    ]
}

fn path() -> impl Strategy<Value = String> {
    prop_oneof![
        text(),
        text().prop_map(|text| format!("/orders/{text}")),
        text().prop_map(|text| format!("/orders/{text}/lines")),
        Just("/payments".to_owned()),
        Just("/orders/7/lines".to_owned()),
    ]
}

fn headers() -> impl Strategy<Value = std::collections::BTreeMap<String, String>> {
    let known = prop_oneof![
        Just("accept"),
        Just("content-type"),
        Just("idempotency-key"),
        Just("traceparent"),
        Just("x-correlation-id"),
        Just("host"),
        Just("authorization"),
    ];
    let names = prop_oneof![known.prop_map(str::to_owned), any::<String>()];
    let values = prop_oneof![text(), Just("application/json".to_owned()), Just("k".to_owned())];
    btree_map(names, values, 0..6)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn any_request_gets_an_answer_and_every_refusal_is_a_problem(
        method in prop_oneof![Just("POST".to_owned()), Just("GET".to_owned()), text()],
        path in path(),
        query in text(),
        headers in headers(),
        body in prop_oneof![
            vec(any::<u8>(), 0..200),
            text().prop_map(String::into_bytes),
            Just(br#"{"product":"cup","quantity":1,"pence":1}"#.to_vec()),
        ],
        base64 in any::<bool>(),
        broken in any::<bool>(),
        url in any::<bool>(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let event = if url { HttpEvent::url(&method, &path) } else { HttpEvent::api(&method, &path) };
        let event = event.iam("arn:aws:iam::1:user/a").query(&query);
        let event = match std::str::from_utf8(&body) {
            Ok(text) if !base64 => event.text("application/json", text),
            _ => event.bytes("application/json", &body),
        };
        let mut event = event.value();
        for (name, value) in headers {
            event["headers"][name] = Value::from(value);
        }
        if broken {
            event["isBase64Encoded"] = Value::from(true);
        }
        let world = World::new();
        let answer = runtime.block_on(world.client.send_raw(to_raw_value(&event).unwrap()));
        let created = answer.status == 201;
        prop_assert!(created || CLIENTS.contains(&answer.status), "{answer:?} {event}");
        if answer.status >= 400 {
            problem(&answer);
            prop_assert!(world.charges() == 0, "{answer:?}");
        }
    }
}
