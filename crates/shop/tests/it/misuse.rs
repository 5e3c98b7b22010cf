//! What is wrong with a command line or a file is one line and an exit code.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

/// Returns the command, without a local system and an account.
fn shop(arguments: &[&str], endpoint: Option<&str>) -> Output {
    let directory = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_shop"));
    command.args(arguments).current_dir(directory.path()).env_clear();
    if let Some(endpoint) = endpoint {
        command.env("AWS_ENDPOINT_URL", endpoint);
    }
    command.output().unwrap()
}

/// Asserts one line on standard error, nothing on standard output, and the exit code.
fn said(output: &Output, code: i32) -> String {
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{text}");
    assert_eq!(text.lines().count(), 1, "{text}");
    assert!(output.stdout.is_empty(), "{}", String::from_utf8_lossy(&output.stdout));
    text
}

#[test]
fn misuse_exits_with_2_and_one_line() {
    for arguments in
        [&["frobnicate"][..], &[], &["import", "online-retail"], &["sales", "--by", "moon"]]
    {
        said(&shop(arguments, None), 2);
    }
}

#[test]
fn help_is_no_misuse() {
    let output = shop(&["--help"], None);
    assert!(output.status.success() && String::from_utf8_lossy(&output.stdout).contains("import"));
}

#[test]
fn a_file_that_is_missing_or_none_of_ours_exits_with_1_and_one_line() {
    assert!(
        said(&shop(&["import", "online-retail", "none.csv"], None), 1)
            .contains("none.csv cannot be read")
    );
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&file, [0x1f, 0x8b, 1, 2, 3]).unwrap();
    said(&shop(&["check", file.path().to_str().unwrap()], None), 1);
}

#[test]
fn a_summary_takes_the_orders_of_an_earlier_one_without_reading_the_event_store() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let path = file.path().to_str().unwrap();
    let earlier = r#"{"orders": {"completed": 2}, "finished": 2, "example": "1", "confirmed": 2,
        "confirmed_after_p50_ms": 30, "confirmed_after_p99_ms": 700}"#;
    std::fs::write(path, earlier).unwrap();
    let output = shop(&["summary", "--orders", path], None);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("p50 30 ms, p99 700 ms (2 orders)"), "{text}");
    std::fs::write(path, "order,product").unwrap();
    let refused = said(&shop(&["summary", "--orders", path], None), 1);
    assert!(refused.contains("is not the output of `shop summary --json`"), "{refused}");
}

#[test]
fn without_a_system_it_says_how_to_start_one() {
    assert!(said(&shop(&["sales", "--by", "day"], None), 1).contains("tidegate local up"));
}

#[test]
fn an_endpoint_that_does_not_answer_is_said_within_seconds() {
    let started = Instant::now();
    let text = said(&shop(&["sales", "--by", "day"], Some("http://127.0.0.1:1")), 1);
    assert!(text.contains("nothing answers at http://127.0.0.1:1"), "{text}");

    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", silent.local_addr().unwrap());
    let text = said(&shop(&["order", "show", "1"], Some(&endpoint)), 1);
    assert!(text.contains("no answer in 5 s"), "{text}");
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
}

#[test]
fn a_name_prefix_for_the_local_system_is_misuse() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::create_dir(directory.path().join(".tidegate")).unwrap();
    std::fs::write(
        directory.path().join(".tidegate/engine.json"),
        r#"{"endpoint": "http://127.0.0.1:1"}"#,
    )
    .unwrap();
    let sales = |endpoint: Option<&str>| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_shop"));
        command.args(["sales", "--by", "day"]).current_dir(directory.path()).env_clear();
        command
            .env("TIDEGATE_NAME_PREFIX", "shop-dev-")
            .envs(endpoint.map(|url| ("AWS_ENDPOINT_URL", url)));
        command.output().unwrap()
    };
    for endpoint in [None, Some("http://127.0.0.1:1/")] {
        let text = said(&sales(endpoint), 2);
        assert!(text.contains("the local system has no name prefix"), "{text}");
    }
    said(&sales(Some("http://127.0.0.1:2")), 1);
}

#[test]
fn the_local_system_is_where_the_state_directory_is_said_to_be() {
    let (state, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    std::fs::write(state.path().join("engine.json"), r#"{"endpoint": "http://127.0.0.1:1"}"#)
        .unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_shop"));
    command.args(["sales", "--by", "day"]).current_dir(elsewhere.path()).env_clear();
    let output = command.env("TIDEGATE_STATE", state.path()).output().unwrap();
    assert!(said(&output, 1).contains("nothing answers at http://127.0.0.1:1"));
}

/// A server that plays STS of account 111111111111, for one request.
fn sts() -> (String, std::thread::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let answered = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = Vec::new();
        while !String::from_utf8_lossy(&request).contains("Action=GetCallerIdentity") {
            let mut part = [0; 4096];
            let read = stream.read(&mut part).unwrap();
            assert!(read > 0, "{}", String::from_utf8_lossy(&request));
            request.extend_from_slice(&part[..read]);
        }
        let body = "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult>\
                    <Account>111111111111</Account></GetCallerIdentityResult></GetCallerIdentityResponse>";
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            body.len()
        );
        stream.write_all(format!("{head}{body}").as_bytes()).unwrap();
    });
    (url, answered)
}

#[test]
fn orders_go_into_an_account_only_if_it_is_named_and_is_that_of_the_credentials() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("retail.csv");
    let line = "536365,85123A,LAMP,6,2010-12-01T08:26:00Z,2.55,17850,United Kingdom";
    let header =
        "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country";
    std::fs::write(&file, format!("{header}\n{line}\n")).unwrap();
    let (url, answered) = sts();
    let shop = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_shop"));
        command.args(arguments).current_dir(directory.path()).env_clear();
        command.env("AWS_ACCESS_KEY_ID", "id").env("AWS_SECRET_ACCESS_KEY", "key");
        command.env("AWS_REGION", "eu-west-1").env("AWS_ENDPOINT_URL_STS", &url);
        command.env("AWS_ENDPOINT_URL_KINESIS", "http://127.0.0.1:1").output().unwrap()
    };
    let import = ["import", "online-retail", "retail.csv"];
    let text = said(&shop(&import), 2);
    let state = directory.path().join(".tidegate/engine.json");
    for part in
        [state.to_str().unwrap(), "tidegate local up", "--account ID", "--name-prefix PREFIX"]
    {
        assert!(text.contains(part), "`{part}` is not in {text}");
    }
    let other = [&import[..], &["--account", "999999999999"]].concat();
    assert!(said(&shop(&other), 2).contains("the credentials are those of account 111111111111"));
    answered.join().unwrap();
}
