//! Who may call: tokens and signatures.

use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use bytes::Bytes;
use http::{Method, Response};
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use tidegate_local::gateway::Issuer;

use super::rsa;
use super::{AUDIENCE, ISSUER, World, header, json, said};

fn claims(changes: Value) -> Map<String, Value> {
    let now = Timestamp::now().as_second();
    let mut claims = json!({
        "iss": ISSUER, "aud": AUDIENCE, "sub": "alice", "iat": now, "exp": now + 3600,
    });
    for (name, value) in changes.as_object().unwrap() {
        claims[name] = value.clone();
    }
    claims.as_object().unwrap().clone()
}

impl World {
    fn token(&self, changes: Value) -> String {
        let issuer = Issuer::open(&self.dir.path().join("state")).unwrap();
        issuer.sign(&claims(changes)).unwrap()
    }

    async fn with_token(&self, path: &str, token: &str) -> Response<Bytes> {
        self.shop(Method::POST, path, &[("authorization", token)], "").await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_a_token_that_the_authorizer_accepts_is_let_through() {
    let world = World::start().await;
    let good = world.token(json!({"groups": ["a", "b"], "scope": "read"}));
    for token in [format!("Bearer {good}"), good.clone()] {
        let response = world.with_token("/orders", &token).await;
        assert_eq!(response.status(), 200, "{response:?}");
        let jwt = &json(&response)["event"]["requestContext"]["authorizer"]["jwt"];
        assert_eq!(jwt["claims"]["sub"], "alice");
        assert_eq!(jwt["claims"]["groups"], "[a b]");
        assert_eq!(jwt["scopes"], Value::Null, "the route asks for none");
    }
    let none = world.shop(Method::POST, "/orders", &[], "").await;
    assert_eq!(said(&none), (401, r#"{"message":"Unauthorized"}"#));
    assert_eq!(header(&none, "www-authenticate"), Some("Bearer"));

    let elsewhere = tempfile::tempdir().unwrap();
    let stranger = Issuer::open(elsewhere.path()).unwrap().sign(&claims(json!({}))).unwrap();
    let mut forged: Vec<String> = good.split('.').map(str::to_owned).collect();
    let mallory = claims(json!({"sub": "mallory"}));
    forged[1] = rsa::encoded(Value::Object(mallory).to_string().as_bytes());
    let now = Timestamp::now().as_second();
    for (token, why) in [
        (forged.join("."), "the signature of the token is wrong"),
        (stranger, "no key of the issuer has the kid of the token"),
        (rsa::token(&claims(json!({}))), "no key of the issuer has the kid of the token"),
        (world.token(json!({"aud": "office"})), "the token does not have a valid audience"),
        (world.token(json!({"iss": "https://evil.example.com"})), "valid issuer"),
        (world.token(json!({"exp": now - 1})), "the token has expired"),
        (world.token(json!({"nbf": now + 60})), "not valid yet"),
        ("nonsense".to_owned(), "malformed"),
    ] {
        let response = world.with_token("/orders", &format!("Bearer {token}")).await;
        assert_eq!(said(&response), (401, r#"{"message":"Unauthorized"}"#), "{why}");
        let challenge = header(&response, "www-authenticate").unwrap();
        assert!(challenge.starts_with(r#"Bearer scope="" error="invalid_token""#), "{challenge}");
        assert!(challenge.contains(why), "{challenge} should say: {why}");
    }
    let status = world.status("shop").await;
    assert_eq!((&status["denied"], &status["invocations"]["probe"]), (&json!(9), &json!(2)));
    world.engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_route_with_scopes_asks_for_one_of_them() {
    let world = World::start().await;
    let token = world.token(json!({"scope": "read refund"}));
    let response = world.with_token("/refunds", &token).await;
    let jwt = &json(&response)["event"]["requestContext"]["authorizer"]["jwt"];
    assert_eq!(jwt["scopes"], json!(["read", "refund"]));
    for scopes in [json!({"scope": "read"}), json!({"scope": "refunds"}), json!({})] {
        let response = world.with_token("/refunds", &world.token(scopes)).await;
        assert_eq!(said(&response), (403, r#"{"message":"Forbidden"}"#));
        let challenge = header(&response, "www-authenticate").unwrap();
        assert!(
            challenge.starts_with(r#"Bearer scope="refund admin" error="insufficient_scope""#),
            "{challenge}"
        );
    }
    world.engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_a_key_set_only_rsa_signatures_of_its_keys_count_as_on_aws() {
    let keys = tempfile::tempdir().unwrap();
    let file = keys.path().join("jwks.json");
    std::fs::write(&file, rsa::key_set().to_string()).unwrap();
    let world = World::with(|options| options.key_set = Some(file)).await;
    let response = world.with_token("/orders", &rsa::token(&claims(json!({})))).await;
    assert_eq!(response.status(), 200, "{response:?}");
    // The engine's own issuer is not the declared one.
    assert_eq!(world.with_token("/orders", &world.token(json!({}))).await.status(), 401);
    let mut forged: Vec<String> =
        rsa::token(&claims(json!({}))).split('.').map(str::to_owned).collect();
    let mallory = claims(json!({"sub": "mallory"}));
    forged[1] = rsa::encoded(Value::Object(mallory).to_string().as_bytes());
    assert_eq!(world.with_token("/orders", &forged.join(".")).await.status(), 401);
    world.engine.shutdown().await;
}

/// Signs a request as an SDK does, and returns the headers.
fn signed(service: &str, key: &str, method: &str, url: &str, body: &[u8]) -> Vec<(String, String)> {
    let identity = Credentials::new(key, key, None, None, "test").into();
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region("us-east-1")
        .name(service)
        .time(SystemTime::now())
        .settings(SigningSettings::default())
        .build()
        .unwrap();
    let request =
        SignableRequest::new(method, url, std::iter::empty(), SignableBody::Bytes(body)).unwrap();
    let (instructions, _) = sign(request, &parameters.into()).unwrap().into_parts();
    let headers = instructions.headers();
    headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_route_or_url_with_iam_asks_for_a_signature_of_the_local_credentials() {
    let world = World::start().await;
    let staff = format!("{}/staff?a=1", world.url("api", "shop"));
    let guarded = format!("{}/x%20y", world.url("function-url", "guarded"));
    for (service, url) in [("execute-api", &staff), ("lambda", &guarded)] {
        let headers = signed(service, "test", "POST", url, b"{}");
        let headers: Vec<_> =
            headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let response = world.send(url, Method::POST, &headers, "{}").await;
        assert_eq!(response.status(), 200, "{url}: {response:?}");
        let iam = &json(&response)["event"]["requestContext"]["authorizer"]["iam"];
        assert_eq!(iam["accessKey"], "test");
        assert_eq!(iam["userArn"], "arn:aws:iam::000000000000:root");
        // The same signature under another body.
        let response = world.send(url, Method::POST, &headers, "{ }").await;
        assert_eq!(response.status(), 403);
    }
    let response = world.send(&staff, Method::POST, &[], "").await;
    assert_eq!(said(&response), (403, r#"{"message":"Forbidden"}"#));
    let response = world.send(&guarded, Method::POST, &[], "").await;
    assert_eq!(said(&response), (403, r#"{"Message":"Forbidden"}"#));
    let other = signed("execute-api", "AKIAOTHER", "GET", &staff, b"");
    let other: Vec<_> = other.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(world.send(&staff, Method::GET, &other, "").await.status(), 403);
    let status = world.status("shop").await;
    assert!(status["last_error"].as_str().unwrap().contains("the key id is AKIAOTHER"), "{status}");
    world.engine.shutdown().await;
}
