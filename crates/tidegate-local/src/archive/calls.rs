//! Answers EventBridge's calls about archives and replays.
//!
//! The calls come through the proxy: at the endpoint, and at the ports of functions. Archives are
//! those of the topology, so the calls that would change one are refused. Errors have EventBridge's
//! codes and, where they are known, its words.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use futures::future::BoxFuture;
use http::{HeaderValue, StatusCode, header};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::archives::Archives;
use super::listing::Listing;
use super::refusal::Refusal;
use super::replay::{Replay, ReplayState};
use super::store::Archive;
use crate::proxy::{Body, Call, Hook, Reply};
use engine_client::local::{ACCOUNT, REGION};

/// Most characters of a replay's name, and of its description.
const LONGEST_NAME: usize = 64;
const LONGEST_DESCRIPTION: usize = 512;

/// The hook of the proxy that answers the calls.
#[derive(Debug)]
pub(crate) struct ArchiveCalls {
    pub(crate) archives: Arc<Archives>,
    /// ARN of each bus.
    pub(crate) buses: BTreeMap<String, String>,
    /// ARNs of the rules, by bus.
    pub(crate) rules: BTreeMap<String, BTreeSet<String>>,
}

impl Hook for ArchiveCalls {
    fn before<'a>(&'a self, call: &'a Call) -> BoxFuture<'a, Option<Reply>> {
        let reply = call.operation.strip_prefix("EventBridge.").and_then(|operation| {
            let request = serde_json::from_slice(&call.body).unwrap_or_default();
            self.answer(operation, &request)
        });
        Box::pin(async { reply.map(written) })
    }
}

impl ArchiveCalls {
    /// Returns the answer to a call. `None` if it is about something else.
    fn answer(&self, operation: &str, request: &Value) -> Option<Result<Value, Refusal>> {
        Some(match operation {
            "CreateArchive" => self.create_archive(request),
            "UpdateArchive" | "DeleteArchive" => self.change_archive(request),
            "DescribeArchive" => self.describe_archive(request),
            "ListArchives" => self.list_archives(request),
            "StartReplay" => self.start_replay(request),
            "DescribeReplay" => self.describe_replay(request),
            "ListReplays" => self.list_replays(request),
            "CancelReplay" => self.cancel_replay(request),
            _ => return None,
        })
    }

    fn archive(&self, name: &str) -> Result<&Arc<Archive>, Refusal> {
        self.archives.get(name).ok_or_else(|| Refusal::missing("Archive", name))
    }

    fn create_archive(&self, request: &Value) -> Result<Value, Refusal> {
        let name = text(request, "ArchiveName")?;
        if self.archives.get(name).is_some() {
            return Err(Refusal::exists("Archive", name));
        }
        let bus = self.bus(text(request, "EventSourceArn")?)?;
        Err(Refusal::invalid(format!(
            "Archive {name} is not created: the local system has the archives of its topology. \
             Set archive_days of bus {bus} there; the archive has the name of its bus."
        )))
    }

    fn change_archive(&self, request: &Value) -> Result<Value, Refusal> {
        let name = text(request, "ArchiveName")?;
        let archive = self.archive(name)?;
        Err(Refusal::invalid(format!(
            "Archive {name} stays as it is: the local system has the archives of its topology. \
             Change archive_days of bus {} there.",
            archive.bus()
        )))
    }

