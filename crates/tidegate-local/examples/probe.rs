//! A Lambda function for the engine's own tests.
//!
//! Its payload says what it does, such as `{"do": "exit", "status": 3}`.

#![expect(clippy::indexing_slicing, reason = "a member that a JSON value lacks is null")]

use std::io::Write as _;
use std::time::{Duration, SystemTime};

use aws_credential_types::provider::ProvideCredentials as _;
use aws_sdk_lambda::error::ProvideErrorMetadata as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lambda_runtime::{Context, Error, LambdaEvent, service_fn};
use serde_json::{Value, json};
use tidegate_local::clients::Clients;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    match std::env::var("PROBE_INIT").as_deref() {
        Ok("exit") => std::process::exit(7),
        // The first of several processes hangs. It leaves a file behind, by which the others know
        // it.
        Ok("hang-once") if is_first() => std::future::pending().await,
        Ok("hang-once") => tokio::time::sleep(Duration::from_millis(500)).await,
        Ok("hang") => std::future::pending().await,
        _ => {}
    }
    lambda_runtime::run(service_fn(handle)).await
}

/// Returns whether this process is the first one: it creates the file that `PROBE_MARK` names.
fn is_first() -> bool {
    let Some(mark) = std::env::var_os("PROBE_MARK") else { return false };
    std::fs::File::options().write(true).create_new(true).open(mark).is_ok()
}

/// Counts in a file while the process runs, which keeps a core busy.
fn count_in(file: String) -> Result<(), Error> {
    std::thread::Builder::new().spawn(move || {
        for n in 0_u64.. {
            // Replaced as a whole: a process that is stopped while it writes leaves no partial
            // file.
            let next = format!("{file}.next");
            if std::fs::write(&next, n.to_string())
                .and_then(|()| std::fs::rename(&next, &file))
                .is_err()
            {
                return;
            }
        }
    })?;
    Ok(())
}

async fn handle(event: LambdaEvent<Value>) -> Result<Value, Error> {
    let (payload, context) = event.into_parts();
    // The first record of a stream, a queue or a topic may also say what to do.
    let record = &payload["Records"][0];
    let data = record["kinesis"]["data"].as_str().and_then(|data| STANDARD.decode(data).ok());
    let text = record["body"].as_str().or_else(|| record["Sns"]["Message"].as_str());
    let data = data.or_else(|| text.map(|text| text.as_bytes().to_vec()));
    // So may the body of a request.
    let body = payload["body"].as_str().filter(|_| payload["rawPath"].is_string());
    let data = data.or_else(|| body.map(|body| body.as_bytes().to_vec()));
    let said = data.and_then(|data| serde_json::from_slice(&data).ok());
    let payload = said.filter(|said: &Value| said["do"].is_string()).unwrap_or(payload);
    match payload["do"].as_str() {
        Some("error") => Err(payload["message"].as_str().unwrap_or("asked to fail").into()),
        Some("panic") => panic_as_asked(),
        Some("exit") => std::process::exit(i32::try_from(payload["status"].as_i64().unwrap_or(0))?),
        Some("hang") => {
            mark(&payload)?;
            std::future::pending().await
        }
        Some("sleep") => {
            tokio::time::sleep(Duration::from_millis(payload["ms"].as_u64().unwrap_or(0))).await;
            Ok(json!({ "pid": std::process::id() }))
        }
        Some("count") => {
            count_in(payload["file"].as_str().unwrap_or_default().to_owned())?;
            Ok(json!({ "pid": std::process::id() }))
        }
        Some("allocate") => allocate(&payload).await,
        Some("allocate-afterwards") => allocate_afterwards(&payload),
        Some("flood") => flood(&payload),
        Some("spawn") => {
            let script = payload["script"].as_str().unwrap_or_default();
            let status = std::process::Command::new("sh").args(["-c", script]).status()?;
            Ok(json!({ "status": status.code() }))
        }
        Some("respond") => Ok(payload["with"].clone()),
        Some("answer") => {
            Ok(Value::String("x".repeat(usize::try_from(payload["bytes"].as_u64().unwrap_or(0))?)))
        }
        Some("print") => print(&payload).await,
        Some("call") => call_aws(&payload).await,
        Some("put") => put(&payload).await,
        Some("insert") => insert(&payload).await,
        Some("credentials") => credentials(&payload).await,
        Some("invoke") => invoke(&payload).await,
        Some("time") => {
            let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
            Ok(json!({ "seconds": now.as_secs() }))
        }
        Some("list-buses") => list_buses().await,
        _ if payload["Records"][0]["kinesis"].is_object() => print_records(&payload).await,
        _ => seen(&payload, &context),
    }
}

