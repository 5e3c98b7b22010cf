//! Answers HTTP requests of a bank: withdrawals are commands of an account, transfers leave through
//! another bank.
//!
//! Guarantees:
//!
//! - A request that is sent again with its `Idempotency-Key` gets the first answer, and nothing
//!   happens twice. This holds while the first still runs, too.
//! - A withdrawal costs no write for its key: the commit of its event holds it. It is decided with
//!   those of the stream, one after the other.
//! - A transfer has an idempotency record. After a crash between transfer and record, it is held
//!   for an operator (`tidegate effects`).
//! - No caller can use or read another's keys. API Gateway or Lambda checks who the caller is; the
//!   handlers check whose account it is.
//! - Every error is a problem document of RFC 9457.
//!
//! An HTTP API of API Gateway (payload 2.0) with a JWT authorizer invokes the function, or a
//! function URL with IAM. There are no batches and no dead letters: the client waits for the
//! answer, and can ask again.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::json;
use tidegate::function::Function;
use tidegate::idempotency::{AfterCrash, DynamoDbIdempotency, EffectError, Effects};
use tidegate::ids::StreamId;
use tidegate::message::Message;
use tidegate::request::{Answer, Api, Call, Problem, Request, Route, StatusCode};
use tidegate::store::{Aggregate, Decision, DynamoDbEventStore, EventStore, Retry, execute, load};

/// Records are kept longer than any client retries.
const MONTH: Duration = Duration::from_secs(31 * 24 * 3600);

#[derive(Clone, Serialize, Deserialize, Message)]
struct Withdraw {
    cents: u64,
}
#[derive(Clone, Serialize, Deserialize, Message)]
struct Withdrawn {
    cents: u64,
}
#[derive(Clone, Serialize, Deserialize, Message)]
struct Overdrawn {
    cents: u64,
}

tidegate::messages! { enum Command { Withdraw } }
tidegate::messages! { enum Event { Withdrawn, Overdrawn } }

#[derive(Default)]
struct Account {
    withdrawn: u64,
}

impl Aggregate for Account {
    type Command = Command;
    type Event = Event;
    const SOURCE: &'static str = "bank.accounts";

    fn creates(_: &Command) -> bool {
        false
    }

    fn apply(&mut self, event: &Event) {
        if let Event::Withdrawn(Withdrawn { cents }) = event {
            self.withdrawn = self.withdrawn.saturating_add(*cents)
        }
    }

    fn decide(&self, Command::Withdraw(Withdraw { cents }): &Command) -> Decision<Event> {
        if self.withdrawn.saturating_add(*cents) > 100_000 {
            return Decision::one(Overdrawn { cents: *cents });
        }
        Decision::one(Withdrawn { cents: *cents })
    }
}

struct Bank {
    accounts: Arc<dyn EventStore>,
}

#[derive(Deserialize)]
struct InPath {
    account: String,
}

#[derive(Deserialize)]
struct Transfer {
    to: String,
    cents: u64,
}

/// Checks that the caller owns the account. The authorizer knows who calls, not what is whose.
fn own(account: &str, request: &Request) -> Result<StreamId, Problem> {
    let owner = request.caller.jwt().and_then(|token| token.subject());
    if owner != Some(account) {
        return Err(Problem::not_found("you have no such account"));
    }
    Ok(StreamId::new("account", account)?)
}

/// The commit of the event is the deduplication.
async fn withdraw(bank: Arc<Bank>, call: Call<Withdraw, InPath>) -> Result<Answer, Problem> {
    let account = own(&call.path.account, &call.request)?;
    let command = Command::from(call.body);
    let origin = call.request.origin(&command)?;
    let executed =
        execute::<Account>(&*bank.accounts, &account, &command, &origin, Retry::default()).await?;
    // An answer that is made of the decision alone is the same each time.
    match executed.events() {
        [Event::Withdrawn(withdrawn)] => Answer::json(
            StatusCode::CREATED,
            &json!({ "cents": withdrawn.cents, "version": executed.version }),
        ),
        _ => Err(Problem::invalid("the account is exhausted")
            .mistake("/cents", "is more than the account has left")),
    }
}

async fn read(bank: Arc<Bank>, call: Call<(), InPath>) -> Result<Answer, Problem> {
    let account = own(&call.path.account, &call.request)?;
    let loaded = load::<Account>(&*bank.accounts, &account).await?;
    Answer::ok(&json!({ "withdrawn": loaded.aggregate.withdrawn, "version": loaded.version }))
}

/// The route runs once for each key. An answer is kept; a problem gives the key back.
async fn transfer(_: Arc<Bank>, call: Call<Transfer, InPath>) -> Result<Answer, Problem> {
    own(&call.path.account, &call.request)?;
    if call.body.cents == 0 {
        return Err(Problem::invalid("nothing to transfer").mistake("/cents", "must be above 0"));
    }
    let key = call.request.effect.map(|key| key.to_string()).unwrap_or_default();
    let receipt = send(&call.body, &key).await?;
    Answer::created(&format!("/receipts/{receipt}"), &json!({ "receipt": receipt }))
}

/// Stands for a call to another bank, which takes the key of the effect.
async fn send(transfer: &Transfer, key: &str) -> Result<String, EffectError> {
    Ok(format!("{}-{}-{}", transfer.to, transfer.cents, key.len()))
}

