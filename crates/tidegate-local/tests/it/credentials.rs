//! An operator's AWS credentials do not reach anything that runs locally.

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use tidegate_local::emulator::{Backend, EmulatorError};
use tidegate_local::engine::{Engine, StartError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::engine::options;
use crate::probe::{binary, fleet, invoke, spec};

const DIRECTORY: &str = "TIDEGATE_TEST_OPERATOR";
/// Parts of every secret of the operator below.
const SECRETS: [&str; 3] = ["OPERATORSID", "operators-secret", "operators-token"];

const DECLARED: &str = r#"
event_bytes_limit = 262144
functions = { probe = { memory_mb = 128, timeout_seconds = 20, maximum_concurrency = 2 } }
"#;

/// Accepts one request, answers `{}`, and returns the request.
async fn overheard(listener: TcpListener) -> String {
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut request = Vec::new();
    while !request.windows(4).any(|end| end == b"\r\n\r\n") {
        assert_ne!(stream.read_buf(&mut request).await.unwrap(), 0, "the request ends early");
    }
    let answer = "HTTP/1.1 200 OK\r\nContent-Type: application/x-amz-json-1.0\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}";
    stream.write_all(answer.as_bytes()).await.unwrap();
    String::from_utf8(request).unwrap()
}

/// The next test runs this in a process of its own, with an operator's environment.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "another test runs it"]
async fn what_an_operators_engine_runs() {
    let Ok(directory) = std::env::var(DIRECTORY) else { return };
    let directory = Path::new(&directory);
    assert!(std::env::var("AWS_SECRET_ACCESS_KEY").unwrap().contains(SECRETS[1]));
    let engine =
        Engine::start(options(directory, DECLARED)).await.unwrap_or_else(|error| panic!("{error}"));
    let file = std::fs::read_to_string(directory.join("state/functions/probe.env")).unwrap();
    let function = invoke(engine.functions(), json!({})).await;
    let credentials =
        invoke(engine.functions(), json!({"do": "credentials", "profile": "work"})).await;

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut own = spec(&binary());
    own.endpoint = format!("http://{}", listener.local_addr().unwrap());
    let fleet = fleet(&directory.join("own"), own);
    let (sent, _) = tokio::join!(
        overheard(listener),
        invoke(&fleet, json!({"do": "put", "table": "t", "keys": ["a"]}))
    );
    let seen = json!({
        "function": function["environment"],
        "credentials": credentials,
        "emulator": environments_of_children(),
        "file": file,
        "sent": sent,
    });
    println!("\nseen {seen}");
    engine.shutdown().await;
}

/// The environments of this process's living children: emulator and functions.
fn environments_of_children() -> Vec<String> {
    let own = i32::try_from(std::process::id()).unwrap();
    let all = procfs::process::all_processes().unwrap().flatten();
    let children = all.filter(|process| process.stat().is_ok_and(|stat| stat.ppid == own));
    let environ = |id: i32| std::fs::read(format!("/proc/{id}/environ")).unwrap_or_default();
    children.map(|child| String::from_utf8_lossy(&environ(child.pid)).replace('\0', "\n")).collect()
}

#[test]
fn the_operators_credentials_reach_neither_functions_nor_the_emulator() {
    let directory = tempfile::tempdir().unwrap();
    let home = directory.path().join("home");
    std::fs::create_dir_all(home.join(".aws")).unwrap();
    let profile = |name: &str| {
        let [id, secret, token] = SECRETS;
        format!(
            "[{name}]\naws_access_key_id = AKIA{id}\naws_secret_access_key = {secret}\naws_session_token = {token}\n"
        )
    };
    let files = ["credentials", "config"].map(|name| home.join(".aws").join(name));
    std::fs::write(&files[0], format!("{}{}", profile("default"), profile("work"))).unwrap();
    std::fs::write(&files[1], profile("profile work")).unwrap();
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "credentials::what_an_operators_engine_runs", "--ignored", "--nocapture"])
        .env(DIRECTORY, directory.path())
        .env("HOME", &home)
        .env("AWS_ACCESS_KEY_ID", format!("ASIA{}", SECRETS[0]))
        .env("AWS_SECRET_ACCESS_KEY", SECRETS[1])
        .env("AWS_SESSION_TOKEN", SECRETS[2])
        .env("AWS_PROFILE", "work")
        .env("AWS_SHARED_CREDENTIALS_FILE", &files[0])
        .env("AWS_CONFIG_FILE", &files[1])
        .env_remove("AWS_ENDPOINT_URL")
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    let output = String::from_utf8(output.stdout).unwrap();
    let seen = output
        .lines()
        .find_map(|line| line.strip_prefix("seen "))
        .unwrap_or_else(|| panic!("{output}"));
    for secret in SECRETS {
        assert!(!seen.contains(secret), "{secret} is in {seen}");
    }
    let seen: Value = serde_json::from_str(seen).unwrap();
    let function = &seen["function"];
    assert_eq!(function["AWS_ACCESS_KEY_ID"], "test");
    assert_eq!(function["HOME"], home.to_str().unwrap(), "languages find their packages by it");
    for name in ["AWS_SESSION_TOKEN", "AWS_PROFILE"] {
        assert_eq!(function.get(name), None, "{name}");
    }
    assert_eq!(seen["credentials"], json!({"chain": "test", "profile": null}));
    assert!(seen["sent"].as_str().unwrap().contains("Credential=test/"), "{seen}");
    let children = seen["emulator"].as_array().unwrap();
    assert!(
        children.len() > 1 && children.iter().all(|child| !child.as_str().unwrap().is_empty()),
        "{seen}"
    );
    let file = seen["file"].as_str().unwrap();
    assert!(
        file.contains("AWS_ACCESS_KEY_ID=test\n") && file.contains("AWS_SESSION_TOKEN=\n"),
        "{file}"
    );
}

#[tokio::test]
async fn aws_itself_is_never_the_backend() {
    let directory = tempfile::tempdir().unwrap();
    let mut options = options(directory.path(), DECLARED);
    options.backend = Backend::External("https://dynamodb.us-east-1.amazonaws.com".to_owned());
    let error = Engine::start(options).await.unwrap_err();
    assert!(matches!(&error, StartError::Emulator(EmulatorError::Account(_))), "{error:?}");
    assert!(error.to_string().contains("Unset AWS_ENDPOINT_URL"), "{error}");
}
