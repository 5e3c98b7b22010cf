//! Checks functions: limits, uses, environment variables and asynchronous invocation.

use super::Check;
use super::names::FUNCTION;
use super::retention::EFFECTS;
use crate::lookup::{LARGE_LETTERS, LETTERS, Resource};
use crate::model::{Access, Asynchronous, Function, Use};

/// Prefixes of environment variables that Lambda, Terraform or Tidegate sets itself.
const RESERVED: [&str; 5] = ["AWS_", "LAMBDA_", "OTEL_", "RUST_LOG", "TIDEGATE_"];

/// Environment variables that the engine sets. Lambda sets them too, and refuses a declaration.
const SET_HERE: [&str; 16] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_DEFAULT_REGION",
    "AWS_ENDPOINT_URL",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_INITIALIZATION_TYPE",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_LAMBDA_RUNTIME_API",
    "AWS_REGION",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_EXECUTION_ENV",
    "LAMBDA_RUNTIME_DIR",
    "LAMBDA_TASK_ROOT",
];

impl Check<'_> {
    pub(super) fn functions(&mut self) {
        let topology = self.topology;
        for (name, function) in &topology.functions {
            self.name(&["functions", name], name, &FUNCTION);
            self.range(&["functions", name, "memory_mb"], function.memory_mb, 128..=10_240);
            self.range(&["functions", name, "timeout_seconds"], function.timeout_seconds, 1..=900);
            self.range(
                &["functions", name, "maximum_concurrency"],
                function.maximum_concurrency,
                1..=1_000,
            );
            self.command(name, function);
            for (variable, used) in &function.uses {
                self.variable(&["functions", name, "uses", variable], variable);
                self.used(&["functions", name, "uses", variable], used);
            }
            self.toolkit(name, function);
            for variable in function.environment.keys() {
                let path = ["functions", name, "environment", variable];
                self.variable(&path, variable);
                if function.uses.contains_key(variable) {
                    self.mistake(&path, "is also declared in uses; declare it once");
                }
            }
            if let Some(asynchronous) = &function.asynchronous {
                self.asynchronous(name, asynchronous);
            }
        }
    }

    fn variable(&mut self, path: &[&str], name: &str) {
        let possible = name.len() >= 2
            && name.starts_with(|c: char| c.is_ascii_alphabetic())
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if !possible {
            self.mistake(
                path,
                "is not a valid name of an environment variable; use two or more letters, digits \
                 and underscores, beginning with a letter",
            );
        } else if name.contains(|c: char| c.is_ascii_lowercase()) {
            self.house_rule(
                path,
                "has lower-case letters; upper-case letters, digits and underscores are usual",
            );
        }
        if SET_HERE.contains(&name) {
            self.mistake(path, "is set by Lambda or by the engine; choose another name");
        } else if let Some(prefix) = RESERVED.iter().find(|prefix| name.starts_with(**prefix)) {
            self.house_rule(
                path,
                format!("is reserved; names that begin with {prefix} are not allowed"),
            );
        }
    }

    /// Checks the command and the directory of a function that is not a Rust binary.
    fn command(&mut self, name: &str, function: &Function) {
        let path = ["functions", name, "command"];
        match &function.command {
            Some(command) if command.first().is_none_or(String::is_empty) => {
                let what = "names no program; use a program and its arguments, such as \
                    [\"python3\", \"-m\", \"awslambdaric\", \"app.handler\"]";
                self.mistake(&path, what);
            }
            Some(command) if command.iter().any(|part| part.contains('\0')) => {
                self.mistake(&path, "has a part with a zero byte; remove it");
            }
            None if function.directory.is_some() => {
                let path = ["functions", name, "directory"];
                self.mistake(&path, "is set without a command; declare command too");
            }
            _ => {}
        }
    }

    fn used(&mut self, path: &[&str], used: &Use) {
        let topology = self.topology;
        let Some(resource) = used.resource() else {
            self.mistake(
                path,
                "needs exactly one of table, queue, bucket, bus, stream, topic, email and \
                 schedule_group",
            );
            return;
        };
        let at = |field| [path, &[field]].concat();
        match resource {
            Resource::Table(name) => self.declared(&at("table"), "tables", name, &topology.tables),
            Resource::Queue(name) => self.declared(&at("queue"), "queues", name, &topology.queues),
            Resource::Bucket(name) => {
                self.declared(&at("bucket"), "buckets", name, &topology.buckets)
            }
            Resource::Bus(name) => self.bus(&at("bus"), name),
            Resource::Stream(name) => {
                self.declared(&at("stream"), "streams", name, &topology.streams)
            }
            Resource::Topic(name) => self.declared(&at("topic"), "topics", name, &topology.topics),
            Resource::ScheduleGroup(name) => self.declared(
                &at("schedule_group"),
                "schedule groups",
                name,
                &topology.schedule_groups,
            ),
            Resource::Email(address) => {
                let well_formed = address.split_once('@').is_some_and(|(user, domain)| {
                    !user.is_empty() && domain.contains('.') && !domain.contains('@')
                }) && !address
                    .contains(|c: char| c.is_whitespace() || c == '*' || c == '?');
                if !well_formed {
                    self.mistake(
                        &at("email"),
                        format!("is {address}; use an address such as orders@example.com"),
                    );
                }
            }
        }
        let written = match resource {
            Resource::Bus(_) | Resource::Topic(_) | Resource::Email(_) => {
                Some("a bus, a topic or a sender address")
            }
            Resource::ScheduleGroup(_) => Some("a schedule group"),
            _ => None,
        };
        if let Some(what) = written.filter(|_| used.access != Access::Write) {
            self.mistake(&at("access"), format!("must be write for {what}"));
        } else if used.access == Access::Append && !matches!(resource, Resource::Table(_)) {
            self.mistake(
                &at("access"),
                "is append, which is for tables; use read, write or read-write",
            );
        }
    }

    /// Checks what the toolkit writes for a function: dead letters, large dead letters and
    /// idempotency records.
    fn toolkit(&mut self, name: &str, function: &Function) {
        let path = |variable, field| ["functions", name, "uses", variable, field];
        if let Some(queue) = function.uses.get(LETTERS).and_then(|used| used.queue.as_ref())
            && self.is_fifo(queue)
        {
            let what = format!(
                "is {queue}, a FIFO queue; the toolkit writes its dead letters to a standard queue"
            );
            self.house_rule(&path(LETTERS, "queue"), what);
        }
        for (variable, needs) in
            [(LETTERS, "write"), (LARGE_LETTERS, "write"), (EFFECTS, "read-write")]
        {
            let Some(used) = function.uses.get(variable) else { continue };
            let (access, enough) = match used.access {
                Access::Read => ("read", false),
                Access::Append => ("append", false),
                Access::Write => ("write", needs == "write"),
                Access::ReadWrite => ("read-write", true),
            };
            if !enough {
                let what = format!("is {access}; the toolkit needs {needs}");
                self.house_rule(&path(variable, "access"), what);
            }
        }
    }

    fn asynchronous(&mut self, function: &str, declared: &Asynchronous) {
        let path = ["functions", function, "asynchronous", "maximum_retry_attempts"];
        self.range(&path, declared.maximum_retry_attempts, 0..=2);
        let path = ["functions", function, "asynchronous", "maximum_event_age_seconds"];
        self.range(&path, declared.maximum_event_age_seconds, 60..=21_600);
        let path = ["functions", function, "asynchronous", "on_failure"];
        match &declared.on_failure {
            None => self.warning(
                &path[..3],
                "has no on_failure; discarded events would be lost: add a queue, a topic, a \
                 bucket, a function or a bus",
            ),
            Some(destination) => self.asynchronous_destination(&path, destination, function),
        }
        if let Some(destination) = &declared.on_success {
            let path = ["functions", function, "asynchronous", "on_success"];
            self.success_destination(&path, destination, function);
        }
    }
}
