//! Emulators start, answer, and end with the process that started them.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use aws_sdk_ses::types::{Body, Content, Destination, Message};
use tidegate_local::emulator::{self, Backend};

use crate::backend::{TestBackend, ministack};

fn is_gone(process: i32) -> bool {
    let stat = procfs::process::Process::new(process).and_then(|process| process.stat());
    stat.map_or(true, |stat| stat.state == 'Z')
}

async fn until_gone(process: i32) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !is_gone(process) {
        assert!(Instant::now() < deadline, "process {process} still runs");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Sends one message and reads the list of sent ones.
pub(crate) async fn mail_is_listed(backend: &TestBackend) {
    let ses = &backend.clients.ses;
    ses.verify_email_identity().email_address("shop@example.com").send().await.expect("verified");
    let content = |text: &str| Content::builder().data(text).build().expect("complete");
    let message = Message::builder()
        .subject(content("Hello"))
        .body(Body::builder().text(content("Text")).build());
    let sent = ses
        .send_email()
        .source("shop@example.com")
        .destination(Destination::builder().to_addresses("customer@example.com").build())
        .message(message.build())
        .send()
        .await
        .expect("sent");
    let mail = backend.emulator.sent_mail().await.expect("it answers").expect("it keeps a list");
    assert_eq!(mail.len(), 1, "{mail:?}");
    assert_eq!(mail[0].id, sent.message_id);
    assert_eq!(mail[0].to, ["customer@example.com"]);
    assert_eq!((mail[0].subject.as_str(), mail[0].body.as_str()), ("Hello", "Text"));
}

#[tokio::test]
async fn ministack_answers_uses_cpu_lists_its_mail_and_ends() {
    let backend = ministack().await;
    assert_eq!(backend.emulator.name(), "ministack");
    assert!(backend.emulator.endpoint().starts_with("http://127.0.0.1:"));
    assert!(backend.emulator.cpu_seconds().expect("it was started here") > 0.1);
    assert_eq!(backend.emulator.sent_mail().await.expect("it answers"), Some(Vec::new()));
    mail_is_listed(&backend).await;

    let process = backend.emulator.process_id().expect("it was started here");
    assert!(!is_gone(process));
    backend.emulator.stop().await;
    assert!(is_gone(process));
    backend.emulator.stop().await;
}

#[tokio::test]
async fn a_given_endpoint_that_answers_is_used_and_not_stopped() {
    let backend = ministack().await;
    let url = backend.emulator.endpoint();
    let given = Backend::External(url.to_owned());
    let external = emulator::start(&given, Path::new("unused")).await.expect("it answers");
    assert_eq!(
        (external.name(), external.endpoint(), external.cpu_seconds()),
        ("external", url, None)
    );
    external.stop().await;
    assert!(!is_gone(backend.emulator.process_id().expect("it was started here")));
}

#[tokio::test]
async fn a_given_endpoint_that_does_not_answer_is_an_error_that_says_what_to_do() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("it is bound"));
    drop(listener);
    let error = emulator::start(&Backend::External(url.clone()), Path::new("unused"))
        .await
        .expect_err("nobody there");
    let error = error.to_string();
    assert!(
        error.starts_with(&format!(
            "AWS_ENDPOINT_URL (or --endpoint-url) is {url}, and DynamoDB ListTables there fails: "
        )),
        "{error}"
    );
    assert!(error.contains("refused") && error.contains("unset AWS_ENDPOINT_URL"), "{error}");

    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}", silent.local_addr().expect("it is bound"));
    let error = emulator::start(&Backend::External(url), Path::new("unused"))
        .await
        .expect_err("nobody answers");
    assert!(error.to_string().contains("no answer within 5 seconds"), "{error}");

    let error =
        emulator::start(&Backend::External("localhost".to_owned()), Path::new("unused")).await;
    assert!(error.expect_err("no URL").to_string().contains("it is not a URL such as"));
}

/// Variable that marks the process to be killed.
const TO_BE_KILLED: &str = "TIDEGATE_TEST_TO_BE_KILLED";

/// The next test runs this in a process of its own.
#[tokio::test]
#[ignore = "another test runs it and kills it"]
async fn engine_that_is_killed() {
    if std::env::var_os(TO_BE_KILLED).is_none() {
        return;
    }
    let backend = ministack().await;
    println!("\nemulator {}", backend.emulator.process_id().expect("it was started here"));
    std::future::pending::<()>().await;
}

#[tokio::test]
async fn the_emulator_does_not_outlive_an_engine_that_is_killed() {
    let program = std::env::current_exe().expect("this test's program");
    let mut engine = Command::new(program)
        .args(["--exact", "emulator::engine_that_is_killed", "--ignored", "--nocapture"])
        .env(TO_BE_KILLED, "1")
        .stdout(Stdio::piped())
        .spawn()
        .expect("started");
    let output = BufReader::new(engine.stdout.take().expect("piped"));
    let emulator = output
        .lines()
        .map_while(Result::ok)
        .find_map(|line| line.strip_prefix("emulator ")?.parse().ok())
        .expect("it says its emulator's process id");
    assert!(!is_gone(emulator));
    engine.kill().expect("killed");
    engine.wait().expect("ended");
    until_gone(emulator).await;
}