    fn describe_archive(&self, request: &Value) -> Result<Value, Refusal> {
        let archive = self.archive(text(request, "ArchiveName")?)?;
        let mut answer = self.listed(archive);
        answer.insert("ArchiveArn".to_owned(), archive_arn(archive.bus()).into());
        answer.insert("EventPattern".to_owned(), r#"{"replay-name":[{"exists":false}]}"#.into());
        Ok(Value::Object(answer))
    }

    /// Returns an archive as ListArchives does.
    fn listed(&self, archive: &Archive) -> Map<String, Value> {
        let (events, bytes) = archive.counts();
        let bus = archive.bus();
        object(json!({
            "ArchiveName": bus,
            "EventSourceArn": self.buses.get(bus),
            "State": "ENABLED",
            "RetentionDays": archive.days(),
            "SizeBytes": bytes,
            "EventCount": events,
            "CreationTime": archive.created().as_millis() as f64 / 1000.0,
        }))
    }

    fn list_archives(&self, request: &Value) -> Result<Value, Refusal> {
        let of = request.get("EventSourceArn").and_then(Value::as_str);
        let of = of.map(|arn| self.bus(arn)).transpose()?;
        let archives =
            self.archives.all().filter(|archive| of.is_none_or(|bus| bus == archive.bus()));
        let entries = archives.map(|archive| {
            (archive.bus().to_owned(), "ENABLED", Value::Object(self.listed(archive)))
        });
        Ok(Listing::parse(request)?.page("Archives", entries))
    }

    fn start_replay(&self, request: &Value) -> Result<Value, Refusal> {
        let name = text(request, "ReplayName")?;
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        if !(1..=LONGEST_NAME).contains(&name.len()) || !name.chars().all(allowed) {
            let reason = "Use 1 to 64 letters, digits, dots, dashes and underscores.";
            return Err(Refusal::parameter("ReplayName", &reason));
        }
        if self.archives.replays().get(name).is_some() {
            return Err(Refusal::exists("Replay", name));
        }
        let (from, to) = (time(request, "EventStartTime")?, time(request, "EventEndTime")?);
        if from >= to {
            let reason = "EventStartTime must be before EventEndTime.";
            return Err(Refusal::parameter("EventEndTime", &reason));
        }
        let source = text(request, "EventSourceArn")?;
        let archive = source.rsplit('/').next().unwrap_or_default();
        let archive = self.archives.get(archive).filter(|_| source == archive_arn(archive));
        let archive = archive.ok_or_else(|| {
            let name = source.rsplit('/').next().unwrap_or_default();
            Refusal::parameter("EventSourceArn", &format!("Archive {name} does not exist."))
        })?;
        let empty = Value::Null;
        let destination = request.get("Destination").unwrap_or(&empty);
        let bus = self.bus(text(destination, "Arn").map_err(|_| required("Destination.Arn"))?)?;
        if bus != archive.bus() {
            let reason = "Cross event bus replay is not permitted.";
            return Err(Refusal::parameter("Destination.Arn", &reason));
        }
        let description = request.get("Description").and_then(Value::as_str);
        if description.is_some_and(|text| text.chars().count() > LONGEST_DESCRIPTION) {
            let reason = format!("It has more than {LONGEST_DESCRIPTION} characters.");
            return Err(Refusal::parameter("Description", &reason));
        }
        let replay = Replay {
            name: name.to_owned(),
            description: description.map(str::to_owned),
            bus: bus.to_owned(),
            rules: self.filter(destination, bus)?,
            from,
            to,
            state: ReplayState::Starting,
            reason: None,
            started: Timestamp::now(),
            ended: None,
            last_replayed: None,
            events: 0,
        };
        let answer = json!({
            "ReplayArn": replay_arn(name),
            "State": replay.state.as_str(),
            "ReplayStartTime": seconds(replay.started),
        });
        self.archives.start(replay)?;
        Ok(answer)
    }

    /// Returns the rules of a replay. Each must be a rule of its bus: a replay to a rule that does
    /// not exist would look like one that found nothing.
    fn filter(&self, destination: &Value, bus: &str) -> Result<Vec<String>, Refusal> {
        let wrong =
            |reason: &dyn std::fmt::Display| Refusal::parameter("Destination.FilterArns", reason);
        let filter = match destination.get("FilterArns") {
            None | Some(Value::Null) => return Ok(Vec::new()),
            Some(filter) => filter.as_array().ok_or_else(|| wrong(&"It must be a list."))?,
        };
        let rules = self.rules.get(bus);
        let rule = |rule: &Value| {
            let rule = rule.as_str().ok_or_else(|| wrong(&"An ARN must be a text."))?;
            match rules.is_some_and(|rules| rules.contains(rule)) {
                true => Ok(rule.to_owned()),
                false => Err(wrong(&format!("{rule} is not a rule of event bus {bus}."))),
            }
        };
        filter.iter().map(rule).collect()
    }

    fn describe_replay(&self, request: &Value) -> Result<Value, Refusal> {
        let name = text(request, "ReplayName")?;
        let replay = self.archives.replays().get(name);
        let replay = replay.ok_or_else(|| Refusal::missing("Replay", name))?;
        let mut answer = listed(&replay);
        answer.insert("ReplayArn".to_owned(), replay_arn(name).into());
        let mut destination = object(json!({ "Arn": self.buses.get(&replay.bus) }));
        if !replay.rules.is_empty() {
            destination.insert("FilterArns".to_owned(), replay.rules.clone().into());
        }
        answer.insert("Destination".to_owned(), destination.into());
        answer.extend(replay.description.map(|text| ("Description".to_owned(), text.into())));
        Ok(Value::Object(answer))
    }

    fn list_replays(&self, request: &Value) -> Result<Value, Refusal> {
        let of = request.get("EventSourceArn").and_then(Value::as_str);
        let replays = self.archives.replays().all().into_iter();
        let replays = replays.filter(|replay| of.is_none_or(|arn| arn == archive_arn(&replay.bus)));
        let entries = replays.map(|replay| {
            (replay.name.clone(), replay.state.as_str(), Value::Object(listed(&replay)))
        });
        Ok(Listing::parse(request)?.page("Replays", entries))
    }

    fn cancel_replay(&self, request: &Value) -> Result<Value, Refusal> {
        let name = text(request, "ReplayName")?;
        let replay = self.archives.replays().cancel(name)?;
        Ok(json!({ "ReplayArn": replay_arn(name), "State": replay.state.as_str() }))
    }

    /// Returns the declared name of a bus.
    fn bus(&self, arn: &str) -> Result<&str, Refusal> {
        let found = self.buses.iter().find(|(_, known)| *known == arn);
        found.map(|(name, _)| name.as_str()).ok_or_else(|| {
            let name = arn.split_once("event-bus/").map_or(arn, |(_, name)| name);
            Refusal::missing("Event bus", name)
        })
    }
}

/// Returns a replay as ListReplays does.
fn listed(replay: &Replay) -> Map<String, Value> {
    let mut answer = object(json!({
        "ReplayName": replay.name,
        "EventSourceArn": archive_arn(&replay.bus),
        "State": replay.state.as_str(),
        "EventStartTime": seconds(replay.from),
        "EventEndTime": seconds(replay.to),
        "ReplayStartTime": seconds(replay.started),
    }));
    let mut add = |name: &str, value: Option<Value>| {
        answer.extend(value.map(|value| (name.to_owned(), value)));
    };
    add("StateReason", replay.reason.clone().map(Value::from));
    add("ReplayEndTime", replay.ended.map(seconds));
    add("EventLastReplayedTime", replay.last_replayed.map(seconds));
    answer
}

/// Returns the ARN of the archive of a bus, which has the bus's name.
pub(crate) fn archive_arn(name: &str) -> String {
    format!("arn:aws:events:{REGION}:{ACCOUNT}:archive/{name}")
}

fn replay_arn(name: &str) -> String {
    format!("arn:aws:events:{REGION}:{ACCOUNT}:replay/{name}")
}

/// Returns a time as AWS's JSON protocol writes it.
fn seconds(time: Timestamp) -> Value {
    (time.as_millisecond() as f64 / 1000.0).into()
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object,
        _ => Map::new(),
    }
}

