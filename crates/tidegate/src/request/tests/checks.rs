//! Tests the checks in front of handlers, and that every error is a problem document.

use super::*;

#[tokio::test]
async fn every_check_answers_with_its_status() {
    let world = World::new();
    let long = "x".repeat(2100);
    let line = |body: HttpEvent| body.key("k");
    let lines = || anna("POST", "/orders/7/lines");
    for (request, wanted) in [
        (anna("GET", "/nothing"), (404, "unknown_route")),
        (anna("GET", "/orders/7/"), (404, "unknown_route")),
        (anna("GET", "/orders/none"), (404, "not_found")),
        (anna("DELETE", "/orders/7"), (405, "method_not_allowed")),
        (anna("G\u{e4}T", "/orders/7"), (400, "invalid_method")),
        (HttpEvent::api("GET", "/orders/7"), (401, "no_caller")),
        (HttpEvent::url("GET", "/orders/7"), (401, "no_caller")),
        (HttpEvent::api("GET", "/failures/x").jwt(ISSUER, "anna", &["l"]), (403, "forbidden")),
        (anna("GET", "/orders/7").header("accept", "text/html"), (406, "not_acceptable")),
        (anna("GET", "/orders/7").query("depth=x"), (400, "invalid_query")),
        (anna("GET", "/orders/7").query("depth=%ff"), (400, "invalid_query")),
        (anna("GET", &format!("/orders/{long}")), (414, "path_too_long")),
        (anna("GET", "/orders/\u{0}"), (400, "invalid_path")),
        (anna("GET", "/orders/../7"), (400, "invalid_path")),
        (lines().json(&json!({})), (400, "key_missing")),
        (lines().key("a,b").json(&json!({})), (400, "invalid_key")),
        (line(lines().text("text/plain", "{}")), (415, "content_type")),
        (line(lines()), (400, "malformed_body")),
        (line(lines().text("application/json", "{")), (400, "malformed_body")),
        (line(lines().bytes("application/json", b"\"\xff\"")), (400, "malformed_body")),
        (line(lines().json(&json!({ "product": 1 }))), (422, "invalid_body")),
        (line(lines().json(&"x".repeat(300_000))), (413, "body_too_large")),
        (HttpEvent::api("PUT", "/health").json(&"0123456789"), (413, "body_too_large")),
    ] {
        let shown = format!("{request:?}");
        let answer = world.send(request).await;
        let (status, code) = problem(&answer);
        assert_eq!((status, code.as_str()), wanted, "{}", shown.get(..200).unwrap_or(&shown));
    }
    assert!(world.events.commits().is_empty(), "nothing is stored");
}

#[tokio::test]
async fn a_problem_says_what_is_wrong_where_and_in_which_request() {
    let world = World::new();
    let answer = world.send(anna("DELETE", "/orders/7")).await;
    assert_eq!(answer.header("allow"), Some("GET, HEAD"));
    assert_eq!(answer.json()["instance"], "invocation-1");
    assert_eq!(answer.json()["type"], "about:blank");
    let answer = world.send(HttpEvent::api("GET", "/orders/7")).await;
    assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
    let body = json!({ "product": "cup", "quantity": -1 });
    let answer = world.send(anna("POST", "/orders/7/lines").key("k").json(&body)).await;
    assert_eq!(answer.json()["errors"][0]["pointer"], "/quantity");
    let answer =
        world.send(anna("POST", "/orders/7/lines").key("k").text("application/json", "{\n,"));
    let detail = answer.await.json()["detail"].to_string();
    assert!(detail.contains("line 2 column 1"), "{detail}");
}

