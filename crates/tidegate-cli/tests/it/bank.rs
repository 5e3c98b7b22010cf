//! All ways of a bank, from a request to a subscriber, while environments die and calls fail.
//!
//! The toolkit's examples `request` and `publisher` are its two functions. A withdrawal comes as a
//! request and becomes an event. The event leaves on a bus and a Kinesis stream, and as a command
//! in a queue. A rule hands what was refused to a topic, and a subscriber reads it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use aws_sdk_kinesis::types::ShardIteratorType;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use tidegate_local::clients::Clients;

use crate::any_project::Project;
use crate::command::{json as printed, stderr, stdout};

const TOPOLOGY: &str = r#"
tables = {
  event-store = {
    partition_key = { name = "stream", type = "S" }, sort_key = { name = "version", type = "N" }
    stream_view   = "NEW_IMAGE"
  }
  idempotency = {
    partition_key = { name = "key", type = "S" }
    ttl_attribute = "expires_at", record_retention_days = 31
  }
}
streams = { accounts = {} }
queues = { calls = {}, desk = {}, letters = { retention_seconds = 1209600 } }
buckets = { letters = { expiration_days = 14 } }
topics = { alerts = {} }
subscriptions = {
  desk = {
    topic = "alerts", queue = "desk", raw_message_delivery = true, dead_letter_queue = "letters"
    filter_policy = { account = ["account#anna"] }, filter_policy_scope = "body"
  }
}
buses = { bank = {} }
rules = {
  overdrawn = {
    bus     = "bank"
    pattern = { detail-type = ["Overdrawn"] }
    targets = {
      alerts = {
        topic = "alerts", dead_letter_queue = "letters"
        input_transformer = {
          paths    = { account = "$.detail.subject", event = "$.detail.id" }
          template = "{\"account\": <account>, \"event\": <event>}"
        }
      }
    }
  }
}
apis = {
  bank = {
    authorizers = { customers = { issuer = "https://login.example.com", audience = ["bank"] } }
    routes      = { "ANY /accounts/{path+}" = { function = "request", authorizer = "customers" } }
  }
}
functions = {
  request = {
    command = ["EXAMPLES/bank-api"], timeout_seconds = 20, maximum_concurrency = 4
    uses = {
      EVENT_STORE_TABLE = { table = "event-store", access = "append" }
      IDEMPOTENCY_TABLE = { table = "idempotency", access = "read-write" }
    }
  }
  publisher = {
    command = ["EXAMPLES/bank-publisher"], timeout_seconds = 20, maximum_concurrency = 4
    uses = {
      EVENT_STORE_TABLE     = { table = "event-store", access = "read" }
      EVENT_BUS             = { bus = "bank", access = "write" }
      ACCOUNTS_STREAM       = { stream = "accounts", access = "write" }
      CALLS_QUEUE_URL       = { queue = "calls", access = "write" }
      DEAD_LETTER_QUEUE_URL = { queue = "letters", access = "write" }
      DEAD_LETTER_BUCKET    = { bucket = "letters", access = "write" }
    }
    sources = {
      event-store = {
        table = "event-store", starting_position = "TRIM_HORIZON", batch_size = 10
        report_batch_item_failures = true, bisect_on_error = true, maximum_retry_attempts = 1000
        maximum_record_age_seconds = 43200, dead_letter_after_seconds = 21600
        on_failure = { queue = "letters" }
      }
    }
  }
}
"#;

const FAULTS: &str = r#"
seed = 17
[[fault]]
fault = "kill"
when = "during"
milliseconds = 30
rate = 0.2
attempts = 2
[[fault]]
fault = "lose-response"
rate = 0.15
attempts = 2
[[fault]]
fault = "fail"
operation = "*"
when = "after"
rate = 0.1
attempts = 2
[[fault]]
fault = "throttle"
operation = "*"
rate = 0.1
attempts = 2
"#;

const OWNERS: [&str; 3] = ["anna", "ben", "cleo"];
/// Withdrawals of each owner, of which an account can pay 14.
const WITHDRAWALS: usize = 20;
const CENTS: u64 = 7_000;
const PAID: usize = 14;
const LIMIT: Duration = Duration::from_secs(120);

/// A customer of the bank, who asks again until there is an answer.
struct Customer {
    http: Client<HttpConnector, Full<Bytes>>,
    url: String,
    token: String,
}

impl Customer {
    async fn once(&self, method: &str, path: &str, key: &str, body: &str) -> (u16, Value) {
        let request = hyper::Request::builder()
            .method(method)
            .uri(format!("{}/accounts/{path}", self.url))
            .header("authorization", format!("Bearer {}", self.token))
            .header("content-type", "application/json")
            .header("idempotency-key", key);
        let request = request.body(Full::from(body.to_owned())).unwrap();
        let (head, body) = self.http.request(request).await.unwrap().into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        (head.status.as_u16(), serde_json::from_slice(&body).unwrap_or(Value::Null))
    }

