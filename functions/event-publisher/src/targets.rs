//! The targets of events, commands and deadlines.

use events::routes::{BUS, types_for};
use tidegate::aws::AwsClients;
use tidegate::config::Settings;
use tidegate::process;
use tidegate::publish::{EventBus, Events, Publisher, Queue, Scheduler};
use tidegate::store::DynamoDbEventStore;

/// The queues, and the settings that have their URLs.
const QUEUES: [(&str, &str); 5] = [
    ("fulfilment", "FULFILMENT_QUEUE_URL"),
    ("inventory", "INVENTORY_QUEUE_URL"),
    ("ledger", "LEDGER_QUEUE_URL"),
    ("payment", "PAYMENT_QUEUE_URL"),
    ("shipping", "SHIPPING_QUEUE_URL"),
];
/// The queue that passed deadlines go to. The process whose deadlines they are has its name.
const PROCESS: &str = "fulfilment";

/// Where the publisher reads, and where it sends.
pub(crate) struct Targets {
    event_store: String,
    bus: String,
    bytes_limit: usize,
    queues: Vec<(&'static str, String)>,
    deadlines: Deadlines,
}

/// The group of schedules for deadlines.
struct Deadlines {
    group: String,
    role_arn: String,
    queue_arn: String,
    dead_letters_arn: String,
}

impl Targets {
    /// Reads the settings. `None` if one is missing or wrong, which the function reports.
    pub(crate) fn from_settings(settings: &mut Settings) -> Option<Self> {
        let event_store = settings.text("EVENT_STORE_TABLE");
        let bus = settings.text("EVENT_BUS");
        let limit = settings.number("TIDEGATE_EVENT_BYTES_LIMIT", 1024..=1_048_576);
        let queues = QUEUES.map(|(name, variable)| (name, settings.text(variable)));
        let [group, role, queue, letters] =
            ["", "_ROLE_ARN", "_TARGET_FULFILMENT", "_DEAD_LETTER_ARN"]
                .map(|of| settings.text(&format!("DEADLINES{of}")));
        let queues: Option<Vec<_>> =
            queues.into_iter().map(|(name, url)| Some((name, url?))).collect();
        let deadlines = Deadlines {
            group: group?,
            role_arn: role?,
            queue_arn: queue?,
            dead_letters_arn: letters?,
        };
        let bytes_limit = usize::try_from(limit?).ok()?;
        Some(Self { event_store: event_store?, bus: bus?, bytes_limit, queues: queues?, deadlines })
    }

    /// Creates the publisher. [`events::routes`] says where each event goes.
    pub(crate) fn publisher(self, aws: &AwsClients) -> Option<Publisher> {
        let events = DynamoDbEventStore::new(aws.dynamodb(), self.event_store);
        let client = aws_sdk_eventbridge::Client::new(aws.config());
        let bus = EventBus::new(client, self.bus, self.bytes_limit);
        let mut publisher =
            Publisher::new(events).route(routed_to(BUS), bus).messages(process::messages);
        for (name, url) in self.queues {
            let queue = Queue::new(aws.sqs(), url);
            publisher = publisher.route(routed_to(name), queue.clone());
            // Commands have the queue's name as their address; deadlines have the process's.
            publisher = if name == PROCESS {
                publisher.address(PROCESS, self.deadlines.scheduler(aws, queue))
            } else {
                publisher.address(name, queue)
            };
        }
        Some(publisher)
    }
}

impl Deadlines {
    fn scheduler(&self, aws: &AwsClients, queue: Queue) -> Scheduler {
        let client = aws_sdk_scheduler::Client::new(aws.config());
        Scheduler::new(client, queue, self.queue_arn.clone(), self.role_arn.clone())
            .group(self.group.clone())
            .dead_letter_queue(self.dead_letters_arn.clone())
    }
}

/// Returns the events that go to this target. An empty selection would be all of them.
fn routed_to(target: &str) -> Events {
    let mut types = types_for(target).peekable();
    let none = types.peek().is_none();
    let events = types.fold(Events::all(), Events::of_type);
    if none { events.of_type("") } else { events }
}
