//! What becomes of a request, by what the provider or something in its place does.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use events::Money;
use parking_lot::Mutex;
use tidegate::failure::Failure;
use tidegate::idempotency::EffectError;
use tokio::time::Instant;

use super::{Answer, HttpProvider, Operation, Provider, Request};

/// What the test's provider does with a connection.
#[derive(Clone)]
enum Does {
    /// Answers with this status and body.
    Answers(u16, String),
    /// Says that the answer is longer than it is, and closes.
    BreaksOff,
    /// Reads the request and closes.
    Closes,
    /// Reads the request and never answers.
    Waits,
}

/// A provider on a free port, and the requests that it got.
struct Fake {
    url: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Fake {
    fn start(does: Does) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/v1", listener.local_addr().unwrap());
        let requests: Arc<Mutex<Vec<String>>> = Arc::default();
        let seen = Arc::clone(&requests);
        std::thread::spawn(move || {
            for connection in listener.incoming() {
                let (does, seen) = (does.clone(), Arc::clone(&seen));
                std::thread::spawn(move || serve(connection.unwrap(), &does, &seen));
            }
        });
        Self { url, requests }
    }

    fn provider(&self) -> HttpProvider {
        self.url.parse().unwrap()
    }
}

fn serve(mut connection: TcpStream, does: &Does, seen: &Mutex<Vec<String>>) {
    let Some(request) = read_request(&mut connection) else { return };
    seen.lock().push(request);
    let answer = match does {
        Does::Answers(status, body) => {
            let length = body.len();
            format!("HTTP/1.1 {status} status\r\ncontent-length: {length}\r\n\r\n{body}")
        }
        Does::BreaksOff => "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{".to_owned(),
        Does::Closes => return,
        Does::Waits => {
            // Until the client gives up and closes.
            let _ = connection.read(&mut [0]);
            return;
        }
    };
    // A client may close while a large answer is written.
    let _ = connection.write_all(answer.as_bytes());
}

fn read_request(connection: &mut TcpStream) -> Option<String> {
    let (mut request, mut part) = (Vec::new(), [0; 4096]);
    loop {
        let text = String::from_utf8_lossy(&request);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let head = head.to_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
            let length = length.map_or(0, |length| length.trim().parse().unwrap());
            if body.len() >= length {
                return Some(text.into_owned());
            }
        }
        match connection.read(&mut part) {
            Ok(read) if read > 0 => request.extend_from_slice(&part[..read]),
            _ => return None,
        }
    }
}

fn operation() -> Operation {
    Operation::new("a/7", Request::Authorise(Money::pence(1530)))
}

fn in_time() -> Instant {
    Instant::now() + Duration::from_secs(600)
}

/// Writes down what became of a request and of a look-up.
async fn both(does: Does) -> (String, String) {
    let fake = Fake::start(does);
    let told = |failure: &Failure| format!("{} {}", failure.class(), failure.code());
    let provider = fake.provider();
    let requested = match provider.request(&operation(), in_time()).await {
        Ok(answer) => format!("{answer:?}"),
        Err(EffectError::NotDone(failure)) => format!("not done: {}", told(&failure)),
        Err(EffectError::Unknown(failure)) => format!("unknown: {}", told(&failure)),
    };
    let looked_up = match provider.look_up(&operation(), in_time()).await {
        Ok(Some(answer)) => format!("{answer:?}"),
        Ok(None) => "not known".to_owned(),
        Err(failure) => told(&failure),
    };
    assert_eq!(fake.requests.lock().len(), 2, "each is sent once");
    (requested, looked_up)
}

fn authorised(amount: i64, currency: &str) -> String {
    format!(
        r#"{{"status":"authorised","reference":"a/7","payment":"pay-1","amount":{amount},
            "currency":"{currency}","more":[]}}"#
    )
}

