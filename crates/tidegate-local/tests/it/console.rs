//! The local console, in a real browser.

use std::time::Duration;

use aws_sdk_kinesis::primitives::Blob;
use engine_client::client::EngineClient;
use serde_json::{Value, json};
use tidegate_local::emulator::Backend;
use tidegate_local::engine::{Engine, Options};

use crate::browser::Browser;

const DECLARED: &str = r#"
event_bytes_limit = 262144
streams = { orders = { shards = 1, retention_hours = 24 } }
tables = {
  event-store = {
    partition_key = { name = "stream", type = "S" }
    stream_view   = "NEW_IMAGE"
  }
  view = { partition_key = { name = "stream", type = "S" } }
}
queues = {
  work     = { retention_seconds = 345600, visibility_timeout_seconds = 60, redrive = { queue = "letters", maximum_receives = 5 } }
  letters  = { retention_seconds = 1209600 }
  failures = { retention_seconds = 1209600 }
}
buses = { shop = {} }
rules = {
  placed = {
    bus     = "shop"
    pattern = { source = ["shop.orders"] }
    target  = { function = "clerk", dead_letter_queue = "failures", maximum_retry_attempts = 1, maximum_event_age_seconds = 60 }
  }
}
functions = {
  clerk = {
    memory_mb           = 128
    timeout_seconds     = 10
    maximum_concurrency = 8
    uses = {
      EVENT_STORE = { table = "event-store", access = "append" }
      VIEW        = { table = "view", access = "read" }
      EVENT_BUS   = { bus = "shop", access = "write" }
    }
    asynchronous = {
      maximum_retry_attempts    = 1
      maximum_event_age_seconds = 21600
      on_failure                = { queue = "failures" }
    }
    sources = {
      orders = {
        stream = "orders", starting_position = "TRIM_HORIZON", batch_size = 10, report_batch_item_failures = true
        maximum_retry_attempts = 1, maximum_record_age_seconds = 3600, dead_letter_after_seconds = 1800
        bisect_on_error = true, on_failure = { queue = "failures" }
      }
      work = { queue = "work", batch_size = 5, report_batch_item_failures = true, maximum_concurrency = 2 }
    }
  }
}
"#;

/// Code that would run if the page treated data as markup.
const EVIL: &str =
    "<script>window.hacked = true</script><img src=x onerror='window.hacked = true'>";

async fn engine(dir: &std::path::Path) -> Engine {
    let topology = dir.join("topology.auto.tfvars");
    std::fs::write(&topology, DECLARED).unwrap();
    let mut options = Options::new(topology, Backend::MiniStack, dir.join("state"));
    let bin = dir.join("bin");
    std::fs::create_dir_all(&bin).unwrap();
    std::os::unix::fs::symlink(crate::probe::binary().with_file_name("clerk"), bin.join("clerk"))
        .unwrap();
    (options.bin_dir, options.time_scale) = (Some(bin), 60.0);
    Engine::start(options).await.unwrap_or_else(|error| panic!("{error}"))
}

async fn put(engine: &Engine, key: &str, order: &Value) {
    let put = engine.clients().kinesis.put_record().stream_name("orders").partition_key(key);
    put.data(Blob::new(order.to_string())).send().await.unwrap();
}

