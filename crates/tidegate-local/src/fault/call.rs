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
use crate::environment::EnvironmentId;
use crate::environment::application_id::environment_of;
use crate::proxy::{Call, Hook, Reply};
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
}

impl CallFaults {
    /// Creates the hook for AWS calls of processes in these environments.
    pub(crate) fn new(faults: Arc<Faults>, environments: Option<Box<dyn Environments>>) -> Self {
        Self { faults, environments, outside: Mutex::default(), due: Mutex::default() }
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
                Kind::LoseResponse
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
            let faults = self.faults.at(&site, |faults| effective(faults, call));
            let (now, due): (Vec<Fault>, Vec<Fault>) =
                faults.into_iter().partition(|fault| fault.when != Some(When::After));
            let reply = self.inject(call, &site, &now).await;
            if reply.is_none() && !due.is_empty() {
                self.due.lock().insert(call.number, (site, due));
            }
            reply
        })
    }

    fn after<'a>(&'a self, call: &'a Call, reply: Reply) -> BoxFuture<'a, Reply> {
        Box::pin(async move {
            let due = self.due.lock().remove(&call.number);
            match due {
                Some((site, due)) => self.inject(call, &site, &due).await.unwrap_or(reply),
                None => reply,
            }
        })
    }
}

/// Removes faults without effect. A fault after the call needs a call that reaches AWS, and only a
/// transaction can be cancelled.
fn effective(mut faults: Vec<Fault>, call: &Call) -> Vec<Fault> {
    if items(call) == 0 {
        faults.retain(|fault| fault.kind != Kind::Cancel);
    }
    let replies = |fault: &Fault| fault.when != Some(When::After) && fault.kind != Kind::Delay;
    if faults.iter().any(replies) {
        faults.retain(|fault| fault.when != Some(When::After));
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::super::reply::tests::{call, transaction};
    use super::*;

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
            assert_eq!(effective(vec![first, late], &transaction(2)), [first]);
        }
        let slow = fault(Kind::Delay, before);
        assert_eq!(effective(vec![slow, late], &transaction(2)), [slow, late]);
    }

    #[test]
    fn only_a_transaction_can_be_cancelled() {
        let cancel = Fault { when: Some(When::Before), ..Fault::new(Kind::Cancel) };
        assert_eq!(effective(vec![cancel], &transaction(1)), [cancel]);
        for other in [call("DynamoDB.PutItem", r#"{"Item":{}}"#), transaction(0)] {
            assert_eq!(effective(vec![cancel], &other), []);
        }
    }
}
