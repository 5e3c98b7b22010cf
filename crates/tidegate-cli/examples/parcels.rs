//! A process that sends parcels, its view and its sweep: the functions that the tests of
//! `tidegate process` run in the engine. `ROLE` says which one this is.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tidegate::batch::{EachRecord, EachStream};
use tidegate::envelope::Envelope;
use tidegate::failure::Failure;
use tidegate::function::Function;
use tidegate::ids::StreamId;
use tidegate::message::Message;
use tidegate::process::{
    self, PAUSED_BEFORE, Process, ProcessHandler, Processes, Reaction, State, Step, Sweep,
};
use tidegate::projection::{DynamoDbReadModel, Projector, ReadModelTables};
use tidegate::publish::Queue;
use tidegate::query::DynamoDbTables;
use tidegate::source::Source;
use tidegate::store::DynamoDbEventStore;

#[derive(Serialize, Deserialize, Message)]
struct SendParcel {
    parcel: String,
    due: Timestamp,
}

#[derive(Serialize, Deserialize, Message)]
struct ParcelScanned {
    parcel: String,
    place: String,
}

#[derive(Serialize, Deserialize, Message)]
struct ParcelOverdue {}

#[derive(Serialize, Deserialize, Message)]
struct CallCustomer {
    parcel: String,
}

tidegate::messages! { enum ParcelInput { SendParcel, ParcelScanned, ParcelOverdue } }

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, State)]
enum Parcel {
    #[state(start)]
    New,
    OnTheWay,
    Late,
    #[state(end)]
    Delivered,
}

struct Parcels;

impl Process for Parcels {
    const KIND: &'static str = "parcel";
    const SOURCE: &'static str = "post.parcel";
    const RULES: u32 = 3;
    type Input = ParcelInput;
    type State = Parcel;

    fn instance(input: &ParcelInput, envelope: &Envelope) -> Result<StreamId, Failure> {
        match input {
            ParcelInput::SendParcel(SendParcel { parcel, .. })
            | ParcelInput::ParcelScanned(ParcelScanned { parcel, .. }) => {
                process::stream::<Self>(parcel)
            }
            ParcelInput::ParcelOverdue(_) => Ok(envelope.subject.clone()),
        }
    }

    #[process::total]
    fn react(state: &Parcel, input: &ParcelInput, _: Timestamp) -> Reaction<Parcel> {
        use ParcelInput as I;
        match (state, input) {
            (Parcel::New, I::SendParcel(SendParcel { due, .. })) => {
                Step::to(Parcel::OnTheWay).deadline("arrival", *due, ParcelOverdue {}).into()
            }
            (Parcel::OnTheWay | Parcel::Late, I::ParcelScanned(scan)) => match &*scan.place {
                "door" => Step::to(Parcel::Delivered).into(),
                "nowhere" => process::stuck("no_place", "the scanner knows no place"),
                _ => Step::to(state.clone()).into(),
            },
            (Parcel::OnTheWay, I::ParcelOverdue(_)) => {
                let call = CallCustomer { parcel: "late".to_owned() };
                Step::to(Parcel::Late).send("calls", "customer#1", call).into()
            }
            (Parcel::OnTheWay | Parcel::Late | Parcel::Delivered, I::SendParcel(_)) => {
                process::refuse("sent_before", "a parcel is sent once")
            }
            (Parcel::New, I::ParcelScanned(_) | I::ParcelOverdue(_)) => {
                process::refuse("not_sent", "the parcel was not sent")
            }
            (Parcel::Late, I::ParcelOverdue(_))
            | (Parcel::Delivered, I::ParcelScanned(_) | I::ParcelOverdue(_)) => {
                process::refuse("too_late", "the parcel is late or delivered")
            }
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let mut function = Function::start().await;
    let settings = &mut function.settings;
    let role = settings.text("ROLE").unwrap_or_default();
    match role.as_str() {
        "process" => {
            let store = settings.text("EVENT_STORE_TABLE");
            let restored = settings.optional::<Timestamp>(PAUSED_BEFORE);
            function
                .run(Source::Sqs, |aws| {
                    let store = Arc::new(DynamoDbEventStore::new(aws.dynamodb(), store?));
                    let handler = ProcessHandler::<Parcels>::new(store).paused_before(restored);
                    Some(EachStream::new(handler, 16))
                })
                .await
        }
        "view" => {
            let [store, rows, counters] = ["EVENT_STORE_TABLE", "VIEW_TABLE", "COUNTERS_TABLE"]
                .map(|name| settings.text(name));
            function
                .run(Source::DynamoDb, |aws| {
                    let tables = ReadModelTables { rows: rows?, counters: counters?, slice: 0 };
                    let model = Arc::new(DynamoDbReadModel::new(aws.dynamodb(), tables));
                    let store = Arc::new(DynamoDbEventStore::new(aws.dynamodb(), store?));
                    Some(Projector::new(Processes::new([Parcels::KIND]), model, store))
                })
                .await
        }
        _ => {
            let (view, queue) = (settings.text("VIEW_TABLE"), settings.text("PARCELS_QUEUE_URL"));
            function
                .run(Source::EventBridge, |aws| {
                    let tables = DynamoDbTables::new(aws.dynamodb());
                    let sweep = Sweep::new(tables, view?)
                        .process(Parcels::KIND, Queue::new(aws.sqs(), queue?))
                        .grace(Duration::ZERO);
                    Some(EachRecord::new(sweep, 1))
                })
                .await
        }
    }
}
