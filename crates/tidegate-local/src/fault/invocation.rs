//! Faults of invocations, injected between what delivers and the functions.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::{BoxFuture, join};
use parking_lot::Mutex;
use tokio::time::Instant;

use super::age::aged;
use super::identity::identity;
use super::injector::Faults;
use super::kind::{Fault, Kind, When};
use super::order::reordered;
use super::site::Site;
use crate::environment::error_object::error_object;
use crate::invocation::{Answer, InvocationResult, Invoker, Request};
use crate::pace::scale::scale;
use crate::trial::{Fate, Trial};

/// Invokes functions, with faults.
pub struct InvocationFaults {
    faults: Arc<Faults>,
    functions: Arc<dyn Invoker>,
    /// Divides the ages that are injected, because it also divides the ages at which records are
    /// given up.
    time_scale: f64,
    /// When the pause of each paused function ends.
    pauses: Mutex<HashMap<String, Instant>>,
}

impl std::fmt::Debug for InvocationFaults {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("InvocationFaults").field("faults", &self.faults).finish_non_exhaustive()
    }
}

impl InvocationFaults {
    /// Puts faults in front of `functions`.
    ///
    /// `time_scale` divides the ages that are injected.
    #[must_use]
    pub fn new(faults: Arc<Faults>, functions: Arc<dyn Invoker>, time_scale: f64) -> Self {
        Self { faults, functions, time_scale, pauses: Mutex::default() }
    }

    /// Returns when the function's pause ends. The pause begins with the first event that it
    /// applies to.
    fn resumes(&self, function: &str, pause: &Fault) -> Instant {
        let mut pauses = self.pauses.lock();
        *pauses.entry(function.to_owned()).or_insert_with(|| Instant::now() + milliseconds(pause))
    }

    /// Returns the faults at a site that have an effect there.
    fn at(&self, function: &str, request: &Request, site: &Site) -> Vec<Fault> {
        self.faults.at(site, |mut faults| {
            let over = |fault: &Fault| {
                fault.kind == Kind::Pause && self.resumes(function, fault) <= Instant::now()
            };
            faults.retain(|fault| !over(fault));
            effective(faults, &request.payload, site)
        })
    }

    async fn invoke_once(
        &self,
        function: &str,
        request: Request,
        site: Site,
        faults: &[Fault],
    ) -> Answer {
        let has = |kind: Kind| faults.iter().find(|fault| fault.kind == kind);
        let mut request = request;
        if let Some(pause) = has(Kind::Pause) {
            tokio::time::sleep_until(self.resumes(function, pause)).await;
        }
        if let Some(stall) = has(Kind::Stall) {
            tokio::time::sleep(milliseconds(stall)).await;
        }
        if has(Kind::Throttle).is_some() {
            let request_id = request.request_id.unwrap_or_else(|| uuid::Uuid::new_v4().to_string());
            return Answer { request_id, result: InvocationResult::Throttled };
        }
        if let Some(reorder) = has(Kind::Reorder)
            && let Some(payload) =
                reordered(&request.payload, &site, reorder.seed.unwrap_or_default())
        {
            request.payload = payload;
        }
        if let Some(age) = has(Kind::Age)
            && let Some(payload) = aged(&request.payload, scale(milliseconds(age), self.time_scale))
        {
            request.payload = payload;
        }
        request.trial =
            Some(Arc::new(Trial::new(&site.function, &site.delivery, site.attempt, fate(faults))));
        let mut answer = self.functions.invoke(function, request).await;
        if has(Kind::LoseResponse).is_some()
            && matches!(answer.result, InvocationResult::Success(_))
        {
            answer.result = InvocationResult::FunctionError(response_lost());
        }
        answer
    }
}

impl Invoker for InvocationFaults {
    fn invoke<'a>(&'a self, function: &'a str, request: Request) -> BoxFuture<'a, Answer> {
        Box::pin(async move {
            let delivery = identity(&request.payload);
            let site = self.faults.invocation(function, delivery.clone());
            let faults = self.at(function, &request, &site);
            let twice = faults.iter().find(|fault| fault.kind == Kind::DeliverTwice);
            let Some(twice) = twice else {
                return self.invoke_once(function, request, site, &faults).await;
            };
            let second = async {
                let request = Request { request_id: None, log: None, ..request.clone() };
                let site = self.faults.invocation(function, delivery);
                let faults = self.faults.at(&site, |faults| {
                    let mut faults = effective(faults, &request.payload, &site);
                    // One more delivery is enough, and the first one has waited for the end of the
                    // pause.
                    faults.retain(|fault| !matches!(fault.kind, Kind::DeliverTwice | Kind::Pause));
                    faults
                });
                self.invoke_once(function, request, site, &faults).await
            };
            let first = self.invoke_once(function, request.clone(), site, &faults);
            if twice.when == Some(When::During) {
                join(first, second).await.0
            } else {
                let answer = first.await;
                second.await;
                answer
            }
        })
    }
}

