//! Requests to a function in another language: what a new user does with `local up`, `token` and
//! `status`.

use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

use crate::any_project::Project;
use crate::command::{stderr, stdout};

const TOPOLOGY: &str = r#"
apis = {
  shop = {
    authorizers = { customers = { issuer = "https://login.example.com", audience = ["shop"] } }
    routes = {
      "GET /me/{thing}" = { function = "worker", authorizer = "customers", scopes = ["read"] }
    }
  }
}
functions = {
  worker = {
    command         = ["python3", "-m", "awslambdaric", "app.handler"]
    timeout_seconds = 30
    url             = { authorization = "none" }
  }
}
"#;

const HANDLER: &str = r#"
def handler(event, context):
    claims = event["requestContext"].get("authorizer", {}).get("jwt", {}).get("claims", {})
    return {"path": event["rawPath"], "subject": claims.get("sub"), "tier": claims.get("tier")}
"#;

async fn get(url: &str, token: Option<&str>) -> (u16, Value) {
    let client: Client<_, Full<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
    let mut request = hyper::Request::get(url);
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    let response = client.request(request.body(Full::default()).unwrap()).await.unwrap();
    let (head, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    (head.status.as_u16(), serde_json::from_slice(&body).unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_function_in_python_answers_requests_with_tokens_of_the_command() {
    let project = Project::in_python(&[("topology.hcl", TOPOLOGY), ("app.py", HANDLER)]);
    project.up(&[]).await;
    let status = project.status().await;
    let url = |name: &str| {
        let mut all = status["gateways"].as_array().unwrap().iter();
        all.find(|gateway| gateway["name"] == name).unwrap()["url"].as_str().unwrap().to_owned()
    };
    let screen = stdout(&project.run(&["local", "status"]).await);
    assert!(screen.contains(&format!("@ api shop: {}", url("shop"))), "{screen}");
    assert!(screen.contains(&format!("@ url of worker: {}", url("worker"))), "{screen}");

    let token = async |options: &[&str]| {
        let output = project.run(&[&["local", "token"][..], options].concat()).await;
        assert!(output.status.success(), "{}", stderr(&output));
        stdout(&output).trim().to_owned()
    };
    let me = format!("{}/me/orders", url("shop"));
    let alice = token(&["--subject", "alice", "--scope", "read", "--claim", "tier=gold"]).await;
    let (status, seen) = get(&me, Some(&alice)).await;
    assert_eq!((status, &seen["subject"], &seen["tier"]), (200, &"alice".into(), &"gold".into()));
    assert_eq!(get(&me, Some(&token(&[]).await)).await.0, 403, "no scope");
    let expired = token(&["--scope", "read", "--expires", "-1m"]).await;
    assert_eq!(get(&me, Some(&expired)).await.0, 401);
    let other = token(&["--scope", "read", "--claim", "aud=office"]).await;
    assert_eq!(get(&me, Some(&other)).await.0, 401);
    assert_eq!(get(&me, None).await.0, 401);
    let (status, seen) = get(&format!("{}/x", url("worker")), None).await;
    assert_eq!((status, &seen["path"]), (200, &"/x".into()));

    let unknown = project.run(&["local", "token", "--api", "office"]).await;
    assert!(!unknown.status.success());
    let said = stderr(&unknown);
    assert!(said.contains("no API with an authorizer named office; declared: shop"), "{said}");
    project.down().await;
}