#[tokio::test]
async fn a_request_has_its_key_and_an_answer_is_read() {
    let fake = Fake::start(Does::Answers(201, authorised(1530, "GBP")));
    let answer = fake.provider().request(&operation(), in_time()).await;
    assert!(matches!(answer, Ok(Answer::Authorised(_))), "{:?}", answer.is_ok());
    let request = fake.requests.lock()[0].to_lowercase();
    assert!(request.starts_with("post /v1/payments http/1.1\r\n"), "{request}");
    assert!(request.contains("\r\nidempotency-key: authorise:a%2f7\r\n"), "{request}");
    assert!(request.contains(r#""reference":"a/7""#), "{request}");
    let fake = Fake::start(Does::Answers(404, String::new()));
    assert_eq!(fake.provider().look_up(&operation(), in_time()).await, Ok(None));
    let request = fake.requests.lock()[0].clone();
    assert!(
        request.starts_with("GET /v1/operations/authorise%3Aa%252F7 HTTP/1.1\r\n"),
        "{request}"
    );
    let capture = Operation::new("a/7", Request::Capture(Money::pence(1)));
    let _ = fake.provider().request(&capture, in_time()).await;
    let request = fake.requests.lock()[1].clone();
    assert!(request.starts_with("POST /v1/payments/a%2F7/capture HTTP/1.1\r\n"), "{request}");
}

#[tokio::test]
async fn what_is_not_an_answer_is_a_failure_with_a_class() {
    let html = "<html>503</html>".to_owned();
    let huge = format!(r#"{{"status":"{}"}}"#, "x".repeat(1 << 20));
    let unreadable = ("unknown: transient unreadable_answer", "transient unreadable_answer");
    let cases = [
        (Does::Answers(200, html.clone()), unreadable),
        (Does::Answers(200, huge), unreadable),
        (Does::BreaksOff, unreadable),
        (Does::Answers(200, authorised(1530, "GBP").replace("authorised", "done")), unreadable),
        (Does::Answers(200, authorised(1530, "GBP").replace("pay-1", "")), unreadable),
        (
            Does::Answers(200, authorised(1531, "GBP")),
            ("unknown: permanent other_payment", "permanent other_payment"),
        ),
        (
            Does::Answers(200, authorised(1530, "USD")),
            ("unknown: permanent other_payment", "permanent other_payment"),
        ),
        (
            Does::Answers(200, authorised(1530, "GBP").replace("a/7", "8")),
            ("unknown: permanent other_payment", "permanent other_payment"),
        ),
        (
            Does::Answers(503, html.clone()),
            ("unknown: transient provider_down", "transient provider_down"),
        ),
        (
            Does::Answers(429, html.clone()),
            ("not done: transient throttled", "transient throttled"),
        ),
        (
            Does::Answers(401, html.clone()),
            ("not done: transient provider_refuses_us", "transient provider_refuses_us"),
        ),
        (
            Does::Answers(409, html.clone()),
            ("not done: permanent key_reused", "permanent key_reused"),
        ),
        (
            Does::Answers(400, html.clone()),
            ("not done: permanent request_refused", "permanent request_refused"),
        ),
        (
            Does::Answers(302, html),
            ("not done: transient unexpected_status", "transient unexpected_status"),
        ),
        (
            Does::Closes,
            ("unknown: transient provider_unreachable", "transient provider_unreachable"),
        ),
    ];
    for (does, (requested, looked_up)) in cases {
        let found = both(does).await;
        assert_eq!(found, (requested.to_owned(), looked_up.to_owned()));
    }
}

#[tokio::test]
async fn a_request_without_a_connection_was_not_carried_out() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let provider: HttpProvider = format!("http://{closed}").parse().unwrap();
    let failed = provider.request(&operation(), in_time()).await;
    let Err(EffectError::NotDone(failure)) = failed else { panic!("it is not known") };
    assert_eq!(failure.code(), "provider_unreachable");
}

#[tokio::test]
async fn a_request_without_an_answer_in_time_may_have_been_carried_out() {
    let fake = Fake::start(Does::Waits);
    let soon = Instant::now() + Duration::from_millis(200);
    let failed = fake.provider().request(&operation(), soon).await;
    let Err(EffectError::Unknown(failure)) = failed else { panic!("it is known") };
    assert_eq!(failure.code(), "provider_timeout");
    assert!(fake.requests.lock().len() <= 1, "it is not sent again");
}

#[tokio::test]
async fn a_provider_elsewhere_is_spoken_to_in_tls() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let first = std::thread::spawn(move || {
        let mut byte = [0];
        listener.accept().unwrap().0.read_exact(&mut byte).unwrap();
        byte
    });
    let provider: HttpProvider = url.parse().unwrap();
    let failed = provider.request(&operation(), in_time()).await;
    // No secret and no amount leaves before the other side has proved who it is.
    let Err(EffectError::NotDone(failure)) = failed else { panic!("it was sent") };
    assert_eq!(failure.code(), "provider_unreachable");
    assert_eq!(first.join().unwrap(), [22], "a handshake record");
}