fn milliseconds(fault: &Fault) -> Duration {
    Duration::from_millis(fault.milliseconds.unwrap_or_default())
}

/// Removes faults without effect.
///
/// An invocation that does not reach the function cannot fail there, and one record alone cannot be
/// reordered.
fn effective(mut faults: Vec<Fault>, payload: &[u8], site: &Site) -> Vec<Fault> {
    let has =
        |kind: Kind, when: Option<When>| faults.iter().any(|f| f.kind == kind && f.when == when);
    let throttled = has(Kind::Throttle, None);
    let untouched = throttled || has(Kind::Kill, Some(When::Before));
    faults.retain(|fault| match fault.kind {
        Kind::Stall | Kind::Pause | Kind::DeliverTwice => true,
        Kind::Throttle => throttled,
        Kind::Kill => !throttled && (!untouched || fault.when == Some(When::Before)),
        Kind::Age => !untouched && aged(payload, milliseconds(fault)).is_some(),
        Kind::Reorder => {
            !untouched && reordered(payload, site, fault.seed.unwrap_or_default()).is_some()
        }
        Kind::LoseResponse
        | Kind::TimeOut
        | Kind::Fail
        | Kind::Deny
        | Kind::Delay
        | Kind::Hang
        | Kind::Cancel
        | Kind::FailStatements => !untouched,
    });
    faults
}

fn fate(faults: &[Fault]) -> Fate {
    let mut fate = Fate::default();
    for fault in faults {
        match (fault.kind, fault.when) {
            (Kind::Kill, Some(When::Before)) => fate.kill_before = true,
            (Kind::Kill, Some(When::During)) => fate.kill_during = Some(milliseconds(fault)),
            (Kind::Kill, Some(When::After)) => fate.kill_after = true,
            (Kind::TimeOut, _) => fate.time_out = Some(milliseconds(fault)),
            _ => {}
        }
    }
    fate
}

/// Returns the error that the mapping gets in place of the answer.
fn response_lost() -> Bytes {
    error_object(
        "Tidegate.ResponseLost",
        "injected fault: the function did its work, but its response was lost",
    )
}

#[cfg(test)]
mod tests {
    use super::super::plan::FaultPlan;
    use super::*;

    const SCALE: f64 = 10.0;

    /// Answers every invocation and remembers it.
    #[derive(Default)]
    struct Functions {
        invoked: Mutex<Vec<Request>>,
    }

    impl Invoker for Functions {
        fn invoke<'a>(&'a self, _function: &'a str, request: Request) -> BoxFuture<'a, Answer> {
            Box::pin(async move {
                let request_id = request.request_id.clone().unwrap_or_else(|| "new".to_owned());
                self.invoked.lock().push(request);
                Answer {
                    request_id,
                    result: InvocationResult::Success(Bytes::from_static(b"done")),
                }
            })
        }
    }

    struct World {
        _directory: tempfile::TempDir,
        functions: Arc<Functions>,
        faulty: InvocationFaults,
    }

    fn world(rule: &str) -> World {
        let directory = tempfile::tempdir().unwrap();
        let plan = FaultPlan::parse(&format!("[[fault]]\nrate = 1\n{rule}")).unwrap();
        let faults = Arc::new(Faults::drawn(plan, &directory.path().join("journal")).unwrap());
        let functions = Arc::new(Functions::default());
        let faulty = InvocationFaults::new(faults, Arc::<Functions>::clone(&functions), SCALE);
        World { _directory: directory, functions, faulty }
    }

    impl World {
        async fn invoke(&self) -> InvocationResult {
            let request = Request {
                request_id: Some("1".to_owned()),
                ..Request::new(Bytes::from_static(b"{}"))
            };
            self.faulty.invoke("f", request).await.result
        }

        fn invoked(&self) -> Vec<Request> {
            self.functions.invoked.lock().clone()
        }
    }

    #[tokio::test]
    async fn a_throttled_invocation_never_reaches_the_function() {
        let world = world("fault = \"throttle\"");
        assert_eq!(world.invoke().await, InvocationResult::Throttled);
        assert!(world.invoked().is_empty());
    }

