//! Answers HTTP reads of a view: an order, which the client sees after its own write, and the
//! caller's orders, page by page.
//!
//! Guarantees:
//!
//! - A client that sends the version of its write back sees it, or is told that it is not there
//!   yet (503 with `retry-after`) or waits for an operator (409).
//! - A page token leads only its caller on, and only in the list from which it came. Any other text
//!   is answered with 400.
//! - Nobody reads another customer's order: it looks as if it did not exist (404).
//!
//! An HTTP API of API Gateway (payload 2.0) with a JWT authorizer invokes the function for the
//! routes `GET /orders/{order}` and `GET /orders`. A projection writes the table of rows, which has
//! the index `by-customer`.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::process::ExitCode;
use std::time::Duration;

use lambda_runtime::{LambdaEvent, service_fn};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tidegate::failure::{Class, Failure};
use tidegate::function::Function;
use tidegate::ids::StreamId;
use tidegate::query::{
    Consistency, Index, PageTokens, Reached, Row, TokenKeys, VersionToken, View,
};
use tokio::time::Instant;

/// A client rather asks again than waits longer.
const WAIT: Duration = Duration::from_secs(2);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    /// The names are in lower case.
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    path_parameters: BTreeMap<String, String>,
    #[serde(default)]
    query_string_parameters: BTreeMap<String, String>,
    request_context: RequestContext,
}

#[derive(Deserialize)]
struct RequestContext {
    authorizer: Authorizer,
}

#[derive(Deserialize)]
struct Authorizer {
    jwt: Token,
}

#[derive(Deserialize)]
struct Token {
    claims: Claims,
}

#[derive(Deserialize)]
struct Claims {
    sub: String,
}

/// What the projection writes into the row of an order.
#[derive(Debug, Deserialize, Serialize)]
struct Order {
    customer: Option<String>,
    status: Option<String>,
    total: Option<i64>,
}

struct Orders {
    view: View,
    tokens: PageTokens,
}

fn answer(status: u16, headers: Value, body: Value) -> Value {
    json!({ "statusCode": status, "headers": headers, "body": body.to_string() })
}

fn problem(status: u16, reason: impl ToString) -> Value {
    let headers = if status == 503 { json!({ "retry-after": "1" }) } else { json!({}) };
    answer(status, headers, json!({ "error": reason.to_string() }))
}

fn failed(failure: &Failure) -> Value {
    tracing::error!(%failure, "a read failed");
    problem(if failure.class() == Class::Permanent { 500 } else { 503 }, failure.code())
}

impl Orders {
    async fn answer(&self, request: Request) -> Value {
        let caller = &request.request_context.authorizer.jwt.claims.sub;
        let answered = match request.path_parameters.get("order") {
            Some(order) => {
                let written = request.headers.get("written-version").map(String::as_str);
                self.one(caller, order, written).await
            }
            None => {
                let token = request.query_string_parameters.get("token").map(String::as_str);
                self.of_caller(caller, token).await
            }
        };
        answered.unwrap_or_else(|failure| failed(&failure))
    }

    async fn one(
        &self,
        caller: &str,
        order: &str,
        written: Option<&str>,
    ) -> Result<Value, Failure> {
        let Ok(stream) = StreamId::new("order", order) else {
            return Ok(problem(404, "no such order"));
        };
        if let Some(written) = written {
            let written = match written.parse::<VersionToken>() {
                Ok(written) if written.stream == stream => written,
                Ok(_) => return Ok(problem(400, "the written version is of another order")),
                Err(error) => return Ok(problem(400, error)),
            };
            match self.view.wait_for(&stream, written.version, Instant::now() + WAIT).await? {
                Reached::Ready { .. } => {}
                Reached::Behind { .. } => return Ok(problem(503, "the write is not visible yet")),
                Reached::Parked { .. } => return Ok(problem(409, "an operator looks into it")),
            }
        }
        match self.view.row::<Order>(&stream, Consistency::Strong).await? {
            Some(row) if row.data.customer.as_deref() == Some(caller) => {
                Ok(answer(200, json!({}), shown(&row)))
            }
            _ => Ok(problem(404, "no such order")),
        }
    }

    async fn of_caller(&self, caller: &str, token: Option<&str>) -> Result<Value, Failure> {
        let by_customer = Index::new("by-customer", "customer").sorted_by("at");
        let query = self.view.index(&by_customer, caller).descending().limit(20);
        let from = match token.map(|token| self.tokens.open(token, &query, Some(caller))) {
            None => None,
            Some(Ok(from)) => Some(from),
            Some(Err(error)) => return Ok(problem(400, error)),
        };
        let page = self.view.page::<Order>(&query, from.as_ref()).await?;
        let next = page.next.map(|next| self.tokens.seal(&next, &query, Some(caller)));
        let orders: Vec<Value> = page.rows.iter().map(shown).collect();
        Ok(answer(200, json!({}), json!({ "orders": orders, "next": next.transpose()? })))
    }
}

