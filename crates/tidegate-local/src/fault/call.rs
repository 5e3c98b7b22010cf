//! Faults of AWS calls: a hook of the proxy between the functions and AWS.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use http::header;
use parking_lot::Mutex;

use super::environments::Environments;
use super::injector::Faults;
use super::kind::{Fault, Kind, When};
use super::reply::{cancelled, denied, failed, items, throttled};
use super::site::Site;
use super::statements::{self, Failing};
use crate::environment::EnvironmentId;
use crate::environment::application_id::environment_of;
use crate::proxy::{Call, Change, Hook, Reply};
use crate::trial::Work;

/// Delivery of calls that belong to no invocation: those of an initialisation, and of SDKs that
/// send no application id.
const NO_DELIVERY: &str = "none";
/// Time that a call hangs: the longest time that a function can run on Lambda. Every caller has
/// given up by then.
const HANGING: Duration = Duration::from_secs(900);

/// Injects faults into the AWS calls of functions.
#[derive(Debug)]
pub struct CallFaults {
    faults: Arc<Faults>,
    /// Environments of the functions; `None` if something else runs them.
    environments: Option<Box<dyn Environments>>,
    /// Number of calls outside invocations, by function and operation.
    outside: Mutex<HashMap<(String, String), u32>>,
    /// Faults that were decided before a call and are due after it, by the number of the call.
    due: Mutex<HashMap<u64, (Site, Vec<Fault>)>>,
    /// Statements that are not forwarded, by the number of the call.
    held_back: Mutex<HashMap<u64, Failing>>,
}

impl CallFaults {
    /// Creates the hook for AWS calls of processes in these environments.
    pub(crate) fn new(faults: Arc<Faults>, environments: Option<Box<dyn Environments>>) -> Self {
        Self {
            faults,
            environments,
            outside: Mutex::default(),
            due: Mutex::default(),
            held_back: Mutex::default(),
        }
    }

    /// Returns the environment whose process makes the call.
    fn caller(&self, call: &Call) -> Option<(&dyn Environments, EnvironmentId)> {
        let environments = self.environments.as_deref()?;
        let agents = [header::USER_AGENT.as_str(), "x-amz-user-agent"];
        let mut agents =
            agents.iter().filter_map(|name| call.head.headers.get(*name)?.to_str().ok());
        Some((environments, agents.find_map(environment_of)?))
    }

    /// Returns the site of the call. `None` if the call is spared faults.
    fn site(&self, call: &Call) -> Option<Site> {
        let caller = self.caller(call);
        match caller.map(|(environments, environment)| environments.work(&call.caller, environment))
        {
            Some(Work::Trial(trial)) => return Some(Site::from_call(&trial, &call.operation)),
            Some(Work::Spared) => return None,
            Some(Work::Nothing) | None => {}
        }
        let mut outside = self.outside.lock();
        let number = outside.entry((call.caller.clone(), call.operation.clone())).or_default();
        *number += 1;
        Some(Site {
            function: call.caller.clone(),
            operation: Some(call.operation.clone()),
            delivery: NO_DELIVERY.to_owned(),
            attempt: 1,
            call: *number,
        })
    }

    async fn inject(&self, call: &Call, site: &Site, faults: &[Fault]) -> Option<Reply> {
        let mut reply = None;
        for fault in faults {
            match fault.kind {
                Kind::Delay => {
                    tokio::time::sleep(Duration::from_millis(
                        fault.milliseconds.unwrap_or_default(),
                    ))
                    .await;
                }
                Kind::Kill => {
                    if let Some((environments, environment)) = self.caller(call) {
                        environments.kill(&call.caller, environment);
                    }
                    reply = Some(failed(call));
                }
                Kind::Hang => {
                    tokio::time::sleep(HANGING).await;
                    reply = Some(failed(call));
                }
                Kind::Throttle => reply = Some(throttled(call)),
                Kind::Fail => reply = Some(failed(call)),
                Kind::Deny => reply = Some(denied(call)),
                Kind::Cancel => reply = cancelled(call, site, fault).or(reply),
                // They are left out of the request, or their answers are replaced.
                Kind::FailStatements
                | Kind::LoseResponse
                | Kind::DeliverTwice
                | Kind::Reorder
                | Kind::Stall
                | Kind::Pause
                | Kind::Age
                | Kind::TimeOut => {}
            }
        }
        reply
    }
}

