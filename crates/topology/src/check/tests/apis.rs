//! Mistakes in HTTP APIs and function URLs.

use super::super::super::{Authorization, Severity, check_text};

const GOOD: &str = r#"profile = "tidegate"
apis = {
  shop = {
    authorizers = {
      customers = { issuer = "https://login.example.com/pool", audience = ["shop"] }
    }
    throttling = { rate = 50, burst = 100 }
    routes = {
      "POST /orders" = { function = "orders", authorizer = "customers", scopes = ["orders.write"] }
      "GET /orders/{id}" = { function = "orders", authorizer = "customers" }
      "ANY /staff/{path+}" = { function = "orders", authorization = "iam" }
      "GET /health" = { function = "orders", authorization = "none" }
      "$default" = { function = "orders", authorization = "none" }
    }
  }
}
functions = {
  orders = {
    timeout_seconds = 30
    url = { authorization = "iam" }
  }
}
"#;

/// Asserts that a change leads to one mistake of this severity, in the first changed line, and that
/// its message contains `says`.
#[track_caller]
fn slip(severity: Severity, from: &str, to: &str, says: &str) {
    assert_eq!(GOOD.matches(from).count(), 1, "{from} must occur once");
    let text = GOOD.replacen(from, to, 1);
    let found = match check_text(&text) {
        Ok(checked) => checked.warnings,
        Err(mistakes) => mistakes,
    };
    let [mistake] = found.as_slice() else { panic!("one mistake expected: {found:#?}") };
    let same = text.lines().zip(GOOD.lines()).take_while(|(changed, good)| changed == good).count();
    assert_eq!(mistake.position.line, same + 1, "{}", mistake.message);
    assert_eq!(mistake.severity, severity, "{}", mistake.message);
    assert!(mistake.message.contains(says), "{}", mistake.message);
}

#[test]
fn a_declared_api_is_read_as_it_is_written() {
    let checked = check_text(GOOD).unwrap();
    assert_eq!(checked.warnings, []);
    let api = &checked.topology.apis["shop"];
    assert_eq!(api.routes["POST /orders"].scopes, ["orders.write"]);
    assert_eq!(api.routes["ANY /staff/{path+}"].authorization, Some(Authorization::Iam));
    assert_eq!(api.throttling.map(|limit| (limit.rate, limit.burst)), Some((50.0, 100)));
    let url = checked.topology.functions["orders"].url.unwrap();
    assert_eq!(url.authorization, Authorization::Iam);
}

#[test]
fn what_api_gateway_refuses_is_an_error_in_its_line() {
    let slip = |from: &str, to: &str, says: &str| slip(Severity::Error, from, to, says);
    slip(
        "function = \"orders\", authorizer = \"customers\", s",
        "function = \"order\", authorizer = \"customers\", s",
        "which is not declared; declared functions: orders",
    );
    slip(
        "authorizer = \"customers\" }",
        "authorizer = \"staff\" }",
        "which is not declared; declared authorizers: customers",
    );
    slip("\"GET /health\"", "\"health\"", "is not a route key");
    slip("\"GET /health\"", "\"GET /health/\"", "an invalid segment");
    slip("\"GET /health\"", "\"GET /orders/{order}\"", "is the same route as GET /orders/{");
    slip("[\"orders.write\"]", "[\"orders write\"]", "one with a space");
    slip(
        "[\"orders.write\"]",
        "[\"1\",\"2\",\"3\",\"4\",\"5\",\"6\",\"7\",\"8\",\"9\",\"10\",\"11\"]",
        "are 11; API Gateway takes 10",
    );
    slip("https://login", "http://login", "use the issuer's URL");
    slip("/pool", "/pool?x=1", "use the issuer's URL");
    slip("[\"shop\"]", "[]", "has 0 entries; API Gateway takes 1 to 50");
    slip("[\"shop\"]", "[\" \"]", "has an empty entry");
    slip("rate = 50", "rate = 0", "must be above 0");
    slip("burst = 100", "burst = 0", "must be 1 to");
    slip("  shop = {", "  \"shop/1\" = {", "is not a valid name of an API");
}

#[test]
fn a_route_says_itself_who_may_call_it() {
    let open = "\"GET /health\" = { function = \"orders\", authorization = \"none\" }";
    let silent = "\"GET /health\" = { function = \"orders\" }";
    slip(Severity::Error, open, silent, "does not say who may call it");
    let both = open.replace("\"none\"", "\"none\", authorizer = \"customers\"");
    slip(Severity::Error, open, &both, "has an authorizer and an authorization");
    let scoped = open.replace("\"none\"", "\"none\", scopes = [\"a\"]");
    slip(Severity::Error, open, &scoped, "need an authorizer");
    slip(Severity::Error, "url = { authorization = \"iam\" }", "url = {}", "missing field");
    slip(
        Severity::Error,
        "url = { authorization = \"iam\" }",
        "url = { authorization = \"jwt\" }",
        "expected `iam` or `none`",
    );
}

#[test]
fn a_timeout_that_api_gateway_does_not_wait_for_is_a_warning_at_each_of_its_routes() {
    let text = GOOD.replacen("timeout_seconds = 30", "timeout_seconds = 31", 1);
    let warnings = check_text(&text).unwrap().warnings;
    let lines: Vec<usize> = warnings.iter().map(|warning| warning.position.line).collect();
    assert_eq!(lines, [9, 10, 11, 12, 13], "{warnings:#?}");
    assert!(warnings[0].message.contains("API Gateway answers 503 after 30 s"), "{warnings:#?}");
}

#[test]
fn what_aws_raises_on_request_and_what_only_this_project_wants_is_a_warning() {
    let routes: String = (0..296)
        .map(|n| {
            format!("      \"GET /n{n}\" = {{ function = \"orders\", authorization = \"none\" }}\n")
        })
        .collect();
    let text =
        GOOD.replacen("      \"POST /orders\"", &format!("{routes}      \"POST /orders\""), 1);
    let warnings = check_text(&text).unwrap().warnings;
    assert!(warnings[0].message.contains("has 301 entries; AWS's quota for an API is 300"));
    let text = GOOD.replacen("    throttling = { rate = 50, burst = 100 }\n", "", 1);
    let warnings = check_text(&text).unwrap().warnings;
    assert_eq!((warnings.len(), warnings[0].position.line), (1, 3), "the line of the API");
    assert!(warnings[0].message.contains("throttling is not set"), "{warnings:#?}");
    let other = "      customers = { issuer";
    let unused = format!(
        "      staff = {{ issuer = \"https://a.example.com\", audience = [\"b\"] }}\n{other}"
    );
    slip(Severity::Warning, other, &unused, "is not used by any route");
    slip(Severity::Warning, "  shop = {", "  Shop = {", "is not a well-formed name");
}
