//! Counts the AWS calls of functions by the resource that they use, and the statements in them.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use futures::future::BoxFuture;

use super::hook::{Call, Hook, Reply};
use super::statement_counts::{StatementCounts, Statements};
use crate::partiql;
use engine_client::local::{ACCOUNT, REGION};
use topology::{Resource, Topology};

/// Calls per function and declared resource.
#[derive(Debug)]
pub(crate) struct ResourceCalls {
    functions: BTreeMap<String, Vec<Counted>>,
    statements: Statements,
}

#[derive(Debug)]
struct Counted {
    name: String,
    marks: Marks,
    calls: AtomicU64,
}

/// How a call to a resource is recognised: by the service in the operation's name, and by texts in
/// its path or its body.
#[derive(Debug)]
struct Marks {
    service: &'static str,
    in_path: Option<String>,
    in_body: Vec<String>,
    /// Texts in calls with several tables, which have the tables as members of an object.
    in_batch: Vec<String>,
    /// Table that statements of PartiQL name in their own text.
    in_statements: Option<String>,
}

impl ResourceCalls {
    /// Creates counters for every resource that functions declare to use.
    pub(crate) fn new(topology: &Topology) -> Self {
        let functions = topology.functions.iter().map(|(function, declared)| {
            let uses = declared.uses.values().filter_map(|used| {
                let resource = used.resource()?;
                let (Resource::Table(name)
                | Resource::Queue(name)
                | Resource::Bucket(name)
                | Resource::Bus(name)
                | Resource::Stream(name)
                | Resource::Topic(name)
                | Resource::Email(name)
                | Resource::ScheduleGroup(name)) = resource;
                Some(Counted {
                    name: name.to_owned(),
                    marks: marks(resource),
                    calls: AtomicU64::new(0),
                })
            });
            (function.clone(), uses.collect())
        });
        Self { functions: functions.collect(), statements: Statements::default() }
    }

    /// Returns the statements of each function's batches since the engine started.
    pub(crate) fn statements(&self) -> StatementCounts {
        self.statements.counts()
    }

    /// Returns the calls of a function to a resource since the engine started.
    pub(crate) fn calls(&self, function: &str, resource: &str) -> u64 {
        let used = self.functions.get(function).into_iter().flatten();
        used.filter(|used| used.name == resource)
            .map(|used| used.calls.load(Ordering::Relaxed))
            .sum()
    }
}

impl Hook for ResourceCalls {
    fn after<'a>(&'a self, call: &'a Call, reply: Reply) -> BoxFuture<'a, Reply> {
        self.statements.add(call, &reply);
        let Some(functions) = self.functions.get(&call.caller) else {
            return Box::pin(async { reply });
        };
        let tables = statement_tables(call);
        for used in functions {
            if used.marks.fit(call, &tables) {
                used.calls.fetch_add(1, Ordering::Relaxed);
            }
        }
        Box::pin(async { reply })
    }
}

