//! Tests the HTTP API of the shop through the gateway, as a client sees it.

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};

use crate::programs::shown;
use crate::world::{Part, Setup, World};

/// A client of the API with the token of one customer, or without one.
struct Client {
    http: HttpClient<HttpConnector, Full<Bytes>>,
    url: String,
    token: Option<String>,
}

impl Client {
    async fn new(world: &World, customer: Option<&str>) -> Self {
        let gateways = &world.engine.file().gateways;
        let url = gateways.iter().find(|gateway| gateway.name == "shop").unwrap().url.clone();
        let token = match customer {
            None => None,
            Some(customer) => {
                let made = world.tidegate(&["local", "token", "--subject", customer]).await;
                assert!(made.status.success(), "{}", shown(&made));
                Some(String::from_utf8(made.stdout).unwrap().trim().to_owned())
            }
        };
        let http = HttpClient::builder(TokioExecutor::new()).build(HttpConnector::new());
        Self { http, url, token }
    }

    async fn send(&self, method: Method, path: &str, key: &str, body: &Value) -> (u16, Value) {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.url));
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        if !key.is_empty() {
            request = request.header("idempotency-key", key);
        }
        request = request.header("content-type", "application/json");
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let answer = self.http.request(request.body(Full::from(body)).unwrap()).await.unwrap();
        let status = answer.status().as_u16();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&body).unwrap_or_default())
    }

    async fn get(&self, path: &str) -> (u16, Value) {
        self.send(Method::GET, path, "", &Value::Null).await
    }

    async fn post(&self, path: &str, key: &str, body: &Value) -> (u16, Value) {
        self.send(Method::POST, path, key, body).await
    }
}

async fn start() -> World {
    World::start_as(Setup { part: Part::Api, ..Setup::default() }).await
}

fn order() -> Value {
    let line = json!({ "stock_code": "85123A", "quantity": 6, "unit_price": 255 });
    json!({ "country": "France", "currency": "GBP", "lines": [line] })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_places_sees_lists_and_cancels_an_order_and_a_stranger_does_not() {
    let world = start().await;
    let (anna, ben) =
        (Client::new(&world, Some("anna")).await, Client::new(&world, Some("ben")).await);
    let (status, placed) = anna.post("/orders", "k1", &order()).await;
    assert_eq!(status, 202, "{placed}");
    assert_eq!(anna.post("/orders", "k1", &order()).await, (202, placed.clone()), "a repeat");
    let path = format!("/orders/{}", placed["order_id"].as_str().unwrap());

    let (status, shown) = anna.get(&path).await;
    assert_eq!((status, &shown["status"]), (200, &json!("placed")), "{shown}");
    assert_eq!(shown["lines"][0]["stock_code"], "85123A");
    world.settle().await;
    let (status, page) = anna.get("/customers/anna/orders").await;
    assert_eq!(status, 200, "{page}");
    let ids: Vec<_> = page["orders"].as_array().unwrap().iter().map(|o| &o["order_id"]).collect();
    assert_eq!(ids, [&placed["order_id"]], "{page}");

    for path in [path.as_str(), "/customers/anna/orders"] {
        assert_eq!(ben.get(path).await.0, 404, "{path}");
    }
    assert_eq!(ben.post(&format!("{path}/cancel"), "k", &Value::Null).await.0, 404);
    let nobody = Client::new(&world, None).await;
    assert_eq!(nobody.get(&path).await.0, 401);
    assert_eq!(nobody.get("/openapi.json").await.1["openapi"], "3.1.0");
    assert_eq!(nobody.get("/products/none/stock").await.0, 404);

    let mut bad = order();
    bad["lines"][0]["quantity"] = json!(0);
    let (status, problem) = anna.post("/orders", "k2", &bad).await;
    assert_eq!((status, &problem["code"]), (422, &json!("order_rejected")), "{problem}");
    assert_eq!(problem["errors"][0]["pointer"], "/lines/0/quantity");

    for key in ["c1", "c2"] {
        assert_eq!(anna.post(&format!("{path}/cancel"), key, &Value::Null).await.0, 202);
    }
    let (_, shown) = anna.get(&path).await;
    let steps: Vec<_> = shown["timeline"].as_array().unwrap().iter().map(|s| &s["event"]).collect();
    assert_eq!(steps, ["OrderPlaced", "CancellationRequested"]);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_load_of_orders_is_placed_at_its_rate_and_counted() {
    let world = start().await;
    let load = ["load", "--rate", "5", "--for", "4s", "--cancel-percent", "50", "--wait", "1s"];
    let figures = world.shop_json(&[&load[..], &["--json"]].concat()).await;
    assert_eq!(figures["errors"], json!({}), "{figures:#}");
    let of = |name: &str| figures[name].as_u64();
    assert_eq!((of("placed"), of("cancellations")), (Some(20), Some(10)), "{figures:#}");
    // Fulfilment does not run here.
    assert_eq!((of("confirmed"), &figures["statuses"]), (Some(0), &json!({ "placed": 20 })));
    assert!(of("post_p99_ms") >= of("post_p50_ms") && of("post_p50_ms") > Some(0), "{figures:#}");
    assert!(figures["seconds"].as_f64() >= Some(3.8), "the last order is due after 3.8 s");
    world.end().await;
}
