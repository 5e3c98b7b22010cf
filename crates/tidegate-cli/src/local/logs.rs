//! `tidegate local logs`: prints the log lines of the functions.

use std::io;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use engine_client::engine_file::EngineFile;
use serde_json::{Map, Value, json};
use terminal::escape::escaped;
use terminal::output;
use terminal::problem::Problem;
use tidegate_local::logs::{self, Kind, Line, Reader};
use tokio::signal::ctrl_c;

use crate::arguments::{Level, Logs};
use crate::connection::state_dir;

/// Interval between looks at the files.
const AGAIN: Duration = Duration::from_millis(200);

/// Prints the log lines of the functions. The local system need not run.
///
/// # Errors
/// There are no logs, the function is unknown, or a file cannot be read.
pub(crate) async fn logs(options: &Logs) -> Result<ExitCode, Problem> {
    let state = state_dir(&options.state);
    let functions = chosen(&state, options.function.as_deref())?;
    let mut lines = Reader::open(&logs::directory(&state), &functions);
    let width = functions.iter().map(|function| function.chars().count()).max().unwrap_or(0);
    let interrupt = ctrl_c();
    tokio::pin!(interrupt);
    let mut seen = Seen::default();
    loop {
        // Checked before the files are read, so that the last lines of an ended engine are there.
        let running = EngineFile::read(&state).is_ok();
        while let Some(line) = lines.next_line().map_err(unreadable)? {
            if seen.add(&line, options) {
                match (options.raw, options.json) {
                    (true, _) => output::line(&line.text)?,
                    (false, true) => output::json_line(&object(&line))?,
                    (false, false) => output::line(&shown(&line, width))?,
                }
            }
        }
        if let Some(nothing) = seen.nothing(&functions) {
            output::note(&nothing);
        }
        if !options.follow {
            return Ok(ExitCode::SUCCESS);
        }
        if !running {
            output::note("no local system is running: nothing more is logged");
            return Ok(ExitCode::SUCCESS);
        }
        tokio::select! {
            _ = &mut interrupt => return Ok(ExitCode::SUCCESS),
            () = tokio::time::sleep(AGAIN) => {}
        }
        lines.again().map_err(unreadable)?;
    }
}

fn unreadable(error: io::Error) -> Problem {
    Problem::new(format!("cannot read a function's log: {error}"))
}

/// Returns the named function, or all functions.
fn chosen(state: &Path, function: Option<&str>) -> Result<Vec<String>, Problem> {
    let known = logs::functions(state).map_err(|_| {
        Problem::new(format!(
            "no local system was started in {}: start one with `tidegate local up`",
            state.display()
        ))
    })?;
    match function {
        None => Ok(known),
        Some(function) if known.iter().any(|name| name == function) => {
            Ok(vec![function.to_owned()])
        }
        Some(function) => {
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            Err(Problem::misuse(format!(
                "there is no function {function}; the functions are: {known}"
            )))
        }
    }
}

/// Number of lines that were read, shown and left out.
#[derive(Debug, Default)]
struct Seen {
    read: u64,
    shown: u64,
    /// Lines that were left out only because they are metrics.
    metrics: u64,
    /// Whether the note that nothing matches was printed. It is printed once.
    said: bool,
}

impl Seen {
    /// Counts a line, and returns whether it is to be shown.
    fn add(&mut self, line: &Line, options: &Logs) -> bool {
        self.read += 1;
        let wanted = is_wanted(line, options);
        let metrics = wanted && line.kind == Kind::Metrics && !options.metrics;
        self.metrics += u64::from(metrics);
        self.shown += u64::from(wanted && !metrics);
        wanted && !metrics
    }

    /// Returns a note if nothing was shown, with the reason.
    fn nothing(&mut self, functions: &[String]) -> Option<String> {
        if self.shown > 0 || std::mem::replace(&mut self.said, true) {
            return None;
        }
        let of = functions.join(", ");
        let nothing = match self.read {
            0 => return Some(format!("nothing is logged yet by {of}")),
            1 => format!("no line matches: one was read, of {of}"),
            read => format!("no line matches: {read} were read, of {of}"),
        };
        let metrics = match self.metrics {
            0 => String::new(),
            1 => "; it is metrics, which --metrics shows".to_owned(),
            metrics => format!("; {metrics} of them are metrics, which --metrics shows"),
        };
        Some(nothing + &metrics)
    }
}

