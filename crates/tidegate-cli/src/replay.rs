//! `tidegate events replay`: replays events from the archive of a bus.

use std::process::ExitCode;
use std::time::Duration;

use aws_sdk_eventbridge::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_eventbridge::operation::describe_archive::DescribeArchiveOutput;
use aws_sdk_eventbridge::operation::describe_replay::DescribeReplayOutput;
use aws_sdk_eventbridge::primitives::DateTime;
use aws_sdk_eventbridge::types::{ReplayDestination, ReplayState};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use terminal::account::Intent;
use terminal::escape::escaped;
use terminal::output;
use terminal::problem::Problem;
use topology::Topology;

use crate::arguments::EventsReplay;
use crate::connection::System;

/// Most characters of a replay's name.
const LONGEST_NAME: usize = 64;
/// Time that AWS may take to archive an event (User Guide: "Archiving and replaying events").
const ARCHIVING: SignedDuration = SignedDuration::from_mins(10);
/// Time between two looks at a replay.
const LOOK: Duration = Duration::from_secs(5);
const LOOK_LOCALLY: Duration = Duration::from_millis(200);

/// Starts a replay, follows it, and prints how it ended.
///
/// # Errors
/// The bus has no archive, a rule is not one of the bus, or EventBridge refuses the replay.
pub(crate) async fn replay(options: &EventsReplay) -> Result<ExitCode, Problem> {
    let system = System::open(&options.place, Intent::Change).await?;
    check(&system.topology()?, options)?;
    let now = Timestamp::now();
    let to = options.to.unwrap_or(now);
    if options.from >= to {
        return Err(Problem::new(format!(
            "--from {} is not before --to {to}; name an earlier time",
            options.from
        )));
    }
    if system.is_account() && now.duration_since(to) < ARCHIVING {
        output::note(
            "AWS may take ten minutes to archive an event: the newest may not be replayed yet",
        );
    }
    let events = system.events();
    let bus = system.prefix().physical(&options.bus);
    let archive = events.describe_archive().archive_name(bus.as_str()).send().await;
    let archive = archive.map_err(|error| refused(&system, &format!("archive {bus}"), &error))?;
    let name = options.name.clone().unwrap_or_else(|| replay_name(bus.as_str(), now));
    let started = events
        .start_replay()
        .replay_name(&name)
        .event_source_arn(archive.archive_arn().unwrap_or_default())
        .event_start_time(date_time(options.from))
        .event_end_time(date_time(to))
        .destination(destination(&system, &archive, options)?)
        .send()
        .await;
    started.map_err(|error| refused(&system, &format!("replay {name}"), &error))?;
    output::note(&format!("replay {name} of bus {bus}: events from {} to {to}", options.from));
    let ended = follow(&system, &events, &name).await?;
    print(&ended, options.json)?;
    Ok(match ended.state() {
        Some(ReplayState::Completed) => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    })
}

/// Checks the options against the topology: the bus has an archive, and the rules are its rules.
fn check(topology: &Topology, options: &EventsReplay) -> Result<(), Problem> {
    let bus = &options.bus;
    match topology.buses.get(bus) {
        None => {
            let names: Vec<&str> = topology.buses.keys().map(String::as_str).collect();
            let names = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
            return Err(Problem::new(format!(
                "the topology has no bus `{bus}`; its buses: {names}"
            )));
        }
        Some(declared) if declared.archive_days == 0 => {
            return Err(Problem::new(format!(
                "bus {bus} has no archive; set its archive_days in the topology, and events from \
                 then on can be replayed"
            )));
        }
        Some(_) => {}
    }
    let of_bus = |rule: &&String| topology.rules.get(*rule).is_some_and(|rule| rule.bus == *bus);
    if let Some(unknown) = options.rules.iter().find(|rule| !of_bus(rule)) {
        let rules = topology.rules.iter().filter(|(_, rule)| rule.bus == *bus);
        let rules: Vec<&str> = rules.map(|(name, _)| name.as_str()).collect();
        return Err(Problem::new(format!(
            "bus {bus} has no rule `{unknown}`; its rules: {}",
            rules.join(", ")
        )));
    }
    Ok(())
}

/// Returns where the events go: to the bus of the archive, and there to the rules of the options.
fn destination(
    system: &System,
    archive: &DescribeArchiveOutput,
    options: &EventsReplay,
) -> Result<ReplayDestination, Problem> {
    let bus = archive.event_source_arn().unwrap_or_default();
    let rules = options.rules.iter().map(|rule| {
        let rule = system.prefix().physical(rule);
        format!("{}/{rule}", bus.replacen(":event-bus/", ":rule/", 1))
    });
    let rules: Vec<String> = rules.collect();
    let destination = ReplayDestination::builder()
        .arn(bus)
        .set_filter_arns(Some(rules).filter(|rules| !rules.is_empty()));
    destination.build().map_err(|error| Problem::new(error.to_string()))
}

/// Returns a name that EventBridge takes and that no earlier replay has.
fn replay_name(bus: &str, now: Timestamp) -> String {
    let time = now.strftime("-%Y%m%dT%H%M%S").to_string();
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let bus = bus.chars().map(|c| if allowed(c) { c } else { '-' });
    let bus: String = bus.take(LONGEST_NAME - time.len()).collect();
    format!("{bus}{time}")
}

