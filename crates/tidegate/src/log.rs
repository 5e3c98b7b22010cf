//! Writes structured logs: one JSON object per line on standard output.
//!
//! Each line has the ids of the invocation and of the record that is handled.

use tracing::error;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{Identity, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry};

/// Starts logging.
///
/// The level comes from `RUST_LOG`, otherwise from Lambda's `AWS_LAMBDA_LOG_LEVEL`, otherwise it is
/// `info`. A second call has no effect.
pub fn start() {
    start_with(Identity::new());
}

/// Starts logging as [`start`] does, with another layer that sees all events.
pub(crate) fn start_with(layer: impl Layer<Registry> + Send + Sync) {
    let level = std::env::var("RUST_LOG").or_else(|_| std::env::var("AWS_LAMBDA_LOG_LEVEL"));
    // `Targets` needs no regular expressions, which would be a large part of a function's binary.
    let filter = level.ok().and_then(|level| level.to_lowercase().parse::<Targets>().ok());
    let filter = filter.unwrap_or_else(|| Targets::new().with_default(LevelFilter::INFO));
    let lines = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(true)
        .with_target(false)
        .with_writer(std::io::stdout);
    let started = tracing_subscriber::registry().with(layer).with(filter).with(lines).try_init();
    if started.is_ok() {
        // One line, in the same form as the others, instead of several on standard error.
        std::panic::set_hook(Box::new(|panic| {
            let message = panic.payload_as_str().unwrap_or("without a message");
            let place = panic.location().map(ToString::to_string);
            error!(message, place, "panic");
        }));
    }
}
