//! The figures of a run, and their text.

use std::collections::BTreeMap;

use serde::Serialize;

use super::following::Followed;
use super::sending::Sent;
use crate::amount::count;
use crate::percentile::nearest_rank;

/// The figures of a run.
#[derive(Debug, Serialize)]
pub(super) struct Figures {
    pub(super) placed: u64,
    pub(super) cancellations: u64,
    /// Cancellations that came too late: the order had left or ended.
    pub(super) too_late: u64,
    pub(super) seconds: f64,
    pub(super) orders_per_second: f64,
    /// From when an order was due to its answer, or until it was given up.
    pub(super) post_p50_ms: Option<i64>,
    pub(super) post_p99_ms: Option<i64>,
    /// Orders that the figures below are about. Those that are undecided may take longer.
    pub(super) confirmed: u64,
    /// From the arrival of an order at the API to the commit that confirmed it.
    pub(super) confirmed_p50_ms: Option<i64>,
    pub(super) confirmed_p99_ms: Option<i64>,
    /// Orders by status at the end.
    pub(super) statuses: BTreeMap<&'static str, u64>,
    /// Requests that were sent again, because the API was busy or did not answer.
    pub(super) repeats: u64,
    /// Failed requests by kind.
    pub(super) errors: BTreeMap<String, u64>,
}

impl Figures {
    pub(super) fn new(placed: u64, sent: Sent, followed: Followed) -> Self {
        let sorted = |mut values: Vec<i64>| {
            values.sort_unstable();
            values
        };
        let (latencies, waits) = (sorted(sent.latencies), sorted(followed.waits));
        #[expect(clippy::cast_precision_loss, reason = "a run has far fewer than 2^52 orders")]
        let orders = placed as f64;
        Self {
            placed,
            cancellations: sent.cancellations,
            too_late: sent.too_late,
            seconds: sent.seconds,
            orders_per_second: if sent.seconds > 0.0 { orders / sent.seconds } else { 0.0 },
            post_p50_ms: nearest_rank(&latencies, 50),
            post_p99_ms: nearest_rank(&latencies, 99),
            confirmed: u64::try_from(waits.len()).unwrap_or(u64::MAX),
            confirmed_p50_ms: nearest_rank(&waits, 50),
            confirmed_p99_ms: nearest_rank(&waits, 99),
            statuses: followed.statuses,
            repeats: sent.repeats,
            errors: sent.errors,
        }
    }

    /// Returns the text, a line for each figure.
    pub(super) fn text(&self) -> String {
        let mut lines = vec![
            format!(
                "placed {} orders in {:.1} s, {:.1} orders/s; {} cancellations, {} too late",
                count(self.placed),
                self.seconds,
                self.orders_per_second,
                count(self.cancellations),
                count(self.too_late)
            ),
            format!(
                "answered: {}; {} requests sent again",
                span(self.post_p50_ms, self.post_p99_ms),
                count(self.repeats)
            ),
            format!(
                "confirmed {} of {}: {}",
                count(self.confirmed),
                count(self.placed),
                span(self.confirmed_p50_ms, self.confirmed_p99_ms)
            ),
        ];
        let list =
            |all: Vec<String>| if all.is_empty() { "none".to_owned() } else { all.join(", ") };
        let counted = |(name, number): (&str, &u64)| format!("{} {name}", count(*number));
        let statuses = self.statuses.iter().map(|(name, number)| counted((name, number)));
        lines.push(format!("status: {}", list(statuses.collect())));
        let errors = self.errors.iter().map(|(name, number)| counted((name, number)));
        lines.push(format!("errors: {}", list(errors.collect())));
        lines.join("\n")
    }
}

fn span(p50: Option<i64>, p99: Option<i64>) -> String {
    match (p50, p99) {
        (Some(p50), Some(p99)) => format!("p50 {} ms, p99 {} ms", count(p50), count(p99)),
        _ => "no figure".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_statuses_and_errors_are_said() {
        let errors = BTreeMap::from([("POST /orders: 429".to_owned(), 2)]);
        let latencies = (1..=200).rev().collect();
        let sent = Sent {
            latencies,
            errors,
            seconds: 10.0,
            cancellations: 3,
            too_late: 1,
            repeats: 7,
            ..Sent::default()
        };
        let statuses = BTreeMap::from([("cancelled", 3), ("confirmed", 195)]);
        let followed = Followed { waits: vec![1500, 500], statuses };
        let figures = Figures::new(198, sent, followed);
        assert_eq!(
            figures.text(),
            "placed 198 orders in 10.0 s, 19.8 orders/s; 3 cancellations, 1 too late\n\
             answered: p50 100 ms, p99 198 ms; 7 requests sent again\n\
             confirmed 2 of 198: p50 500 ms, p99 1,500 ms\n\
             status: 3 cancelled, 195 confirmed\n\
             errors: 2 POST /orders: 429"
        );
    }

    #[test]
    fn a_run_without_answers_has_no_figures() {
        let figures = Figures::new(0, Sent::default(), Followed::default());
        assert!(figures.text().contains("answered: no figure"), "{}", figures.text());
        assert!(figures.text().ends_with("status: none\nerrors: none"));
    }
}
