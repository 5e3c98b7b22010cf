//! The console's page of a timeline, in a real browser.

use std::sync::Arc;

use futures::future::{BoxFuture, FutureExt, ready};
use serde_json::{Value, json};
use tidegate_local::clients::Clients;
use tidegate_local::emulator::Backend;
use tidegate_local::engine::{Engine, Options};
use tidegate_local::timelines::Timelines;
use topology::Topology;

use crate::browser::Browser;

/// Code that would run if the page treated data as markup.
const EVIL: &str =
    "<script>window.hacked = true</script><img src=x onerror='window.hacked = true'>";

/// A program's timelines: one of an order, and an instance that is stuck.
struct Prepared;

impl Timelines for Prepared {
    fn timeline<'a>(
        &'a self,
        _: &'a Clients,
        _: &'a Topology,
        id: &'a str,
    ) -> BoxFuture<'a, Result<Option<Value>, String>> {
        let found = match id {
            "order#1" | "c-1" => Ok(Some(timeline())),
            "broken" => Err("the table cannot be read".to_owned()),
            _ => Ok(None),
        };
        ready(found).boxed()
    }

    fn instances<'a>(
        &'a self,
        _: &'a Clients,
        _: &'a Topology,
    ) -> BoxFuture<'a, Result<Value, String>> {
        let instances = json!([
            { "instance": "trip#1", "state": "Asking", "since": "2026-01-01T00:00:01Z", "ended": false, "due": "2026-01-03T00:00:00Z", "stuck": EVIL },
        ]);
        let missing = ["more instances of trip may be stuck"];
        ready(Ok(json!({ "instances": instances, "missing": missing }))).boxed()
    }
}

fn timeline() -> Value {
    let entry = |number: u64, at: &str, stream: &str, what: &str, text: &str| {
        let cause = (number > 1).then(|| number - 1);
        json!({
            "number": number, "at": at, "stream": stream, "version": 1, "what": what, "text": text,
            "cause": cause, "since_cause_ms": cause.map(|_| 120_000),
            "outside": { "id": "c", "source": "desk" },
        })
    };
    let mut entries = vec![
        entry(1, "2026-01-01T00:00:00.5Z", "order#1", "event", EVIL),
        entry(2, "2026-01-01T00:00:01Z", "trip#1", "moved", "New → Asking on Booked"),
        entry(3, "2026-01-01T00:00:01Z", "trip#1", "deadline_set", "sets answer@1"),
        entry(4, "2026-01-01T00:00:01Z", "trip#1", "command", "sends Reserve"),
        entry(5, "2026-01-02T00:00:01Z", "hotel#1", "event", "Full"),
        entry(6, "2026-01-02T00:00:02Z", "trip#1", "stuck", "is stuck on Full"),
    ];
    entries[2]["deadline"] = json!("answer@1");
    json!({
        "streams": ["order#1", "trip#1", "hotel#1"],
        "entries": entries,
        "waits": [
            { "for": "operator", "stream": "trip#1", "text": "trip#1 is stuck" },
            { "for": "deadline", "stream": "trip#1", "deadline": "answer@1", "text": "answer@1 is open" },
        ],
        "summary": ["trip#1 is in Asking"],
        "missing": ["left out: the newest 3 events of hotel#1"],
    })
}

async fn engine(dir: &std::path::Path, timelines: Option<Arc<dyn Timelines>>) -> Engine {
    let topology = dir.join("topology.auto.tfvars");
    std::fs::write(&topology, "queues = { letters = { retention_seconds = 1209600 } }\n").unwrap();
    let mut options = Options::new(topology, Backend::MiniStack, dir.join("state"));
    options.timelines = timelines;
    Engine::start(options).await.unwrap_or_else(|error| panic!("{error}"))
}

async fn text(browser: &mut Browser, id: &str) -> String {
    let text = browser.evaluate(&format!("document.getElementById('{id}').textContent")).await;
    text.as_str().unwrap_or_default().to_owned()
}

