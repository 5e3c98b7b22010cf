//! The projection of the books: payments, balances and the journal.

use events::ledger::{BalanceKey, journal, payment_row as row};
use events::{Money, PaymentEvent, stream_kind};
use tidegate::failure::Failure;
use tidegate::ids::StreamId;
use tidegate::message::MessageSet;
use tidegate::projection::{EntryKey, EntryUpdate, Increment, Projected, Projection, RowUpdate};
use tidegate::store::{RecordedCommit, RecordedEvent};

use crate::postings::{Postings, amount};

/// Each payment and refund with its amounts, running balances, the postings of each day, and a
/// journal of all postings.
pub(crate) struct Books;

impl Projection for Books {
    fn concerns(&self, stream: &StreamId) -> bool {
        stream.kind() == stream_kind::PAYMENT
    }

    fn project(
        &self,
        commit: &RecordedCommit,
        event: &RecordedEvent,
    ) -> Result<Projected, Failure> {
        let payment: PaymentEvent = event.decode()?;
        let postings = Postings::from_event(&payment)?;
        let mut projected = Projected { row: row_of(&payment), ..Projected::default() };
        if let Some(Money { currency, .. }) = amount(&payment).filter(|_| !postings.is_empty()) {
            // The day on which the event was stored. Its business time is that of the order, and a
            // day that is over would get postings by it.
            let day = BalanceKey::day_of(currency, commit.written_at);
            projected.counters = [BalanceKey::Running(currency), day]
                .map(|key| Increment { key: key.to_string(), add: postings.amounts().clone() })
                .into();
            projected.entries = vec![entry(day, commit, event, &postings)];
        }
        Ok(projected)
    }
}

fn row_of(event: &PaymentEvent) -> RowUpdate {
    let attribute = match event {
        PaymentEvent::PaymentAuthorised(_) => Some(row::AUTHORISED),
        PaymentEvent::PaymentCaptured(_) => Some(row::CAPTURED),
        PaymentEvent::PaymentReleased(_) => Some(row::RELEASED),
        PaymentEvent::PaymentRefunded(_) => Some(row::REFUNDED),
        PaymentEvent::PaymentDeclined(_)
        | PaymentEvent::CaptureRefused(_)
        | PaymentEvent::RefundRefused(_) => None,
    };
    let update = RowUpdate::default().set(row::STATUS, event.schema().0);
    match attribute.zip(amount(event)) {
        Some((attribute, Money { minor, currency })) => {
            update.set(attribute, minor).set(row::CURRENCY, currency.to_string())
        }
        None => update,
    }
}

/// Returns the entry of an event in the journal.
fn entry(
    day: BalanceKey,
    commit: &RecordedCommit,
    event: &RecordedEvent,
    postings: &Postings,
) -> EntryUpdate {
    let id = format!("{}/{}", commit.stream, event.version);
    let row = RowUpdate::default().set(journal::KIND, event.kind.as_str());
    let posted = postings.amounts().iter();
    let row = posted.fold(row, |row, (account, amount)| row.set(account, *amount));
    EntryKey::by_time(day.to_string(), commit.written_at, &id).write(row)
}

#[cfg(test)]
mod tests;