#[tokio::test]
async fn the_class_of_a_failure_decides_and_nothing_internal_leaves() {
    let world = World::new();
    for (which, status, code, retry) in [
        ("permanent", 422, "no_such_cup", None),
        ("corrupt", 500, "internal", None),
        ("transient", 503, "unavailable", Some("3")),
        ("busy", 409, "in_progress", Some("1")),
        ("error", 500, "internal", None),
        ("panic", 500, "internal", None),
        ("header", 500, "internal", None),
        ("large", 500, "internal", None),
    ] {
        let answer = world.send(anna("GET", &format!("/failures/{which}"))).await;
        assert_eq!(problem(&answer), (status, code.to_owned()), "{which}");
        assert_eq!(answer.header("retry-after"), retry, "{which}");
        let text = String::from_utf8(answer.body).unwrap();
        assert!(!text.contains("secret") && !text.contains("invalid digit"), "{which}: {text}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_hangs_is_answered_before_its_deadline() {
    let world = World::new();
    let answer = world.send(anna("GET", "/failures/hangs")).await;
    assert_eq!(problem(&answer), (503, "unavailable".to_owned()));
    assert!(answer.header("retry-after").is_some());
}

#[tokio::test]
async fn answers_have_what_costs_nothing() {
    let world = World::new();
    let answer = world.send(HttpEvent::url("GET", "/health")).await;
    assert_eq!(answer.status, 200);
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("cache-control", "no-store"),
        ("x-correlation-id", "Request-1"),
        ("content-type", "application/json"),
    ] {
        assert_eq!(answer.header(name), Some(value));
    }
    let head = world.send(HttpEvent::url("HEAD", "/health")).await;
    assert_eq!((head.status, head.body.len()), (200, 0));
    let answer = world.send(anna("GET", "/failures/cookies")).await;
    assert_eq!((answer.cookies.len(), answer.body.as_slice()), (2, &[0, 255][..]));
    assert_eq!(answer.header("set-cookie"), None);
}

#[tokio::test]
async fn the_caller_is_whom_the_authorizer_established_never_a_header() {
    let world = World::new();
    let caller = async |request: HttpEvent| world.send(request).await.json()["caller"].clone();
    let forged = HttpEvent::api("GET", "/health")
        .header("authorization", "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbm5hIn0.")
        .header("x-amzn-iam-arn", "arn:aws:iam::1:root");
    assert_eq!(caller(forged).await, json!(null));
    assert_eq!(caller(anna("GET", "/health")).await, r#"jwt:["https://issuer.example","anna"]"#);
    let arn = "arn:aws:sts::000000000000:assumed-role/shop/importer";
    let signed = HttpEvent::url("GET", "/health").iam(arn);
    assert_eq!(caller(signed).await, format!("iam:{arn}"));
}

#[tokio::test]
async fn paths_mean_the_same_behind_an_api_a_stage_and_a_function_url() {
    let world = World::new();
    let body = json!({ "product": "cup", "quantity": 1 });
    let odd = "a b/c%\u{e4}";
    let url =
        HttpEvent::url("POST", "/orders/a%20b%2Fc%25%C3%A4/lines").iam("arn:aws:iam::1:user/a");
    let answer = world.send(url.key("k").json(&body)).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    assert_eq!(world.events.commits()[0].stream.key(), odd);
    let staged = anna("GET", "/orders/7").stage("prod");
    assert_eq!(problem(&world.send(staged).await), (404, "not_found".to_owned()));
    let decoded = anna("POST", "/orders/50%25/lines").key("k").json(&body);
    assert_eq!(world.send(decoded).await.status, 201);
    assert_eq!(world.events.commits()[0].stream.key(), "50%25", "it is decoded once");
}

#[tokio::test]
async fn on_a_machine_of_your_own_the_route_key_says_whether_the_path_is_encoded() {
    let world = World::new();
    let body = json!({ "product": "cup", "quantity": 1 });
    for (route, key) in [("$default", "x y"), ("POST /orders/{order}/lines", "x%20y")] {
        let mut event = anna("POST", "/orders/x%20y/lines").key("k").json(&body).value();
        event["routeKey"] = json!(route);
        event["requestContext"]["domainName"] = json!("127.0.0.1:4000");
        let event = serde_json::value::to_raw_value(&event).unwrap();
        assert_eq!(world.client.send_raw(event).await.status, 201);
        let commits = world.events.commits();
        assert!(commits.iter().any(|commit| commit.stream.key() == key), "{route}: {commits:?}");
    }
}

#[tokio::test]
async fn cookies_are_a_header_again() {
    let mut event = HttpEvent::url("GET", "/").value();
    event["cookies"] = json!(["a=1", "b=2"]);
    let event = serde_json::value::to_raw_value(&event).unwrap();
    let mut event = super::super::event::Event::parse(&event).ok().unwrap();
    assert_eq!(event.take_headers().get("Cookie"), Some("a=1; b=2"));
}

#[tokio::test]
async fn an_event_that_is_not_a_request_fails_the_invocation() {
    let world = World::new();
    for event in [json!({ "Records": [] }), json!({ "httpMethod": "GET", "path": "/" }), json!(1)] {
        let event = serde_json::value::to_raw_value(&event).unwrap();
        let answer = world.client.send_raw(event).await;
        let text = String::from_utf8(answer.body).unwrap();
        assert!(answer.status == 502 && text.contains("permanent.not_a_request"), "{text}");
    }
}

#[test]
fn a_mistake_in_a_route_is_named_before_the_function_starts() {
    let effects = || Effects::new(Arc::new(MemoryIdempotency::default()), "shop", MONTH);
    let wrong = Api::new("shop.api", ())
        .route(Route::get("no-slash"), nothing)
        .route(Route::get("/a"), nothing)
        .route(Route::get("/a"), nothing)
        .route(Route::get("/b/{a"), nothing)
        .route(Route::post("/c").anonymous().key_required(), nothing)
        .route(Route::post("/d").once(effects(), AfterCrash::Hold), nothing)
        .route(Route::post("/e").anonymous().scope("x"), nothing)
        .route(Route::post("/f").body_limit(7 * 1024 * 1024), nothing);
    let mistakes = wrong.mistakes().join("\n");
    for part in [
        "no-slash",
        "GET /a: it is declared twice",
        "/b/{a",
        "POST /c: an anonymous",
        "POST /d: it runs once",
        "POST /e: an anonymous",
        "POST /f: the body limit",
    ] {
        assert!(mistakes.contains(part), "{part}: {mistakes}");
    }
}

async fn nothing(_: Arc<()>, _: Call) -> Result<Answer, Problem> {
    Ok(Answer::no_content())
}
