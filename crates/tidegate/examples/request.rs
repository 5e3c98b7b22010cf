//! Answers HTTP requests: accepts an order and charges it once per customer and `Idempotency-Key`,
//! however often the request is sent.
//!
//! Guarantees:
//!
//! - The same request again gets the first answer, and charges nothing.
//! - After a crash between the charge and its record, the charge runs again with the same key. The
//!   bank recognises the key.
//!
//! Other cases get the status of the IETF draft "The Idempotency-Key HTTP Header Field":
//!
//! - 400: the request has no key.
//! - 422: the key was used for another order.
//! - 409: the first request with the key is still in progress.
//!
//! An HTTP API of API Gateway (payload 2.0) with a JWT authorizer invokes the function. It has no
//! batches and no dead letters, because the client waits for the answer and can ask again.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use lambda_runtime::{LambdaEvent, service_fn};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tidegate::failure::{Class, Failure};
use tidegate::function::Function;
use tidegate::idempotency::{
    AfterCrash, DynamoDbIdempotency, EffectError, EffectKey, EffectRun, Effects, Kept, Ran,
};

/// Records are kept longer than any client retries.
const MONTH: Duration = Duration::from_secs(31 * 24 * 3600);
/// For a client, a retry is better than waiting for a twin until Lambda's deadline.
const WAIT: Duration = Duration::from_secs(2);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    /// The names are in lower case.
    #[serde(default)]
    headers: BTreeMap<String, String>,
    body: Option<String>,
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

/// The fields that must be equal for equal keys.
#[derive(Debug, Deserialize, Serialize)]
struct Order {
    product: String,
    quantity: u32,
}

/// The stored result: the answer to every request with the key.
#[derive(Clone, Debug, Deserialize, Serialize)]
struct Receipt {
    charge: String,
    quantity: u32,
}

/// Returns an answer in API Gateway's format.
fn answer(status: u16, headers: Value, body: Value) -> Value {
    json!({ "statusCode": status, "headers": headers, "body": body.to_string() })
}

async fn place(
    LambdaEvent { payload: request, context }: LambdaEvent<Request>,
    effects: &Effects,
    charge: impl AsyncFnOnce(&Order, &EffectKey) -> Result<Receipt, EffectError>,
) -> Value {
    let order = match serde_json::from_str::<Order>(&request.body.unwrap_or_default()) {
        Ok(order) if order.quantity > 0 => order,
        Ok(_) => return answer(400, json!({}), json!({ "error": "quantity is 0" })),
        Err(error) => {
            return answer(400, json!({}), json!({ "error": format!("no order: {error}") }));
        }
    };
    let client = request.headers.get("idempotency-key").map(String::as_str).unwrap_or_default();
    // The key contains the customer. No other customer can read the answer or use up the key.
    let key =
        match effects.key("order", &(&request.request_context.authorizer.jwt.claims.sub, client)) {
            Ok(key) => key,
            Err(failure) => return refusal(&failure),
        };
    let run = EffectRun::for_request(key.clone(), AfterCrash::RunAgain);
    match effects.run(&run, &order, &context, charge(&order, &key)).await {
        Ok(Ran::Applied(receipt)) => answer(201, json!({}), json!(receipt)),
        Ok(Ran::Duplicate(Kept::Result(receipt))) => {
            answer(201, json!({ "idempotent-replayed": "true" }), json!(receipt))
        }
        // An operator completed the effect, or the receipt was too large to be stored.
        Ok(Ran::Duplicate(_)) => answer(
            200,
            json!({ "idempotent-replayed": "true" }),
            json!({ "order": "was placed before" }),
        ),
        Ok(_) => answer(202, json!({}), json!({ "order": "an operator looks into it" })),
        Err(failure) => refusal(&failure),
    }
}

/// Returns the answer to a failed request. The status depends on the reason, because the client's
/// next step does.
fn refusal(failure: &Failure) -> Value {
    let error = json!({ "error": failure.code(), "reason": failure.reason() });
    match (failure.class(), failure.code()) {
        (Class::Permanent, "payload_mismatch") => answer(422, json!({}), error),
        (Class::Permanent, _) => answer(400, json!({}), error),
        (Class::Busy, _) => answer(409, json!({ "retry-after": "1" }), error),
        _ => answer(503, json!({ "retry-after": "1" }), error),
    }
}

