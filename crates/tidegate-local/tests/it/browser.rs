//! Chromium, controlled by its DevTools protocol through a pipe, which needs neither a port nor a
//! library.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// Names under which distributions install Chromium.
const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
/// Variable that names another browser. With the value `none` the tests run without one.
const VARIABLE: &str = "TIDEGATE_BROWSER";
const LIMIT: Duration = Duration::from_secs(60);

/// A browser with one page. It ends when dropped.
pub(crate) struct Browser {
    _process: Child,
    _profile: TempDir,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    session: String,
    last: u64,
}

/// Path of Chromium. `None`, with a message, only if the variable is `none`.
fn chromium() -> Option<OsString> {
    let given = std::env::var_os(VARIABLE).filter(|given| !given.is_empty());
    if given.as_ref().is_some_and(|given| given == "none") {
        // Written past the test harness, which hides the output of tests that pass.
        let said =
            format!("\nNOT TESTED: the console in a browser, because {VARIABLE} is none\n\n");
        let _ = std::io::Write::write_all(&mut std::io::stderr(), said.as_bytes());
        return None;
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = || {
        let places = std::env::split_paths(&path).flat_map(|dir| NAMES.map(|name| dir.join(name)));
        places.into_iter().find(|place| place.is_file()).map(PathBuf::into_os_string)
    };
    let browser = given.or_else(found);
    assert!(
        browser.is_some(),
        "the console cannot be tested without Chromium: run `scripts/setup browser`, name one with {VARIABLE}=PATH, or leave the tests out with \
         {VARIABLE}=none"
    );
    browser
}

impl Browser {
    /// Opens a page. `None` if the tests run without a browser.
    pub(crate) async fn open(url: &str) -> Option<Self> {
        let program = chromium()?;
        let profile = tempfile::tempdir().unwrap();
        // The browser reads commands from file 3 and writes answers to file 4, each ended by a zero
        // byte.
        let mut command = Command::new("sh");
        command.args(["-c", r#"exec "$0" "$@" 3<&0 4>&1 0</dev/null 1>/dev/null"#]).arg(program);
        command.args([
            "--headless=new",
            "--remote-debugging-pipe",
            "--no-first-run",
            "--disable-gpu",
        ]);
        // It shows only our own page. In containers it seldom gets a sandbox or much of /dev/shm.
        command.args([
            "--no-sandbox",
            "--disable-dev-shm-usage",
            "--hide-scrollbars",
            "--disable-extensions",
        ]);
        command.arg(format!("--user-data-dir={}", profile.path().display())).arg("about:blank");
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true);
        let mut process = command.spawn().expect("a shell");
        let (to, from) =
            (process.stdin.take().unwrap(), BufReader::new(process.stdout.take().unwrap()));
        let mut browser = Self {
            _process: process,
            _profile: profile,
            to,
            from,
            session: String::new(),
            last: 0,
        };
        let target = browser.send("Target.createTarget", json!({ "url": url })).await;
        let attach = json!({ "targetId": target["targetId"], "flatten": true });
        browser.session = browser.send("Target.attachToTarget", attach).await["sessionId"]
            .as_str()
            .unwrap()
            .to_owned();
        Some(browser)
    }

    /// Sends one command and returns its result.
    pub(crate) async fn send(&mut self, method: &str, parameters: Value) -> Value {
        self.last += 1;
        let mut command = json!({ "id": self.last, "method": method, "params": parameters });
        if !self.session.is_empty() {
            command["sessionId"] = json!(self.session);
        }
        self.to.write_all(format!("{command}\0").as_bytes()).await.expect("the browser reads");
        let answer = async {
            loop {
                let mut message = Vec::new();
                let read = self.from.read_until(0, &mut message).await.unwrap();
                assert!(read > 0, "the browser has ended");
                message.pop();
                let message: Value = serde_json::from_slice(&message).unwrap();
                if message["id"] == self.last {
                    return message;
                }
            }
        };
        let answer = tokio::time::timeout(LIMIT, answer).await.expect("the browser answers");
        assert!(answer.get("error").is_none(), "{method}: {answer}");
        answer["result"].clone()
    }

    /// Returns the value of a JavaScript expression in the page.
    pub(crate) async fn evaluate(&mut self, expression: &str) -> Value {
        let parameters =
            json!({ "expression": expression, "returnByValue": true, "awaitPromise": true });
        let result = self.send("Runtime.evaluate", parameters).await;
        assert!(result.get("exceptionDetails").is_none(), "{expression}: {result}");
        result["result"]["value"].clone()
    }

    /// Waits until the value of an expression satisfies `holds`, and returns it.
    pub(crate) async fn until(
        &mut self,
        expression: &str,
        holds: impl Fn(&Value) -> bool,
    ) -> Value {
        let deadline = tokio::time::Instant::now() + LIMIT;
        loop {
            let value = self.evaluate(expression).await;
            if holds(&value) {
                return value;
            }
            assert!(tokio::time::Instant::now() < deadline, "never: {expression} is {value}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Presses a key.
    pub(crate) async fn press(&mut self, key: &str, text: &str) {
        for kind in ["keyDown", "keyUp"] {
            let code = if key == "Enter" { 13 } else { 9 };
            let pressed = json!({ "type": kind, "key": key, "code": key, "text": text, "windowsVirtualKeyCode": code });
            self.send("Input.dispatchKeyEvent", pressed).await;
        }
    }

    /// Sets the width of the window and the colour scheme.
    pub(crate) async fn look(&mut self, width: u32, dark: bool) {
        let size =
            json!({ "width": width, "height": 900, "deviceScaleFactor": 1, "mobile": false });
        self.send("Emulation.setDeviceMetricsOverride", size).await;
        let scheme = if dark { "dark" } else { "light" };
        let media = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        self.send("Emulation.setEmulatedMedia", media).await;
    }

    /// Saves a picture of the whole page in the directory that `TIDEGATE_SCREENSHOTS` names.
    pub(crate) async fn picture(&mut self, name: &str) {
        use base64::Engine as _;
        let Some(directory) = std::env::var_os("TIDEGATE_SCREENSHOTS") else { return };
        let taken =
            self.send("Page.captureScreenshot", json!({ "captureBeyondViewport": true })).await;
        let bytes = base64::engine::general_purpose::STANDARD
            .decode(taken["data"].as_str().unwrap())
            .unwrap();
        std::fs::write(PathBuf::from(directory).join(format!("{name}.png")), bytes).unwrap();
    }
}
