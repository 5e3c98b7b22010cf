//! Shows the HTTP APIs and function URLs.

use jiff::Timestamp;
use serde_json::Value;
use terminal::table::{right, table};

use super::lanes::ago;

/// Renders a row for each, and its address and last error below.
pub(super) fn gateways(status: &Value) -> Option<String> {
    let gateways = status["gateways"].as_array().filter(|gateways| !gateways.is_empty())?;
    let columns = [
        ("requests", "requests"),
        ("4xx", "client_errors"),
        ("5xx", "server_errors"),
        ("throt", "throttled"),
        ("denied", "denied"),
    ];
    let mut shown = table(std::iter::once("http").chain(columns.map(|(title, _)| title)));
    let mut lines = Vec::new();
    for gateway in gateways {
        let text = |field: &str| gateway[field].as_str().unwrap_or_default();
        let name = match text("kind") {
            "api" => format!("api {}", text("name")),
            _ => format!("url of {}", text("name")),
        };
        let mut row = vec![comfy_table::Cell::new(&name)];
        row.extend(columns.map(|(_, field)| right(gateway[field].as_u64().unwrap_or(0))));
        shown.add_row(row);
        lines.push(format!("@ {name}: {}", text("url")));
        if let Some(why) = gateway["last_error"].as_str() {
            let ago = ago(&gateway["last_error_at"], Timestamp::now());
            lines.push(format!("! {name}: {why}{ago}"));
        }
    }
    Some(std::iter::once(shown.to_string()).chain(lines).collect::<Vec<_>>().join("\n"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_has_its_counts_its_address_and_its_last_error() {
        let status = json!({"gateways": [
            {"kind": "api", "name": "shop", "url": "http://127.0.0.1:4000", "requests": 12345, "client_errors": 6, "server_errors": 7, "throttled": 3, "denied": 2, "last_error": "GET /x: 404, no route serves it"},
            {"kind": "function-url", "name": "clerk", "url": "http://127.0.0.1:4001", "requests": 0},
        ]});
        let screen = gateways(&status).unwrap();
        for part in [
            "api shop",
            "12345",
            "@ api shop: http://127.0.0.1:4000",
            "! api shop: GET /x: 404, no route serves it",
            "@ url of clerk: http://127.0.0.1:4001",
        ] {
            assert!(screen.contains(part), "{part} is missing in\n{screen}");
        }
        let row = screen.lines().find(|line| line.starts_with("api shop")).unwrap();
        let counts: Vec<&str> = row.split_whitespace().skip(2).collect();
        assert_eq!(counts, ["12345", "6", "7", "3", "2"]);
        assert_eq!(gateways(&json!({})), None);
        assert_eq!(gateways(&json!({"gateways": []})), None);
    }
}