/// Waits until the note of the search has a text.
async fn noted(browser: &mut Browser, said: &str) {
    let note = "document.getElementById('note')?.textContent";
    browser.until(note, |note| note.as_str().is_some_and(|note| note.contains(said))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_of_a_timeline_draws_what_is_in_its_table_and_runs_nothing_that_is_data() {
    let dir = tempfile::tempdir().unwrap();
    let engine = engine(dir.path(), Some(Arc::new(Prepared))).await;
    let page = engine.file().console().replace("/console", "/timeline?id=order%231");
    let Some(mut browser) = Browser::open(&page).await else {
        return engine.shutdown().await;
    };
    browser.look(1280, false).await;
    noted(&mut browser, "6 entries of order#1").await;
    let count = async |browser: &mut Browser, selector: &str| {
        browser.evaluate(&format!("document.querySelectorAll('{selector}').length")).await
    };
    assert_eq!(count(&mut browser, "#timeline [data-entry]").await, 6);
    assert_eq!(count(&mut browser, "#entries tbody tr").await, 6);
    assert_eq!(count(&mut browser, "#timeline .lane-name").await, 3);
    assert_eq!(
        count(&mut browser, "#timeline .open").await,
        1,
        "the deadline, from where it was set"
    );
    let causes =
        "[...document.querySelectorAll('#timeline .cause')].map(line => line.dataset.cause)";
    assert_eq!(browser.evaluate(causes).await, json!(["1-2", "2-3", "3-4", "4-5", "5-6"]));
    // Time runs to the right, and a day takes more room than a second.
    let places = "places([{at: '2026-01-01T00:00:00Z'}, {at: '2026-01-01T00:00:01Z'}, {at: '2026-01-02T00:00:01Z'}, {at: '2026-01-02T00:00:00Z'}])";
    let places: Vec<f64> = serde_json::from_value(browser.evaluate(places).await).unwrap();
    let gaps: Vec<f64> = places.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(gaps[1] > gaps[0] + 50.0 && gaps[2] >= 15.0, "{gaps:?}");

    assert!(text(&mut browser, "entries").await.contains(EVIL), "as text");
    assert!(text(&mut browser, "entries").await.contains("2 min 0 s"));
    assert!(text(&mut browser, "waits").await.contains("answer@1 is open"));
    assert!(text(&mut browser, "missing").await.contains("the newest 3 events of hotel#1"));
    let instances = "document.querySelector('[data-instance=\"trip#1\"]').textContent";
    browser.until("document.querySelectorAll('[data-instance]').length", |rows| *rows == 1).await;
    assert!(browser.evaluate(instances).await.as_str().unwrap().contains(EVIL), "as text");
    assert_eq!(text(&mut browser, "instances-note").await, "more instances of trip may be stuck");
    assert_eq!(browser.evaluate("window.hacked === undefined && document.images.length").await, 0);

    for (asked, said) in [
        ("c-1", "6 entries of c-1"),
        ("nothing", "no stream and no correlation id `nothing`"),
        ("broken", "the table cannot be read"),
    ] {
        let ask = "document.getElementById('id').value = ''; document.getElementById('id').focus()";
        browser.evaluate(ask).await;
        browser.send("Input.insertText", json!({ "text": asked })).await;
        browser.press("Enter", "\r").await;
        noted(&mut browser, said).await;
    }
    assert_eq!(browser.evaluate("document.getElementById('shown').hidden").await, true);

    browser.evaluate("show('order#1')").await;
    noted(&mut browser, "6 entries").await;
    for (width, dark) in [(1280, false), (1280, true), (400, false), (400, true)] {
        browser.look(width, dark).await;
        let scroll = "document.documentElement.scrollWidth - document.documentElement.clientWidth";
        assert_eq!(browser.evaluate(scroll).await, 0, "the page scrolls sideways at {width}");
        browser.picture(&format!("timeline-{width}-{}", if dark { "dark" } else { "light" })).await;
    }
    engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_engine_without_timelines_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let engine = engine(dir.path(), None).await;
    let page = engine.file().console().replace("/console", "/timeline?id=order%231");
    let Some(mut browser) = Browser::open(&page).await else {
        return engine.shutdown().await;
    };
    noted(&mut browser, "the program that started the engine reads no timelines").await;
    engine.shutdown().await;
}
