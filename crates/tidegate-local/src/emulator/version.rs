//! The version of an emulator.

use std::time::Duration;

use serde_json::Value;

use super::page::get;

/// Page of MiniStack and LocalStack with their version.
const HEALTH: &str = "/_localstack/health";
const LIMIT: Duration = Duration::from_secs(5);

/// Returns the version that an endpoint names, such as `1.5.33 light`. `None` if it names none.
pub(super) async fn version(endpoint: &str) -> Option<String> {
    let url = format!("{endpoint}{HEALTH}");
    let page = tokio::time::timeout(LIMIT, get(&url)).await.ok()?.ok()??;
    let page: Value = serde_json::from_slice(&page).ok()?;
    let version = page.get("version")?.as_str()?;
    let edition = page.get("edition").and_then(Value::as_str).unwrap_or_default();
    Some(format!("{version} {edition}").trim_end().to_owned())
}
