//! `tidegate local status --watch`: shows the status again and again.

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use std::time::Duration;

use engine_client::client::{ClientError, EngineClient};
use engine_client::engine_file::EngineFile;
use terminal::output;
use terminal::problem::Problem;
use tokio::signal::unix::{SignalKind, signal};

use super::client::said;
use super::status;

/// Interval between two screens.
const AGAIN: Duration = Duration::from_secs(1);
/// Moves the cursor home.
///
/// Each line then clears its rest, and the last one clears everything below, so that nothing
/// flickers.
const HOME: &str = "\x1b[H";
const CLEAR_LINE: &str = "\x1b[K";
const CLEAR_BELOW: &str = "\x1b[J";
/// Switches to the terminal's alternate screen without a cursor.
///
/// [`LEAVE`] restores the previous content.
const ENTER: &str = "\x1b[?1049h\x1b[?25l";
const LEAVE: &str = "\x1b[?25h\x1b[?1049l";

/// Shows the status again and again, until Ctrl-C or the end of the engine.
///
/// # Errors
/// The engine runs and does not answer, or the output cannot be written.
pub(crate) async fn watch(client: &EngineClient, json: bool) -> Result<ExitCode, Problem> {
    let failed = |error: io::Error| Problem::new(format!("signals cannot be listened to: {error}"));
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let in_place = !json && io::stdout().is_terminal();
    let screen = in_place.then(Screen::enter).transpose()?;
    let shown = tokio::select! {
        shown = show(client, json, in_place) => shown,
        _ = interrupt.recv() => Ok(None),
        _ = terminate.recv() => Ok(None),
    };
    drop(screen);
    if let Some(last) = shown? {
        // The last status stays readable.
        if in_place && !last.is_empty() {
            output::line(&last)?;
        }
        output::note("the local system has ended");
    }
    Ok(ExitCode::SUCCESS)
}

/// Shows the status until the engine has ended, and returns the last screen.
async fn show(
    client: &EngineClient,
    json: bool,
    in_place: bool,
) -> Result<Option<String>, Problem> {
    let mut last = String::new();
    loop {
        let status = match client.glance().await {
            Ok(status) => status,
            Err(error) => return ended(client.engine(), error).await.map(|()| Some(last)),
        };
        last = status::screen(&status);
        match (json, in_place) {
            (true, _) => output::json_line(&status)?,
            (false, true) => Screen::draw(&last)?,
            (false, false) => output::line(&format!("{last}\n"))?,
        }
        tokio::time::sleep(AGAIN).await;
    }
}

/// Decides whether an engine that does not answer has ended.
///
/// It closes its port shortly before it ends.
async fn ended(engine: &EngineFile, error: ClientError) -> Result<(), Problem> {
    let asked = tokio::time::Instant::now();
    while engine.is_running() {
        if asked.elapsed() > Duration::from_secs(10) {
            return Err(said(error));
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}

/// The terminal's alternate screen. Dropping it restores the previous content.
struct Screen;

impl Screen {
    fn enter() -> Result<Self, Problem> {
        write(ENTER)?;
        Ok(Self)
    }

    fn draw(text: &str) -> Result<(), Problem> {
        write(&drawn(text))
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let _ = write(LEAVE);
    }
}

fn drawn(text: &str) -> String {
    let lines: String =
        text.lines().map(|line| format!("{}{CLEAR_LINE}\r\n", line.trim_end())).collect();
    format!("{HOME}{lines}{CLEAR_BELOW}")
}

fn write(text: &str) -> Result<(), Problem> {
    let mut stdout = io::stdout().lock();
    stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
        .map_err(|error| Problem::new(format!("standard output cannot be written: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shorter_screen_leaves_nothing_of_the_one_before() {
        assert_eq!(drawn("a  \nb"), "\x1b[Ha\x1b[K\r\nb\x1b[K\r\n\x1b[J");
    }
}
