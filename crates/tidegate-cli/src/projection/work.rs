//! Pieces of a rebuild, which the projection's function carries out.

use std::time::Duration;

use terminal::escape::escaped;
use terminal::output;
use terminal::problem::Problem;
use tidegate::rebuild::{Answer, Request};

use crate::interrupted::Interrupted;
use crate::invoke::{Invoked, Unanswered, ask};

/// Attempts at one piece, with growing pauses between them: together about four minutes, longer
/// than a deployment takes.
const ATTEMPTS: u32 = 10;
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// The function of a projection.
pub(super) struct Worker<'a> {
    pub(super) lambda: aws_sdk_lambda::Client,
    pub(super) function: Invoked<'a>,
    pub(super) interrupted: Interrupted,
}

impl Worker<'_> {
    /// Has a piece of work done. Each piece may be repeated, so a failure that may pass is.
    ///
    /// # Errors
    /// The function failed for good, or again and again.
    pub(super) async fn ask(&self, request: &Request) -> Result<Answer, Problem> {
        let event = request.event();
        let (mut attempt, mut pause) = (1, FIRST_PAUSE);
        loop {
            let failed = match ask(&self.lambda, self.function, event.as_bytes()).await {
                Ok(payload) => match answer(&payload) {
                    Ok(answer) => return Ok(answer),
                    Err(why) => Unanswered { why, is_final: true },
                },
                Err(failed) => failed,
            };
            let Unanswered { why, is_final } = failed;
            if is_final || self.interrupted.is_set() {
                return Err(Problem::new(why));
            }
            if attempt >= ATTEMPTS {
                return Err(Problem::new(format!("{why}; gave up after {attempt} attempts")));
            }
            output::note(&format!("{}; trying again", escaped(&why)));
            tokio::time::sleep(pause).await;
            attempt += 1;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}

/// Reads an answer.
///
/// A function whose code does not know rebuilds takes the request for an event of its source, and
/// answers in another form.
fn answer(payload: &[u8]) -> Result<Answer, String> {
    let is_answer = serde_json::from_slice::<serde_json::Value>(payload)
        .is_ok_and(|value| value.get("items").is_some());
    let answer = serde_json::from_slice(payload).ok().filter(|_| is_answer);
    answer.ok_or_else(|| {
        "the function did not answer as one that rebuilds; its code must feed the generations of \
         the projection (Projectors)"
            .to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_answer_of_a_rebuild_is_one() {
        let text = r#"{"next":"x","items":500,"streams":3,"events":4}"#;
        let read = answer(text.as_bytes()).unwrap();
        assert_eq!((read.next.as_deref(), read.items, read.events), (Some("x"), 500, 4));
        for other in ["", "null", "{}", r#"{"batchItemFailures":[]}"#, r#"{"items":"many"}"#] {
            assert!(answer(other.as_bytes()).unwrap_err().contains("Projectors"), "{other}");
        }
    }
}
