//! An endpoint that goes away and comes back. Every call fails meanwhile, many times a second, and whoever made it tries again; a person is told twice:
//! once that it does not answer, and once that it does again.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use tokio::time::Instant;

/// How long a call may take until its answer begins. The longest poll of a queue takes 20 seconds; an endpoint that hangs would hold everything
/// up for ever.
const LONGEST_CALL: Duration = Duration::from_secs(60);

/// How long calls must have failed until a person is told: a connection that was just closed is nothing.
const PATIENCE: Duration = Duration::from_secs(1);

/// A client that tells of outages.
pub(crate) fn watched(client: SharedHttpClient, endpoint: &str) -> SharedHttpClient {
    let outage = Arc::new(Outage { endpoint: endpoint.to_owned(), state: Mutex::default() });
    SharedHttpClient::new(Watched { client, outage })
}

/// What was last heard of an endpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum State {
    /// Nothing: whoever starts it waits until it answers, and says so if it does not.
    #[default]
    New,
    Up,
    Failing {
        since: Instant,
    },
    Down {
        since: Instant,
    },
}

#[derive(Debug)]
struct Outage {
    endpoint: String,
    state: Mutex<State>,
}

impl Outage {
    fn answered(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let State::Down { since } = *state {
            tracing::warn!("{} answers again after {} s", self.endpoint, since.elapsed().as_secs());
        }
        *state = State::Up;
    }

    fn failed(&self, why: &str, hung: bool) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let since = match *state {
            State::New | State::Down { .. } => return,
            State::Up => now,
            State::Failing { since } => since,
        };
        if hung || now.duration_since(since) >= PATIENCE {
            tracing::warn!(
                "{} does not answer any more ({why}); deliveries wait until it does, and nothing is lost that it keeps",
                self.endpoint
            );
            *state = State::Down { since };
        } else {
            *state = State::Failing { since };
        }
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
            match tokio::time::timeout(LONGEST_CALL, call).await {
                Ok(Ok(response)) => {
                    outage.answered();
                    Ok(response)
                }
                Ok(Err(error)) => {
                    outage.failed(&causes(&error), false);
                    Err(error)
                }
                Err(_) => {
                    let why = format!("nothing came for {} s", LONGEST_CALL.as_secs());
                    outage.failed(&why, true);
                    Err(ConnectorError::timeout(why.into()))
                }
            }
        })
    }
}

/// An error's last cause, which says most.
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

    fn outage() -> Outage {
        Outage { endpoint: "http://there".to_owned(), state: Mutex::default() }
    }

    fn state(outage: &Outage) -> State {
        *outage.state.lock().unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_person_is_told_once_that_it_is_away_and_once_that_it_is_back() {
        let outage = outage();
        outage.failed("refused", false);
        assert_eq!(state(&outage), State::New, "it has not answered yet: that is its starter's business");
        outage.answered();
        let since = Instant::now();
        outage.failed("refused", false);
        assert_eq!(state(&outage), State::Failing { since });
        tokio::time::advance(PATIENCE).await;
        outage.failed("refused", false);
        assert_eq!(state(&outage), State::Down { since });
        tokio::time::advance(PATIENCE).await;
        outage.failed("refused", false);
        assert_eq!(state(&outage), State::Down { since }, "known already");
        outage.answered();
        assert_eq!(state(&outage), State::Up);
    }

    #[tokio::test(start_paused = true)]
    async fn a_single_failure_is_nothing_and_a_call_that_hangs_is_said_at_once() {
        let outage = outage();
        outage.answered();
        outage.failed("reset", false);
        outage.answered();
        assert_eq!(state(&outage), State::Up);
        outage.failed("nothing came", true);
        assert_eq!(state(&outage), State::Down { since: Instant::now() });
    }
}
