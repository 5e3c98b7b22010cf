//! Measures `order-projection` on a slow DynamoDB: how long a batch of placed orders takes.

use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;
use tidegate::envelope::DataSchema;
use tidegate::ids::{Cause, StreamId, Version};
use tidegate::store::{RecordedCommit, RecordedEvent};
use tidegate::test::DynamoDbEvent;

use crate::run::{SLOW, USUAL};
use crate::runtime_api::RuntimeApi;
use crate::scenario::Arena;
use crate::slow::SlowBatch;
use crate::stub::Order;
use benchmarks::problem::Problem;

/// The measured function. It must be a release binary, `<directory>/order-projection/bootstrap`.
const FUNCTION: &str = "order-projection";
/// Measured batches.
const MEASURED: usize = 20;
/// Batches before them. In the real data, too, most counters of a batch were written before.
const WARM_UP: usize = 20;
/// Lines of an order, and the products that it chooses from. A batch of 100 orders then changes
/// about as many counters as one of the real data: 13 an order.
const LINES: u64 = 20;
const PRODUCTS: u64 = 3_500;

/// Measures the function. Returns `None` if it was not built.
pub(crate) async fn measure(
    arena: &mut Arena,
    zips: &Path,
    repository: &Path,
) -> Result<Option<SlowBatch>, Problem> {
    let binary = zips.join(FUNCTION).join("bootstrap");
    if !binary.is_file() {
        return Ok(None);
    }
    let mut all = crate::topology::variables(&repository.join("infra/topology.auto.tfvars"))?;
    let variables = all.remove(FUNCTION).unwrap_or_default();
    let events = |from: usize, batches: usize| -> Result<Vec<Vec<u8>>, Problem> {
        (from..from + batches).map(batch).collect()
    };
    arena.order(Order::Empty { latency_ms: SLOW }).await?;
    let mut api = RuntimeApi::open().await?;
    let endpoint = arena.endpoint.clone();
    let mut events = events(0, WARM_UP + MEASURED)?;
    // A process of its own brings the counters into being.
    let measured = events.split_off(WARM_UP - 1);
    api.run(FUNCTION, &binary, &variables, &endpoint, &events).await?;
    let (warm_up, measured) = measured.split_at(1);
    arena.order(Order::Recount).await?;
    let events = [warm_up, measured].concat();
    let sample = api.run(FUNCTION, &binary, &variables, &endpoint, &events).await?;
    let after = arena.order(Order::Report).await?;
    let mut times: Vec<Duration> = sample.times.into_iter().skip(1).collect();
    times.sort_unstable();
    let of_a_batch = |count: u64| count as f64 / (MEASURED + 1) as f64;
    let operations = after.counts.requests.iter().filter(|(name, _)| !name.is_empty());
    Ok(times.get(times.len() / 2).map(|time| SlowBatch {
        time: *time,
        requests: of_a_batch(operations.map(|(_, count)| count).sum()),
        write_units: of_a_batch(after.counts.write_units),
    }))
}

/// Returns the event of a batch of placed orders.
fn batch(number: usize) -> Result<Vec<u8>, Problem> {
    let orders = number * USUAL.1..(number + 1) * USUAL.1;
    let event = orders.into_iter().try_fold(DynamoDbEvent::event_store(), |event, order| {
        event.commit(&placed(order)?).map_err(|failure| Problem::new(failure.to_string()))
    })?;
    Ok(serde_json::to_vec(&event.value())?)
}

fn placed(order: usize) -> Result<RecordedCommit, Problem> {
    let random = |number: u64| {
        let mixed = (order as u64 * LINES + number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 33
    };
    // Low numbers are chosen more often, as some products are.
    let product = |line: u64| random(line) % PRODUCTS * (random(line + 1_000_000) % 1_000) / 1_000;
    let lines: Vec<_> = (0..LINES)
        .map(|line| {
            json!({ "stock_code": format!("{}", 20_000 + product(line)),
                    "description": "WHITE METAL LANTERN", "quantity": 6, "unit_price": 255 })
        })
        .collect();
    let time = Timestamp::from_second(1_291_191_960 + order as i64 * 120)?;
    let units = 6 * i64::try_from(LINES)?;
    let data = json!({
        "order_id": order.to_string(), "customer_id": format!("{}", 12_000 + random(7) % 4_000),
        "country": "United Kingdom", "ordered_at": time, "units": units,
        "total": { "minor": units * 255, "currency": "GBP" }, "lines": lines,
    });
    let schema = DataSchema::new("OrderPlaced", 1);
    let id = format!("{order:08}-88ad-5e44-b0d7-000000000000");
    let event = RecordedEvent::new(id.clone(), Version::new(1), schema, time, data.to_string());
    let stream: StreamId = format!("order#{order}").parse().map_err(|_| Problem::new("no id"))?;
    let cause = Cause::new("shop.import", id);
    Ok(RecordedCommit::new(stream, "shop.orders", cause, time, vec![event]))
}
