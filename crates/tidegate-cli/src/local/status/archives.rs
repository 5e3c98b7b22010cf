//! Shows archives of buses, and replays from them.

use serde_json::Value;
use terminal::counted::counted;
use terminal::escape::escaped;

/// Most replays that are shown: the newest.
const SHOWN: usize = 5;

/// Returns a line for each archive, and for each of the newest replays.
pub(super) fn archives(status: &Value) -> Option<String> {
    let archives = list(&status["archives"]).map(|archive| {
        let events = counted(count(&archive["events"]), "event", "events");
        let days = counted(count(&archive["days"]), "day", "days");
        format!("archive of bus {}: {events}, kept for {days}", text(&archive["bus"]))
    });
    let mut replays: Vec<&Value> = list(&status["replays"]).collect();
    replays.sort_by_key(|replay| std::cmp::Reverse(text(&replay["started"])));
    let replays = replays.into_iter().take(SHOWN).map(|replay| {
        let events = counted(count(&replay["events"]), "event", "events");
        let state = text(&replay["state"]).to_lowercase();
        let (name, bus) = (text(&replay["name"]), text(&replay["bus"]));
        let reason = replay["reason"].as_str();
        let reason = reason.map_or_else(String::new, |reason| format!(": {}", escaped(reason)));
        format!("replay {name} of bus {bus}: {state}, {events}{reason}")
    });
    let lines: Vec<String> = archives.chain(replays).collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn count(value: &Value) -> u64 {
    value.as_u64().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn archives_and_the_newest_replays_have_a_line_each() {
        let replay = |n: u32, state: &str| {
            json!({
                "name": format!("r{n}"), "bus": "shop", "state": state, "events": n,
                "started": format!("2026-11-30T10:0{n}:00Z"),
            })
        };
        let mut failed = replay(6, "FAILED");
        failed["reason"] = json!("no luck\u{1b}");
        let mut replays: Vec<Value> = (0..6).map(|n| replay(n, "COMPLETED")).collect();
        replays.push(failed);
        let status = json!({
            "archives": [{"bus": "shop", "days": 30, "events": 1, "bytes": 200}],
            "replays": replays,
        });
        let shown = archives(&status).unwrap();
        let lines: Vec<&str> = shown.lines().collect();
        assert_eq!(lines.len(), 6, "{shown}");
        assert_eq!(lines[0], "archive of bus shop: 1 event, kept for 30 days");
        assert_eq!(lines[1], r"replay r6 of bus shop: failed, 6 events: no luck\u{1b}");
        assert_eq!(lines[2], "replay r5 of bus shop: completed, 5 events");
        assert_eq!(archives(&json!({})), None);
    }
}
