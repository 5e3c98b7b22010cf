//! Scheduler's API, which the proxy hands its calls to.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use futures::future::BoxFuture;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::definition::seconds;
use super::invalid::Invalid;
use super::key::{DEFAULT_GROUP, Key, group_arn};
use super::registry::{Refused, Registry};
use super::request;
use crate::proxy::{Body, Service};

/// Most entries on a page.
const PAGE: usize = 100;

/// Scheduler's API.
#[derive(Debug)]
pub struct SchedulerApi(Arc<Registry>);

impl SchedulerApi {
    /// Creates the API of these schedules.
    #[must_use]
    pub fn new(registry: Arc<Registry>) -> Self {
        Self(registry)
    }

    /// Answers one call.
    fn answer(&self, method: &Method, path: &str, query: &str, body: &[u8]) -> Response<Body> {
        let query = Query::parse(query);
        let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
        let answered = match (method.as_str(), parts.as_slice()) {
            ("POST", ["schedules", name]) => self.create(name, body),
            ("PUT", ["schedules", name]) => self.update(name, body),
            ("GET", ["schedules", name]) => self.key(name, &query).and_then(|key| self.get(&key)),
            ("DELETE", ["schedules", name]) => {
                let key = self.key(name, &query);
                key.and_then(|key| self.0.delete(&key).map(|()| json!({})).map_err(Failure::from))
            }
            ("GET", ["schedules"]) => self.list(&query),
            ("POST", ["schedule-groups", name]) => self.create_group(name, body),
            ("GET", ["schedule-groups", name]) => self.get_group(name),
            ("DELETE", ["schedule-groups", name]) => {
                self.0.delete_group(name).map(|()| json!({})).map_err(Failure::from)
            }
            ("GET", ["schedule-groups"]) => self.list_groups(&query),
            _ => Err(Failure::Unknown(format!(
                "the local system does not answer {method} {path} of EventBridge Scheduler: it \
                 creates, changes, gets, lists and deletes schedules and groups"
            ))),
        };
        match answered {
            Ok(body) => response(StatusCode::OK, None, &body),
            Err(failure) => failure.response(),
        }
    }

    fn key(&self, name: &str, query: &Query) -> Result<Key, Failure> {
        request::check_name(name, "name")?;
        let group = query.get("groupName").unwrap_or(DEFAULT_GROUP);
        request::check_name(group, "groupName")?;
        Ok(Key::new(group, name))
    }

    fn create(&self, name: &str, body: &[u8]) -> Result<Value, Failure> {
        let definition = request::definition(name, body, now())?;
        let arn = definition.key.arn();
        self.0.create(definition)?;
        Ok(json!({ "ScheduleArn": arn }))
    }

    fn update(&self, name: &str, body: &[u8]) -> Result<Value, Failure> {
        let definition = request::definition(name, body, now())?;
        let arn = definition.key.arn();
        self.0.update(definition)?;
        Ok(json!({ "ScheduleArn": arn }))
    }

    fn get(&self, key: &Key) -> Result<Value, Failure> {
        let missing = || Refused::NotFound(format!("Schedule {} does not exist.", key.name));
        Ok(self.0.get(key).ok_or_else(missing)?.described())
    }

    fn list(&self, query: &Query) -> Result<Value, Failure> {
        let (group, prefix) = (query.get("ScheduleGroup"), query.get("NamePrefix"));
        if let Some(group) = group
            && !self.0.groups().contains_key(group)
        {
            let what = format!("Schedule group {group} does not exist.");
            return Err(Refused::NotFound(what).into());
        }
        let is_enabled = match query.get("State") {
            None => None,
            Some("ENABLED") => Some(true),
            Some("DISABLED") => Some(false),
            Some(other) => {
                let constraint = "Member must satisfy enum value set: [DISABLED, ENABLED]";
                return Err(Invalid::member(other, "state", constraint).into());
            }
        };
        let all = self.0.all();
        let fitting = all.iter().filter(|one| {
            group.is_none_or(|group| one.key.group == group)
                && prefix.is_none_or(|prefix| one.key.name.starts_with(prefix))
                && is_enabled.is_none_or(|enabled| one.is_enabled == enabled)
        });
        let (page, next) = query.page(fitting.map(|one| (one.key.to_string(), one.listed())))?;
        Ok(json!({ "Schedules": page, "NextToken": next }))
    }

