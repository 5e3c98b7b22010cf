//! Commands change an AWS account only if it is named, and always print which account they work on.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Output;
use std::sync::{Arc, Mutex};

use crate::command::{said, stderr, tidegate};

const ACCOUNT: &str = "111111111111";
const SERVICES: [&str; 7] = [
    "AWS_ENDPOINT_URL_STS",
    "AWS_ENDPOINT_URL_SQS",
    "AWS_ENDPOINT_URL_DYNAMODB",
    "AWS_ENDPOINT_URL_DYNAMODB_STREAMS",
    "AWS_ENDPOINT_URL_KINESIS",
    "AWS_ENDPOINT_URL_LAMBDA",
    "AWS_ENDPOINT_URL_S3",
];

/// A minimal AWS: STS returns the account, and every other service refuses.
struct Aws {
    url: String,
    /// Bodies of the requests.
    asked: Arc<Mutex<Vec<String>>>,
}

impl Aws {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let kept = Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let kept = Arc::clone(&kept);
                std::thread::spawn(move || answer(stream, &kept));
            }
        });
        Self { url, asked }
    }

    async fn tidegate(&self, arguments: &[&str], directory: &Path) -> Output {
        let mut variables = vec![
            ("AWS_ACCESS_KEY_ID", "id"),
            ("AWS_SECRET_ACCESS_KEY", "key"),
            ("AWS_REGION", "eu-west-1"),
        ];
        variables.extend(SERVICES.iter().map(|name| (*name, self.url.as_str())));
        tidegate(arguments, directory, &variables).await
    }

    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }
}

fn answer(stream: TcpStream, asked: &Mutex<Vec<String>>) {
    let mut reader = BufReader::new(&stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if line.trim().is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let body = String::from_utf8_lossy(&body).into_owned();
    let (status, content) = if body.contains("GetCallerIdentity") {
        let identity = format!(
            "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult>\
             <Arn>arn:aws:iam::{ACCOUNT}:user/u</Arn><UserId>u</UserId><Account>{ACCOUNT}</Account>\
             </GetCallerIdentityResult></GetCallerIdentityResponse>"
        );
        ("200 OK", identity)
    } else {
        ("400 Bad Request", r#"{"__type":"AccessDeniedException","message":"not here"}"#.to_owned())
    };
    asked.lock().unwrap().push(body);
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        content.len()
    );
    let _ = (&stream).write_all(format!("{head}{content}").as_bytes());
}

fn directory() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    std::fs::create_dir(directory.path().join("infra")).unwrap();
    let topology = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../infra/topology.auto.tfvars");
    std::fs::copy(topology, directory.path().join("infra/topology.auto.tfvars")).unwrap();
    directory
}

const CHANGES: [&[&str]; 4] = [
    &["dlq", "--yes"],
    &["effects", "release", "mail#1"],
    &["effects", "complete", "mail#1"],
    &["parked", "release", "order#1"],
];

#[tokio::test(flavor = "multi_thread")]
async fn without_a_local_system_no_command_changes_an_account_that_nobody_named() {
    let (aws, directory) = (Aws::start(), directory());
    for arguments in CHANGES {
        let text = said(&aws.tidegate(arguments, directory.path()).await, 2);
        let state = directory.path().join(".tidegate/engine.json");
        for part in
            [state.to_str().unwrap(), "tidegate local up", "--account ID", "--name-prefix PREFIX"]
        {
            assert!(text.contains(part), "{arguments:?}: `{part}` is not in {text}");
        }
        assert_eq!(aws.asked(), [""; 0], "{arguments:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_at_aws_is_the_account_and_is_not_changed_unless_that_is_named() {
    let directory = tempfile::tempdir().unwrap();
    for url in [
        "https://dynamodb.eu-west-1.amazonaws.com",
        "https://vpce-0a1b.sqs.cn-north-1.vpce.amazonaws.com.cn",
    ] {
        let variables = [
            ("AWS_ACCESS_KEY_ID", "id"),
            ("AWS_SECRET_ACCESS_KEY", "key"),
            ("AWS_REGION", "eu-west-1"),
            ("AWS_ENDPOINT_URL", url),
        ];
        // Refused before any connection: these tests do not reach AWS.
        for arguments in [&["dlq", "--yes"][..], &["effects", "release", "--all"]] {
            let output = tidegate(arguments, directory.path(), &variables).await;
            let text = stderr(&output);
            assert_eq!(output.status.code(), Some(2), "{url}: {text}");
            assert!(text.contains(&format!("{url} (from AWS_ENDPOINT_URL) is at AWS")), "{text}");
            assert!(text.contains("--account ID"), "{text}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_is_not_that_of_the_credentials_is_not_touched() {
    let (aws, directory) = (Aws::start(), directory());
    for arguments in [&CHANGES[..], &[&["dlq"], &["effects", "ls"]]].concat() {
        let arguments = [arguments, &["--account", "999999999999"]].concat();
        let text = said(&aws.tidegate(&arguments, directory.path()).await, 2);
        let expected = format!(
            "--account is 999999999999, and the credentials are those of account {ACCOUNT}"
        );
        assert!(text.contains(&expected), "{arguments:?}: {text}");
        assert_eq!(aws.asked().len(), 1, "{arguments:?}: STS alone is asked");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_addressed_is_said_before_anything_happens() {
    let (aws, directory) = (Aws::start(), directory());
    let account = ["--account", ACCOUNT];
    let prefix = ["--name-prefix", "shop-dev-"];
    let mut lines: Vec<(Vec<&str>, &str)> = Vec::new();
    for arguments in CHANGES {
        lines.push(([arguments, &account[..]].concat(), "names without a prefix"));
        lines.push(([arguments, &prefix[..]].concat(), "names that begin with shop-dev-"));
    }
    for reading in
        [&["dlq"][..], &["effects", "ls"], &["parked", "ls"], &["events", "show", "order#1"]]
    {
        lines.push((reading.to_vec(), "names without a prefix"));
    }
    for (arguments, names) in lines {
        let output = aws.tidegate(&arguments, directory.path()).await;
        let text = stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {text}");
        let expected = format!("addressed: AWS account {ACCOUNT}, region eu-west-1, {names}");
        assert_eq!(text.lines().next(), Some(expected.as_str()), "{arguments:?}: {text}");
        let asked = aws.asked();
        assert!(
            asked[0].contains("GetCallerIdentity") && asked.len() > 1,
            "{arguments:?}: {asked:?}"
        );
    }
}
