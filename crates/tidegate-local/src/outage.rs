//! Reports outages of an endpoint.
//!
//! During an outage every call fails, many times a second, and every caller retries. The log
//! reports an outage only twice: when the endpoint stops answering, and when it answers again.

use std::sync::Arc;
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use parking_lot::Mutex;
use tokio::time::Instant;

/// Time that a call may take until its answer begins. The longest poll of a queue takes 20 seconds.
/// Without a limit, an endpoint that hangs would block the engine.
const LONGEST_CALL: Duration = Duration::from_secs(60);

/// Time without an answer after which an outage is reported, if no other call has been answered
/// since this one began. The longest poll of a queue takes 20 seconds.
const SILENCE: Duration = Duration::from_secs(25);

/// Time that calls must have failed until an outage is reported. A connection that was just closed
/// is not an outage.
const PATIENCE: Duration = Duration::from_secs(1);

/// Returns a client that reports outages.
pub(crate) fn watched(client: SharedHttpClient, outage: &Arc<Outage>) -> SharedHttpClient {
    SharedHttpClient::new(Watched { client, outage: Arc::clone(outage) })
}

/// Last known state of an endpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum State {
    /// No answer yet. Its starter waits for the first answer and reports a failure.
    #[default]
    New,
    /// It answers; the last answer came at this time.
    Up {
        last: Instant,
    },
    Failing {
        since: Instant,
    },
    Down {
        since: Instant,
    },
}

/// State of an endpoint, shared by its clients.
#[derive(Debug)]
pub(crate) struct Outage {
    endpoint: String,
    state: Mutex<State>,
}

impl Outage {
    pub(crate) fn new(endpoint: &str) -> Arc<Self> {
        Arc::new(Self { endpoint: endpoint.to_owned(), state: Mutex::default() })
    }

    /// Returns for how long it has not answered, if the outage was reported.
    pub(crate) fn lasts(&self) -> Option<Duration> {
        match *self.state.lock() {
            State::Down { since } => Some(since.elapsed()),
            State::New | State::Up { .. } | State::Failing { .. } => None,
        }
    }

    fn answered(&self) {
        let mut state = self.state.lock();
        if let State::Down { since } = *state {
            tracing::warn!("{} answers again after {} s", self.endpoint, since.elapsed().as_secs());
        }
        *state = State::Up { last: Instant::now() };
    }

    fn failed(&self, why: &str) {
        let mut state = self.state.lock();
        let now = Instant::now();
        let since = match *state {
            State::New | State::Down { .. } => return,
            State::Up { .. } => now,
            State::Failing { since } => since,
        };
        if now.duration_since(since) >= PATIENCE {
            self.away(&mut state, since, why);
        } else {
            *state = State::Failing { since };
        }
    }

    /// Handles a call that began at `since` and has no answer yet.
    fn silent(&self, since: Instant) {
        let mut state = self.state.lock();
        match *state {
            State::New | State::Down { .. } => {}
            // One slow call is not an outage while others are answered.
            State::Up { last } if last >= since => {}
            State::Up { .. } | State::Failing { .. } => {
                let why = format!("no answer for {} s", since.elapsed().as_secs());
                self.away(&mut state, since, &why);
            }
        }
    }

    fn away(&self, state: &mut State, since: Instant, why: &str) {
        tracing::warn!(
            "{} stopped answering ({why}); deliveries wait until it answers again, and records that it stores are not lost",
            self.endpoint
        );
        *state = State::Down { since };
    }
}

#[derive(Debug)]
struct Watched {
    client: SharedHttpClient,
    outage: Arc<Outage>,
}

impl HttpClient for Watched {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        let connector = self.client.http_connector(settings, components);
        SharedHttpConnector::new(WatchedConnector { connector, outage: Arc::clone(&self.outage) })
    }
}

#[derive(Debug)]
struct WatchedConnector {
    connector: SharedHttpConnector,
    outage: Arc<Outage>,
}

impl HttpConnector for WatchedConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (call, outage) = (self.connector.call(request), Arc::clone(&self.outage));
        HttpConnectorFuture::new(async move {
            let began = Instant::now();
            tokio::pin!(call);
            let answered = match tokio::time::timeout(SILENCE, &mut call).await {
                Ok(answered) => answered,
                Err(_) => {
                    outage.silent(began);
                    let answered = tokio::time::timeout(LONGEST_CALL - SILENCE, call).await;
                    let why = || format!("no answer for {} s", LONGEST_CALL.as_secs());
                    answered.unwrap_or_else(|_| Err(ConnectorError::timeout(why().into())))
                }
            };
            match &answered {
                Ok(_) => outage.answered(),
                Err(error) => outage.failed(&causes(error)),
            }
            answered
        })
    }
}

/// Returns the last cause of an error, which is the most specific.
fn causes(error: &dyn std::error::Error) -> String {
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
    }
    last.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outage() -> Arc<Outage> {
        Outage::new("http://there")
    }

    fn state(outage: &Outage) -> State {
        *outage.state.lock()
    }

    #[tokio::test(start_paused = true)]
    async fn a_person_is_told_once_that_it_is_away_and_once_that_it_is_back() {
        let outage = outage();
        outage.failed("refused");
        assert_eq!(
            state(&outage),
            State::New,
            "it has not answered yet: that is its starter's business"
        );
        outage.answered();
        let since = Instant::now();
        outage.failed("refused");
        assert_eq!(state(&outage), State::Failing { since });
        tokio::time::advance(PATIENCE).await;
        outage.failed("refused");
        assert_eq!(state(&outage), State::Down { since });
        tokio::time::advance(PATIENCE).await;
        outage.failed("refused");
        assert_eq!(state(&outage), State::Down { since }, "known already");
        assert_eq!(outage.lasts(), Some(2 * PATIENCE));
        outage.answered();
        assert_eq!((state(&outage), outage.lasts()), (State::Up { last: Instant::now() }, None));
    }

    #[tokio::test(start_paused = true)]
    async fn a_single_failure_is_nothing_and_neither_is_a_slow_call_while_others_are_answered() {
        let outage = outage();
        outage.answered();
        outage.failed("reset");
        outage.answered();
        assert_eq!(state(&outage), State::Up { last: Instant::now() });
        let began = Instant::now();
        tokio::time::advance(SILENCE / 2).await;
        outage.answered();
        tokio::time::advance(SILENCE / 2).await;
        outage.silent(began);
        assert_eq!(outage.lasts(), None);
        let began = Instant::now();
        tokio::time::advance(SILENCE).await;
        outage.silent(began);
        assert_eq!(outage.lasts(), Some(SILENCE));
    }

    /// Accepts requests and never answers.
    #[derive(Debug)]
    struct Hanging;

    impl HttpConnector for Hanging {
        fn call(&self, _: HttpRequest) -> HttpConnectorFuture {
            HttpConnectorFuture::new(std::future::pending())
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_hangs_is_said_after_the_longest_poll_and_given_up_later() {
        let outage = outage();
        outage.answered();
        tokio::time::advance(Duration::from_millis(1)).await;
        let connector = SharedHttpConnector::new(Hanging);
        let connector = WatchedConnector { connector, outage: Arc::clone(&outage) };
        let began = Instant::now();
        let call = tokio::spawn(async move { connector.call(HttpRequest::empty()).await });
        while outage.lasts().is_none() {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        assert!(began.elapsed() < SILENCE + Duration::from_secs(2), "{:?}", began.elapsed());
        assert!(call.await.unwrap().unwrap_err().is_timeout());
        assert_eq!((began.elapsed(), outage.lasts()), (LONGEST_CALL, Some(LONGEST_CALL)));
    }
}
