//! Commands never send the operator's AWS credentials to the local system.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::command::{stderr, tidegate};

/// Refuses every request, and stores its head.
async fn refuse(listener: TcpListener, heads: Arc<Mutex<Vec<String>>>) {
    while let Ok((mut stream, _)) = listener.accept().await {
        let mut request = Vec::new();
        while !request.windows(4).any(|end| end == b"\r\n\r\n") {
            if stream.read_buf(&mut request).await.unwrap_or(0) == 0 {
                break;
            }
        }
        let answer = "HTTP/1.1 400 Bad Request\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}";
        let _ = stream.write_all(answer.as_bytes()).await;
        heads.lock().unwrap().push(String::from_utf8_lossy(&request).into_owned());
    }
}

#[tokio::test]
async fn a_command_signs_what_it_asks_of_the_local_system_without_the_operators_credentials() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let heads = Arc::<Mutex<Vec<String>>>::default();
    let serving = tokio::spawn(refuse(listener, Arc::clone(&heads)));
    let directory = tempfile::tempdir().unwrap();
    std::fs::create_dir(directory.path().join(".tidegate")).unwrap();
    let topology = concat!(env!("CARGO_MANIFEST_DIR"), "/../../infra/topology.auto.tfvars");
    let engine = serde_json::json!({"pid": std::process::id(), "control": "http://127.0.0.1:1", "endpoint": endpoint,
        "started_at": "2026-01-01T00:00:00Z", "topology": topology, "backend": "ministack"});
    std::fs::write(directory.path().join(".tidegate/engine.json"), engine.to_string()).unwrap();
    let operator = [
        ("AWS_ACCESS_KEY_ID", "ASIAOPERATORSID"),
        ("AWS_SECRET_ACCESS_KEY", "operators-secret"),
        ("AWS_SESSION_TOKEN", "operators-token"),
    ];
    let output = tidegate(&["events", "show", "order#1"], directory.path(), &operator).await;
    serving.abort();
    let heads = heads.lock().unwrap().join("\n");
    assert!(heads.contains("Credential=test/"), "{heads}{}", stderr(&output));
    assert!(!heads.contains("OPERATORSID") && !heads.contains("operators-token"), "{heads}");
}
