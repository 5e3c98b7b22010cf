//! The lines that Lambda itself writes into a function's log.

use std::fmt::Write as _;
use std::time::Duration;

use super::error::EnvironmentError;

/// Returns the line of a process start.
pub(crate) fn init_start(pid: i32) -> String {
    format!("INIT_START Runtime Version: provided.local\tProcess: {pid}\n")
}

/// Returns the line of a failed initialisation. If `within` is set, it was the second one, within
/// an invocation.
pub(crate) fn init_report(took: Duration, within: bool, error: &EnvironmentError) -> String {
    let phase = if within { "invoke" } else { "init" };
    let status = match error {
        EnvironmentError::TimedOut => "timeout".to_owned(),
        other => format!("error\tError Type: {}", other.error_type()),
    };
    format!(
        "INIT_REPORT Init Duration: {:.2} ms\tPhase: {phase}\tStatus: {status}\n",
        milliseconds(took)
    )
}

/// Returns the line with which an invocation begins.
pub(crate) fn start(request_id: &str) -> String {
    format!("START RequestId: {request_id} Version: $LATEST\n")
}

/// The figures of an invocation for its report.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Report<'a> {
    pub(crate) request_id: &'a str,
    /// Time from handing the invocation over to its result.
    pub(crate) took: Duration,
    /// Duration of the initialisation, if this is the environment's first invocation. It is billed.
    pub(crate) init: Option<Duration>,
    pub(crate) memory_mb: u32,
    /// Largest memory of the environment so far, in bytes.
    pub(crate) peak_bytes: u64,
    /// Why the invocation has no answer, and the function's timeout.
    pub(crate) error: Option<(&'a EnvironmentError, Duration)>,
}

impl Report<'_> {
    /// Returns the `END` and `REPORT` lines, preceded by the error if there is one.
    pub(crate) fn lines(&self) -> String {
        let Self { request_id, memory_mb, .. } = *self;
        let mut lines = String::new();
        // Writing to a `String` cannot fail.
        let _ = match self.error {
            Some((error @ EnvironmentError::TimedOut, timeout)) => {
                let now = jiff::Timestamp::now();
                writeln!(lines, "{now:.3} {request_id} {}", error.message(timeout))
            }
            Some((error, timeout)) => {
                let (message, error_type) = (error.message(timeout), error.error_type());
                writeln!(lines, "RequestId: {request_id} Error: {message}\n{error_type}")
            }
            None => Ok(()),
        };
        let (took, used) = (milliseconds(self.took), self.peak_bytes.div_ceil(1 << 20));
        let billed = (took + self.init.map_or(0.0, milliseconds)).ceil();
        let _ = write!(
            lines,
            "END RequestId: {request_id}\nREPORT RequestId: {request_id}\tDuration: {took:.2} ms\tBilled Duration: {billed:.0} ms\tMemory Size: \
             {memory_mb} MB\tMax Memory Used: {used} MB\t"
        );
        if let Some(init) = self.init {
            let _ = write!(lines, "Init Duration: {:.2} ms\t", milliseconds(init));
        }
        let _ = match self.error {
            Some((EnvironmentError::TimedOut, _)) => write!(lines, "Status: timeout"),
            Some((error, _)) => write!(lines, "Status: error\tError Type: {}", error.error_type()),
            None => Ok(()),
        };
        lines.push('\n');
        lines
    }
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::super::exit::Exit;
    use super::*;

    const PLAIN: Report<'_> = Report {
        request_id: "r-1",
        took: Duration::from_micros(1500),
        init: None,
        memory_mb: 128,
        peak_bytes: (9 << 20) + 1,
        error: None,
    };

    #[test]
    fn a_report_has_lambdas_words() {
        let expected = "END RequestId: r-1\nREPORT RequestId: r-1\tDuration: 1.50 ms\tBilled Duration: 2 ms\tMemory Size: 128 MB\tMax Memory Used: \
                        10 MB\t\n";
        assert_eq!(PLAIN.lines(), expected);
    }

    #[test]
    fn the_first_report_of_an_environment_has_its_initialisation_which_is_billed() {
        let report = Report {
            took: Duration::from_micros(1_248_310),
            init: Some(Duration::from_micros(293_050)),
            error: Some((&EnvironmentError::Exited(Exit::Status(1)), Duration::from_secs(3))),
            ..PLAIN
        };
        let expected = "RequestId: r-1 Error: Runtime exited with error: exit status 1\nRuntime.ExitError\nEND RequestId: r-1\nREPORT RequestId: \
                        r-1\tDuration: 1248.31 ms\tBilled Duration: 1542 ms\tMemory Size: 128 MB\tMax Memory Used: 10 MB\tInit Duration: 293.05 \
                        ms\tStatus: error\tError Type: Runtime.ExitError\n";
        assert_eq!(report.lines(), expected);
    }

    #[test]
    fn a_timeout_is_said_with_the_time() {
        let report =
            Report { error: Some((&EnvironmentError::TimedOut, Duration::from_secs(3))), ..PLAIN };
        let lines = report.lines();
        assert!(lines.contains("Z r-1 Task timed out after 3.00 seconds\nEND "), "{lines}");
        assert!(lines.ends_with("\tStatus: timeout\n"), "{lines}");
    }

    #[test]
    fn a_failed_initialisation_says_its_phase_and_why() {
        let reported = EnvironmentError::Init(Bytes::from_static(br#"{"errorType":"Config"}"#));
        let seen = [
            init_report(Duration::from_micros(10_007_330), false, &EnvironmentError::TimedOut),
            init_report(Duration::from_micros(83_580), true, &reported),
        ];
        assert_eq!(
            seen,
            [
                "INIT_REPORT Init Duration: 10007.33 ms\tPhase: init\tStatus: timeout\n",
                "INIT_REPORT Init Duration: 83.58 ms\tPhase: invoke\tStatus: error\tError Type: Config\n"
            ]
        );
    }
}
