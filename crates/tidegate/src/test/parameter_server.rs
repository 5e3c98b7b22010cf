//! Stands in for AWS's Parameters and Secrets Lambda Extension.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

use parking_lot::Mutex;
use serde_json::{Value, json};

use crate::parameters::Parameters;

/// What a caller must send, as the extension asks for the session token.
const TOKEN: &str = "session-token";

/// A local HTTP server that answers as AWS's Parameters and Secrets Lambda Extension does.
///
/// It listens on a free port of 127.0.0.1 until it is dropped.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), tidegate::failure::Failure> {
/// use tidegate::test::ParameterServer;
///
/// let server = ParameterServer::start()?;
/// server.parameter("/shop/limit", "100");
/// let parameters = server.parameters();
/// assert_eq!(&*parameters.get("/shop/limit").await?, "100");
/// assert_eq!(parameters.secret("payment-key").await.unwrap_err().code(), "parameter_refused");
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct ParameterServer {
    port: u16,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    /// Answers by request target, such as `/secretsmanager/get?secretId=a`.
    answers: HashMap<String, Value>,
    failure: Option<(u16, String)>,
    requests: Vec<String>,
    stopped: bool,
}

impl ParameterServer {
    /// Starts a server without values.
    ///
    /// # Errors
    /// No port is free.
    pub fn start() -> std::io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let port = listener.local_addr()?.port();
        let state = Arc::<Mutex<State>>::default();
        let served = Arc::clone(&state);
        std::thread::spawn(move || {
            for connection in listener.incoming() {
                if served.lock().stopped {
                    return;
                }
                if let Ok(connection) = connection {
                    // A caller that went away is no concern of the server.
                    let _ = serve(&connection, &served);
                }
            }
        });
        Ok(Self { port, state })
    }

    /// Sets a parameter of Parameter Store. It can be read as it is and as a secure one.
    pub fn parameter(&self, name: &str, value: &str) {
        let answer = json!({ "Parameter": { "Name": name, "Value": value }, "ResultMetadata": {} });
        let target = format!("/systemsmanager/parameters/get?name={}", encoded(name));
        let mut state = self.state.lock();
        state.answers.insert(format!("{target}&withDecryption=true"), answer.clone());
        state.answers.insert(target, answer);
    }

    /// Sets a secret of Secrets Manager.
    pub fn secret(&self, id: &str, value: &str) {
        self.answer_secret(id, json!({ "Name": id, "SecretString": value }));
    }

    /// Sets the whole answer to a question for a secret.
    pub fn answer_secret(&self, id: &str, answer: Value) {
        let target = format!("/secretsmanager/get?secretId={}", encoded(id));
        self.state.lock().answers.insert(target, answer);
    }

    /// Removes all values.
    pub fn clear(&self) {
        self.state.lock().answers.clear();
    }

    /// Answers every request with this status and text from now on; `None` ends that.
    pub fn fail(&self, failure: Option<(u16, &str)>) {
        self.state.lock().failure = failure.map(|(status, text)| (status, text.to_owned()));
    }

    /// Returns the targets of the requests so far.
    pub fn requests(&self) -> Vec<String> {
        self.state.lock().requests.clone()
    }

    /// Returns the port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns a reader of this server, with the usual times.
    pub fn parameters(&self) -> Parameters {
        Parameters::at(self.port, http::header::HeaderValue::from_static(TOKEN))
    }
}

impl Drop for ParameterServer {
    fn drop(&mut self) {
        self.state.lock().stopped = true;
        // Wakes the thread, which then ends. The port is closed if that fails.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

fn encoded(name: &str) -> String {
    form_urlencoded::byte_serialize(name.as_bytes()).collect()
}

fn serve(connection: &TcpStream, state: &Mutex<State>) -> std::io::Result<()> {
    let mut head = BufReader::new(connection).lines();
    let first = head.next().transpose()?.unwrap_or_default();
    let target = first.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut token = None;
    for line in head {
        let line = line?;
        if line.is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("x-aws-parameters-secrets-token")
        {
            token = Some(value.trim().to_owned());
        }
    }
    let (status, body) = answer(&mut state.lock(), target, token.as_deref());
    let length = body.len();
    let head =
        format!("HTTP/1.1 {status} -\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n");
    let mut connection = connection;
    connection.write_all(head.as_bytes())?;
    connection.write_all(body.as_bytes())
}

fn answer(state: &mut State, target: String, token: Option<&str>) -> (u16, String) {
    let found = state.answers.get(&target).map(Value::to_string);
    state.requests.push(target);
    if let Some(failure) = &state.failure {
        return failure.clone();
    }
    if token != Some(TOKEN) {
        return (401, "the token is wrong".to_owned());
    }
    match found {
        Some(body) => (200, body),
        None => (400, "an unexpected error occurred: not found".to_owned()),
    }
}
