//! Routes, events, answers, limits and failures.

use http::Method;
use serde_json::{Value, json};
use tidegate_local::engine::{Engine, Injection};
use tidegate_local::fault::FaultPlan;

use super::{JSON, World, changed, header, json, said};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_reaches_the_function_of_its_route_as_payload_format_2_0() {
    let world = World::start().await;
    let headers = [("cookie", "a=1; b=2"), ("x-many", "1"), ("x-many", "2"), ("User-Agent", "me")];
    let response = world.shop(Method::GET, "/orders/a%20b?x=1&x=2&y=%C3%A9", &headers, "").await;
    assert_eq!(response.status(), 200);
    let seen = json(&response);
    let event = &seen["event"];
    assert_eq!(event["version"], "2.0");
    assert_eq!(event["routeKey"], "GET /orders/{id}");
    assert_eq!(event["rawPath"], "/orders/a b");
    assert_eq!(event["rawQueryString"], "x=1&x=2&y=%C3%A9");
    assert_eq!(event["queryStringParameters"], json!({"x": "1,2", "y": "é"}));
    assert_eq!(event["pathParameters"], json!({"id": "a b"}));
    assert_eq!(event["cookies"], json!(["a=1", "b=2"]));
    assert_eq!(event["headers"]["x-many"], "1,2");
    let context = &event["requestContext"];
    assert_eq!((&context["apiId"], &context["stage"]), (&json!("shop"), &json!("$default")));
    assert_eq!(context["http"]["sourceIp"], "127.0.0.1");
    assert_eq!(context["http"]["userAgent"], "me");
    // One id finds the request in the response, in the event and in the logs.
    assert_eq!(context["requestId"], seen["request_id"]);
    assert_eq!(seen["request_id"].as_str(), header(&response, "apigw-requestid"));

    let files = json(&world.shop(Method::PUT, "/files/a/b%2Fc", &[], "raw").await);
    assert_eq!(files["event"]["routeKey"], "ANY /files/{path+}");
    assert_eq!(files["event"]["pathParameters"], json!({"path": "a/b/c"}));
    assert_eq!(
        (&files["event"]["body"], &files["event"]["isBase64Encoded"]),
        (&json!("cmF3"), &json!(true))
    );

    let url = format!("{}/a%20b?c", world.url("function-url", "probe"));
    let response = world.send(&url, Method::DELETE, &[], "").await;
    let seen = json(&response);
    assert_eq!(
        (&seen["event"]["rawPath"], &seen["event"]["routeKey"]),
        (&json!("/a%20b"), &json!("$default"))
    );
    assert_eq!(seen["request_id"].as_str(), header(&response, "x-amzn-requestid"));
    world.engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_functions_answer_becomes_the_response() {
    let world = World::start().await;
    let respond = |with: Value| json!({"do": "respond", "with": with});
    let made = respond(json!({
        "statusCode": 201, "headers": {"Location": "/orders/1"}, "cookies": ["a=1", "b=2"], "body": "made",
    }));
    for response in [world.tell(&made).await, world.tell_url("probe", &made).await] {
        assert_eq!(said(&response), (201, "made"));
        assert_eq!(header(&response, "location"), Some("/orders/1"));
        let cookies: Vec<_> = response.headers().get_all("set-cookie").iter().collect();
        assert_eq!(cookies, ["a=1", "b=2"]);
    }
    let bytes = json!({"statusCode": 200, "isBase64Encoded": true, "body": "AP/+"});
    assert_eq!(&world.tell(&respond(bytes)).await.body()[..], [0, 255, 254]);
    let inferred = world.tell(&respond(json!({"a": 1}))).await;
    assert_eq!(said(&inferred), (200, r#"{"a":1}"#));
    assert_eq!(header(&inferred, "content-type"), Some("application/json"));

    let malformed = respond(json!({"statusCode": "many"}));
    assert_eq!(
        said(&world.tell(&malformed).await),
        (500, r#"{"message":"Internal Server Error"}"#)
    );
    assert_eq!(said(&world.tell_url("probe", &malformed).await), (502, "Internal Server Error"));
    let status = world.status("shop").await;
    let why = status["last_error"].as_str().unwrap();
    assert!(why.contains("POST /open: 500, the answer's statusCode is \"many\""), "{why}");
    world.engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_function_is_a_failure_of_the_server_and_the_next_request_is_served() {
    let world = World::start().await;
    for what in [
        json!({"do": "error"}),
        json!({"do": "panic"}),
        json!({"do": "exit", "status": 3}),
        json!({"do": "answer", "bytes": 6_400_000}),
    ] {
        let response = world.tell(&what).await;
        assert_eq!(said(&response), (500, r#"{"message":"Internal Server Error"}"#), "{what}");
        assert_eq!(
            said(&world.tell_url("probe", &what).await),
            (502, "Internal Server Error"),
            "{what}"
        );
    }
    // The function's own timeout is a failure of the function.
    let response = world.tell_url("brief", &json!({"do": "hang"})).await;
    assert_eq!(said(&response), (502, "Internal Server Error"));
    let status = world.status("brief").await;
    assert!(status["last_error"].as_str().unwrap().contains("timed out"), "{status}");
    assert_eq!(world.tell(&json!({})).await.status(), 200);

    // No environment may run.
    let response = world.tell_url("off", &json!({})).await;
    assert_eq!(response.status(), 429);
    assert_eq!(json(&response)["message"], "Rate Exceeded.");
    world.engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_no_route_serves_and_what_is_too_large_never_reaches_the_function() {
    let world = World::start().await;
    for (method, path) in [
        (Method::GET, "/nothing"),
        (Method::DELETE, "/orders"),
        (Method::GET, "/orders/"),
        (Method::GET, "/"),
    ] {
        let response = world.shop(method, path, &[], "").await;
        assert_eq!(said(&response), (404, r#"{"message":"Not Found"}"#), "{path}");
    }
    let long = "x".repeat(11_000);
    let response = world.shop(Method::GET, "/orders/1", &[("x-long", &long)], "").await;
    assert_eq!(said(&response), (431, r#"{"message":"Request Header Fields Too Large"}"#));
    let too_large = r#"{"message":"Request Entity Too Large"}"#;
    let response = world.shop(Method::POST, "/open", &[], vec![0; (10 << 20) + 1]).await;
    assert_eq!(said(&response), (413, too_large));
    // API Gateway takes it, and Lambda does not take the event.
    let response = world.shop(Method::POST, "/open", &[], vec![0; 6 << 20]).await;
    assert_eq!(said(&response), (413, too_large));
    let url = world.url("function-url", "probe");
    let response = world.send(&url, Method::POST, &[], vec![0; (6 << 20) + 1]).await;
    assert_eq!(response.status(), 413);
    assert_eq!(header(&response, "x-amzn-errortype"), Some("RequestEntityTooLargeException"));
    let status = world.status("shop").await;
    assert_eq!((&status["requests"], &status["client_errors"]), (&json!(7), &json!(7)));
    assert_eq!(status["invocations"], json!({}));

    // A web page is refused like at every port of the engine.
    let page = [("origin", "http://evil.example.com")];
    assert_eq!(world.shop(Method::GET, "/orders/1", &page, "").await.status(), 403);
    let host = [("host", "evil.example.com")];
    assert_eq!(world.shop(Method::GET, "/orders/1", &host, "").await.status(), 403);
    // Malformed JSON is the function's to judge.
    let response = world.shop(Method::POST, "/open", &[JSON], "{").await;
    assert_eq!(json(&response)["event"]["body"], "{");
    world.engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stage_lets_a_burst_through_and_answers_429_then() {
    let world = World::start().await;
    let url = world.url("api", "slow");
    let mut statuses = Vec::new();
    for _ in 0..3 {
        statuses.push(world.send(&url, Method::GET, &[], "").await.status().as_u16());
    }
    assert_eq!(statuses, [200, 200, 429]);
    let response = world.send(&url, Method::GET, &[], "").await;
    assert_eq!(said(&response), (429, r#"{"message":"Too Many Requests"}"#));
    let status = world.status("slow").await;
    assert_eq!((&status["throttled"], &status["invocations"]), (&json!(2), &json!({"probe": 2})));
    // The stage of another API has a bucket of its own.
    assert_eq!(world.shop(Method::GET, "/orders/1", &[], "").await.status(), 200);
    world.engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_is_an_invocation_like_any_other_for_console_and_counts() {
    let world = World::start().await;
    world.shop(Method::GET, "/orders/1", &[], "").await;
    world.tell_url("probe", &json!({})).await;
    let console = format!("{}/console", world.engine.control_url());
    let get = |path: &str| {
        let url = format!("{console}{path}");
        let world = &world;
        async move { json(&world.send(&url, Method::GET, &[], "").await) }
    };
    let deliveries = get("/deliveries").await;
    let ways: Vec<&str> =
        deliveries.as_array().unwrap().iter().map(|one| one["way"].as_str().unwrap()).collect();
    assert_eq!(ways, ["request url → probe", "request shop → probe"]);
    let counts = get("/state").await;
    assert_eq!(counts["edges"]["shop → probe (requests)"]["count"], 1);
    assert_eq!(counts["edges"]["probe → probe (requests)"]["count"], 1);
    assert_eq!(counts["status"]["functions"]["probe"]["invocations"], 2);
    let nodes = get("/topology").await["nodes"].as_array().unwrap().clone();
    let kinds = nodes.iter().map(|node| node["kind"].as_str().unwrap());
    assert_eq!(kinds.filter(|kind| ["api", "url"].contains(kind)).count(), 6);
    world.engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_function_that_a_fault_kills_is_a_500_and_the_client_may_try_again() {
    let plan = "seed = 1\n[[fault]]\nfault = \"kill\"\nwhen = \"during\"\nmilliseconds = 1\nrate = 1\nfunction = \"probe\"\nattempts = 1\n";
    let plan = FaultPlan::parse(plan).unwrap_or_else(|mistakes| panic!("{mistakes:?}"));
    let faults = Some(Injection { plan, again: None });
    let world = World::with(|options| options.faults = faults).await;
    let attempt = async || world.shop(Method::GET, "/orders/1", &[], "").await;
    assert_eq!(said(&attempt().await), (500, r#"{"message":"Internal Server Error"}"#));
    // The second request is the second attempt: it asks the same, at another time.
    assert_eq!(attempt().await.status(), 200);
    let status = serde_json::to_value(world.engine.status().await).unwrap();
    assert_eq!(status["faults"]["injected"], json!({"kill during": 1}));
    world.engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_set_without_a_key_is_refused_before_anything_is_served() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("jwks.json");
    std::fs::write(&file, r#"{"keys":[]}"#).unwrap();
    let options = changed(dir.path(), |options| options.key_set = Some(file));
    let error = Engine::start(options).await.unwrap_err().to_string();
    assert!(error.contains("jwks.json has no RSA key with a kid"), "{error}");
}
