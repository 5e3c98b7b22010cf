//! The scripted function (`tests/conformance/bootstrap`), the same for both sides.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// One deployment of the function, with its script and its journal.
pub(super) struct ScriptedFunction {
    directory: TempDir,
}

/// One invocation, from the function's own journal.
#[derive(Clone, Debug)]
pub(super) struct Invocation {
    pub(super) labels: Vec<String>,
    /// `None` if no rule of the script applied.
    pub(super) rule: Option<u64>,
    pub(super) answer: Value,
    pub(super) event: Value,
}

pub(super) fn program() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance/bootstrap")
}

impl ScriptedFunction {
    pub(super) fn new(script: &Value) -> Self {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("script.json"), script.to_string()).unwrap();
        Self { directory }
    }

    pub(super) fn directory(&self) -> &Path {
        self.directory.path()
    }

    pub(super) fn journal(&self) -> Vec<Invocation> {
        let text = fs::read_to_string(self.directory().join("journal")).unwrap_or_default();
        // The last line may be incomplete.
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        let lines = whole.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let invocation = |line: Value| Invocation {
            labels: serde_json::from_value(line["labels"].clone()).unwrap(),
            rule: line["rule"].as_u64(),
            answer: line["answer"].clone(),
            event: line["event"].clone(),
        };
        lines.map(invocation).collect()
    }

    /// Waits until the record that ends a stream's scenario was delivered and accepted.
    pub(super) async fn until_ended(&self, who: &str, state: impl Fn() -> String) {
        let ended = |invocation: &Invocation| {
            invocation.rule.is_none() && invocation.labels.iter().any(|label| label.contains("end"))
        };
        let deadline = Instant::now() + Duration::from_secs(300);
        while !self.journal().iter().any(ended) {
            let (journal, state) = (self.journal(), state());
            assert!(
                Instant::now() < deadline,
                "{who}: the end was never delivered: {journal:?} {state}"
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}