/// Waits for the end of a replay, and says every change of its state.
async fn follow(
    system: &System,
    events: &aws_sdk_eventbridge::Client,
    name: &str,
) -> Result<DescribeReplayOutput, Problem> {
    let look = if system.is_account() { LOOK } else { LOOK_LOCALLY };
    let mut said = None;
    loop {
        let replay = events.describe_replay().replay_name(name).send().await;
        let replay = replay.map_err(|error| {
            let problem = refused(system, &format!("replay {name}"), &error);
            output::note(&format!("replay {name} goes on without this command"));
            problem
        })?;
        let state = replay.state().cloned();
        if !matches!(
            state,
            Some(ReplayState::Starting | ReplayState::Running | ReplayState::Cancelling)
        ) {
            return Ok(replay);
        }
        let last = replay.event_last_replayed_time().and_then(timestamp);
        if said != Some((state.clone(), last)) {
            let last = last.map_or_else(String::new, |last| format!(", up to {last}"));
            let word = state.as_ref().map_or("", ReplayState::as_str).to_lowercase();
            output::note(&format!("{word}{last}"));
            said = Some((state, replay.event_last_replayed_time().and_then(timestamp)));
        }
        tokio::select! {
            () = tokio::time::sleep(look) => {}
            _ = tokio::signal::ctrl_c() => {
                return Err(Problem::new(format!(
                    "replay {name} goes on without this command; `aws events cancel-replay \
                     --replay-name {name}` ends it"
                )));
            }
        }
    }
}

fn print(replay: &DescribeReplayOutput, as_json: bool) -> Result<(), Problem> {
    let name = replay.replay_name().unwrap_or_default();
    let state = replay.state().map_or("", ReplayState::as_str).to_lowercase();
    let last = replay.event_last_replayed_time().and_then(timestamp);
    let reason = replay.state_reason();
    if as_json {
        let value: Value = json!({
            "replay": name, "state": state, "last_replayed": last, "reason": reason,
        });
        return output::json(&value);
    }
    let last = match last {
        Some(last) => format!("; its last event is of {last}"),
        None => "; the archive had no event of that time".to_owned(),
    };
    let reason = reason.map_or_else(String::new, |reason| format!(": {}", escaped(reason)));
    output::line(&format!("replay {name} {state}{reason}{last}"))
}

fn refused<E>(system: &System, what: &str, error: &SdkError<E>) -> Problem
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    let said = match error.as_service_error().and_then(ProvideErrorMetadata::message) {
        Some(message) => escaped(message).to_string(),
        None => DisplayErrorContext(error).to_string(),
    };
    system.explain(Problem::new(format!("{what}: {said}")))
}

fn date_time(at: Timestamp) -> DateTime {
    DateTime::from_millis(at.as_millisecond())
}

fn timestamp(at: &DateTime) -> Option<Timestamp> {
    Timestamp::from_millisecond(at.to_millis().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::arguments::{Arguments, Command, EventsCommand};

    fn said(bus: &str, rules: &[&str]) -> Option<String> {
        let topology = topology::parse(
            r#"
queues = { q = {} }
buses  = { shop = { archive_days = 3 }, plain = {} }
rules = {
  mine  = { bus = "shop", pattern = { source = ["s"] }, target = { queue = "q" } }
  other = { bus = "plain", pattern = { source = ["s"] }, target = { queue = "q" } }
}
functions = { f = {} }
"#,
        );
        let mut line = vec!["tidegate", "events", "replay", "--from", "1h", "--bus", bus];
        line.extend(rules.iter().flat_map(|rule| ["--rule", rule]));
        let Command::Events(EventsCommand::Replay(options)) =
            Arguments::try_parse_from(line).unwrap().command
        else {
            panic!("another command")
        };
        check(&topology.unwrap(), &options).err().map(|problem| problem.to_string())
    }

    #[test]
    fn a_bus_without_an_archive_and_a_rule_of_another_bus_are_refused() {
        assert_eq!(said("shop", &[]), None);
        assert_eq!(said("shop", &["mine"]), None);
        let says = |bus, rules, says: &str| {
            let said = said(bus, rules).unwrap();
            assert!(said.contains(says), "{said}");
        };
        says("gone", &[], "the topology has no bus `gone`; its buses: plain, shop");
        says("plain", &[], "bus plain has no archive; set its archive_days");
        says("shop", &["mine", "other"], "bus shop has no rule `other`; its rules: mine");
    }

    #[test]
    fn a_name_is_one_that_eventbridge_takes() {
        let now: Timestamp = "2026-11-30T10:20:30Z".parse().unwrap();
        assert_eq!(replay_name("shop-dev-shop", now), "shop-dev-shop-20261130T102030");
        assert_eq!(replay_name("a/b", now), "a-b-20261130T102030");
        let long = replay_name(&"b".repeat(200), now);
        assert!(long.len() == LONGEST_NAME && long.ends_with("-20261130T102030"), "{long}");
    }
}