/// Sends two orders that succeed, one of them through the queue too, and one that fails
/// permanently.
async fn orders(engine: &Engine) {
    for (order, id) in [("order#1", "c-1"), ("order#2", "c-2")] {
        put(engine, order, &json!({ "subject": order, "correlationid": id })).await;
    }
    let bad =
        json!({ "subject": "order#3", "correlationid": "c-bad", "do": "fail", "reason": EVIL });
    put(engine, "order#3", &bad).await;
    let client = EngineClient::new(engine.file().clone());
    let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
    loop {
        let status = client.status().await.unwrap();
        if status["idle"] == true && status["dead_letters"]["failures"] == 1 {
            break;
        }
        assert!(tokio::time::Instant::now() < deadline, "never given up: {status:#}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let sqs = &engine.clients().sqs;
    let url = sqs.get_queue_url().queue_name("work").send().await.unwrap().queue_url.unwrap();
    let message = json!({ "subject": "order#1", "correlationid": "c-1" }).to_string();
    sqs.send_message().queue_url(url).message_body(message).send().await.unwrap();
    while client.status().await.unwrap()["mappings"][1]["records_delivered"] != 1 {
        assert!(tokio::time::Instant::now() < deadline, "the message was never delivered");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Returns the count on an edge of the picture.
async fn count(browser: &mut Browser, edge: &str) -> Value {
    browser
        .evaluate(&format!(
            "document.querySelector('svg [data-edge=\"{edge}\"] .edge-count').textContent"
        ))
        .await
}

/// Types an id into the search, with only the keyboard, and returns the text of each step of its
/// path.
async fn path(browser: &mut Browser, id: &str) -> Vec<String> {
    browser
        .evaluate("document.getElementById('id').value = ''; document.getElementById('id').focus()")
        .await;
    browser.send("Input.insertText", json!({ "text": id })).await;
    browser.press("Enter", "\r").await;
    let said = format!("document.getElementById('path-note').textContent.includes({id:?})");
    browser.until(&said, |said| *said == true).await;
    let steps = "[...document.querySelectorAll('#path > li')].map(step => step.textContent)";
    serde_json::from_value(browser.evaluate(steps).await).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_console_shows_counts_failures_dead_letters_and_an_orders_path_and_runs_nothing_that_is_data()
 {
    let dir = tempfile::tempdir().unwrap();
    let engine = engine(dir.path()).await;
    orders(&engine).await;
    let Some(mut browser) = Browser::open(&engine.file().console()).await else {
        return engine.shutdown().await;
    };
    browser.look(1280, false).await;
    browser.until("document.body?.hasAttribute('data-shown')", |shown| *shown == true).await;

    assert_eq!(count(&mut browser, "orders → clerk (mapping)").await, "2");
    assert_eq!(count(&mut browser, "work → clerk (mapping)").await, "1");
    assert_eq!(count(&mut browser, "shop → clerk (events)").await, "0");
    assert_eq!(count(&mut browser, "clerk → failures (gives up)").await, "1");
    assert_eq!(count(&mut browser, "shop → failures (undelivered)").await, "0");
    let table = "document.querySelector('#edges [data-edge^=\"orders\"]').textContent";
    assert!(
        browser.evaluate(table).await.as_str().unwrap().starts_with("orders → clerk (mapping)2")
    );

    // The next order is counted while the page is open.
    put(&engine, "order#4", &json!({ "subject": "order#4", "correlationid": "c-4" })).await;
    let live = "document.querySelector('svg [data-edge=\"orders → clerk (mapping)\"] .edge-count').textContent";
    browser.until(live, |count| count == "3").await;

    let failed = "document.querySelectorAll('#deliveries .bad').length";
    assert!(browser.evaluate(failed).await.as_u64() > Some(0), "a failed delivery is in the list");
    let letters = "document.querySelector('[data-queue=failures]').textContent + document.getElementById('letters').textContent";
    let letters = browser.evaluate(letters).await;
    assert!(letters.as_str().unwrap().starts_with("1failures"), "{letters}");
    assert!(letters.as_str().unwrap().contains("RetryAttemptsExhausted"), "{letters}");

    let steps = path(&mut browser, "c-1").await;
    let places =
        ["delivery from orders", "delivery applied", "delivery from work", "delivery applied"];
    let order: Vec<_> =
        places.iter().zip(&steps).map(|(place, step)| step.contains(place)).collect();
    assert_eq!((order, steps.len()), (vec![true; 4], 4), "{steps:#?}");
    let order = path(&mut browser, "order#1").await;
    assert_eq!(order.len(), 2, "the log lines do not name the order: {order:#?}");
    assert!(path(&mut browser, "c-none").await.is_empty());

    let steps = path(&mut browser, "c-bad").await;
    assert!(
        steps.iter().filter(|step| step.contains(EVIL)).count() >= 2,
        "as text, in deliveries and logs: {steps:#?}"
    );
    assert!(steps.last().unwrap().contains("given up, to queue failures"), "{steps:#?}");
    browser
        .evaluate("document.querySelector('#deliveries .bad').parentElement.querySelector('button').click()")
        .await;
    browser
        .until(
            "document.getElementById('detail-body').textContent.includes('<script>window')",
            |found| *found == true,
        )
        .await;
    browser.picture("detail-1280").await;
    browser.evaluate("document.getElementById('detail').close()").await;
    assert_eq!(browser.evaluate("window.hacked === undefined && document.images.length").await, 0);
    let scripts = "[...document.scripts].map(script => new URL(script.src).pathname)";
    assert_eq!(
        browser.evaluate(scripts).await,
        json!(["/console/elements.js", "/console/picture.js", "/console/page.js"])
    );

    // Problems outside deliveries, and items that wait for an operator.
    let status = json!({
        "functions": {"f": {"start_failure": "exit status 3", "log_failure": EVIL}},
        "mappings": [{"name": "m", "last_error": "slow"}],
        "asynchronous": [{"function": "f", "last_error": null}],
        "buses": [{"bus": "b", "last_error": null, "rules": {"r": {"last_error": "no such queue"}}}],
        "topics": [{"topic": "t", "last_error": "gone", "subscriptions": {"s": {"last_error": "full"}}}],
        "schedules": {"last_error": "late"},
    });
    let said = browser.evaluate(&format!("troubles({status})")).await;
    let expected = [
        "f cannot be started: exit status 3".to_owned(),
        format!("f: {EVIL}"),
        "last error of m: slow".to_owned(),
        "last error of rule r of bus b: no such queue".to_owned(),
        "last error of topic t: gone".to_owned(),
        "last error of subscription s of topic t: full".to_owned(),
        "last error of schedules: late".to_owned(),
    ];
    assert_eq!(said, json!(expected));
    let held = json!([{"what": "held effects", "of": EVIL, "count": 2, "more": true, "error": null, "command": "ls"}]);
    let shown = browser
        .evaluate(&format!("waits({held}); document.getElementById('waits').textContent"))
        .await;
    assert_eq!(shown, format!("2 or moreheld effects: {EVIL}ls"));

    // Showing the letters does not receive them. A peek does, when the user asks for it.
    browser.evaluate("document.querySelector('[data-queue=failures] button').click()").await;
    browser
        .until(
            "document.getElementById('peeked').textContent.includes('received 1 times')",
            |found| *found == true,
        )
        .await;

    for (width, dark) in [(1280, false), (1280, true), (400, false), (400, true)] {
        browser.look(width, dark).await;
        let scroll = "document.documentElement.scrollWidth - document.documentElement.clientWidth";
        assert_eq!(browser.evaluate(scroll).await, 0, "the page scrolls sideways at {width}");
        browser.picture(&format!("console-{width}-{}", if dark { "dark" } else { "light" })).await;
    }
    engine.shutdown().await;
    browser
        .until("document.getElementById('summary').textContent", |said| {
            said.as_str().unwrap().contains("does not answer")
        })
        .await;
}
