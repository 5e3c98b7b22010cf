//! Completes an effect.

use jiff::Timestamp;

use super::store::{DynamoDbIdempotency, state_of};
use crate::failure::Failure;
use crate::idempotency::item::{PARTITION_KEY, TTL_ATTRIBUTE};
use crate::idempotency::key::EffectKey;
use crate::idempotency::protocol::{Request, Transition, decide};
use crate::idempotency::record::Kept;
use crate::idempotency::update::{COMPLETABLE, completion, number, owned, text};
use crate::statement::{Answer, Change, Statement};

impl DynamoDbIdempotency {
    /// Completes a claim, together with the writes that wait at the same moment.
    ///
    /// The batch completes a record in progress, as nearly all are. Any other is completed by
    /// itself.
    pub(super) async fn put_completion(
        &self,
        key: &EffectKey,
        owner: &str,
        result: &Kept<String>,
        expires_at: Timestamp,
    ) -> Result<bool, Failure> {
        let request = Request::Complete { owner, expires_at };
        let (place, change) = (key.to_string(), completed(key, owner, result, expires_at));
        let statement = Statement::update("idempotency_store", &self.table, place, change);
        match self.dynamodb.writer.write(statement).await {
            Answer::Written => return Ok(true),
            Answer::Failed(failure) => return Err(failure),
            Answer::Refused(there) => {
                let state = state_of(there)?;
                match decide(state.as_ref(), request, Timestamp::now()) {
                    Transition::AlreadyDone => return Ok(true),
                    Transition::Refused => return Ok(false),
                    Transition::To(_) | Transition::Removed => {}
                }
            }
            Answer::Alone(_) | Answer::BeingWritten | Answer::Singly => {}
        }
        let mut values = owned(owner);
        values.extend([(":held", text("held")), (":released", text("released"))]);
        let mut update = completion(COMPLETABLE, result, expires_at, values);
        update.expression.push_str(" REMOVE #repeat, #reason");
        self.update(key.as_str(), request, update).await
    }
}

/// Writes the completion of a record in progress as a statement.
fn completed(key: &EffectKey, owner: &str, result: &Kept<String>, expires_at: Timestamp) -> Change {
    let kept = match result {
        Kept::Result(result) => Some(("result", text(result))),
        Kept::TooLarge { bytes } => {
            Some(("result_bytes", number(i64::try_from(*bytes).unwrap_or(i64::MAX))))
        }
        Kept::Unknown => None,
    };
    let expires_at = number(expires_at.as_second());
    let set = [("status", text("completed")), (TTL_ATTRIBUTE, expires_at)];
    let mut change = String::new();
    let mut parameters = Vec::with_capacity(6);
    for (name, value) in set.into_iter().chain(kept) {
        change.push_str(&format!("SET \"{name}\" = ? "));
        parameters.push(value);
    }
    change.push_str("REMOVE \"repeat\" REMOVE \"reason\" WHERE ");
    change.push_str(&format!("\"{PARTITION_KEY}\" = ? AND \"owner\" = ? AND \"status\" = ?"));
    parameters.extend([text(key.as_str()), text(owner), text("in_progress")]);
    Change { text: change.into(), parameters }
}