    #[tokio::test]
    async fn a_lost_response_is_an_error_of_an_invocation_that_was_made() {
        let world = world("fault = \"lose-response\"");
        let InvocationResult::FunctionError(error) = world.invoke().await else {
            panic!("it succeeded")
        };
        assert!(String::from_utf8_lossy(&error).contains("Tidegate.ResponseLost"));
        assert_eq!(world.invoked().len(), 1);
    }

    #[tokio::test]
    async fn a_second_delivery_has_the_same_event_and_a_request_id_of_its_own() {
        for when in ["during", "after"] {
            let world = world(&format!("fault = \"deliver-twice\"\nwhen = \"{when}\""));
            assert_eq!(
                world.invoke().await,
                InvocationResult::Success(Bytes::from_static(b"done"))
            );
            let ids: Vec<_> =
                world.invoked().into_iter().map(|request| request.request_id).collect();
            assert_eq!(ids, [Some("1".to_owned()), None]);
            let injected: Vec<u64> = world.faulty.faults.status().injected.into_values().collect();
            assert_eq!(injected, [1], "the second is not delivered twice again");
            assert_eq!(world.invoked()[0].payload, world.invoked()[1].payload);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_stalled_event_waits_before_the_function_sees_it() {
        let world = world("fault = \"stall\"\nmilliseconds = 700");
        let began = tokio::time::Instant::now();
        world.invoke().await;
        assert_eq!(began.elapsed(), Duration::from_millis(700));
    }

    #[tokio::test(start_paused = true)]
    async fn a_paused_function_gets_nothing_until_a_time_after_its_first_event() {
        let world = world("fault = \"pause\"\nmilliseconds = 700\nfunction = \"f\"");
        let began = Instant::now();
        let second = async {
            tokio::time::sleep(Duration::from_millis(300)).await;
            world.invoke().await;
        };
        join(world.invoke(), second).await;
        assert_eq!(began.elapsed(), Duration::from_millis(700), "both wait for the same moment");
        world.invoke().await;
        assert_eq!(began.elapsed(), Duration::from_millis(700), "the pause is over");
        let injected: Vec<u64> = world.faulty.faults.status().injected.into_values().collect();
        assert_eq!(injected, [2], "what did not wait is not written down");
    }

    #[tokio::test]
    async fn an_age_is_shorter_by_the_time_scale_like_those_at_which_records_are_given_up() {
        let world = world("fault = \"age\"\nmilliseconds = 60000");
        let event = br#"{"Records":[{"attributes":{"SentTimestamp":"100000"}}]}"#;
        world.faulty.invoke("f", Request::new(Bytes::from_static(event))).await;
        let seen: serde_json::Value = serde_json::from_slice(&world.invoked()[0].payload).unwrap();
        assert_eq!(seen["Records"][0]["attributes"]["SentTimestamp"], "94000");
    }

    #[tokio::test]
    async fn a_fault_that_changes_nothing_is_not_written_down() {
        let all = "fault = \"kill\"\nwhen = \"during\"\n[[fault]]\nrate = 1\nfault = \"lose-response\"\n[[fault]]\nrate = 1\nfault = \"reorder\"\n";
        let injected = |first: &'static str| async move {
            let world = world(&format!("{all}{first}"));
            world.invoke().await;
            world.faulty.faults.status().injected.into_keys().collect::<Vec<_>>()
        };
        // One record has no other order.
        assert_eq!(injected("").await, ["kill during", "lose-response"]);
        let first = |fault: &str| format!("[[fault]]\nrate = 1\nfault = {fault}\n").leak();
        assert_eq!(injected(first("\"kill\"\nwhen = \"before\"")).await, ["kill before"]);
        assert_eq!(injected(first("\"throttle\"")).await, ["throttle"]);
    }

    #[tokio::test]
    async fn what_is_to_happen_to_the_environment_travels_with_the_invocation() {
        let of = |rule: &'static str| async move {
            let world = world(rule);
            world.invoke().await;
            world.invoked()[0].trial.as_ref().unwrap().fate()
        };
        assert!(of("fault = \"kill\"\nwhen = \"before\"").await.kill_before);
        assert!(of("fault = \"kill\"\nwhen = \"after\"").await.kill_after);
        assert!(of("fault = \"kill\"\nwhen = \"during\"").await.kill_during.is_some());
        let out = of("fault = \"time-out\"\nmilliseconds = 30").await.time_out;
        assert_eq!(out, Some(Duration::from_millis(30)));
    }
}