impl Hook for CallFaults {
    fn before<'a>(&'a self, call: &'a Call) -> BoxFuture<'a, Option<Reply>> {
        Box::pin(async move {
            let site = self.site(call)?;
            let faults = self.faults.at(&site, |faults| effective(faults, call, &site));
            let (now, due): (Vec<Fault>, Vec<Fault>) =
                faults.into_iter().partition(|fault| fault.when != Some(When::After));
            let reply = self.inject(call, &site, &now).await;
            if reply.is_some() {
                return reply;
            }
            if let Some(failing) = Failing::at(call, &site, &now, When::Before) {
                if failing.all() {
                    return Some(failing.reply(call));
                }
                self.held_back.lock().insert(call.number, failing);
            }
            if !due.is_empty() {
                self.due.lock().insert(call.number, (site, due));
            }
            None
        })
    }

    fn change(&self, call: &Call) -> Option<Change> {
        let failing = self.held_back.lock().remove(&call.number)?;
        failing.change(call)
    }

    fn after<'a>(&'a self, call: &'a Call, reply: Reply) -> BoxFuture<'a, Reply> {
        Box::pin(async move {
            let due = self.due.lock().remove(&call.number);
            match due {
                Some((site, due)) => match self.inject(call, &site, &due).await {
                    Some(reply) => reply,
                    None => match Failing::at(call, &site, &due, When::After) {
                        Some(failing) => failing.replaced(reply),
                        None => reply,
                    },
                },
                None => reply,
            }
        })
    }
}

/// Removes faults without effect. A fault after the call needs a call that reaches AWS. Only a
/// transaction can be cancelled, and only a batch of statements has statements that fail.
fn effective(mut faults: Vec<Fault>, call: &Call, site: &Site) -> Vec<Fault> {
    if items(call) == 0 {
        faults.retain(|fault| fault.kind != Kind::Cancel);
    }
    if statements::count(call) == 0 {
        faults.retain(|fault| fault.kind != Kind::FailStatements);
    }
    let replies = |fault: &Fault| {
        fault.when != Some(When::After) && !matches!(fault.kind, Kind::Delay | Kind::FailStatements)
    };
    if faults.iter().any(replies) {
        faults
            .retain(|fault| fault.when != Some(When::After) && fault.kind != Kind::FailStatements);
    }
    if Failing::at(call, site, &faults, When::Before).is_some_and(|failing| failing.all()) {
        faults.retain(|fault| fault.when != Some(When::After));
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::super::kind::Reason;
    use super::super::reply::tests::{call, transaction};
    use super::*;

    fn site() -> Site {
        Site {
            function: "f".to_owned(),
            operation: Some("DynamoDB.BatchExecuteStatement".to_owned()),
            delivery: "d".to_owned(),
            attempt: 1,
            call: 1,
        }
    }

    #[test]
    fn a_call_that_does_not_reach_aws_has_no_fault_after_it() {
        let fault = |kind, when| Fault { when, ..Fault::new(kind) };
        let (before, after) = (Some(When::Before), Some(When::After));
        let late = fault(Kind::Throttle, after);
        for first in [
            fault(Kind::Deny, None),
            fault(Kind::Fail, before),
            fault(Kind::Kill, before),
            fault(Kind::Hang, before),
            fault(Kind::Cancel, before),
        ] {
            assert_eq!(effective(vec![first, late], &transaction(2), &site()), [first]);
        }
        let slow = fault(Kind::Delay, before);
        assert_eq!(effective(vec![slow, late], &transaction(2), &site()), [slow, late]);
    }

    #[test]
    fn only_a_transaction_can_be_cancelled() {
        let cancel = Fault { when: Some(When::Before), ..Fault::new(Kind::Cancel) };
        assert_eq!(effective(vec![cancel], &transaction(1), &site()), [cancel]);
        for other in [call("DynamoDB.PutItem", r#"{"Item":{}}"#), transaction(0)] {
            assert_eq!(effective(vec![cancel], &other, &site()), []);
        }
    }

    #[test]
    fn only_a_batch_that_reaches_dynamodb_has_statements_that_fail() {
        let reason = Some(Reason::ThrottlingError);
        let fails = |when| Fault { when: Some(when), reason, ..Fault::new(Kind::FailStatements) };
        let (before, after) = (fails(When::Before), fails(When::After));
        let batch = |statements: usize| {
            let body = serde_json::json!({ "Statements": vec![serde_json::json!({}); statements] });
            call("DynamoDB.BatchExecuteStatement", &body.to_string())
        };
        assert_eq!(effective(vec![before, after], &transaction(2), &site()), []);
        assert_eq!(effective(vec![before, after], &batch(25), &site()), [before, after]);
        assert_eq!(effective(vec![before, after], &batch(1), &site()), [before], "none is left");
        let throttle = Fault { when: Some(When::Before), ..Fault::new(Kind::Throttle) };
        assert_eq!(effective(vec![throttle, before, after], &batch(25), &site()), [throttle]);
        let late = Fault { when: Some(When::After), ..throttle };
        assert_eq!(effective(vec![before, late], &batch(25), &site()), [before, late]);
    }
}
