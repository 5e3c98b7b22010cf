//! What the books must hold: a replay of all payment events.

use std::collections::BTreeMap;

use events::ledger::BalanceKey;
use events::routes::types_for;
use events::{Currency, Money, PaymentEvent, stream_kind};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use tidegate::failure::Failure;
use tidegate::message::MessageSet;
use tidegate::store::RecordedCommit;

use super::balances::Balances;
use super::books::PaymentRow;

/// Entries of a day's journal by their places.
pub(super) type Entries = BTreeMap<String, Balances>;

/// The books after all payment events.
#[derive(Debug, Default)]
pub(super) struct Replay {
    /// Number of events.
    pub(super) events: usize,
    pub(super) payments: BTreeMap<String, Payment>,
    pub(super) running: BTreeMap<Currency, Balances>,
    pub(super) days: BTreeMap<(Currency, Date), Balances>,
    pub(super) journal: BTreeMap<(Currency, Date), Entries>,
}

/// A payment or refund after all of its events.
#[derive(Debug, Default)]
pub(super) struct Payment {
    pub(super) row: PaymentRow,
    /// Newest version that the ledger gets a message about. Later ones, which move no money, it
    /// meets only if they are there when it reads the stream.
    pub(super) announced: u64,
    /// Types of the events by their versions.
    pub(super) kinds: BTreeMap<u64, &'static str>,
}

impl Replay {
    /// Takes a commit of the event store.
    ///
    /// # Errors
    /// It has an event that this program does not know.
    pub(super) fn take(&mut self, commit: RecordedCommit) -> Result<(), Failure> {
        if commit.stream.kind() != stream_kind::PAYMENT {
            return Ok(());
        }
        let day = commit.written_at.to_zoned(TimeZone::UTC).date();
        for event in &commit.events {
            let payment: PaymentEvent = event.decode()?;
            self.events += 1;
            let of = self.payments.entry(commit.stream.to_string()).or_default();
            of.take(event.version.number(), &payment);
            let Some((currency, added)) = Balances::of_event(&payment) else { continue };
            *self.running.entry(currency).or_default() += added;
            *self.days.entry((currency, day)).or_default() += added;
            let place = format!("{:.6}#{}/{}", commit.written_at, commit.stream, event.version);
            self.journal.entry((currency, day)).or_default().insert(place, added);
        }
        Ok(())
    }

    /// Adds what another segment led to.
    pub(super) fn merge(&mut self, other: Self) {
        self.events += other.events;
        self.payments.extend(other.payments);
        for (currency, added) in other.running {
            *self.running.entry(currency).or_default() += added;
        }
        for (day, added) in other.days {
            *self.days.entry(day).or_default() += added;
        }
        for (day, entries) in other.journal {
            self.journal.entry(day).or_default().extend(entries);
        }
    }
}

impl Payment {
    /// Takes an event. Commits of a stream come in any order.
    fn take(&mut self, version: u64, event: &PaymentEvent) {
        change(&mut self.row, event);
        let (kind, _) = event.schema();
        self.kinds.insert(version, kind);
        if types_for("ledger").any(|announced| announced == kind) {
            self.announced = self.announced.max(version);
        }
    }
}

fn change(row: &mut PaymentRow, event: &PaymentEvent) {
    let minor = |money: Money| Some(money.minor);
    match event {
        PaymentEvent::PaymentAuthorised(event) => row.authorised = minor(event.amount),
        PaymentEvent::PaymentCaptured(event) => row.captured = minor(event.amount),
        PaymentEvent::PaymentReleased(event) => {
            row.released = event.amount.and_then(minor).or(row.released);
        }
        PaymentEvent::PaymentRefunded(event) => row.refunded = minor(event.amount),
        PaymentEvent::PaymentDeclined(_)
        | PaymentEvent::CaptureRefused(_)
        | PaymentEvent::RefundRefused(_) => {}
    }
}

/// Returns the name of a day's row and list.
pub(super) fn day_name((currency, day): (Currency, Date)) -> String {
    BalanceKey::Day(currency, day).to_string()
}

#[cfg(test)]
mod tests {
    use events::{PaymentAuthorised, PaymentDeclined};

    use super::*;

    #[test]
    fn what_moves_money_is_announced_to_the_ledger() {
        let mut payment = Payment::default();
        let declined = PaymentDeclined { order_id: "1".into(), reason: String::new() };
        payment.take(2, &declined.clone().into());
        assert_eq!((payment.announced, payment.kinds[&2]), (0, "PaymentDeclined"));
        let (amount, reference) = (Money::pence(5), "p".to_owned());
        let authorised = PaymentAuthorised { order_id: "1".into(), amount, reference };
        payment.take(1, &authorised.into());
        assert_eq!((payment.announced, payment.row.authorised), (1, Some(5)));
    }
}