/// Returns whether the options select a line. Metrics are decided elsewhere.
fn is_wanted(line: &Line, options: &Logs) -> bool {
    options.request.as_ref().is_none_or(|id| line.request_id.as_ref() == Some(id))
        && options.correlation.as_ref().is_none_or(|id| line.has_correlation(id))
        && options.since.is_none_or(|since| line.at >= since)
        && options.level.is_none_or(|least| level(line) >= least)
}

/// Returns the level of a line. A line without a level is INFO, as on Lambda.
fn level(line: &Line) -> Level {
    let named = line.level.as_deref().unwrap_or_default().to_ascii_uppercase();
    match named.as_str() {
        "TRACE" => Level::Trace,
        "DEBUG" => Level::Debug,
        "WARN" | "WARNING" => Level::Warn,
        "ERROR" | "FATAL" | "CRITICAL" => Level::Error,
        _ => Level::Info,
    }
}

/// Formats a line for programs.
fn object(line: &Line) -> Value {
    let fields: Map<String, Value> = line
        .fields
        .iter()
        .map(|(name, value)| (name.clone(), Value::from(value.as_str())))
        .collect();
    json!({
        "at": line.at,
        "function": &*line.function,
        "kind": match line.kind {
            Kind::Log => "log",
            Kind::Metrics => "metrics",
            Kind::Platform => "platform",
        },
        "level": line.level,
        "message": line.message,
        "request_id": line.request_id,
        "correlation_ids": line.correlation_ids,
        "fields": fields,
        "text": line.text,
    })
}

/// Formats a line for people: time, function, level, message, and the other fields by name.
fn shown(line: &Line, width: usize) -> String {
    let mut parts = vec![format!("{:.3}", line.at), format!("{:<width$}", line.function)];
    parts.extend(line.level.clone());
    parts.push(line.message.clone());
    parts.extend(line.fields.iter().map(|(name, value)| format!("{name}={value}")));
    parts.extend(line.correlation_ids.iter().map(|id| format!("correlation={id}")));
    // Lambda's own lines contain the request id already.
    let request = line.request_id.as_ref().filter(|_| line.kind != Kind::Platform);
    parts.extend(request.map(|id| format!("request={id}")));
    escaped(&parts.join(" ")).into_owned()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use jiff::Timestamp;

    use super::*;

    #[test]
    fn what_a_function_logs_moves_no_cursor_and_makes_no_further_line() {
        let text = r#"{"message":"\u001b[2J\u202egone\n1970 f forged","key":"\u001b[1m"}"#;
        let line = Line::parse(&Arc::from("f"), text, Timestamp::UNIX_EPOCH);
        let shown = shown(&line, 1);
        assert!(shown.contains(r"\u{1b}[2J\u{202e}gone\n1970 f forged"), "{shown}");
        assert!(!shown.contains(['\x1b', '\u{202e}', '\n']), "{shown:?}");
    }

    #[test]
    fn a_line_is_shown_with_its_ids_at_the_end() {
        let text = r#"{"timestamp":"2026-11-21T22:05:52.837420Z","level":"WARN","message":"delivery failed","code":"not_json","spans":[{"request_id":"r-1","name":"invocation"},{"correlation_id":"c-1","name":"record"}]}"#;
        let line = Line::parse(&Arc::from("f"), text, Timestamp::UNIX_EPOCH);
        assert_eq!(
            shown(&line, 3),
            "2026-11-21T22:05:52.837Z f   WARN delivery failed code=not_json correlation=c-1 request=r-1"
        );
        let line =
            Line::parse(&Arc::from("f"), "START RequestId: r-1 Version: 1", Timestamp::UNIX_EPOCH);
        assert_eq!(shown(&line, 1), "1970-01-01T00:00:00.000Z f START RequestId: r-1 Version: 1");
    }
}
