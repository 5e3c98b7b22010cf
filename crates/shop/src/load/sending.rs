//! Sends the orders, each at its time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use events::OrderId;
use events::api::OrderAccepted;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use super::client::{self, Answer, ApiClient};
use super::plan::Plan;

/// Status of an accepted order or cancellation.
const ACCEPTED: u16 = 202;
/// Statuses after which a request is sent again: too many requests, and a busy service.
const BUSY: [u16; 2] = [429, 503];
/// How a cancellation is refused if the order has left or ended.
const TOO_LATE: &str = "409 conflict";
/// How often a request is sent again.
const REPEATS: u32 = 3;
/// Pause before a request is sent again.
const PAUSE: Duration = Duration::from_secs(1);
/// Longest time of a request with all repeats.
const LONGEST_REQUEST: Duration =
    client::LONGEST.saturating_mul(REPEATS + 1).saturating_add(PAUSE.saturating_mul(REPEATS));
/// Longest time from when an order is due until it is answered, and its cancellation is.
pub(super) const LONGEST_ORDER: Duration = LONGEST_REQUEST.saturating_mul(2);

/// What came of a run.
#[derive(Debug, Default)]
pub(super) struct Sent {
    /// Orders that the shop has.
    pub(super) placed: Vec<OrderId>,
    /// Cancellations that were accepted.
    pub(super) cancellations: u64,
    /// Cancellations that came too late: the order had left or ended.
    pub(super) too_late: u64,
    /// Milliseconds from when each order was due to its answer, or until it was given up.
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
    is_too_late: bool,
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
        let answer = self.post(&mut one, "/orders", token, &key, &body).await;
        // Orders without an answer took the longest. Figures without them would flatter an outage.
        one.latency = i64::try_from(due.elapsed().as_millis()).ok();
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => {
                one.errors.push(format!("POST /orders: {error}"));
                return one;
            }
        };
        let accepted = serde_json::from_slice::<OrderAccepted>(&answer.body);
        let Some(order) = accepted.ok().filter(|_| answer.status == ACCEPTED) else {
            one.errors.push(format!("POST /orders: {}", answer.problem()));
            return one;
        };
        if self.plan.is_cancelled(number) {
            let path = format!("/orders/{}/cancel", order.order_id);
            match self.post(&mut one, &path, token, &key, &[]).await {
                Ok(answer) if answer.status == ACCEPTED => one.is_cancelled = true,
                Ok(answer) if answer.problem() == TOO_LATE => one.is_too_late = true,
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
        self.too_late += u64::from(one.is_too_late);
        self.repeats += one.repeats;
        for error in one.errors {
            *self.errors.entry(error).or_default() += 1;
        }
        each(self);
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    const PLACED: &str = r#"{ "order_id": "1", "status": "placed", "units": 1,
        "total": { "minor": 100, "currency": "GBP" } }"#;

    /// Sends one order to an API, and cancels it.
    async fn send(url: String) -> Sent {
        let duration = Duration::from_secs(1);
        let sending = Sending {
            client: ApiClient::new(url),
            plan: Plan { rate: 1.0, duration, cancel_percent: 100, lines: 1 },
            tokens: vec!["token".into()],
            run: "run".to_owned(),
        };
        sending.send(|_| ()).await
    }

    /// Starts an API that takes every order and answers each cancellation with this.
    async fn api(cancelled: &'static str) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, cancelled));
            }
        });
        url
    }

    /// Answers one request.
    async fn answer(mut stream: TcpStream, cancelled: &str) {
        let mut request = Vec::new();
        while !is_whole(str::from_utf8(&request).unwrap()) {
            assert_ne!(stream.read_buf(&mut request).await.unwrap(), 0);
        }
        let (status, body) = match request.starts_with(b"POST /orders ") {
            true => ("202 Accepted", PLACED),
            false => cancelled.split_once('|').unwrap(),
        };
        let length = body.len();
        let head = format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {length}");
        stream.write_all(format!("{head}\r\n\r\n{body}").as_bytes()).await.unwrap();
    }

    fn is_whole(request: &str) -> bool {
        let Some((head, body)) = request.split_once("\r\n\r\n") else { return false };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        body.len() >= length.map_or(0, |length| length.parse().unwrap())
    }

    #[tokio::test(start_paused = true)]
    async fn an_order_without_an_answer_counts_with_the_time_until_it_was_given_up() {
        // A port that nothing listens at.
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        drop(listener);
        let sent = send(url).await;
        assert_eq!((sent.placed.len(), sent.repeats), (0, 3));
        assert_eq!(sent.errors.values().sum::<u64>(), 1, "{:?}", sent.errors);
        // Three pauses of a second.
        let latencies = &sent.latencies;
        assert!(matches!(latencies[..], [latency] if latency >= 3_000), "{latencies:?}");
    }

    #[tokio::test]
    async fn a_cancellation_that_comes_too_late_is_not_an_error() {
        let sent = send(api(r#"409 Conflict|{"code": "conflict"}"#).await).await;
        assert_eq!((sent.placed.len(), sent.latencies.len()), (1, 1), "{:?}", sent.errors);
        assert_eq!((sent.cancellations, sent.too_late), (0, 1));
        assert_eq!(sent.errors, BTreeMap::new());
    }

    #[tokio::test]
    async fn a_cancellation_that_is_refused_otherwise_is_an_error() {
        let sent = send(api(r#"409 Conflict|{"code": "outcome_unknown"}"#).await).await;
        assert_eq!((sent.cancellations, sent.too_late), (0, 0));
        let error = ("POST cancel: 409 outcome_unknown".to_owned(), 1);
        assert_eq!(sent.errors, BTreeMap::from([error]));
        let sent = send(api("202 Accepted|{}").await).await;
        assert_eq!((sent.cancellations, sent.too_late, sent.errors.len()), (1, 0, 0));
    }
}
