//! Sends the orders, each at its time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use events::OrderId;
use events::api::OrderAccepted;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use super::client::{Answer, ApiClient};
use super::plan::Plan;

/// Status of an accepted order or cancellation.
const ACCEPTED: u16 = 202;
/// Statuses after which a request is sent again: too many requests, and a busy service.
const BUSY: [u16; 2] = [429, 503];
/// How often a request is sent again.
const REPEATS: u64 = 3;
/// Pause before a request is sent again.
const PAUSE: Duration = Duration::from_secs(1);

/// What came of a run.
#[derive(Debug, Default)]
pub(super) struct Sent {
    /// Orders that the shop has.
    pub(super) placed: Vec<OrderId>,
    /// Cancellations that were accepted.
    pub(super) cancellations: u64,
    /// Milliseconds from when an order was due to its answer.
    pub(super) latencies: Vec<i64>,
    /// Requests that were sent again, with the same key.
    pub(super) repeats: u64,
    /// Numbers of failed requests by kind.
    pub(super) errors: BTreeMap<String, u64>,
    pub(super) seconds: f64,
}

/// What came of one order.
#[derive(Debug, Default)]
struct One {
    placed: Option<OrderId>,
    latency: Option<i64>,
    is_cancelled: bool,
    repeats: u64,
    errors: Vec<String>,
}

/// Sends orders to an API, by these customers in turn.
pub(super) struct Sending {
    pub(super) client: ApiClient,
    pub(super) plan: Plan,
    pub(super) tokens: Vec<Arc<str>>,
    /// Tells the keys of this run from those of others.
    pub(super) run: String,
}

impl Sending {
    /// Sends all orders and waits for all answers. Calls `each` after each answer.
    pub(super) async fn send(self, mut each: impl FnMut(&Sent)) -> Sent {
        let sending = Arc::new(self);
        let started = Instant::now();
        let (mut sent, mut running) = (Sent::default(), JoinSet::new());
        for number in 0..sending.plan.orders() {
            let due = started + sending.plan.due(number);
            loop {
                tokio::select! {
                    biased;
                    () = sleep_until(due) => break,
                    Some(one) = running.join_next() => sent.note(one.ok(), &mut each),
                }
            }
            let sending = Arc::clone(&sending);
            running.spawn(async move { sending.one(number, due).await });
        }
        while let Some(one) = running.join_next().await {
            sent.note(one.ok(), &mut each);
        }
        sent.seconds = started.elapsed().as_secs_f64();
        sent
    }

    async fn one(&self, number: u64, due: Instant) -> One {
        let mut one = One::default();
        let place = usize::try_from(number).unwrap_or(0) % self.tokens.len().max(1);
        let Some(token) = self.tokens.get(place) else { return one };
        let body = serde_json::to_vec(&self.plan.order(number)).unwrap_or_default();
        let key = format!("{}-{number}", self.run);
        let answer = match self.post(&mut one, "/orders", token, &key, &body).await {
            Ok(answer) => answer,
            Err(error) => {
                one.errors.push(format!("POST /orders: {error}"));
                return one;
            }
        };
        one.latency = i64::try_from(due.elapsed().as_millis()).ok();
        let accepted = serde_json::from_slice::<OrderAccepted>(&answer.body);
        let Some(order) = accepted.ok().filter(|_| answer.status == ACCEPTED) else {
            one.errors.push(format!("POST /orders: {}", answer.problem()));
            return one;
        };
        if self.plan.is_cancelled(number) {
            let path = format!("/orders/{}/cancel", order.order_id);
            match self.post(&mut one, &path, token, &key, &[]).await {
                Ok(answer) if answer.status == ACCEPTED => one.is_cancelled = true,
                Ok(answer) => one.errors.push(format!("POST cancel: {}", answer.problem())),
                Err(error) => one.errors.push(format!("POST cancel: {error}")),
            }
        }
        one.placed = Some(order.order_id);
        one
    }

    /// Sends a request, and sends it again with the same key if the API is busy or does not answer.
    /// A repeat is the same order, so nothing is placed twice.
    async fn post(
        &self,
        one: &mut One,
        path: &str,
        token: &str,
        key: &str,
        body: &[u8],
    ) -> Result<Answer, String> {
        let mut left = REPEATS;
        loop {
            let answer = self.client.post(path, token, key, body.to_vec()).await;
            let is_final = answer.as_ref().is_ok_and(|answer| !BUSY.contains(&answer.status));
            if is_final || left == 0 {
                return answer;
            }
            (left, one.repeats) = (left - 1, one.repeats + 1);
            sleep(PAUSE).await;
        }
    }
}

impl Sent {
    fn note(&mut self, one: Option<One>, each: &mut impl FnMut(&Self)) {
        let Some(one) = one else {
            *self.errors.entry("the client failed".to_owned()).or_default() += 1;
            return;
        };
        self.placed.extend(one.placed);
        self.latencies.extend(one.latency);
        self.cancellations += u64::from(one.is_cancelled);
        self.repeats += one.repeats;
        for error in one.errors {
            *self.errors.entry(error).or_default() += 1;
        }
        each(self);
    }
}