    fn create_group(&self, name: &str, body: &[u8]) -> Result<Value, Failure> {
        #[derive(Default, Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Group {
            client_token: Option<String>,
        }
        request::check_name(name, "name")?;
        let group: Group = if body.is_empty() {
            Group::default()
        } else {
            serde_json::from_slice(body)
                .map_err(|error| Invalid(format!("The request cannot be read: {error}")))?
        };
        request::check_token(group.client_token.as_deref())?;
        self.0.create_group(name, now())?;
        Ok(json!({ "ScheduleGroupArn": group_arn(name) }))
    }

    fn get_group(&self, name: &str) -> Result<Value, Failure> {
        let missing = || Refused::NotFound(format!("Schedule group {name} does not exist."));
        let created = self.0.groups().get(name).copied().ok_or_else(missing)?;
        Ok(group(name, created))
    }

    fn list_groups(&self, query: &Query) -> Result<Value, Failure> {
        let prefix = query.get("NamePrefix").unwrap_or_default();
        let groups = self.0.groups();
        let fitting = groups.iter().filter(|(name, _)| name.starts_with(prefix));
        let (page, next) =
            query.page(fitting.map(|(name, created)| (name.clone(), group(name, *created))))?;
        Ok(json!({ "ScheduleGroups": page, "NextToken": next }))
    }
}

impl Service for SchedulerApi {
    fn call(&self, request: Request<Body>) -> BoxFuture<'static, Response<Body>> {
        let api = Self(Arc::clone(&self.0));
        Box::pin(async move {
            let (head, body) = request.into_parts();
            let body = match body.read().await {
                Ok(body) => body.whole().cloned(),
                Err(error) => {
                    let what = format!("the request's body ended before it was complete: {error}");
                    return Failure::from(Invalid(what)).response();
                }
            };
            let Some(body) = body else {
                return Failure::from(Invalid("The request is too large.".to_owned())).response();
            };
            let query = head.uri.query().unwrap_or_default();
            api.answer(&head.method, head.uri.path(), query, &body)
        })
    }
}

fn group(name: &str, created: Timestamp) -> Value {
    json!({
        "Arn": group_arn(name),
        "CreationDate": seconds(created),
        "LastModificationDate": seconds(created),
        "Name": name,
        "State": "ACTIVE",
    })
}

/// Returns the current time in whole milliseconds, as the machine counts.
fn now() -> Timestamp {
    let now = Timestamp::now();
    Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
}

/// The parameters of a query.
struct Query(Vec<(String, String)>);

impl Query {
    fn parse(query: &str) -> Self {
        let pairs = form_urlencoded::parse(query.as_bytes());
        Self(pairs.map(|(name, value)| (name.into_owned(), value.into_owned())).collect())
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// Returns a page of entries in the order of their names, and the token of the next page.
    fn page(
        &self,
        entries: impl Iterator<Item = (String, Value)>,
    ) -> Result<(Vec<Value>, Option<String>), Invalid> {
        let most = self.get("MaxResults").map_or(Ok(PAGE), str::parse);
        let most = most.ok().filter(|most| (1..=PAGE).contains(most)).ok_or_else(|| {
            let given = self.get("MaxResults").unwrap_or_default();
            Invalid::member(given, "maxResults", "Member must have value between 1 and 100")
        })?;
        let after = self.get("NextToken").map(|token| {
            let read = URL_SAFE_NO_PAD.decode(token).ok();
            let read = read.and_then(|read| String::from_utf8(read).ok());
            read.ok_or_else(|| Invalid("Invalid NextToken.".to_owned()))
        });
        let after = after.transpose()?;
        let mut entries = entries.filter(|(name, _)| after.as_ref().is_none_or(|last| name > last));
        let page: Vec<(String, Value)> = entries.by_ref().take(most).collect();
        let last = page.last().map(|(name, _)| URL_SAFE_NO_PAD.encode(name));
        let next = entries.next().and(last);
        Ok((page.into_iter().map(|(_, entry)| entry).collect(), next))
    }
}

/// Why a call fails.
#[derive(Debug)]
enum Failure {
    Refused(Refused),
    Unknown(String),
}

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

impl From<Invalid> for Failure {
    fn from(invalid: Invalid) -> Self {
        Self::Refused(invalid.into())
    }
}

impl Failure {
    fn response(&self) -> Response<Body> {
        let (status, code) = match self {
            Self::Refused(Refused::Invalid(_)) => (StatusCode::BAD_REQUEST, "ValidationException"),
            Self::Refused(Refused::Conflict(_)) => (StatusCode::CONFLICT, "ConflictException"),
            Self::Refused(Refused::NotFound(_)) => {
                (StatusCode::NOT_FOUND, "ResourceNotFoundException")
            }
            Self::Refused(Refused::Store(_)) => {
                (StatusCode::INTERNAL_SERVER_ERROR, "InternalServerException")
            }
            Self::Unknown(_) => (StatusCode::NOT_FOUND, "UnknownOperationException"),
        };
        let message = match self {
            Self::Refused(refused) => refused.to_string(),
            Self::Unknown(message) => message.clone(),
        };
        response(status, Some(code), &json!({ "Message": message }))
    }
}

fn response(status: StatusCode, error: Option<&'static str>, body: &Value) -> Response<Body> {
    let mut response = Response::new(Body::from(Bytes::from(body.to_string())));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Some(code) = error {
        headers.insert("x-amzn-errortype", HeaderValue::from_static(code));
    }
    let id = HeaderValue::from_str(&uuid::Uuid::new_v4().to_string());
    if let Ok(id) = id {
        headers.insert("x-amzn-requestid", id);
    }
    response
}