/// Writes the process's number into the file that the payload names.
fn mark(payload: &Value) -> Result<(), Error> {
    if let Some(file) = payload["mark"].as_str() {
        std::fs::write(file, std::process::id().to_string())?;
    }
    Ok(())
}

/// Takes memory into use, a megabyte at a time.
async fn allocate(payload: &Value) -> Result<Value, Error> {
    let mut kept = Vec::new();
    for _ in 0..payload["mb"].as_u64().unwrap_or(0) {
        kept.push(vec![1_u8; 1 << 20]);
        tokio::time::sleep(Duration::from_micros(payload["pause_us"].as_u64().unwrap_or(0))).await;
    }
    if payload["keep"] == true {
        std::mem::forget(kept);
    }
    Ok(Value::Null)
}

/// Takes memory into use after the function has answered.
fn allocate_afterwards(payload: &Value) -> Result<Value, Error> {
    let mb = payload["mb"].as_u64().unwrap_or(0);
    std::thread::Builder::new().spawn(move || {
        let mut kept = Vec::new();
        for _ in 0..mb {
            kept.push(vec![1_u8; 1 << 20]);
            std::thread::sleep(Duration::from_millis(1));
        }
    })?;
    Ok(Value::Null)
}

/// Prints without an end.
fn flood(payload: &Value) -> Result<Value, Error> {
    mark(payload)?;
    let line = vec![b'x'; 16 << 10];
    loop {
        std::io::stdout().write_all(&line)?;
    }
}

/// Prints lines, and then ends as the payload says.
async fn print(payload: &Value) -> Result<Value, Error> {
    let mut out = std::io::stdout().lock();
    for line in payload["lines"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        writeln!(out, "{line}")?;
    }
    drop(out);
    match payload["then"].as_str() {
        Some("error") => Err("after the last line".into()),
        Some("exit") => std::process::exit(1),
        Some("hang") => std::future::pending().await,
        _ => Ok(Value::Null),
    }
}

/// Prints the sequence number of each record.
async fn print_records(payload: &Value) -> Result<Value, Error> {
    for record in payload["Records"].as_array().into_iter().flatten() {
        println_record(record)?;
    }
    // Several batches take a while.
    tokio::time::sleep(Duration::from_millis(20)).await;
    Ok(Value::Null)
}

/// Returns the invocation as the function sees it.
fn seen(payload: &Value, context: &Context) -> Result<Value, Error> {
    let custom = context.client_context.as_ref().map(|client| client.custom.clone());
    let remaining = context.deadline().duration_since(SystemTime::now())?;
    Ok(json!({
        "event": payload,
        "pid": std::process::id(),
        "request_id": context.request_id,
        "arn": context.invoked_function_arn,
        "trace": context.xray_trace_id,
        "remaining_ms": u64::try_from(remaining.as_millis())?,
        "custom": custom,
        "environment": std::env::vars().collect::<std::collections::BTreeMap<_, _>>(),
    }))
}

#[expect(clippy::panic, reason = "what happens at a panic is what is tested")]
fn panic_as_asked() -> ! {
    panic!("asked to panic")
}

/// Returns a client that is configured by the environment, as in most functions.
async fn dynamodb() -> aws_sdk_dynamodb::Client {
    let config = aws_config::defaults(aws_config::BehaviorVersion::latest());
    let http = aws_smithy_http_client::Builder::new().build_http();
    aws_sdk_dynamodb::Client::new(&config.http_client(http).load().await)
}

/// Writes an item for each key, in this order.
async fn put(payload: &Value) -> Result<Value, Error> {
    let dynamodb = dynamodb().await;
    for key in payload["keys"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        let key = aws_sdk_dynamodb::types::AttributeValue::S(key.to_owned());
        let item = dynamodb
            .put_item()
            .table_name(payload["table"].as_str().unwrap_or_default())
            .item("stream", key);
        item.send().await?;
    }
    Ok(Value::Null)
}

