//! Functions: limits, uses, environment variables, asynchronous invocation.

use super::Check;
use super::retention::EFFECTS;
use crate::topology::lookup::{LARGE_LETTERS, LETTERS, Resource};
use crate::topology::model::{Access, Asynchronous, Function, Use};

/// What the names of environment variables begin with that Lambda, Terraform or this system sets itself.
const RESERVED: [&str; 5] = ["AWS_", "LAMBDA_", "OTEL_", "RUST_LOG", "TIDEGATE_"];

impl Check<'_> {
    pub(super) fn functions(&mut self) {
        let topology = self.topology;
        for (name, function) in &topology.functions {
            self.name(&["functions", name], name);
            self.range(&["functions", name, "memory_mb"], function.memory_mb, 128..=10_240);
            self.range(&["functions", name, "timeout_seconds"], function.timeout_seconds, 1..=900);
            self.range(&["functions", name, "maximum_concurrency"], function.maximum_concurrency, 1..=1_000);
            for (variable, used) in &function.uses {
                self.variable(&["functions", name, "uses", variable], variable);
                self.used(&["functions", name, "uses", variable], used);
            }
            self.toolkit(name, function);
            for variable in function.environment.keys() {
                let path = ["functions", name, "environment", variable];
                self.variable(&path, variable);
                if function.uses.contains_key(variable) {
                    self.mistake(&path, "is declared in uses as well; once is allowed");
                }
            }
            if let Some(asynchronous) = &function.asynchronous {
                self.asynchronous(name, asynchronous);
            }
        }
    }

    fn variable(&mut self, path: &[&str], name: &str) {
        let well_formed = name.len() >= 2
            && name.starts_with(|c: char| c.is_ascii_uppercase())
            && name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_');
        if !well_formed {
            self.mistake(
                path,
                "is not an environment variable's name; allowed are two or more upper-case letters, digits and \
                 underscores, beginning with a letter",
            );
        }
        if let Some(prefix) = RESERVED.iter().find(|prefix| name.starts_with(**prefix)) {
            self.mistake(path, format!("is reserved; names that begin with {prefix} are not allowed"));
        }
    }

    fn used(&mut self, path: &[&str], used: &Use) {
        let topology = self.topology;
        let Some(resource) = used.resource() else {
            self.mistake(path, "needs exactly one of table, queue, bucket, bus, stream and email");
            return;
        };
        let at = |field| [path, &[field]].concat();
        match resource {
            Resource::Table(name) => self.declared(&at("table"), "tables", name, &topology.tables),
            Resource::Queue(name) => self.declared(&at("queue"), "queues", name, &topology.queues),
            Resource::Bucket(name) => self.declared(&at("bucket"), "buckets", name, &topology.buckets),
            Resource::Bus(name) => self.declared(&at("bus"), "buses", name, &topology.buses),
            Resource::Stream(name) => self.declared(&at("stream"), "streams", name, &topology.streams),
            Resource::Email(address) => {
                let well_formed = address.split_once('@').is_some_and(|(user, domain)| {
                    !user.is_empty() && domain.contains('.') && !domain.contains('@')
                }) && !address
                    .contains(|c: char| c.is_whitespace() || c == '*' || c == '?');
                if !well_formed {
                    self.mistake(
                        &at("email"),
                        format!("is {address}; an address such as orders@example.com is allowed"),
                    );
                }
            }
        }
        if matches!(resource, Resource::Bus(_) | Resource::Email(_)) && used.access != Access::Write {
            self.mistake(&at("access"), "is not possible: to a bus and a sender address one can only write");
        } else if used.access == Access::Append && !matches!(resource, Resource::Table(_)) {
            self.mistake(
                &at("access"),
                "is append, which is for tables; allowed are read, write and read-write",
            );
        }
    }

    /// What the toolkit writes for a function: its dead letters, the large ones, and its idempotency records.
    fn toolkit(&mut self, name: &str, function: &Function) {
        let path = |variable, field| ["functions", name, "uses", variable, field];
        if let Some(queue) = function.uses.get(LETTERS).and_then(|used| used.queue.as_ref()) {
            self.not_fifo(&path(LETTERS, "queue"), queue);
        }
        for (variable, needs) in [(LETTERS, "write"), (LARGE_LETTERS, "write"), (EFFECTS, "read-write")] {
            let Some(used) = function.uses.get(variable) else { continue };
            let (access, enough) = match used.access {
                Access::Read => ("read", false),
                Access::Append => ("append", false),
                Access::Write => ("write", needs == "write"),
                Access::ReadWrite => ("read-write", true),
            };
            if !enough {
                let what = format!("is {access}; the toolkit needs {needs}");
                self.mistake(&path(variable, "access"), what);
            }
        }
    }

    fn asynchronous(&mut self, function: &str, declared: &Asynchronous) {
        let path = ["functions", function, "asynchronous", "maximum_retry_attempts"];
        self.range(&path, declared.maximum_retry_attempts, 0..=2);
        let path = ["functions", function, "asynchronous", "maximum_event_age_seconds"];
        self.range(&path, declared.maximum_event_age_seconds, 60..=21_600);
        let path = ["functions", function, "asynchronous", "on_failure"];
        self.asynchronous_destination(&path, &declared.on_failure, function);
    }
}