/// Stands for a call to a bank that accepts an idempotency key.
async fn charge(order: &Order, key: &EffectKey) -> Result<Receipt, EffectError> {
    Ok(Receipt { charge: format!("charge for {key}"), quantity: order.quantity })
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let Function { mut settings, aws, .. } = Function::start().await;
    let table = settings.text("IDEMPOTENCY_TABLE");
    let effects = settings.finish(|| {
        let records = DynamoDbIdempotency::new(aws.dynamodb(), table?);
        Some(Effects::new(Arc::new(records), "orders", MONTH).wait_at_most(WAIT))
    });
    let effects = match &effects {
        Ok(effects) => effects,
        Err(problems) => {
            tracing::error!(%problems, "the function cannot start: invalid configuration");
            return ExitCode::FAILURE;
        }
    };
    let service =
        service_fn(async |event| Ok::<_, Infallible>(place(event, effects, charge).await));
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
    use std::cell::Cell;

    use lambda_runtime::Context;
    use tidegate::test::MemoryIdempotency;
    use tokio::sync::Notify;

    use super::*;

    fn effects() -> Effects {
        Effects::new(Arc::new(MemoryIdempotency::default()), "orders", MONTH).wait_at_most(WAIT)
    }

    fn request(customer: &str, key: &str, body: &str) -> LambdaEvent<Request> {
        let payload = json!({
            "version": "2.0", "headers": { "idempotency-key": key }, "body": body,
            "requestContext": { "authorizer": { "jwt": { "claims": { "sub": customer } } } },
        });
        let mut context = Context::default();
        let end = jiff::Timestamp::now().as_millisecond() + 30_000;
        context.deadline = u64::try_from(end).unwrap();
        LambdaEvent { payload: serde_json::from_value(payload).unwrap(), context }
    }

    const ONE_CUP: &str = r#"{ "product": "cup", "quantity": 1 }"#;
    const TWO_CUPS: &str = r#"{ "product": "cup", "quantity": 2 }"#;

    /// Counts charges. Each charge has its own receipt.
    #[derive(Default)]
    struct Bank(Cell<u32>);

    impl Bank {
        async fn charge(&self, order: &Order) -> Result<Receipt, EffectError> {
            self.0.set(self.0.get() + 1);
            Ok(Receipt { charge: format!("charge {}", self.0.get()), quantity: order.quantity })
        }
    }

    async fn placed(effects: &Effects, bank: &Bank, request: LambdaEvent<Request>) -> Value {
        place(request, effects, async |order, _| bank.charge(order).await).await
    }

    #[tokio::test]
    async fn the_same_request_again_gets_the_first_answer_and_is_charged_once() {
        let (effects, bank) = (effects(), Bank::default());
        let first = placed(&effects, &bank, request("anna", "k1", ONE_CUP)).await;
        assert_eq!((&first["statusCode"], &first["headers"]), (&json!(201), &json!({})));
        let again = placed(&effects, &bank, request("anna", "k1", ONE_CUP)).await;
        assert_eq!((&again["statusCode"], &again["body"]), (&first["statusCode"], &first["body"]));
        assert_eq!(again["headers"]["idempotent-replayed"], "true");
        assert_eq!(bank.0.get(), 1);
    }

    #[tokio::test]
    async fn the_same_key_with_another_order_is_refused_and_charges_nothing() {
        let (effects, bank) = (effects(), Bank::default());
        placed(&effects, &bank, request("anna", "k1", ONE_CUP)).await;
        let other = placed(&effects, &bank, request("anna", "k1", TWO_CUPS)).await;
        assert_eq!(other["statusCode"], 422, "{other}");
        assert_eq!(bank.0.get(), 1);
    }

    #[tokio::test]
    async fn another_customer_with_the_same_key_places_an_order_of_his_own() {
        let (effects, bank) = (effects(), Bank::default());
        placed(&effects, &bank, request("anna", "k1", ONE_CUP)).await;
        let other = placed(&effects, &bank, request("ben", "k1", TWO_CUPS)).await;
        assert_eq!((&other["statusCode"], bank.0.get()), (&json!(201), 2), "{other}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_twin_at_work_is_no_conflict_the_client_is_told_to_come_again() {
        let (effects, bank, answered) = (effects(), Bank::default(), Notify::new());
        let first = place(request("anna", "k1", ONE_CUP), &effects, async |order, _| {
            answered.notified().await;
            bank.charge(order).await
        });
        let twin = async {
            let twin = placed(&effects, &bank, request("anna", "k1", ONE_CUP)).await;
            answered.notify_one();
            twin
        };
        let (first, twin) = tokio::join!(first, twin);
        assert_eq!(
            (&twin["statusCode"], &twin["headers"]["retry-after"]),
            (&json!(409), &json!("1")),
            "{twin}"
        );
        assert_eq!((&first["statusCode"], bank.0.get()), (&json!(201), 1), "{first}");
        let again = placed(&effects, &bank, request("anna", "k1", ONE_CUP)).await;
        assert_eq!((&again["body"], bank.0.get()), (&first["body"], 1));
    }

    #[tokio::test]
    async fn a_charge_that_did_not_take_place_gives_its_key_back() {
        let (effects, bank) = (effects(), Bank::default());
        let down = async |_: &Order, _: &EffectKey| {
            Err(EffectError::NotDone(Failure::transient("bank_down", "no connection")))
        };
        let failed = place(request("anna", "k1", ONE_CUP), &effects, down).await;
        assert_eq!(failed["statusCode"], 503, "{failed}");
        let again = placed(&effects, &bank, request("anna", "k1", ONE_CUP)).await;
        assert_eq!((&again["statusCode"], bank.0.get()), (&json!(201), 1), "{again}");
    }

    #[tokio::test]
    async fn a_request_without_a_key_or_an_order_is_refused() {
        let (effects, bank) = (effects(), Bank::default());
        for bad in [
            request("anna", "", ONE_CUP),
            request("anna", "k1", "no JSON"),
            request("anna", "k1", r#"{ "product": "cup", "quantity": 0 }"#),
        ] {
            let refused = placed(&effects, &bank, bad).await;
            assert_eq!((&refused["statusCode"], bank.0.get()), (&json!(400), 0), "{refused}");
        }
    }
}
