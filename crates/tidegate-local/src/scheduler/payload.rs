//! What a target gets: the input with its context attributes, or Scheduler's own event.

use engine_client::local::{ACCOUNT, REGION};
use jiff::Timestamp;
use serde_json::json;

/// One try of a firing, as an input can name it.
pub(super) struct Context<'a> {
    pub(super) schedule_arn: &'a str,
    pub(super) scheduled: Timestamp,
    pub(super) execution_id: &'a str,
    pub(super) attempt: u32,
}

impl Context<'_> {
    /// Returns the time of the schedule in whole seconds, such as `2022-03-22T18:59:43Z`.
    pub(super) fn time(&self) -> String {
        let second = Timestamp::from_second(self.scheduled.as_millisecond().div_euclid(1000));
        second.unwrap_or(self.scheduled).to_string()
    }

    /// Returns what the target gets (AWS docs: "Adding context attributes").
    pub(super) fn payload(&self, input: Option<&str>) -> String {
        let Some(input) = input else { return self.event() };
        if !input.contains("<aws.scheduler.") {
            return input.to_owned();
        }
        [
            ("<aws.scheduler.schedule-arn>", self.schedule_arn),
            ("<aws.scheduler.scheduled-time>", &self.time()),
            ("<aws.scheduler.execution-id>", self.execution_id),
            ("<aws.scheduler.attempt-number>", &self.attempt.to_string()),
        ]
        .into_iter()
        .fold(input.to_owned(), |input, (word, value)| input.replace(word, value))
    }

    /// Returns the event of a schedule without an input. Its detail is the text `{}`.
    fn event(&self) -> String {
        json!({
            "version": "0",
            "id": uuid::Uuid::new_v4().to_string(),
            "detail-type": "Scheduled Event",
            "source": "aws.scheduler",
            "account": ACCOUNT,
            "time": self.time(),
            "region": REGION,
            "resources": [self.schedule_arn],
            "detail": "{}",
        })
        .to_string()
    }
}

/// Returns an id of a try: sixteen hexadecimal digits, as in AWS's examples.
pub(super) fn execution_id() -> String {
    format!("{:016x}", fastrand::u64(..))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn context() -> Context<'static> {
        Context {
            schedule_arn: "arn:aws:scheduler:us-east-1:000000000000:schedule/declared/nightly",
            scheduled: "2022-03-22T18:59:43.5Z".parse().unwrap(),
            execution_id: "d32c5kddcf5bb8c3",
            attempt: 2,
        }
    }

    #[test]
    fn the_attributes_of_the_context_are_replaced_and_nothing_else() {
        let input = r#"{"a":"<aws.scheduler.schedule-arn>","t":"<aws.scheduler.scheduled-time>",
            "e":"<aws.scheduler.execution-id>","n":<aws.scheduler.attempt-number>,"o":"<aws.scheduler.x>"}"#;
        let read: Value = serde_json::from_str(&context().payload(Some(input))).unwrap();
        assert_eq!(
            read,
            json!({
                "a": "arn:aws:scheduler:us-east-1:000000000000:schedule/declared/nightly",
                "t": "2022-03-22T18:59:43Z",
                "e": "d32c5kddcf5bb8c3",
                "n": 2,
                "o": "<aws.scheduler.x>",
            })
        );
        assert_eq!(context().payload(Some("Hello, world!")), "Hello, world!");
    }

    #[test]
    fn without_an_input_the_target_gets_the_event_that_aws_sends() {
        let mut event: Value = serde_json::from_str(&context().payload(None)).unwrap();
        let id = event["id"].take();
        assert!(id.as_str().unwrap().parse::<uuid::Uuid>().is_ok(), "{id}");
        let expected = json!({
            "version": "0",
            "id": null,
            "detail-type": "Scheduled Event",
            "source": "aws.scheduler",
            "account": "000000000000",
            "time": "2022-03-22T18:59:43Z",
            "region": "us-east-1",
            "resources": ["arn:aws:scheduler:us-east-1:000000000000:schedule/declared/nightly"],
            "detail": "{}",
        });
        assert_eq!(event, expected);
    }
}