fn api(bank: Bank, effects: Effects) -> Api<Bank> {
    Api::new("bank.api", bank)
        .route(Route::get("/accounts/{account}"), read)
        .route(Route::post("/accounts/{account}/withdrawals").key_required(), withdraw)
        .route(
            Route::post("/accounts/{account}/transfers")
                .key_required()
                .once(effects, AfterCrash::Hold),
            transfer,
        )
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let mut function = Function::start().await;
    let accounts = function.settings.text("EVENT_STORE_TABLE");
    let records = function.settings.text("IDEMPOTENCY_TABLE");
    let build = |aws: &tidegate::aws::AwsClients| {
        let accounts = Arc::new(DynamoDbEventStore::new(aws.dynamodb(), accounts?));
        let records = Arc::new(DynamoDbIdempotency::new(aws.dynamodb(), records?));
        Some(api(Bank { accounts }, Effects::new(records, "bank", MONTH)))
    };
    function.serve(build).await
}

#[cfg(test)]
mod tests {
    use tidegate::test::{
        ApiClient, Call as Port, Fault, Faults, Faulty, HttpAnswer, HttpEvent, MemoryEventStore,
        MemoryIdempotency,
    };

    use super::*;

    /// A client of a bank whose stores have these faults.
    fn client(faults: &Faults) -> ApiClient<Bank> {
        let accounts = Arc::new(MemoryEventStore::default());
        let accounts = Arc::new(Faulty::new(accounts, faults.clone()));
        let records = Arc::new(MemoryIdempotency::default());
        let records = Arc::new(Faulty::new(records, faults.clone()));
        ApiClient::new(api(Bank { accounts }, Effects::new(records, "bank", MONTH)))
    }

    fn by(who: &str, method: &str, path: &str) -> HttpEvent {
        HttpEvent::api(method, path).jwt("https://issuer.example", who, &[])
    }

    fn withdrawal(cents: u64) -> HttpEvent {
        let request = by("anna", "POST", "/accounts/anna/withdrawals").key("k1");
        request.json(&json!({ "cents": cents }))
    }

    fn transfer(cents: u64) -> HttpEvent {
        let request = by("anna", "POST", "/accounts/anna/transfers").key("\"k1\"");
        request.json(&json!({ "to": "ben", "cents": cents }))
    }

    async fn withdrawn(client: &ApiClient<Bank>) -> serde_json::Value {
        client.send(by("anna", "GET", "/accounts/anna")).await.json()["withdrawn"].clone()
    }

    fn code(answer: &HttpAnswer) -> String {
        answer.json()["code"].as_str().unwrap_or_default().to_owned()
    }

    #[tokio::test]
    async fn the_same_request_again_gets_the_first_answer_and_happens_once() {
        let client = client(&Faults::none());
        for request in [withdrawal(700), transfer(300)] {
            let first = client.send(request.clone()).await;
            let again = client.send(request).await;
            assert_eq!((first.status, again.status), (201, 201), "{first:?}");
            assert_eq!(
                (&first.body, first.header("location")),
                (&again.body, again.header("location"))
            );
        }
        assert_eq!(withdrawn(&client).await, 700);
    }

    #[tokio::test]
    async fn the_same_key_with_another_body_is_refused() {
        let client = client(&Faults::none());
        for (first, other) in [(withdrawal(1), withdrawal(2)), (transfer(1), transfer(2))] {
            assert_eq!(client.send(first).await.status, 201);
            let refused = client.send(other).await;
            assert_eq!((refused.status, code(&refused).as_str()), (422, "key_reused"));
        }
        assert_eq!(withdrawn(&client).await, 1);
    }

    #[tokio::test]
    async fn a_request_whose_answer_was_lost_happens_once() {
        for call in [Port::Commit, Port::Claim, Port::Complete] {
            let client = client(&Faults::none().at(call, 1, Fault::LostResponse));
            for request in [withdrawal(700), transfer(300)] {
                let mut answer = client.send(request.clone()).await;
                if answer.status == 503 {
                    assert!(answer.header("retry-after").is_some());
                    answer = client.send(request).await;
                }
                assert_eq!(answer.status, 201, "{call:?}: {answer:?}");
            }
            assert_eq!(withdrawn(&client).await, 700, "{call:?}");
        }
    }

    #[tokio::test]
    async fn no_caller_reaches_the_account_of_another() {
        let client = client(&Faults::none());
        client.send(withdrawal(700)).await;
        let read = client.send(by("ben", "GET", "/accounts/anna")).await;
        assert_eq!((read.status, code(&read).as_str()), (404, "not_found"));
        let nobody = client.send(HttpEvent::api("GET", "/accounts/anna")).await;
        assert_eq!((nobody.status, code(&nobody).as_str()), (401, "no_caller"));
    }

    #[tokio::test]
    async fn what_is_refused_is_named_and_changes_nothing() {
        let client = client(&Faults::none());
        for (request, status, pointer) in
            [(withdrawal(100_001), 422, "/cents"), (transfer(0), 422, "/cents")]
        {
            let refused = client.send(request).await;
            assert_eq!(refused.status, status);
            assert_eq!(refused.header("content-type"), Some("application/problem+json"));
            assert_eq!(refused.json()["errors"][0]["pointer"], pointer);
        }
        assert_eq!(withdrawn(&client).await, 0);
    }
}
