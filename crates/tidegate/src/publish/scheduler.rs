//! EventBridge Scheduler as a target: one-time schedules that hand messages to a queue.

use aws_sdk_scheduler::Client;
use aws_sdk_scheduler::error::ProvideErrorMetadata;
use aws_sdk_scheduler::types::{
    ActionAfterCompletion, DeadLetterConfig, FlexibleTimeWindow, FlexibleTimeWindowMode,
    SqsParameters, Target as ScheduleTarget,
};
use futures::future::{BoxFuture, FutureExt};
use jiff::{SignedDuration, Timestamp};

use super::answer::Codes;
use super::group::token;
use super::{Action, Entry, Limits, Queue, RefusedRequest, Target};
use crate::failure::Failure;

/// Largest input of a schedule, in bytes (AWS docs: CreateSchedule).
const INPUT_BYTES: usize = 256 * 1024;

const CODES: Codes =
    Codes { service: "Scheduler", failure: "scheduler", for_good: &[], by_entry: &[] };

/// One-time schedules of EventBridge Scheduler that hand messages to an SQS queue.
///
/// - A schedule that exists already is left as it is: the first one with a name wins.
/// - A message that is due goes straight to the queue. A message is never early.
/// - A schedule deletes itself after it was due.
///
/// The messages of a stream are set and cancelled in order. Scheduler fires within a minute after
/// the time (AWS docs: Scheduler quotas and precision), and at least once.
#[derive(Clone, Debug)]
pub struct Scheduler {
    client: Client,
    queue: Queue,
    queue_arn: String,
    role_arn: String,
    group: Option<String>,
    dead_letter_queue: Option<String>,
    name: String,
}

impl Scheduler {
    /// Creates the target for schedules that send to this queue.
    ///
    /// `role_arn` is the role by which Scheduler sends. A FIFO queue must have content-based
    /// deduplication (AWS docs: SqsParameters).
    pub fn new(
        client: Client,
        queue: Queue,
        queue_arn: impl Into<String>,
        role_arn: impl Into<String>,
    ) -> Self {
        let name = format!("schedules of {}", queue.name());
        Self {
            client,
            queue,
            queue_arn: queue_arn.into(),
            role_arn: role_arn.into(),
            group: None,
            dead_letter_queue: None,
            name,
        }
    }

    /// Sets the schedule group; by default it is that of the account.
    #[must_use]
    pub fn group(mut self, name: impl Into<String>) -> Self {
        self.group = Some(name.into());
        self
    }

    /// Sets the queue for messages that Scheduler could not send, by its ARN. Without one they are
    /// lost.
    #[must_use]
    pub fn dead_letter_queue(mut self, arn: impl Into<String>) -> Self {
        self.dead_letter_queue = Some(arn.into());
        self
    }

    /// Does what one entry says.
    async fn act(&self, entry: &Entry) -> Result<(), RefusedRequest> {
        match &entry.action {
            Action::Schedule { name, due } if *due > Timestamp::now() => {
                self.create(entry, name, *due).await
            }
            // Scheduler need not take a time in the past, and would only add its delay.
            Action::Send | Action::Schedule { .. } => {
                match self.queue.send(&[entry]).await?.into_iter().flatten().next() {
                    None => Ok(()),
                    Some(failure) => Err(failure.into()),
                }
            }
            Action::Cancel { name } => self.delete(name).await,
        }
    }

    async fn create(
        &self,
        entry: &Entry,
        name: &str,
        due: Timestamp,
    ) -> Result<(), RefusedRequest> {
        let mut target = ScheduleTarget::builder()
            .arn(&self.queue_arn)
            .role_arn(&self.role_arn)
            .input(input(&entry.body));
        if self.queue.keeps_order() {
            let group = SqsParameters::builder().message_group_id(token(&entry.group)).build();
            target = target.sqs_parameters(group);
        }
        if let Some(arn) = &self.dead_letter_queue {
            target = target.dead_letter_config(DeadLetterConfig::builder().arn(arn).build());
        }
        let window = FlexibleTimeWindow::builder().mode(FlexibleTimeWindowMode::Off);
        let created = self
            .client
            .create_schedule()
            .name(name)
            .set_group_name(self.group.clone())
            .schedule_expression(at(due))
            .schedule_expression_timezone("UTC")
            .flexible_time_window(window.build().map_err(Failure::from)?)
            .action_after_completion(ActionAfterCompletion::Delete)
            .target(target.build().map_err(Failure::from)?)
            .send()
            .await;
        match created {
            Err(error) if error.code() != Some("ConflictException") => Err(CODES.request(&error)),
            _ => Ok(()),
        }
    }

    async fn delete(&self, name: &str) -> Result<(), RefusedRequest> {
        let delete = self.client.delete_schedule().name(name).set_group_name(self.group.clone());
        match delete.send().await {
            Err(error) if error.code() != Some("ResourceNotFoundException") => {
                Err(CODES.request(&error))
            }
            _ => Ok(()),
        }
    }
}

impl Target for Scheduler {
    fn name(&self) -> &str {
        &self.name
    }

    /// A schedule is a request of its own.
    fn limits(&self) -> Limits {
        let bytes = self.queue.limits().entry_bytes.min(INPUT_BYTES);
        Limits::new(1, bytes, bytes)
    }

    fn size(&self, entry: &Entry) -> usize {
        input(&entry.body).len()
    }

    fn keeps_order(&self) -> bool {
        true
    }

    fn schedules(&self) -> bool {
        true
    }

    fn send<'a>(
        &'a self,
        request: &'a [&'a Entry],
    ) -> BoxFuture<'a, Result<Vec<Option<Failure>>, RefusedRequest>> {
        async move {
            let mut results = Vec::with_capacity(request.len());
            for entry in request {
                results.push(self.act(entry).await.err().map(|refused| refused.failure));
            }
            Ok(results)
        }
        .boxed()
    }
}

/// Returns the expression of a one-time schedule, in UTC. Scheduler knows whole seconds, so a part
/// of one is rounded up.
fn at(due: Timestamp) -> String {
    let rest = due.subsec_nanosecond();
    let up =
        SignedDuration::from_nanos(if rest == 0 { 0 } else { 1_000_000_000 - i64::from(rest) });
    let second = due.saturating_add(up).unwrap_or(due);
    format!("at({})", second.strftime("%Y-%m-%dT%H:%M:%S"))
}

/// Returns JSON as the input of a schedule.
///
/// Scheduler replaces texts such as `<aws.scheduler.execution-id>` (AWS docs: Adding context
/// attributes), also inside data. Written with an escape, they are equal JSON and stay.
fn input(json: &str) -> String {
    json.replace("<aws.scheduler.", "\\u003caws.scheduler.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_rounded_up_to_the_second_that_scheduler_knows() {
        let expression = |time: &str| at(time.parse().unwrap());
        assert_eq!(expression("2026-12-24T18:00:00Z"), "at(2026-12-24T18:00:00)");
        assert_eq!(expression("2026-12-24T18:59:59.000000001Z"), "at(2026-12-24T19:00:00)");
        assert_eq!(expression("2026-12-31T23:59:59.999+01:00"), "at(2026-12-31T23:00:00)");
    }

    #[test]
    fn text_that_scheduler_would_replace_stays_as_it_is() {
        let json = r#"{"a":"<aws.scheduler.execution-id> <b>"}"#;
        let sent = input(json);
        assert!(!sent.contains("<aws.scheduler.") && sent.contains("<b>"), "{sent}");
        let value = |json: &str| serde_json::from_str::<serde_json::Value>(json).unwrap();
        assert_eq!(value(&sent), value(json));
    }
}
