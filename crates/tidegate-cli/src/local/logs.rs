//! `tidegate local logs`.

use std::io;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use terminal::output;
use terminal::problem::Problem;
use tidegate_local::engine_file::EngineFile;
use tidegate_local::logs::{self, Kind, Line, Reader};
use tokio::signal::ctrl_c;

use crate::cli::Logs;
use crate::connection::state_dir;

/// How often the files are looked at for new lines.
const AGAIN: Duration = Duration::from_millis(200);

/// Prints what the functions have logged. The local system need not run.
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
    loop {
        // Asked before the files are read: what an engine that has ended wrote is then there.
        let running = EngineFile::read(&state).is_ok();
        while let Some(line) = lines.next_line().map_err(unreadable)? {
            if is_wanted(&line, options) {
                output::line(&if options.raw { line.text } else { shown(&line, width) })?;
            }
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
    Problem::new(format!("a log cannot be read: {error}"))
}

/// The function that was named, or all.
fn chosen(state: &Path, function: Option<&str>) -> Result<Vec<String>, Problem> {
    let known = logs::functions(state).map_err(|_| {
        Problem::new(format!(
            "no local system was started in {}: start one with `tidegate local up`",
            state.display()
        ))
    })?;
    match function {
        None => Ok(known),
        Some(function) if known.iter().any(|name| name == function) => Ok(vec![function.to_owned()]),
        Some(function) => {
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            Err(Problem::misuse(format!("there is no function {function}; the functions are: {known}")))
        }
    }
}

fn is_wanted(line: &Line, options: &Logs) -> bool {
    let of_request = options.request.as_ref().is_none_or(|id| line.request_id.as_ref() == Some(id));
    (options.metrics || line.kind != Kind::Metrics)
        && options.correlation.as_ref().is_none_or(|id| line.has_correlation(id))
        && of_request
}

/// A line for people: time, function, level, what it says, and the rest by name.
fn shown(line: &Line, width: usize) -> String {
    let mut parts = vec![format!("{:.3}", line.at), format!("{:<width$}", line.function)];
    parts.extend(line.level.clone());
    parts.push(line.message.clone());
    parts.extend(line.fields.iter().map(|(name, value)| format!("{name}={value}")));
    parts.extend(line.correlation_ids.iter().map(|id| format!("correlation={id}")));
    // Lambda's own lines say it themselves.
    let request = line.request_id.as_ref().filter(|_| line.kind != Kind::Platform);
    parts.extend(request.map(|id| format!("request={id}")));
    parts.join(" ")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use jiff::Timestamp;

    use super::*;

    #[test]
    fn a_line_is_shown_with_its_ids_at_the_end() {
        let text = r#"{"timestamp":"2026-11-21T22:05:52.837420Z","level":"WARN","message":"delivery failed","code":"not_json","spans":[{"request_id":"r-1","name":"invocation"},{"correlation_id":"c-1","name":"record"}]}"#;
        let line = Line::parse(&Arc::from("f"), text, Timestamp::UNIX_EPOCH);
        assert_eq!(
            shown(&line, 3),
            "2026-11-21T22:05:52.837Z f   WARN delivery failed code=not_json correlation=c-1 request=r-1"
        );
        let line = Line::parse(&Arc::from("f"), "START RequestId: r-1 Version: 1", Timestamp::UNIX_EPOCH);
        assert_eq!(shown(&line, 1), "1970-01-01T00:00:00.000Z f START RequestId: r-1 Version: 1");
    }
}