/// Returns the texts that identify a resource. SDKs write JSON without spaces.
fn marks(resource: Resource<'_>) -> Marks {
    let body = |service, in_body: Vec<String>| Marks {
        service,
        in_path: None,
        in_body,
        in_batch: Vec::new(),
        in_statements: None,
    };
    match resource {
        Resource::Table(name) => Marks {
            in_batch: vec![format!(r#""{name}":{{"#), format!(r#""{name}":["#)],
            in_statements: Some(name.to_owned()),
            ..body("DynamoDB.", vec![format!(r#""TableName":"{name}""#)])
        },
        Resource::Queue(name) => {
            body("SQS.", vec![format!(r#"/{name}""#), format!(r#"/{name}.fifo""#)])
        }
        Resource::Bus(name) => body("EventBridge.", vec![format!(r#""EventBusName":"{name}""#)]),
        Resource::Stream(name) => body(
            "Kinesis.",
            vec![format!(r#""StreamName":"{name}""#), format!(r#":stream/{name}""#)],
        ),
        // SNS's protocol is a form, in which another parameter follows the topic.
        Resource::Topic(name) => body(
            "SNS.",
            ["", ".fifo"]
                .map(|ending| format!("%3Asns%3A{REGION}%3A{ACCOUNT}%3A{name}{ending}&"))
                .to_vec(),
        ),
        // A system has one sender; the calls of several could not be distinguished.
        Resource::Email(_) => body("SES.", vec![String::new()]),
        // A system has few groups; which one a call is about may stand in its streamed body.
        Resource::ScheduleGroup(_) => body("Scheduler.", vec![String::new()]),
        Resource::Bucket(name) => {
            Marks { in_path: Some(format!("/{name}/")), ..body("S3.", Vec::new()) }
        }
    }
}

impl Marks {
    fn fit(&self, call: &Call, statement_tables: &[String]) -> bool {
        let Some(operation) = call.operation.strip_prefix(self.service) else { return false };
        if let Some(table) = &self.in_statements
            && partiql::has_statements(&call.operation)
        {
            return statement_tables.contains(table);
        }
        let in_body =
            |marks: &[String]| marks.iter().any(|mark| contains(&call.body, mark.as_bytes()));
        self.in_path.as_ref().is_some_and(|mark| call.head.uri.path().starts_with(mark.as_str()))
            || in_body(&self.in_body)
            || (operation.starts_with("Batch") && in_body(&self.in_batch))
    }
}

/// Returns the tables that the statements of a call name.
fn statement_tables(call: &Call) -> Vec<String> {
    if !partiql::has_statements(&call.operation) {
        return Vec::new();
    }
    let request = serde_json::from_slice(&call.body).unwrap_or_default();
    let statements = partiql::statements(&call.operation, &request);
    statements.into_iter().flatten().map(|statement| statement.table).collect()
}

fn contains(body: &[u8], mark: &[u8]) -> bool {
    mark.is_empty() || memchr::memmem::find(body, mark).is_some()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn call(operation: &str, path: &str, body: &str) -> Call {
        let request = http::Request::post(path).body(()).unwrap();
        let head = request.into_parts().0;
        let (caller, operation) = ("f".to_owned(), operation.to_owned());
        Call { number: 0, caller, operation, head, body: Bytes::from(body.to_owned()) }
    }

    fn fits(resource: Resource<'_>, call: &Call) -> bool {
        marks(resource).fit(call, &statement_tables(call))
    }

    #[test]
    fn a_call_is_told_by_the_resource_it_names() {
        for (resource, operation, path, body) in [
            (Resource::Table("t"), "DynamoDB.PutItem", "/", r#"{"TableName":"t","Item":{}}"#),
            (
                Resource::Table("t"),
                "DynamoDB.BatchGetItem",
                "/",
                r#"{"RequestItems":{"t":{"Keys":[]}}}"#,
            ),
            (
                Resource::Table("t"),
                "DynamoDB.BatchWriteItem",
                "/",
                r#"{"RequestItems":{"t":[{}]}}"#,
            ),
            (
                Resource::Table("t"),
                "DynamoDB.BatchExecuteStatement",
                "/",
                r#"{"Statements":[{"Statement":"UPDATE o SET n=1"},{"Statement":"DELETE FROM t WHERE k=1"}]}"#,
            ),
            (
                Resource::Queue("q"),
                "SQS.SendMessage",
                "/",
                r#"{"QueueUrl":"http://h/0/q","MessageBody":""}"#,
            ),
            (
                Resource::Bus("b"),
                "EventBridge.PutEvents",
                "/",
                r#"{"Entries":[{"EventBusName":"b"}]}"#,
            ),
            (Resource::Stream("s"), "Kinesis.PutRecords", "/", r#"{"StreamName":"s"}"#),
            (Resource::Bucket("u"), "S3.PutObject", "/u/key?x-id=PutObject", ""),
            (
                Resource::Topic("t"),
                "SNS.Publish",
                "/",
                "Action=Publish&TopicArn=arn%3Aaws%3Asns%3Aus-east-1%3A000000000000%3At&Message=m",
            ),
            (Resource::Email("a@b"), "SES.SendEmail", "/", "Action=SendEmail"),
        ] {
            assert!(fits(resource, &call(operation, path, body)), "{resource:?} {body}");
            let other = body.replace("\"t\"", "\"t2\"").replace("/q\"", "/qq\"");
            let other = other.replace(" t ", " t2 ").replace("%3At&", "%3At2&");
            let other = other.replace("\"b\"", "\"bb\"").replace("\"s\"", "\"ss\"");
            if !matches!(resource, Resource::Email(_)) {
                let path = path.replace("/u/", "/uu/");
                assert!(!fits(resource, &call(operation, &path, &other)), "{resource:?} {other}");
            }
        }
        let attribute = call("DynamoDB.PutItem", "/", r#"{"TableName":"x","Item":{"t":{"S":""}}}"#);
        assert!(!fits(Resource::Table("t"), &attribute), "an attribute of that name");
        let text = r#"{"Statement":"INSERT INTO x VALUE {'TableName':'t'}","TableName":"t"}"#;
        let text = call("DynamoDB.ExecuteStatement", "/", text);
        assert!(!fits(Resource::Table("t"), &text), "the statement names another table");
        let same_name =
            call("DynamoDB.PutItem", "/", r#"{"TableName":"x","Item":{"v":{"S":"/q"}}}"#);
        assert!(!fits(Resource::Queue("q"), &same_name), "another service");
    }
}
