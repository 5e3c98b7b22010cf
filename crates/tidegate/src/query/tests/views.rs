//! Tests views of the generation that is live.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;

use crate::failure::{Class, Failure};
use crate::generation::{Generations, Pointer, Pointers};
use crate::ids::StreamId;
use crate::query::{Consistency, Index, PageTokens, TokenError, TokenKeys, View, Views};
use crate::test::{Call, Faults, Faulty, MemoryPointers, MemoryTables};

const KEY: &str = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";

#[derive(Debug, Deserialize)]
struct Order {
    generation: u32,
}

struct World {
    pointers: MemoryPointers,
    faults: Faults,
    tables: MemoryTables,
}

impl World {
    /// Each generation has three orders of a customer, which say their generation.
    fn new() -> Self {
        let tables = MemoryTables::default();
        for generation in 1..=3 {
            let rows = crate::query::Table::new(
                crate::generation::table_of("rows", generation),
                crate::projection::ROW_KEY,
            );
            for order in 1..=3 {
                let stream = format!("order#{order}");
                let item = serde_json::json!({
                    "stream": stream, "customer": "7", "at": order.to_string(), "version": 1,
                    "generation": generation,
                });
                tables.put(&rows, item).unwrap();
            }
        }
        Self { pointers: MemoryPointers::default(), faults: Faults::none(), tables }
    }

    fn views(&self, numbers: &[u32]) -> Views {
        let generations = Generations::new("order-view", numbers.to_vec()).unwrap();
        let pointers = Arc::new(Faulty::new(Arc::new(self.pointers.clone()), self.faults.clone()));
        let tables = Arc::new(self.tables.clone());
        Views::new(generations, Some(pointers), move |generation| {
            let model = Arc::new(crate::test::MemoryReadModel::default());
            let name = |base| crate::generation::table_of(base, generation);
            View::new(Arc::<MemoryTables>::clone(&tables), model, name("rows"), name("counters"))
        })
    }

    async fn live(&self, generation: u32) {
        let there = crate::generation::PointerReader::read(&self.pointers, "order-view");
        let live = Pointer { live: Some(generation), ..there.await.unwrap() };
        self.pointers.write(&live).await.unwrap().unwrap();
    }
}

async fn generation(view: &View) -> u32 {
    let stream: StreamId = "order#1".parse().unwrap();
    view.row::<Order>(&stream, Consistency::Strong).await.unwrap().unwrap().data.generation
}

#[tokio::test(start_paused = true)]
async fn a_view_stays_with_its_generation_and_the_next_one_follows_the_pointer() {
    let world = World::new();
    let views = world.views(&[1, 2]);
    let failure = views.pinned(None).await.unwrap_err();
    assert_eq!((failure.class(), failure.code()), (Class::Transient, "not_built"));
    world.live(1).await;
    let pinned = views.pinned(None).await.unwrap();
    world.live(2).await;
    assert_eq!(generation(&pinned).await, 1);
    assert_eq!(generation(&views.pinned(None).await.unwrap()).await, 1, "for three seconds");
    assert_eq!(world.faults.calls(Call::PointerRead), 2);
    tokio::time::advance(Views::FRESH + Duration::from_millis(1)).await;
    assert_eq!(generation(&views.pinned(None).await.unwrap()).await, 2);
    assert_eq!(generation(&pinned).await, 1, "one request sees one generation");
}

#[tokio::test(start_paused = true)]
async fn a_live_generation_that_this_function_does_not_know_is_a_clear_failure() {
    let world = World::new();
    world.live(3).await;
    let failure = world.views(&[1, 2]).pinned(None).await.unwrap_err();
    assert_eq!((failure.class(), failure.code()), (Class::Transient, "unknown_generation"));
}

#[tokio::test(start_paused = true)]
async fn without_pointers_generation_one_is_live() {
    let world = World::new();
    let tables = Arc::new(world.tables.clone());
    let generations = Generations::new("order-view", [1]).unwrap();
    let views = Views::new(generations, None, move |_| {
        let model = Arc::new(crate::test::MemoryReadModel::default());
        View::new(Arc::<MemoryTables>::clone(&tables), model, "rows", "counters")
    });
    assert_eq!(generation(&views.pinned(None).await.unwrap()).await, 1);
}