    async fn ask(&self, method: &str, path: &str, key: &str, body: &str) -> (u16, Value) {
        let began = Instant::now();
        loop {
            let (status, answer) = self.once(method, path, key, body).await;
            if status < 500 && status != 409 && status != 429 {
                return (status, answer);
            }
            assert!(began.elapsed() < LIMIT, "{method} {path} {key}: {status} {answer}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Withdraws until the account is exhausted and beyond, each time twice with the same key.
    async fn withdraw(&self, owner: &str) {
        let path = format!("{owner}/withdrawals");
        let body = json!({ "cents": CENTS }).to_string();
        for number in 1..=WITHDRAWALS {
            let key = format!("w-{number}");
            let (status, answer) = self.ask("POST", &path, &key, &body).await;
            let expected = if number <= PAID { 201 } else { 422 };
            assert_eq!(status, expected, "{owner} {key}: {answer}");
            let (again, same) = self.ask("POST", &path, &key, &body).await;
            assert_eq!((again, &same["version"]), (status, &answer["version"]), "{owner} {key}");
        }
    }
}

/// Returns the messages of a queue, and deletes them.
pub(crate) async fn drain(clients: &Clients, queue: &str) -> Vec<Value> {
    let url =
        clients.sqs.get_queue_url().queue_name(queue).send().await.unwrap().queue_url.unwrap();
    let mut all = Vec::new();
    loop {
        let some = clients.sqs.receive_message().queue_url(&url).max_number_of_messages(10);
        let some = some.send().await.unwrap().messages.unwrap_or_default();
        if some.is_empty() {
            return all;
        }
        for message in some {
            all.push(serde_json::from_str(message.body().unwrap()).unwrap());
            let receipt = message.receipt_handle().unwrap();
            clients
                .sqs
                .delete_message()
                .queue_url(&url)
                .receipt_handle(receipt)
                .send()
                .await
                .unwrap();
        }
    }
}

/// Returns the events on the stream, also those that came twice.
async fn on_the_stream(clients: &Clients) -> Vec<(String, Value)> {
    let shards = clients.kinesis.list_shards().stream_name("accounts").send().await.unwrap();
    let mut events = Vec::new();
    for shard in shards.shards() {
        let iterator = clients.kinesis.get_shard_iterator().stream_name("accounts");
        let iterator = iterator
            .shard_id(shard.shard_id())
            .shard_iterator_type(ShardIteratorType::TrimHorizon)
            .send()
            .await
            .unwrap();
        let mut next = iterator.shard_iterator;
        while let Some(iterator) = next {
            let read = clients.kinesis.get_records().shard_iterator(iterator).send().await.unwrap();
            for record in read.records() {
                let event = serde_json::from_slice(record.data().as_ref()).unwrap();
                events.push((record.partition_key().unwrap().to_owned(), event));
            }
            next = read.next_shard_iterator.filter(|_| !read.records.is_empty());
        }
    }
    events
}

/// Returns the numbers of the events on the stream by subject, each event where it came first.
async fn streamed(clients: &Clients) -> BTreeMap<String, Vec<u64>> {
    let (mut seen, mut numbers) = (BTreeSet::new(), BTreeMap::<String, Vec<u64>>::new());
    for (key, event) in on_the_stream(clients).await {
        let subject = event["subject"].as_str().unwrap();
        assert_eq!(key, subject);
        if seen.insert(event["id"].as_str().unwrap().to_owned()) {
            let number = event["sequence"].as_str().unwrap().parse().unwrap();
            numbers.entry(key).or_default().push(number);
        }
    }
    numbers
}

/// Publishes events again by type, stream and place, and counts what arrives.
async fn published_again(project: &Project, clients: &Clients) {
    let republish = async |arguments: &[&str]| {
        project.run(&[&["events", "republish", "--json"][..], arguments].concat()).await
    };
    let overdrawn = WITHDRAWALS - PAID;
    let counted = printed(&republish(&["--type", "Over*", "--dry-run"]).await);
    assert_eq!(counted["events"], json!({ "Overdrawn": OWNERS.len() * overdrawn }));
    let anna = ["--stream", "account#anna", "--dry-run"];
    let behind = ["--after", &format!("account#anna@{PAID}")];
    let counted = printed(&republish(&[&anna[..], &behind].concat()).await);
    assert_eq!(counted["events"], json!({ "Overdrawn": overdrawn }), "{counted:#}");
    let late = printed(&republish(&[&anna[..], &["--from", "0s"]].concat()).await);
    assert_eq!((&late["read"], &late["commits"]), (&json!(WITHDRAWALS), &json!(0)));

    let count = |events: Vec<(String, Value)>, kind: &str| {
        events.iter().filter(|(_, event)| event["type"] == kind).count()
    };
    let withdrawn = count(on_the_stream(clients).await, "Withdrawn");
    let calls = republish(&["--stream", "account#anna", "--type", "Overdrawn"]).await;
    assert!(calls.status.success(), "{}", stderr(&calls));
    assert_eq!(printed(&calls)["commits"], overdrawn);
    project.until("idle again", |status| status["idle"] == true).await;
    let called = drain(clients, "calls").await;
    let expected = [("customer#anna".to_owned(), overdrawn)];
    assert_eq!(ids(&called, "subject", "id"), BTreeMap::from(expected));
    let alerts = drain(clients, "desk").await;
    let expected = [("account#anna".to_owned(), overdrawn)];
    assert_eq!(ids(&alerts, "account", "event"), BTreeMap::from(expected));
    let after = count(on_the_stream(clients).await, "Withdrawn");
    assert!(withdrawn > 0 && after == withdrawn, "{after} after {withdrawn}");

    for (arguments, says) in [
        (["--all", "--function", "request"], "those are: publisher"),
        (["--stream", "account#anna", "--after=account#ben@1"], "is not in the stream"),
    ] {
        let refused = republish(&arguments).await;
        assert!(!refused.status.success() && stderr(&refused).contains(says), "{refused:?}");
    }
}

/// Counts different ids by subject.
fn ids(messages: &[Value], subject: &str, id: &str) -> BTreeMap<String, usize> {
    let of = |message: &Value, field: &str| message[field].as_str().unwrap().to_owned();
    let pairs: BTreeSet<_> =
        messages.iter().map(|message| (of(message, subject), of(message, id))).collect();
    let mut counts = BTreeMap::new();
    for (subject, _) in pairs {
        *counts.entry(subject).or_default() += 1;
    }
    counts
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn withdrawals_count_once_and_reach_every_reader_while_everything_fails() {
    let own = std::env::current_exe().unwrap();
    let examples = own.ancestors().nth(2).unwrap().join("examples");
    assert!(
        examples.join("bank-api").is_file(),
        "run `cargo build -p tidegate-cli --examples`, or the tests of the whole workspace"
    );
    let topology = TOPOLOGY.replace("EXAMPLES", examples.to_str().unwrap());
    let project = Project::new(&[("topology.hcl", &topology), ("faults.toml", FAULTS)], None);
    project.up(&["--faults", "faults.toml"]).await;
    let status = project.status().await;
    let url = status["gateways"][0]["url"].as_str().unwrap().to_owned();
    let mut customers = Vec::new();
    for owner in OWNERS {
        let output = project.run(&["local", "token", "--subject", owner]).await;
        assert!(output.status.success(), "{}", stderr(&output));
        let http = Client::builder(TokioExecutor::new()).build_http();
        let token = stdout(&output).trim().to_owned();
        customers.push(Customer { http, url: url.clone(), token });
    }
    let all = OWNERS.iter().zip(&customers).map(|(owner, customer)| customer.withdraw(owner));
    futures::future::join_all(all).await;

    let [anna, ben, _] = customers.as_slice() else { panic!("three customers") };
    let (_, account) = anna.ask("GET", "anna", "", "").await;
    assert_eq!(account["withdrawn"], CENTS * PAID as u64);
    let other = json!({ "cents": 1 }).to_string();
    let (status, problem) = anna.ask("POST", "anna/withdrawals", "w-1", &other).await;
    assert_eq!((status, &problem["code"]), (422, &"key_reused".into()));
    assert_eq!(ben.ask("GET", "anna", "", "").await.0, 404);
    let nobody = Customer { http: ben.http.clone(), url, token: "forged".to_owned() };
    assert_eq!(nobody.once("GET", "anna", "", "").await.0, 401);

    let status = project.until("idle", |status| status["idle"] == true).await;
    for kind in ["kill during", "lose-response", "throttle before DynamoDB.PutItem"] {
        assert!(status["faults"]["injected"][kind].as_u64() > Some(0), "{kind}: {status:#}");
    }
    assert_eq!(status["dead_letters"]["total"], 0, "{:#}", status["dead_letters"]);
    let clients = project.clients().await;
    let every: Vec<u64> = (1..=WITHDRAWALS as u64).collect();
    let expected = OWNERS.map(|owner| (format!("account#{owner}"), every.clone()));
    assert_eq!(streamed(&clients).await, BTreeMap::from(expected), "in order");
    let called = drain(&clients, "calls").await;
    let expected = OWNERS.map(|owner| (format!("customer#{owner}"), WITHDRAWALS - PAID));
    assert_eq!(ids(&called, "subject", "id"), BTreeMap::from(expected));
    let alerts = drain(&clients, "desk").await;
    let expected = [("account#anna".to_owned(), WITHDRAWALS - PAID)];
    assert_eq!(ids(&alerts, "account", "event"), BTreeMap::from(expected));
    published_again(&project, &clients).await;
    project.down().await;
}
