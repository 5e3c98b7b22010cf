//! Structured logs: one JSON object a line on standard output, with the ids of the invocation and of the record at work.

use tracing::error;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::FmtSpan;

/// Starts logging. The level comes from `RUST_LOG`, else from Lambda's `AWS_LAMBDA_LOG_LEVEL`, else it is `info`. A second call changes nothing.
pub fn start() {
    let level = std::env::var("RUST_LOG").or_else(|_| std::env::var("AWS_LAMBDA_LOG_LEVEL"));
    let filter = EnvFilter::builder().parse_lossy(level.unwrap_or_else(|_| "info".to_owned()));
    let started = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(true)
        .with_span_events(FmtSpan::NONE)
        .with_target(false)
        .with_env_filter(filter)
        .with_writer(std::io::stdout)
        .try_init();
    if started.is_ok() {
        // One line, in the same form as the rest, instead of several on standard error.
        std::panic::set_hook(Box::new(|panic| {
            let message = panic.payload_as_str().unwrap_or("without a message");
            let place = panic.location().map(ToString::to_string);
            error!(message, place, "panic");
        }));
    }
}
