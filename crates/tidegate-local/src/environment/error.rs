//! Why an environment gave no answer, with Lambda's error types and messages.

use std::borrow::Cow;
use std::time::Duration;

use bytes::Bytes;

use super::error_object::error_object;
use super::exit::Exit;

/// Why an initialisation or an invocation ended without an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EnvironmentError {
    /// The function's timeout passed.
    TimedOut,
    /// The process ended.
    Exited(Exit),
    /// The process reported that its initialisation failed.
    Init(Bytes),
    /// An extension of the process reported a failure.
    Extension(Bytes),
    /// The engine stopped.
    Stopped,
}

impl EnvironmentError {
    /// Returns the error object of an invocation that failed this way.
    pub(crate) fn payload(&self, request_id: &str, timeout: Duration) -> Bytes {
        match self {
            Self::Init(error) | Self::Extension(error) if !error.is_empty() => error.clone(),
            _ => {
                let message = format!("RequestId: {request_id} Error: {}", self.message(timeout));
                error_object(&self.error_type(), &message)
            }
        }
    }

    /// Returns Lambda's error type.
    pub(crate) fn error_type(&self) -> Cow<'_, str> {
        match self {
            Self::TimedOut => "Sandbox.Timedout".into(),
            Self::Init(error) | Self::Extension(error) => {
                reported_type(error).unwrap_or("Runtime.Unknown".into())
            }
            Self::Exited(Exit::NotStarted(_)) => "Runtime.InvalidEntrypoint".into(),
            Self::Exited(_) | Self::Stopped => "Runtime.ExitError".into(),
        }
    }

    /// Returns the message in Lambda's words.
    pub(crate) fn message(&self, timeout: Duration) -> String {
        match self {
            Self::TimedOut => format!("Task timed out after {:.2} seconds", timeout.as_secs_f64()),
            Self::Init(_) => "initialisation failed".to_owned(),
            Self::Extension(_) => "an extension failed".to_owned(),
            Self::Exited(Exit::NotStarted(why)) => why.clone(),
            Self::Exited(Exit::Status(0)) => "Runtime exited without providing a reason".to_owned(),
            Self::Exited(exit) => format!("Runtime exited with error: {}", reason(exit)),
            Self::Stopped => "the engine was stopped".to_owned(),
        }
    }

    /// Returns why an initialisation failed, as a text for people.
    pub(crate) fn of_start(&self, limit: Duration) -> String {
        match self {
            Self::TimedOut => format!("it was not ready after {} s", limit.as_secs_f64()),
            Self::Init(error) | Self::Extension(error) => {
                let object = aws_json::value(error).ok();
                let message =
                    object.as_ref().and_then(|object| object.get("errorMessage")?.as_str());
                format!("it reported {}: {}", self.error_type(), message.unwrap_or("no reason"))
            }
            Self::Exited(Exit::NotStarted(why)) => why.clone(),
            Self::Exited(exit) => format!("its process ended with {}", reason(exit)),
            Self::Stopped => "the engine was stopped".to_owned(),
        }
    }
}

/// Returns the type in an error object that a process reported.
fn reported_type(error: &[u8]) -> Option<Cow<'_, str>> {
    let object = aws_json::value(error).ok()?;
    Some(object.get("errorType")?.as_str()?.to_owned().into())
}

/// Describes the end of a process as Lambda (a Go program) does.
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

    fn shown(failure: &EnvironmentError) -> serde_json::Value {
        let payload = failure.payload("r-1", Duration::from_millis(3000));
        serde_json::from_slice(&payload).unwrap()
    }

    #[test]
    fn error_objects_have_lambdas_words() {
        let cases = [
            (
                EnvironmentError::TimedOut,
                "Sandbox.Timedout",
                "RequestId: r-1 Error: Task timed out after 3.00 seconds",
            ),
            (
                EnvironmentError::Exited(Exit::Signal(9)),
                "Runtime.ExitError",
                "RequestId: r-1 Error: Runtime exited with error: signal: killed",
            ),
            (
                EnvironmentError::Exited(Exit::Status(101)),
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
        let error =
            Bytes::from_static(br#"{"errorType":"Config","errorMessage":"TABLE is missing"}"#);
        assert_eq!(shown(&EnvironmentError::Init(error))["errorType"], "Config");
        // Half of a surrogate pair, as Node.js writes it.
        let half = EnvironmentError::Init(Bytes::from_static(
            br#"{"errorType":"Config","errorMessage":"no \ud83d"}"#,
        ));
        assert_eq!(half.error_type(), "Config");
        assert_eq!(half.of_start(Duration::from_secs(10)), "it reported Config: no ?");
    }
}
