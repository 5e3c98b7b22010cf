//! A rebuild on DynamoDB, beside live commits: both generations and the pointer as in memory.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
};
use jiff::Timestamp;
use serde_json::value::RawValue;
use tidegate::batch::{BatchContext, BatchHandler, Item, Outcome};
use tidegate::envelope::DataSchema;
use tidegate::failure::Failure;
use tidegate::generation::{
    DynamoDbPointers, Generations, Pointer, PointerReader, Pointers, Segment, change,
};
use tidegate::ids::{Cause, StreamId, Version};
use tidegate::projection::{Increment, Projected, Projection, ReadModelTables, RowUpdate};
use tidegate::query::{Consistency, Views};
use tidegate::rebuild::{Answer, Projectors, Proof, Reference, Request, Verdict, Work};
use tidegate::store::{
    Commit, CommitChange, DynamoDbEventStore, EventStore, RecordedCommit, RecordedEvent, Retry,
};

use super::{Tables, unique};

/// Counts products, in a row with every kind of value.
struct Products;

impl Projection for Products {
    fn concerns(&self, stream: &StreamId) -> bool {
        stream.kind() == "order"
    }

    fn project(&self, _: &RecordedCommit, event: &RecordedEvent) -> Result<Projected, Failure> {
        let address = BTreeMap::from([("city".to_owned(), event.data.as_str())]);
        let row = RowUpdate::default()
            .set("last", event.data.as_str())
            .set_if_absent("first", event.data.as_str())
            .set("all", vec![event.data.clone()])
            .set("address", address)
            .set("gift", true)
            .add("units", 2);
        let add = BTreeMap::from([("units", 2)]);
        let counters = vec![Increment { key: event.data.clone(), add }];
        Ok(Projected { row, counters, ..Projected::default() })
    }
}

async fn table(client: &Client, name: &str, keys: &[(&str, ScalarAttributeType)]) {
    let mut create =
        client.create_table().table_name(name).billing_mode(BillingMode::PayPerRequest);
    for ((key, kind), role) in keys.iter().zip([KeyType::Hash, KeyType::Range]) {
        let of = AttributeDefinition::builder().attribute_name(*key).attribute_type(kind.clone());
        let schema = KeySchemaElement::builder().attribute_name(*key).key_type(role);
        create =
            create.attribute_definitions(of.build().unwrap()).key_schema(schema.build().unwrap());
    }
    create.send().await.unwrap();
}

struct World {
    client: Client,
    name: String,
    generations: Generations,
    pointers: DynamoDbPointers,
}

impl World {
    async fn create(tables: &Tables) -> Self {
        let client = tables.clients.dynamodb.clone();
        let name = unique("rebuilt").replace('#', "-");
        let (text, number) = (ScalarAttributeType::S, ScalarAttributeType::N);
        let store = [("stream", text.clone()), ("version", number.clone())];
        table(&client, &format!("{name}-store"), &store).await;
        for suffix in ["", ".g2"] {
            let rows = [("stream", text.clone())];
            table(&client, &format!("{name}-rows{suffix}"), &rows).await;
            let counters = [("key", text.clone()), ("slice", number.clone())];
            table(&client, &format!("{name}-counters{suffix}"), &counters).await;
        }
        let pointers = format!("{name}-pointers");
        table(&client, &pointers, &[("projection", text)]).await;
        let generations = Generations::new("order-view", [1, 2]).unwrap();
        Self {
            name,
            generations: generations.pointed_by(pointers.as_str()),
            pointers: DynamoDbPointers::new(client.clone(), pointers),
            client,
        }
    }

    fn projectors(&self) -> Projectors {
        self.projectors_of(self.generations.clone())
    }

    fn projectors_of(&self, generations: Generations) -> Projectors {
        let of = |table| format!("{}-{table}", self.name);
        let tables = ReadModelTables { rows: of("rows"), counters: of("counters"), slice: 1 };
        Projectors::from_dynamodb(self.client.clone(), of("store"), tables, generations, Products)
    }

