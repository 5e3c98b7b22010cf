//! `tidegate local schedules`: the schedules that come next, and one that fires now.

use std::process::ExitCode;

use serde_json::Value;
use terminal::counted::counted;
use terminal::escape::escaped_value;
use terminal::output;
use terminal::problem::Problem;
use terminal::table::{right, table};

use super::client::{client, said};
use crate::arguments::Schedules;

/// Lists the schedules, or fires one.
///
/// # Errors
/// No local system runs, or it has no such schedule.
pub(super) async fn run(options: &Schedules) -> Result<ExitCode, Problem> {
    let client = client(&options.state)?;
    if let Some((group, name)) = &options.fire {
        client.fire(group, name).await.map_err(said)?;
        output::line(&format!("{group}/{name} fires now"))?;
        return Ok(ExitCode::SUCCESS);
    }
    let status = client.glance().await.map_err(said)?;
    let schedules = status.get("schedules").unwrap_or(&Value::Null);
    if options.json {
        output::json(schedules)?;
    } else {
        output::line(&screen(schedules))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Renders the schedules, those that come next first.
pub(super) fn screen(schedules: &Value) -> String {
    let schedules = &escaped_value(schedules);
    let listed = schedules["next"].as_array().map_or(&[][..], Vec::as_slice);
    if listed.is_empty() {
        return "no schedules".to_owned();
    }
    let mut shown = table(["schedule", "expression", "next", "fired", "retry", "fail"]);
    let mut errors = Vec::new();
    for one in listed {
        let text = |field: &str| one[field].as_str().unwrap_or("?");
        let name = format!("{}/{}", text("group"), text("name"));
        let expression = match text("time_zone") {
            "UTC" => text("expression").to_owned(),
            zone => format!("{} {zone}", text("expression")),
        };
        // With a time scale, that time comes earlier.
        let next = match (one["comes"].as_str(), one["enabled"].as_bool()) {
            (_, Some(false)) => "disabled",
            (Some(comes), _) => comes.split('.').next().unwrap_or(comes),
            (None, _) => "never again",
        };
        let mut row = [name.as_str(), &expression, next].map(comfy_table::Cell::new).to_vec();
        let counts = ["fired", "retries", "failed"].map(|field| one[field].as_u64().unwrap_or(0));
        row.extend(counts.map(right));
        shown.add_row(row);
        errors.extend(one["last_error"].as_str().map(|why| format!("! {name}: {why}")));
    }
    let all = schedules["schedules"].as_u64().unwrap_or(0);
    let more = all.saturating_sub(listed.len() as u64);
    let more = (more > 0).then(|| format!("{} more", counted(more, "schedule", "schedules")));
    std::iter::once(shown.to_string()).chain(errors).chain(more).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn schedules_are_listed_with_their_next_time_and_their_last_failure() {
        let schedules = json!({
            "schedules": 102,
            "next": [
                {"group": "declared", "name": "nightly", "expression": "cron(0 3 * * ? *)",
                 "time_zone": "Europe/London", "enabled": true, "comes": "2026-12-01T03:00:00.000Z",
                 "fired": 7, "retries": 2, "failed": 1, "last_error": "Throttled: \u{1b}[31mslow"},
                {"group": "deadlines", "name": "order-1", "expression": "at(2026-12-01T08:00:00)",
                 "time_zone": "UTC", "enabled": false, "fired": 0, "retries": 0, "failed": 0},
            ],
        });
        let screen = screen(&schedules);
        for part in [
            "declared/nightly",
            "cron(0 3 * * ? *) Europe/London",
            "2026-12-01T03:00:00",
            "! declared/nightly: Throttled: ",
            "deadlines/order-1",
            "disabled",
            "100 schedules more",
        ] {
            assert!(screen.contains(part), "{part} is missing in\n{screen}");
        }
        assert!(!screen.contains('\u{1b}'), "control characters are escaped");
        assert_eq!(super::screen(&json!({"schedules": 0, "next": []})), "no schedules");
    }
}
