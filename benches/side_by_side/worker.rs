//! Tidegate's side: a function's runner, as `Function` runs it, without the HTTP of the Runtime
//! API.

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tidegate::aws::AwsClients;
use tidegate::batch::{BatchContext, Decode, EachRecord, Handled, Handler, Invocation, Runner};
use tidegate::envelope::Envelope;
use tidegate::failure::Failure;
use tidegate::idempotency::{AfterCrash, DynamoDbIdempotency, EffectRun, Effects};
use tidegate::message::MessageSet;
use tidegate::source::{Delivery, Source};
use tidegate::store::{DynamoDbEventStore, Origin, Retry, execute};
use tidegate::test::MemoryDeadLetters;

use crate::order::{Command, Order};
use crate::processor;
use crate::protocol::{self, Measured};
use benchmarks::problem::Problem;

/// Records that are handled at a time, as in `order-processor`: enough to fill batches of
/// statements.
const CONCURRENCY: usize = 200;
/// How long the process remembers a completed effect, if it remembers any.
const REMEMBERED: Duration = Duration::from_secs(300);
const RETENTION: Duration = Duration::from_secs(31 * 24 * 3600);

/// Work for each record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
pub(crate) enum Work {
    /// Decode and compute, without an AWS call.
    None,
    /// An effect outside DynamoDB, once: claim and complete. After a crash it runs again.
    Claim,
    /// The same, held for an operator after a crash.
    Hold,
    /// The event store's guarded write.
    Commit,
    /// Powertools: claim, write the order, complete.
    ClaimAndPut,
    /// Powertools' batch processor with a conditional write by hand.
    Put,
}

struct Orders {
    work: Work,
    effects: Effects,
    store: DynamoDbEventStore,
}

struct Request {
    origin: Origin,
    envelope: Envelope,
    command: Command,
}

impl Decode for Orders {
    type Record = Request;

    fn decode(&self, delivery: &Delivery<'_>) -> Result<Request, Failure> {
        let envelope = Envelope::parse(delivery.bytes()?)?;
        let command = Command::from_envelope(&envelope)?;
        Ok(Request {
            origin: Origin::from_envelope(&envelope, delivery.arrived_at),
            envelope,
            command,
        })
    }

    fn span(&self, request: &Request) -> tracing::Span {
        request.envelope.span()
    }
}

impl Handler for Orders {
    async fn handle(&self, request: &Request, context: &BatchContext) -> Result<Handled, Failure> {
        match self.work {
            Work::Claim => self.claim(request, AfterCrash::RunAgain, context).await,
            Work::Hold => self.claim(request, AfterCrash::Hold, context).await,
            Work::Commit => {
                let stream = &request.envelope.subject;
                execute::<Order>(
                    &self.store,
                    stream,
                    &request.command,
                    &request.origin,
                    Retry::default(),
                )
                .await
            }
            Work::None | Work::ClaimAndPut | Work::Put => {
                if let Command::PlaceOrder(order) = &request.command {
                    black_box(order.total());
                }
                Ok(Handled::Applied)
            }
        }
    }
}

impl Orders {
    async fn claim(
        &self,
        request: &Request,
        after_crash: AfterCrash,
        context: &BatchContext,
    ) -> Result<Handled, Failure> {
        let Command::PlaceOrder(order) = &request.command else { return Ok(Handled::Filtered) };
        let key = self.effects.key("order", &order.order_id)?;
        let run = EffectRun::new(key, after_crash, context);
        let effect = async { Ok(order.total()) };
        Ok(self.effects.run(&run, order, context, effect).await?.handled())
    }
}

/// Handles two files of events, one event per line: the first for the warm-up, the second measured.
pub(crate) async fn run(
    work: Work,
    warm_up: &Path,
    events: &Path,
    remember: usize,
) -> Result<(), Problem> {
    tidegate::log::start();
    let aws = AwsClients::from_env().await;
    let records = DynamoDbIdempotency::new(aws.dynamodb(), "idempotency");
    let effects = Effects::new(Arc::new(records), "benchmark", RETENTION);
    let orders = Orders {
        work,
        effects: if remember > 0 { effects.remember(remember, REMEMBERED) } else { effects },
        store: DynamoDbEventStore::new(aws.dynamodb(), "event-store"),
    };
    let letters = Arc::new(MemoryDeadLetters::default());
    let runner =
        Runner::new(Source::Kinesis, EachRecord::new(orders, CONCURRENCY), "benchmark", letters);

    let (warm_up, events) = (std::fs::read_to_string(warm_up)?, std::fs::read_to_string(events)?);
    invoke_all(&runner, &warm_up).await?;
    protocol::say("ready")?;
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    let measured = invoke_all(&runner, &events).await?;
    protocol::say(&serde_json::to_string(&measured)?)?;
    Ok(())
}

async fn invoke_all(
    runner: &Runner<EachRecord<Orders>>,
    events: &str,
) -> Result<Measured, Problem> {
    let (start, cpu) = (Instant::now(), processor::time());
    let (mut applied, mut duplicate) = (0, 0);
    for event in events.lines() {
        let event: Box<RawValue> = serde_json::from_str(event)?;
        let mut invocation = Invocation::new(&event, Duration::from_secs(60));
        invocation.request_id = "8476a536-e9f4-11e8-9739-2dfe598c3fcd";
        let report = runner.run(invocation).await;
        applied += report.counts.applied;
        duplicate += report.counts.duplicate;
        let response = report.response.map_err(|failure| Problem::new(failure.to_string()))?;
        black_box(serde_json::to_string(&response)?);
    }
    Ok(Measured {
        applied,
        duplicate,
        wall_ns: processor::nanoseconds(start.elapsed()),
        cpu_ns: processor::nanoseconds(processor::time().saturating_sub(cpu)),
    })
}