/// Inserts an item for each key with one batch of statements. An item that is there already is no
/// error.
async fn insert(payload: &Value) -> Result<Value, Error> {
    let table = payload["table"].as_str().unwrap_or_default();
    let keys = payload["keys"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let statements = keys.map(|key| {
        aws_sdk_dynamodb::types::BatchStatementRequest::builder()
            .statement(format!("INSERT INTO \"{table}\" VALUE {{'stream': ?}}"))
            .parameters(aws_sdk_dynamodb::types::AttributeValue::S(key.to_owned()))
            .build()
    });
    let statements = statements.collect::<Result<_, _>>()?;
    let call = dynamodb().await.batch_execute_statement().set_statements(Some(statements));
    let answer = call.send().await?;
    let codes = answer.responses().iter().filter_map(|answer| answer.error()?.code());
    match codes.map(|code| code.as_str()).find(|code| *code != "DuplicateItem") {
        Some(code) => Err(code.to_owned().into()),
        None => Ok(Value::Null),
    }
}

/// Returns the key ids that an SDK finds: with the default chain of functions, and in a profile of
/// the machine.
async fn credentials(payload: &Value) -> Result<Value, Error> {
    let http = aws_smithy_http_client::Builder::new().build_http();
    let config = aws_config::defaults(aws_config::BehaviorVersion::latest());
    let config = config.http_client(http.clone()).load().await;
    let chain =
        config.credentials_provider().ok_or("no credentials")?.provide_credentials().await?;
    let profile = aws_config::profile::ProfileFileCredentialsProvider::builder()
        .configure(&aws_config::provider_config::ProviderConfig::default().with_http_client(http))
        .profile_name(payload["profile"].as_str().unwrap_or_default())
        .build();
    let profile = profile.provide_credentials().await.ok();
    Ok(
        json!({ "chain": chain.access_key_id(), "profile": profile.map(|found| found.access_key_id().to_owned()) }),
    )
}

/// Invokes a function once, with a client configured by the environment. Returns its answer.
async fn invoke(payload: &Value) -> Result<Value, Error> {
    let config = aws_config::defaults(aws_config::BehaviorVersion::latest());
    let config = config.http_client(aws_smithy_http_client::Builder::new().build_http());
    let config = config.retry_config(aws_config::retry::RetryConfig::disabled()).load().await;
    let lambda = aws_sdk_lambda::Client::new(&config);
    let kind = payload["type"].as_str().unwrap_or("RequestResponse");
    let call = lambda.invoke().function_name(payload["function"].as_str().unwrap_or_default());
    let call = call
        .invocation_type(kind.into())
        .payload(payload["payload"].to_string().into_bytes().into());
    Ok(match call.send().await {
        Ok(answer) => json!({
            "status": answer.status_code(),
            "failed": answer.function_error(),
            "payload": serde_json::from_slice::<Value>(answer.payload().map_or(b"null", |blob| blob.as_ref())).ok(),
        }),
        Err(error) => json!({ "refused": error.code() }),
    })
}

fn println_record(record: &Value) -> Result<(), Error> {
    Ok(writeln!(
        std::io::stdout(),
        "record {}",
        record["kinesis"]["sequenceNumber"].as_str().unwrap_or_default()
    )?)
}

/// Makes a call over connections that are kept from one invocation to the next.
async fn list_buses() -> Result<Value, Error> {
    static CLIENTS: std::sync::OnceLock<Clients> = std::sync::OnceLock::new();
    let endpoint = std::env::var("AWS_ENDPOINT_URL")?;
    CLIENTS.get_or_init(|| Clients::new(&endpoint)).events.list_event_buses().send().await?;
    Ok(Value::Null)
}

/// Makes a call of each of several protocols, and a conditional write that fails the second time.
async fn call_aws(payload: &Value) -> Result<Value, Error> {
    let clients = Clients::new(&std::env::var("AWS_ENDPOINT_URL")?);
    let table = payload["table"].as_str().unwrap_or_default();
    let mut results = Vec::new();
    for _ in 0..2 {
        let put = clients
            .dynamodb
            .put_item()
            .table_name(table)
            .item("key", aws_sdk_dynamodb::types::AttributeValue::S("1".into()));
        let put = put
            .condition_expression("attribute_not_exists(#key)")
            .expression_attribute_names("#key", "key");
        results.push(put.send().await.is_ok());
    }
    let bucket = payload["bucket"].as_str().unwrap_or_default();
    let body = vec![7_u8; 2 << 20].into();
    clients.s3.put_object().bucket(bucket).key("large/one").body(body).send().await?;
    let object = clients.s3.get_object().bucket(bucket).key("large/one").send().await?;
    let bytes = object.body.collect().await?.into_bytes();
    clients.ses.verify_email_identity().email_address("a@example.com").send().await?;
    clients.events.list_event_buses().send().await?;
    Ok(json!({ "puts": results, "object": bytes.len() }))
}