fn shown(row: &Row<Order>) -> Value {
    json!({ "order": row.stream.key(), "data": row.data, "waits": row.parked.is_some() })
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let Function { mut settings, aws, .. } = Function::start().await;
    let rows = settings.text("ORDER_VIEW_TABLE");
    let counters = settings.text("SALES_TABLE");
    let keys: Option<TokenKeys> = settings.secret("PAGE_TOKEN_KEYS");
    let orders = settings.finish(|| {
        let view = View::from_dynamodb(aws.dynamodb(), rows?, counters?);
        Some(Orders { view, tokens: PageTokens::new(keys?) })
    });
    let orders = match &orders {
        Ok(orders) => orders,
        Err(problems) => {
            tracing::error!(%problems, "the function cannot start: invalid configuration");
            return ExitCode::FAILURE;
        }
    };
    let service = service_fn(async |event: LambdaEvent<Request>| {
        Ok::<_, Infallible>(orders.answer(event.payload).await)
    });
    match lambda_runtime::run(service).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(runtime) => {
            tracing::error!(reason = %runtime, "the Lambda runtime ended");
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use tidegate::ids::Version;
    use tidegate::projection::{Advance, Position, ReadModel, RowUpdate, Transaction};
    use tidegate::test::MemoryReadModel;

    use super::*;

    const KEY: &str = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";

    fn orders(model: &MemoryReadModel) -> Orders {
        let tokens = PageTokens::new(KEY.parse().unwrap());
        Orders { view: View::from_memory(model), tokens }
    }

    fn stream(number: u32) -> StreamId {
        StreamId::new("order", &number.to_string()).unwrap()
    }

    /// Writes the first event of an order, as a projection does.
    async fn placed(model: &MemoryReadModel, number: u32, customer: &str) {
        let to = Position::after(Version::new(1));
        let from = Position::default();
        let stream = stream(number);
        let advance = Advance { stream, from, parked: None, to, event_id: None };
        let row = RowUpdate::default()
            .set("customer", customer)
            .set("at", format!("2010-12-{number:02}"))
            .set("status", "placed");
        let guards = vec![(advance, row)];
        model.apply(&Transaction { guards, ..Transaction::default() }).await.unwrap();
    }

    async fn get(orders: &Orders, caller: &str, mut request: Value) -> (u16, Value) {
        request["requestContext"] =
            json!({ "authorizer": { "jwt": { "claims": { "sub": caller } } } });
        let answer = orders.answer(serde_json::from_value(request).unwrap()).await;
        let status = answer["statusCode"].as_u64().unwrap().try_into().unwrap();
        (status, serde_json::from_str(answer["body"].as_str().unwrap()).unwrap())
    }

    fn one(number: u32, written: Option<&str>) -> Value {
        let headers = written.map_or(json!({}), |written| json!({ "written-version": written }));
        json!({ "pathParameters": { "order": number.to_string() }, "headers": headers })
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_sees_its_own_write_as_soon_as_it_is_projected() {
        let model = MemoryReadModel::default();
        let orders = orders(&model);
        let written = VersionToken::new(stream(1), Version::new(1)).to_string();
        let projection = async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            placed(&model, 1, "anna").await;
        };
        let (read, ()) = tokio::join!(get(&orders, "anna", one(1, Some(&written))), projection);
        assert_eq!((read.0, &read.1["data"]["status"]), (200, &json!("placed")), "{read:?}");
        let later = VersionToken::new(stream(1), Version::new(9)).to_string();
        assert_eq!(get(&orders, "anna", one(1, Some(&later))).await.0, 503);
    }

    #[tokio::test]
    async fn nobody_reads_another_customers_order() {
        let model = MemoryReadModel::default();
        let orders = orders(&model);
        placed(&model, 1, "anna").await;
        assert_eq!(get(&orders, "anna", one(1, None)).await.0, 200);
        let [foreign, missing] =
            [get(&orders, "ben", one(1, None)).await, get(&orders, "ben", one(2, None)).await];
        assert_eq!((foreign.0, &foreign), (404, &missing), "they look the same");
    }

    #[tokio::test]
    async fn a_customer_reads_all_orders_page_by_page_and_a_token_serves_nobody_else() {
        let model = MemoryReadModel::default();
        let orders = orders(&model);
        for number in 1..=25 {
            placed(&model, number, if number % 5 == 0 { "ben" } else { "anna" }).await;
        }
        placed(&model, 26, "anna").await;
        for number in 27..=31 {
            placed(&model, number, "anna").await;
        }
        let (status, first) = get(&orders, "anna", json!({})).await;
        assert_eq!((status, first["orders"].as_array().unwrap().len()), (200, 20));
        assert_eq!(first["orders"][0]["order"], "31", "the newest first");
        let next = json!({ "queryStringParameters": { "token": first["next"] } });
        let (status, second) = get(&orders, "anna", next.clone()).await;
        assert_eq!((status, second["orders"].as_array().unwrap().len()), (200, 6));
        assert_eq!(second["next"], Value::Null);
        assert_eq!(get(&orders, "ben", next).await.0, 400);
    }

    #[tokio::test]
    async fn a_wrong_token_or_version_is_refused() {
        let model = MemoryReadModel::default();
        let orders = orders(&model);
        let other = VersionToken::new(stream(2), Version::new(1)).to_string();
        for written in ["1", "v1.???", &other] {
            assert_eq!(get(&orders, "anna", one(1, Some(written))).await.0, 400, "{written}");
        }
        for token in ["", "x", "p1.AAAA"] {
            let request = json!({ "queryStringParameters": { "token": token } });
            assert_eq!(get(&orders, "anna", request).await.0, 400, "{token}");
        }
    }

    #[tokio::test]
    async fn an_order_that_waits_for_an_operator_is_marked() {
        let model = MemoryReadModel::default();
        let orders = orders(&model);
        placed(&model, 1, "anna").await;
        let why = Failure::permanent("bad", "it is");
        model.park(&stream(1), Version::new(2), &why).await.unwrap();
        assert_eq!(get(&orders, "anna", one(1, None)).await.1["waits"], true);
        let written = VersionToken::new(stream(1), Version::new(2)).to_string();
        assert_eq!(get(&orders, "anna", one(1, Some(&written))).await.0, 409);
    }
}
