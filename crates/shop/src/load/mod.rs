//! `shop load`: places orders at a steady rate over the HTTP API, and says how long they take.

mod client;
mod figures;
mod following;
mod options;
mod plan;
mod sending;
mod target;

use std::io::{self, IsTerminal};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use jiff::{SignedDuration, Timestamp};
use terminal::account::Intent;
use terminal::connection::Connection;
use terminal::output;
use terminal::problem::Problem;
use tidegate::store::DynamoDbEventStore;

pub(crate) use self::options::Load;

use self::client::ApiClient;
use self::figures::Figures;
use self::following::follow;
use self::plan::Plan;
use self::sending::Sending;
use self::target::{api_url, tokens};

/// Places orders over the API of the local system, and follows them until they are confirmed.
///
/// # Errors
/// No local system with an API runs, or its event store cannot be read.
pub(crate) async fn load(options: &Load) -> Result<ExitCode, Problem> {
    let connection = Connection::open(&options.endpoint, Intent::Change).await?;
    let client = ApiClient::new(api_url()?);
    let plan = Plan {
        rate: options.rate,
        duration: unsigned(options.duration),
        cancel_percent: options.cancel_percent,
        lines: options.lines,
    };
    let tokens = tokens(options.customers, plan.duration)?;
    let bar = progress(plan.orders());
    let sending = Sending {
        client,
        plan,
        tokens: tokens.into_iter().map(Arc::from).collect(),
        run: format!("load-{}", Timestamp::now().as_microsecond()),
    };
    let sent = sending.send(|sent| {
        bar.inc(1);
        bar.set_message(format!("{} failed", sent.errors.values().sum::<u64>()));
    });
    let mut sent = sent.await;
    let orders = std::mem::take(&mut sent.placed);
    let placed = u64::try_from(orders.len()).unwrap_or(u64::MAX);
    bar.set_length(placed);
    let store = DynamoDbEventStore::new(connection.dynamodb(), options.event_store().to_string());
    let followed = follow(&store, orders, unsigned(options.wait), |decided| {
        bar.set_position(decided);
        bar.set_message("decided");
    });
    let followed = followed.await.map_err(|failure| Problem::new(failure.to_string()));
    bar.finish_and_clear();
    let figures = Figures::new(placed, sent, followed.map_err(|one| connection.explain(one))?);
    if options.json {
        output::json(&figures)?;
    } else {
        output::line(&figures.text())?;
    }
    Ok(if figures.errors.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn unsigned(duration: SignedDuration) -> Duration {
    duration.unsigned_abs()
}

/// A progress line on a terminal. Elsewhere there is none, and the figures are enough.
fn progress(orders: u64) -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::with_draw_target(Some(orders), ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template(
        "{bar:30} {human_pos}/{human_len} orders  {per_sec:.0}  {elapsed}  {msg}",
    ) {
        bar.set_style(style);
    }
    bar
}
