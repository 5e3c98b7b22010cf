//! Random messages, in random order, several times each, under random faults.

use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use tidegate::envelope::Envelope;
use tidegate::test::{Faults, MemoryRowStore};

use super::{POLICY, World, release, reserve, returned, ship};
use crate::policy::{PartialStock, Policy};

const CODES: [&str; 4] = ["A", "B", "C", "D"];

#[derive(Clone, Debug)]
enum Sent {
    Reserve(Vec<(usize, i64)>),
    Release(usize),
    Ship(usize),
    Return(Vec<(usize, i64)>),
    /// The supplier gets what was ordered so far.
    Supply,
}

fn sent() -> impl Strategy<Value = Sent> {
    let lines = || vec((0..CODES.len(), 1..40_i64), 1..4);
    prop_oneof![
        4 => lines().prop_map(Sent::Reserve),
        2 => (0..12_usize).prop_map(Sent::Release),
        2 => (0..12_usize).prop_map(Sent::Ship),
        1 => lines().prop_map(Sent::Return),
        1 => Just(Sent::Supply),
    ]
}

fn message(number: usize, sent: &Sent) -> Option<Envelope> {
    let products = |lines: &[(usize, i64)]| -> Vec<(&str, i64)> {
        lines.iter().map(|(code, units)| (CODES[*code], *units)).collect()
    };
    match sent {
        Sent::Reserve(lines) => Some(reserve(&number.to_string(), &products(lines))),
        Sent::Release(order) => Some(release(&order.to_string())),
        Sent::Ship(order) => Some(ship(&order.to_string())),
        Sent::Return(lines) => Some(returned(&format!("C{number}"), &products(lines))),
        Sent::Supply => None,
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 200,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn the_rows_are_what_the_events_say_and_never_negative(
        sent in vec(sent(), 1..30),
        batch in 1..8_usize,
        seed in any::<u64>(),
        available in any::<bool>(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(async {
            let partial = if available { PartialStock::Available } else { PartialStock::Whole };
            let world = World::with(
                MemoryRowStore::default().requests_take(Duration::from_millis(1)),
                Policy { partial, ..POLICY },
                Faults::seeded(seed, 0.2),
            );
            let sent: Vec<_> = sent.iter().enumerate().collect();
            for sent in sent.chunks(batch) {
                let messages: Vec<Envelope> =
                    sent.iter().filter_map(|(number, sent)| message(*number, sent)).collect();
                // One delivery, whatever comes of it; the rest of the run goes on meanwhile.
                world.once(&messages).await;
                if sent.iter().any(|(_, sent)| matches!(sent, Sent::Supply)) {
                    world.deliver(&world.reordered()).await;
                }
            }
            let all: Vec<Envelope> =
                sent.iter().filter_map(|(number, sent)| message(*number, sent)).collect();
            for message in &all {
                world.deliver(std::slice::from_ref(message)).await;
            }
            world.deliver(&world.reordered()).await;
            // What cannot be shipped is the only thing that a person must look at.
            let reasons = world.reasons();
            assert!(reasons.iter().all(|reason| reason.starts_with("not_reserved")), "{reasons:?}");
            world.balanced();
        });
    }
}
