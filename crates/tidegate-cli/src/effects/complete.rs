//! `tidegate effects complete`.

use std::process::ExitCode;
use std::time::Duration;

use terminal::account::Intent;
use terminal::output;
use terminal::problem::Problem;
use tidegate::idempotency::{IdempotencyStore, Kept};
use uuid::Uuid;

use super::decided::{Decided, Resolution};
use super::event::forget;
use super::records::{NOT_HELD, Records};
use crate::arguments::EffectsComplete;

const SECONDS_OF_A_DAY: u64 = 24 * 60 * 60;

/// Records that an effect took place.
///
/// # Errors
/// The system cannot be reached, or its table cannot be written.
pub(super) async fn complete(options: &EffectsComplete) -> Result<ExitCode, Problem> {
    let records = Records::open(&options.at, Intent::Change).await?;
    let days = options.days.map_or_else(|| records.retention(), Ok)?;
    let expires_at = jiff::Timestamp::now()
        .saturating_add(Duration::from_secs(u64::from(days) * SECONDS_OF_A_DAY))
        .map_err(|error| Problem::new(error.to_string()))?;
    // The token of this request distinguishes a lost answer from another operator's decision.
    let operator = format!("operator-{}", Uuid::new_v4());
    let result = options.result.clone().map_or(Kept::Unknown, Kept::Result);
    // A record that cannot be read names no object.
    let waiting = records.store.waiting(&options.key).await.ok().flatten();
    let completed =
        match records.store.complete_held(&options.key, &operator, &result, expires_at).await {
            Ok(completed) => completed,
            Err(failure) => {
                return Err(records.system.explain_table(&records.table, failure.reason()).await);
            }
        };
    if completed {
        forget(&records, &options.key, waiting.as_ref()).await;
    }
    let (resolution, message) = if completed {
        (Resolution::Completed, format!("recorded that it took place, for {days} days"))
    } else {
        (Resolution::Unknown, NOT_HELD.to_owned())
    };
    let decided = Decided::new(&options.key, resolution, message);
    if options.at.json {
        output::json(&decided)?;
    } else {
        output::line(&decided.lines())?;
    }
    Ok(if completed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
