//! The tables of the read models, from the settings, and what keeps them.

use events::stream_kind;
use tidegate::aws::AwsClients;
use tidegate::config::Settings;
use tidegate::generation::Generations;
use tidegate::process::Processes;
use tidegate::projection::{ReadModelTables, own_slice};
use tidegate::rebuild::Projectors;

use crate::projection::Orders;

/// The tables of the read models.
pub(crate) struct Tables {
    event_store: String,
    orders: ReadModelTables,
    generations: Generations,
    fulfilments: ReadModelTables,
    process_generations: Generations,
}

impl Tables {
    /// Reads the names. `None`: one is missing, which the settings report.
    pub(crate) fn from_settings(settings: &mut Settings) -> Option<Self> {
        let event_store = settings.text("EVENT_STORE_TABLE");
        let [rows, counters] = ["ORDER_VIEW_TABLE", "SALES_TABLE"].map(|name| settings.text(name));
        let slices = settings.number("SALES_SLICES", 1..=256);
        let generations = Generations::from_settings(settings, "order-view");
        let processes = ["FULFILMENTS_TABLE", "FULFILMENT_COUNTERS_TABLE"];
        let [process_rows, process_counters] = processes.map(|name| settings.text(name));
        let process_generations = Generations::from_settings(settings, "fulfilments");
        Some(Self {
            event_store: event_store?,
            orders: ReadModelTables { rows: rows?, counters: counters?, slice: own_slice(slices?) },
            generations: generations?,
            fulfilments: ReadModelTables {
                rows: process_rows?,
                counters: process_counters?,
                slice: 0,
            },
            process_generations: process_generations?,
        })
    }

    /// Creates the projectors of orders and of the processes that fulfil them.
    ///
    /// They share a function, because a table's stream has two readers at most.
    pub(crate) fn projectors(self, aws: &AwsClients) -> Projectors {
        let (dynamodb, store) = (aws.dynamodb(), self.event_store);
        let orders = Projectors::from_dynamodb(
            dynamodb.clone(),
            store.clone(),
            self.orders,
            self.generations,
            Orders,
        );
        orders.and(Projectors::from_dynamodb(
            dynamodb,
            store,
            self.fulfilments,
            self.process_generations,
            Processes::new([stream_kind::FULFILMENT]),
        ))
    }
}