    async fn store(&self, stream: &str, version: u64, data: &str) -> RecordedCommit {
        let (id, schema) = (format!("{stream} {version}"), DataSchema::new("Counted", 1));
        let data = format!("\"{data}\"");
        let now = Timestamp::UNIX_EPOCH;
        let event = RecordedEvent::new(&id, Version::new(version), schema, now, data);
        let (stream, cause) = (stream.parse().unwrap(), Cause::new("test", id.clone()));
        let record = RecordedCommit::new(stream, "test", cause, now, vec![event]);
        let store = DynamoDbEventStore::new(self.client.clone(), format!("{}-store", self.name));
        store.commit(&Commit::new(record.clone(), id)).await.unwrap();
        record
    }

    async fn ask(&self, projectors: &Projectors, request: &Request) -> Answer {
        let text = serde_json::to_string(request).unwrap();
        let context = BatchContext::new(Duration::from_secs(60));
        let request = RawValue::from_string(text).unwrap();
        let answer = projectors.rebuild(&request, &context).await.unwrap();
        serde_json::from_str(answer.get()).unwrap()
    }

    /// Carries out a work over three segments, a few items at a time, each part in an environment
    /// of its own.
    async fn every(&self, request: Request, mut take: impl FnMut(Answer)) {
        for segment in 0..3 {
            let mut request = request.clone().segment(segment, 3).limit(3);
            loop {
                let answer = self.ask(&self.projectors(), &request).await;
                let next = answer.next.clone();
                take(answer);
                match next {
                    Some(next) => request = request.from(Some(next)),
                    None => break,
                }
            }
        }
    }

    async fn change(
        &self,
        next: impl FnMut(&Pointer) -> Result<Pointer, tidegate::generation::Refused>,
    ) {
        change(&self.pointers, "order-view", Retry::default(), next).await.unwrap().unwrap();
    }

    async fn prove(&self, generation: u32, reference: Reference) -> Verdict {
        let mut proof = Proof::new(generation, reference);
        for step in proof.steps() {
            let request = step.request("order-view", "anna");
            self.every(request, |answer| proof.take(step, answer)).await;
        }
        proof.verdict()
    }
}