fn required(name: &str) -> Refusal {
    Refusal::invalid(format!("Parameter {name} is required."))
}

fn text<'a>(request: &'a Value, name: &str) -> Result<&'a str, Refusal> {
    request.get(name).and_then(Value::as_str).ok_or_else(|| required(name))
}

fn time(request: &Value, name: &str) -> Result<Timestamp, Refusal> {
    let time = request.get(name).ok_or_else(|| required(name))?;
    let wrong = || Refusal::parameter(name, &"It must be seconds since 1970.");
    let seconds = time.as_f64().filter(|seconds| seconds.is_finite()).ok_or_else(wrong)?;
    // A saturated number is refused by the range of a timestamp.
    Timestamp::from_millisecond((seconds * 1000.0).round() as i64).map_err(|_| wrong())
}

/// Returns the answer of EventBridge's protocol, AWS JSON 1.1.
fn written(answer: Result<Value, Refusal>) -> Reply {
    let (status, body) = match answer {
        Ok(answer) => (StatusCode::OK, answer),
        Err(refusal) => {
            let status = match refusal.code {
                "InternalException" => StatusCode::INTERNAL_SERVER_ERROR,
                _ => StatusCode::BAD_REQUEST,
            };
            (status, json!({ "__type": refusal.code, "message": refusal.message }))
        }
    };
    let mut reply = Reply::new(Body::from(Bytes::from(body.to_string())));
    *reply.status_mut() = status;
    let json = HeaderValue::from_static("application/x-amz-json-1.1");
    reply.headers_mut().insert(header::CONTENT_TYPE, json);
    reply
}
