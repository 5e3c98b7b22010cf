//! The publisher of the travel system in `tests/it/travel`: answers, commands and deadlines.
//!
//! A booking whose key begins with `lost` has deadlines that no schedule hands over, as if
//! Scheduler had lost them.

use std::process::ExitCode;

use futures::future::{BoxFuture, FutureExt};
use tidegate::failure::Failure;
use tidegate::function::Function;
use tidegate::process;
use tidegate::publish::{
    Action, Entry, Events, Limits, Publisher, Queue, RefusedRequest, Scheduler, Target,
};
use tidegate::source::Source;
use tidegate::store::DynamoDbEventStore;

/// Schedules of which some are lost once they are set.
struct Losing(Scheduler);

impl Losing {
    fn loses(entry: &Entry) -> bool {
        matches!(entry.action, Action::Schedule { .. }) && entry.group.contains("#lost")
    }
}

impl Target for Losing {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn limits(&self) -> Limits {
        self.0.limits()
    }

    fn size(&self, entry: &Entry) -> usize {
        self.0.size(entry)
    }

    fn keeps_order(&self) -> bool {
        self.0.keeps_order()
    }

    fn schedules(&self) -> bool {
        self.0.schedules()
    }

    fn send<'a>(
        &'a self,
        request: &'a [&'a Entry],
    ) -> BoxFuture<'a, Result<Vec<Option<Failure>>, RefusedRequest>> {
        async move {
            let mut results = Vec::with_capacity(request.len());
            for entry in request {
                let kept = !Self::loses(entry);
                let sent = if kept { self.0.send(&[*entry]).await? } else { vec![None] };
                results.extend(sent);
            }
            Ok(results)
        }
        .boxed()
    }
}

/// The events of services that bookings wait for.
fn answers() -> Events {
    ["Reserved", "Refused", "Cancelled", "CancelRefused"]
        .into_iter()
        .fold(Events::all().from_source("travel.services"), Events::of_type)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let mut function = Function::start().await;
    let settings = &mut function.settings;
    let table = settings.text("EVENT_STORE_TABLE");
    let services = ["flights", "hotels", "cars"]
        .map(|name| (name, settings.text(&format!("{}_QUEUE_URL", name.to_uppercase()))));
    let bookings = settings.text("BOOKINGS_QUEUE_URL");
    let [group, role, arn, letters] = ["", "_ROLE_ARN", "_TARGET_BOOKINGS", "_DEAD_LETTER_ARN"]
        .map(|of| settings.text(&format!("DEADLINES{of}")));
    let build = |aws: &tidegate::aws::AwsClients| {
        let scheduler = aws_sdk_scheduler::Client::new(aws.config());
        let bookings = Queue::new(aws.sqs(), bookings?);
        let deadlines = Scheduler::new(scheduler, bookings.clone(), arn?, role?)
            .group(group?)
            .dead_letter_queue(letters?);
        let mut publisher = Publisher::new(DynamoDbEventStore::new(aws.dynamodb(), table?))
            .route(answers(), bookings)
            .address("booking", Losing(deadlines))
            .messages(process::messages);
        for (name, url) in services {
            publisher = publisher.address(name, Queue::new(aws.sqs(), url?));
        }
        Some(publisher)
    };
    function.run(Source::DynamoDb, build).await
}
