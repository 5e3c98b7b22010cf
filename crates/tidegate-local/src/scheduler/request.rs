//! Requests that create or change a schedule, checked as AWS does.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use topology::schedule::{Expression, time_zone};

use super::definition::{Definition, Window};
use super::invalid::Invalid;
use super::key::{DEFAULT_GROUP, Key};
use super::target::Target;

/// Pattern of names in Scheduler's own messages.
const NAME: &str = "^[0-9a-zA-Z-_.]+$";

/// Body of CreateSchedule and UpdateSchedule.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Body {
    group_name: Option<String>,
    schedule_expression: Option<String>,
    schedule_expression_timezone: Option<String>,
    flexible_time_window: Option<Flexible>,
    start_date: Option<f64>,
    end_date: Option<f64>,
    state: Option<String>,
    action_after_completion: Option<String>,
    description: Option<String>,
    kms_key_arn: Option<String>,
    target: Option<Value>,
    client_token: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Flexible {
    mode: Option<String>,
    maximum_window_in_minutes: Option<u32>,
}

/// Checks the name of a schedule or a group.
///
/// # Errors
/// AWS refuses it.
pub fn check_name(name: &str, at: &str) -> Result<(), Invalid> {
    if name.is_empty() || name.len() > 64 {
        let constraint = "Member must have length between 1 and 64";
        return Err(Invalid::member(name, at, constraint));
    }
    let taken = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if !name.chars().all(taken) {
        return Err(Invalid::pattern(name, at, NAME));
    }
    Ok(())
}

/// Checks a client token.
///
/// # Errors
/// AWS refuses it.
pub(super) fn check_token(token: Option<&str>) -> Result<(), Invalid> {
    let Some(token) = token else { return Ok(()) };
    let taken = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
    if token.is_empty() || token.len() > 64 || !token.chars().all(taken) {
        return Err(Invalid::pattern(token, "clientToken", "^[a-zA-Z0-9-_]+$"));
    }
    Ok(())
}

/// Reads the body of CreateSchedule or UpdateSchedule for the schedule `name`.
///
/// # Errors
/// AWS refuses it, or nothing in the local system is its target.
pub fn definition(name: &str, body: &[u8], now: Timestamp) -> Result<Definition, Invalid> {
    check_name(name, "name")?;
    let body: Body = serde_json::from_slice(body)
        .map_err(|error| Invalid(format!("The request cannot be read: {error}")))?;
    let group = body.group_name.as_deref().unwrap_or(DEFAULT_GROUP);
    check_name(group, "groupName")?;
    check_token(body.client_token.as_deref())?;
    let missing = |at: &str| Invalid::member("null", at, "Member must not be null");
    let expression =
        body.schedule_expression.as_deref().ok_or_else(|| missing("scheduleExpression"))?;
    if let Err(error) = Expression::parse(expression) {
        return Err(Invalid(format!("Invalid Schedule Expression {expression}. ({error})")));
    }
    let zone = body.schedule_expression_timezone.as_deref().unwrap_or("UTC");
    if let Err(error) = time_zone(zone) {
        return Err(Invalid(format!("Invalid Schedule Expression Timezone {zone}. ({error})")));
    }
    let window = window(body.flexible_time_window.ok_or_else(|| missing("flexibleTimeWindow"))?)?;
    let target = body.target.ok_or_else(|| missing("target"))?;
    Target::read(&target)?;
    let (start, end) = (date(body.start_date, "startDate")?, date(body.end_date, "endDate")?);
    if let (Some(start), Some(end)) = (start, end)
        && start >= end
    {
        return Err(Invalid("The StartDate you specify must come before the EndDate.".to_owned()));
    }
    if body.description.as_ref().is_some_and(|text| text.chars().count() > 512) {
        let constraint = "Member must have length less than or equal to 512";
        return Err(Invalid::member("…", "description", constraint));
    }
    Ok(Definition {
        key: Key::new(group, name),
        identity: uuid::Uuid::new_v4().simple().to_string(),
        revision: 1,
        expression: expression.to_owned(),
        zone: zone.to_owned(),
        window,
        start,
        end,
        is_enabled: choice(body.state, "state", "ENABLED", "DISABLED")?,
        delete_when_done: !choice(
            body.action_after_completion,
            "actionAfterCompletion",
            "NONE",
            "DELETE",
        )?,
        description: body.description,
        kms_key_arn: body.kms_key_arn,
        target,
        created: now,
        modified: now,
        client_token: body.client_token,
    })
}

/// Returns whether the first of two words was given, which is also the default.
fn choice(given: Option<String>, at: &str, first: &str, second: &str) -> Result<bool, Invalid> {
    match given {
        None => Ok(true),
        Some(word) if word == first => Ok(true),
        Some(word) if word == second => Ok(false),
        Some(word) => {
            let constraint = format!("Member must satisfy enum value set: [{second}, {first}]");
            Err(Invalid::member(word, at, &constraint))
        }
    }
}

fn window(given: Flexible) -> Result<Window, Invalid> {
    let at = "flexibleTimeWindow.mode";
    match (given.mode.as_deref(), given.maximum_window_in_minutes) {
        (Some("OFF"), None) => Ok(Window { minutes: None }),
        (Some("OFF"), Some(_)) => {
            Err(Invalid("MaximumWindowInMinutes is for a flexible time window.".to_owned()))
        }
        (Some("FLEXIBLE"), Some(minutes @ 1..=1_440)) => Ok(Window { minutes: Some(minutes) }),
        (Some("FLEXIBLE"), _) => Err(Invalid(
            "A flexible time window needs MaximumWindowInMinutes, 1 to 1440.".to_owned(),
        )),
        (Some(mode), _) => {
            let constraint = "Member must satisfy enum value set: [OFF, FLEXIBLE]";
            Err(Invalid::member(mode, at, constraint))
        }
        (None, _) => Err(Invalid::member("null", at, "Member must not be null")),
    }
}

/// Reads seconds since 1970, as JSON protocols write a time.
#[allow(clippy::cast_possible_truncation, reason = "the range is checked")]
fn date(seconds: Option<f64>, at: &str) -> Result<Option<Timestamp>, Invalid> {
    let Some(seconds) = seconds else { return Ok(None) };
    let millis = seconds * 1000.0;
    let in_range = millis.is_finite() && millis.abs() < 1e14;
    let time = in_range.then(|| Timestamp::from_millisecond(millis as i64).ok()).flatten();
    let wrong = || Invalid::member(seconds, at, "Member must be seconds since 1970");
    Ok(Some(time.ok_or_else(wrong)?))
}