async fn deliver(projectors: &Projectors, commits: &[RecordedCommit]) -> Vec<Outcome> {
    let item = |commit: &RecordedCommit| {
        Item::new(commit.stream.as_str(), CommitChange::Commit(commit.clone()))
    };
    let items: Vec<_> = commits.iter().map(item).collect();
    projectors.handle_batch(&items, &BatchContext::new(Duration::from_secs(60))).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_generation_is_rebuilt_in_dynamodb_and_becomes_live() {
    let tables = Tables::create().await;
    let world = World::create(&tables).await;
    let mut commits = vec![world.store("other#1", 1, "a").await];
    for order in 0..9 {
        for version in 1..=order % 3 + 1 {
            let data = ["a", "b"][order % 2];
            commits.push(world.store(&format!("order#{order}"), version as u64, data).await);
        }
    }
    // Generation 1 gets deliveries only; generation 2 is folded.
    let one = Generations::new("order-view", [1]).unwrap();
    let delivered = deliver(&world.projectors_of(one), &commits).await;
    assert!(delivered.iter().all(|outcome| matches!(outcome, Outcome::Done(_))), "{delivered:?}");

    let now = Timestamp::now;
    world.change(|p| p.begin(2, "anna", 3, false, &world.generations, now())).await;
    let fold = Request::new("order-view", 2, Work::Fold, "anna");
    let (mut streams, mut events) = (0, 0);
    world
        .every(fold, |answer| {
            (streams, events) = (streams + answer.streams, events + answer.events)
        })
        .await;
    assert_eq!((streams, events), (9, commits.len() as u64 - 1));
    // A commit in the meantime reaches both.
    let more = world.store("order#0", 2, "b").await;
    deliver(&world.projectors(), &[more]).await;
    for segment in 0..3 {
        let done = Segment::default().after(None, 3, 3);
        world.change(|p| p.record("anna", segment, done.clone(), now())).await;
    }
    world.change(|p| p.close("anna", Duration::from_secs(120), now())).await;
    let fenced = world.store("order#1", 3, "a").await;
    let outcomes = deliver(&world.projectors(), std::slice::from_ref(&fenced)).await;
    let Outcome::Failed(failure) = &outcomes[0] else { panic!("{outcomes:?}") };
    assert_eq!(failure.code(), Failure::FENCED);
    for reference in [Reference::Generation(1), Reference::Store] {
        assert_eq!(world.prove(2, reference).await, Verdict::Proven { rows: 9 });
    }
    world.change(|p| p.moved(2, "anna", now())).await;
    let pointer = world.pointers.read("order-view").await.unwrap();
    assert_eq!((pointer.live, &pointer.built[..], pointer.fence), (Some(2), &[2][..], None));
    deliver(&world.projectors(), &[fenced]).await;

    let of = |table| format!("{}-{table}", world.name);
    let client = world.client.clone();
    let views = Views::from_dynamodb(client, world.generations.clone(), of("rows"), of("counters"));
    let view = views.pinned(None).await.unwrap();
    let all = view.every_counter(Consistency::Strong).await.unwrap();
    let units: i128 = all.counters.values().map(|counter| counter.amount("units")).sum();
    assert_eq!(units, 2 * (commits.len() as i128 + 1));

    // What differs is named.
    let row = world.client.update_item().table_name(of("rows.g2"));
    let row = row.key("stream", aws_sdk_dynamodb::types::AttributeValue::S("order#4".to_owned()));
    let row = row.update_expression("SET gift = :no");
    let no = aws_sdk_dynamodb::types::AttributeValue::Bool(false);
    row.expression_attribute_values(":no", no).send().await.unwrap();
    for reference in [Reference::Generation(1), Reference::Store] {
        let verdict = world.prove(2, reference).await;
        let Verdict::Different { named, .. } = verdict else { panic!("{verdict:?}") };
        assert_eq!(named[0].row, "order#4");
        assert!(named[0].what.starts_with("`gift` is false, and"), "{named:?}");
    }
    tables.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_changes_of_a_pointer_in_dynamodb_one_is_first() {
    let tables = Tables::create().await;
    let world = World::create(&tables).await;
    let pointers: Arc<dyn Pointers> = Arc::new(world.pointers.clone());
    let first = pointers.read("order-view").await.unwrap();
    assert_eq!(first, Pointer::new("order-view"));
    let begun = |owner| first.begin(2, owner, 2, false, &world.generations, Timestamp::now());
    let written = pointers.write(&begun("anna").unwrap()).await.unwrap().unwrap();
    assert_eq!(pointers.write(&begun("bob").unwrap()).await.unwrap(), None);
    assert_eq!(pointers.read("order-view").await.unwrap(), written);
    let half = Segment::default().after(Some("there".to_owned()), 4, 9);
    let record = |pointer: &Pointer| pointer.record("anna", 1, half.clone(), Timestamp::now());
    let recorded = pointers.write(&record(&written).unwrap()).await.unwrap().unwrap();
    assert_eq!(pointers.write(&record(&written).unwrap()).await.unwrap(), None, "it is old");
    assert_eq!(pointers.read("order-view").await.unwrap(), recorded);
    let wrong = world.client.put_item().table_name(format!("{}-pointers", world.name));
    let text = |text: &str| aws_sdk_dynamodb::types::AttributeValue::S(text.to_owned());
    let wrong = wrong.item("projection", text("order-view")).item("live", text("two"));
    wrong.send().await.unwrap();
    let failure = pointers.read("order-view").await.unwrap_err();
    assert_eq!(failure.code(), "corrupt_pointer");
    tables.end().await;
}
