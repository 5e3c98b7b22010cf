//! The error objects that Lambda returns for an invocation whose process gave no answer.

use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;

use super::pool::{Exit, Failure};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ErrorObject<'a> {
    error_type: &'a str,
    error_message: &'a str,
}

/// `{"errorType": …, "errorMessage": …}`.
pub(crate) fn error_object(error_type: &str, error_message: &str) -> Bytes {
    let object = ErrorObject { error_type, error_message };
    serde_json::to_vec(&object).map(Bytes::from).unwrap_or_else(|_| Bytes::from_static(b"{}"))
}

impl Failure {
    /// The error object of an invocation that failed this way.
    pub(crate) fn payload(&self, request_id: &str, timeout: Duration) -> Bytes {
        match self {
            Self::TimedOut => {
                let seconds = timeout.as_secs_f64();
                let message =
                    format!("RequestId: {request_id} Error: Task timed out after {seconds:.2} seconds");
                error_object("Sandbox.Timedout", &message)
            }
            Self::Init(error) if !error.is_empty() => error.clone(),
            Self::Init(_) => error_object(
                "Runtime.Unknown",
                &format!("RequestId: {request_id} Error: initialisation failed"),
            ),
            Self::Exited(Exit::NotStarted(why)) => {
                error_object("Runtime.InvalidEntrypoint", &format!("RequestId: {request_id} Error: {why}"))
            }
            Self::Exited(Exit::Status(0)) => {
                let message =
                    format!("RequestId: {request_id} Error: Runtime exited without providing a reason");
                error_object("Runtime.ExitError", &message)
            }
            Self::Exited(exit) => {
                let message =
                    format!("RequestId: {request_id} Error: Runtime exited with error: {}", reason(exit));
                error_object("Runtime.ExitError", &message)
            }
            Self::Stopped => error_object(
                "Runtime.ExitError",
                &format!("RequestId: {request_id} Error: the engine was stopped"),
            ),
        }
    }
}

/// Words for the end of a process, as Lambda (a Go program) writes them.
fn reason(exit: &Exit) -> String {
    match exit {
        Exit::Status(status) => format!("exit status {status}"),
        Exit::Signal(number) => {
            let name = match number {
                1 => "hangup",
                2 => "interrupt",
                3 => "quit",
                4 => "illegal instruction",
                6 => "aborted",
                7 => "bus error",
                8 => "floating point exception",
                9 => "killed",
                11 => "segmentation fault",
                13 => "broken pipe",
                15 => "terminated",
                other => return format!("signal: signal {other}"),
            };
            format!("signal: {name}")
        }
        Exit::NotStarted(why) => why.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(failure: &Failure) -> serde_json::Value {
        let payload = failure.payload("r-1", Duration::from_millis(3000));
        serde_json::from_slice(&payload).unwrap()
    }

    #[test]
    fn error_objects_have_lambdas_words() {
        let cases = [
            (
                Failure::TimedOut,
                "Sandbox.Timedout",
                "RequestId: r-1 Error: Task timed out after 3.00 seconds",
            ),
            (
                Failure::Exited(Exit::Signal(9)),
                "Runtime.ExitError",
                "RequestId: r-1 Error: Runtime exited with error: signal: killed",
            ),
            (
                Failure::Exited(Exit::Status(101)),
                "Runtime.ExitError",
                "RequestId: r-1 Error: Runtime exited with error: exit status 101",
            ),
        ];
        for (failure, error_type, message) in cases {
            assert_eq!(
                shown(&failure),
                serde_json::json!({"errorType": error_type, "errorMessage": message})
            );
        }
    }

    #[test]
    fn an_init_error_is_passed_on_as_it_was_reported() {
        let error = Bytes::from_static(br#"{"errorType":"Config","errorMessage":"TABLE is missing"}"#);
        assert_eq!(shown(&Failure::Init(error))["errorType"], "Config");
    }
}
