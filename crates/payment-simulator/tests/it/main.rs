//! The program as its callers see it: over HTTP, with scripts.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "clippy exempts test functions, not the functions they share"
)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// A simulator that runs as a program.
struct Running {
    program: Child,
    address: String,
    _script: tempfile::NamedTempFile,
}

impl Running {
    fn start(script: &Value) -> Self {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), script.to_string()).unwrap();
        let mut program = Command::new(env!("CARGO_BIN_EXE_payment-simulator"))
            .args(["--port", "0", "--seed", "7", "--script"])
            .arg(file.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(program.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("http://").unwrap().to_owned();
        Self { program, address, _script: file }
    }

    /// Makes a call, and returns status and body. `None`: the connection was closed without an
    /// answer.
    fn call(&self, method: &str, path: &str, key: &str, body: &Value) -> Option<(u16, String)> {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let key =
            if key.is_empty() { String::new() } else { format!("idempotency-key: {key}\r\n") };
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n{key}\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        let mut connection = TcpStream::connect(&self.address).unwrap();
        connection.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n")?;
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Some((status, body.to_owned()))
    }

    fn post(&self, path: &str, key: &str, body: &Value) -> (u16, Value) {
        let (status, body) = self.call("POST", path, key, body).expect("an answer");
        (status, serde_json::from_str(&body).unwrap_or(Value::Null))
    }

    fn look_up(&self, key: &str) -> (u16, Value) {
        let path = format!("/operations/{key}");
        let (status, body) = self.call("GET", &path, "", &Value::Null).expect("an answer");
        (status, serde_json::from_str(&body).unwrap_or(Value::Null))
    }

    fn report(&self) -> Value {
        let (_, body) = self.call("GET", "/report", "", &Value::Null).expect("a report");
        serde_json::from_str(&body).unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}

fn sum(reference: &str) -> Value {
    json!({ "reference": reference, "amount": 1530, "currency": "GBP" })
}

#[test]
fn a_payment_is_authorised_captured_and_looked_up() {
    let simulator = Running::start(&json!({}));
    let authorised = json!({
        "status": "authorised", "reference": "a/7", "payment": "pay-1",
        "amount": 1530, "currency": "GBP",
    });
    assert_eq!(simulator.post("/payments", "authorise:1", &sum("a/7")), (200, authorised.clone()));
    assert_eq!(simulator.post("/payments", "authorise:1", &sum("a/7")), (200, authorised.clone()));
    assert_eq!(simulator.look_up("authorise%3A1"), (200, authorised));
    assert_eq!(simulator.look_up("other").0, 404);
    let (status, captured) = simulator.post("/payments/a%2F7/capture", "c", &json!({}));
    assert_eq!((status, &captured["status"]), (200, &json!("captured")));
    let (status, refused) = simulator.post("/payments/a%2F7/void", "v", &json!({}));
    assert_eq!(
        (status, &refused["status"], &refused["reason"]),
        (200, &json!("refused"), &json!("captured"))
    );
    let (status, refunded) = simulator.post("/refunds", "r", &sum("C1"));
    assert_eq!((status, &refunded["status"]), (200, &json!("refunded")));
    let report = simulator.report();
    assert_eq!((&report["calls"], &report["repeated"]), (&json!(7), &json!(1)));
    assert_eq!((&report["look_ups"], &report["look_ups_unknown"]), (&json!(1), &json!(1)));
    assert_eq!(report["duplicate_charges"], 0);
    assert_eq!(
        report["references"]["a/7"],
        json!({ "authorised": 1530, "captured": 1530, "released": 0, "refunded": 0 })
    );
}

#[test]
fn a_call_that_is_not_well_formed_is_refused_and_carried_out_never() {
    let simulator = Running::start(&json!({}));
    assert_eq!(simulator.post("/payments", "", &sum("7")).0, 400);
    assert_eq!(simulator.post("/payments", "a", &sum("")).0, 422);
    let mut free = sum("7");
    free["amount"] = json!(0);
    assert_eq!(simulator.post("/payments", "a", &free).0, 422);
    assert_eq!(simulator.post("/payments", "a", &json!({ "reference": "7" })).0, 422);
    assert_eq!(simulator.post("/payments", "a", &sum("7")).0, 200);
    assert_eq!(simulator.post("/refunds", "a", &sum("7")).0, 409);
    assert_eq!(simulator.report()["total"]["authorised"], 1530);
}

#[test]
fn an_answer_that_is_dropped_was_carried_out() {
    let simulator = Running::start(&json!({ "drop_percent": 100 }));
    assert_eq!(simulator.call("POST", "/payments", "a", &sum("7")), None);
    assert_eq!(simulator.look_up("a").1["status"], "authorised");
    let report = simulator.report();
    assert_eq!((&report["authorisations"], &report["dropped_answers"]), (&json!(1), &json!(1)));
}

#[test]
fn an_outage_carries_nothing_out_and_ends() {
    let outages = json!([{ "from_call": 1, "to_call": 2 }]);
    let simulator = Running::start(&json!({ "outages": outages }));
    let (status, page) = simulator.call("POST", "/payments", "a", &sum("7")).unwrap();
    assert_eq!((status, page.contains("<html>")), (503, true));
    assert_eq!(simulator.look_up("a").0, 503);
    assert_eq!(simulator.look_up("a").0, 404);
    let control = |down| simulator.post("/control/outage", "", &json!({ "down": down })).0;
    assert_eq!(control(true), 204);
    assert_eq!(simulator.post("/payments", "a", &sum("7")).0, 503);
    assert_eq!(control(false), 204);
    assert_eq!(simulator.post("/payments", "a", &sum("7")).0, 200);
    let report = simulator.report();
    assert_eq!((&report["calls_while_down"], &report["calls"]), (&json!(3), &json!(5)));
}

#[test]
fn an_answer_takes_the_time_that_the_script_says() {
    let simulator = Running::start(&json!({ "delay_milliseconds": 300 }));
    let begun = Instant::now();
    assert_eq!(simulator.post("/payments", "a", &sum("7")).0, 200);
    assert!(begun.elapsed() >= Duration::from_millis(300));
}

#[test]
fn a_script_that_cannot_be_read_is_named() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), r#"{ "drop": 5 }"#).unwrap();
    let ended = Command::new(env!("CARGO_BIN_EXE_payment-simulator"))
        .arg("--script")
        .arg(file.path())
        .output()
        .unwrap();
    let problem = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(ended.status.code(), Some(1));
    assert!(problem.contains(file.path().to_str().unwrap()), "{problem}");
    assert!(problem.contains("unknown field `drop`"), "{problem}");
}