#[tokio::test(start_paused = true)]
async fn a_page_token_goes_on_in_its_generation_or_says_that_it_is_gone() {
    let tokens = PageTokens::new(KEY.parse::<TokenKeys>().unwrap());
    let by_customer = Index::new("by-customer", "customer").sorted_by("at");
    let world = World::new();
    world.live(1).await;
    let views = world.views(&[1, 2]);
    let (mut token, mut read) = (None::<String>, Vec::new());
    for _ in 0..3 {
        let view = views.pinned(token.as_deref()).await.unwrap();
        let query = view.index(&by_customer, "7").limit(1);
        let from = token.as_deref().map(|token| tokens.open(token, &query, None).unwrap());
        let page = view.page::<Order>(&query, from.as_ref()).await.unwrap();
        read.extend(page.rows.iter().map(|row| (row.data.generation, row.stream.to_string())));
        token = page.next.map(|next| tokens.seal(&next, &query, None).unwrap()).or(token);
        world.live(2).await;
        tokio::time::advance(Duration::from_secs(10)).await;
    }
    let orders = ["order#1", "order#2", "order#3"].map(|order| (1, order.to_owned()));
    assert_eq!(read, orders, "no page of another generation");
    let token = token.unwrap();
    assert!(token.starts_with("p1@1."));
    let failure = world.views(&[2, 3]).pinned(Some(&token)).await.unwrap_err();
    assert_eq!((failure.class(), failure.code()), (Class::Permanent, "generation_gone"));
    // A token that was made to name another generation is forged.
    let other = token.replacen("p1@1.", "p1@2.", 1);
    let view = views.pinned(Some(&other)).await.unwrap();
    let opened = tokens.open(&other, &view.index(&by_customer, "7"), None);
    assert_eq!(opened, Err(TokenError::Forged));
    let opened = tokens.open(&token, &view.index(&by_customer, "7"), None);
    assert_eq!(opened, Err(TokenError::OtherQuery));
}

#[tokio::test(start_paused = true)]
async fn a_token_from_before_there_were_generations_goes_on_in_the_first() {
    let tokens = PageTokens::new(KEY.parse::<TokenKeys>().unwrap());
    let by_customer = Index::new("by-customer", "customer").sorted_by("at");
    let world = World::new();
    let tables = Arc::new(world.tables.clone());
    let model = Arc::new(crate::test::MemoryReadModel::default());
    let before = View::new(tables, model, "rows", "counters");
    let query = before.index(&by_customer, "7").limit(1);
    let page = before.page::<Order>(&query, None).await.unwrap();
    let token = tokens.seal(&page.next.unwrap(), &query, None).unwrap();
    let view = world.views(&[1, 2]).pinned(Some(&token)).await.unwrap();
    let query = view.index(&by_customer, "7");
    let from = tokens.open(&token, &query, None).unwrap();
    let rest = view.page::<Order>(&query, Some(&from)).await.unwrap().rows;
    assert_eq!(rest.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_pointer_that_cannot_be_read_is_no_answer() {
    let world = World::new();
    world.live(1).await;
    let faults = Faults::none().at(Call::PointerRead, 1, crate::test::Fault::Throttled);
    let views = World { faults, ..world }.views(&[1]);
    let failure: Failure = views.pinned(None).await.unwrap_err();
    assert_eq!(failure.code(), Failure::THROTTLED);
    assert_eq!(generation(&views.pinned(None).await.unwrap()).await, 1);
}

#[test]
fn only_the_form_of_a_token_names_a_generation() {
    let known: BTreeMap<&str, Option<u32>> = [
        ("p1.abc", None),
        ("p1@7.abc", Some(7)),
        ("p1@.abc", None),
        ("p1@x.abc", None),
        ("p1@7", None),
        ("p1@99999999999.a", None),
    ]
    .into();
    for (token, generation) in known {
        assert_eq!(crate::query::views::generation_of(token), generation, "{token}");
    }
}
