//! `GET /customers/{customer_id}/orders`: the orders of a customer, newest first.

use std::sync::Arc;

use events::api::{OrderPage, OrderSummary};
use events::{Currency, CustomerId, Money, OrderId};
use futures::stream::{self, StreamExt, TryStreamExt};
use jiff::Timestamp;
use serde::Deserialize;
use tidegate::failure::{Class, Failure};
use tidegate::ids::StreamId;
use tidegate::query::{NextPage, Query, page};
use tidegate::request::{Answer, Call, Problem, StatusCode};
use tracing::error;

use crate::access::customer;
use crate::shop::Shop;

/// Orders of a page, unless the client asks for another number.
const LIMIT: u32 = 20;
/// Most orders of a page. The status of each is read from the whole stream of its process, which
/// costs a read unit for each 4 KB. The stream has every message that the process got, so an order
/// with many lines costs more.
const MOST: u32 = 50;
/// Streams that are read at the same time.
const READS: usize = 16;

#[derive(Deserialize)]
pub(crate) struct OfCustomer {
    customer_id: CustomerId,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Paging {
    limit: Option<u32>,
    page: Option<String>,
}

/// An order or a return in the index.
#[derive(Deserialize)]
struct Entry {
    stream: StreamId,
    at: Timestamp,
    lines: u64,
    units: i64,
    total: i64,
    currency: Currency,
}

/// Lists the caller's own orders. The index has the orders, the streams of their processes have
/// the status.
pub(crate) async fn list(
    shop: Arc<Shop>,
    call: Call<(), OfCustomer, Paging>,
) -> Result<Answer, Problem> {
    let customer = customer(&call.request)?;
    if call.path.customer_id != customer {
        return Err(Problem::not_found("there is no such customer, or it is not you"));
    }
    let limit = call.query.limit.unwrap_or(LIMIT);
    if !(1..=MOST).contains(&limit) {
        return Err(wrong(format!("`limit` is {limit}; use 1 to {MOST}")));
    }
    let query = Query::of_index(&shop.orders, &shop.by_customer, customer.as_str())
        .descending()
        .limit(limit);
    let from = match &call.query.page {
        None => None,
        Some(text) => Some(NextPage::from_text(text, &query).ok_or_else(no_page)?),
    };
    let page = page::<Entry>(&*shop.tables, &query, from.as_ref()).await;
    let page = page.map_err(|failure| unreadable(failure, from.is_some()))?;
    for failure in &page.unreadable {
        // It must not hide the customer's other orders.
        error!(reason = failure.reason(), "an order is not listed");
    }
    let next = page.next.as_ref().and_then(|next| next.to_text(&query));
    // The index has the customer's returns, too.
    let orders = page.rows.into_iter().filter(|entry| entry.stream.kind() == OrderId::STREAM_KIND);
    let summaries = orders.map(|entry| summary(&shop, entry));
    let orders = stream::iter(summaries).buffered(READS).try_collect().await?;
    Answer::ok(&OrderPage { orders, next })
}

async fn summary(shop: &Shop, entry: Entry) -> Result<OrderSummary, Failure> {
    let order_id = OrderId(entry.stream.key().to_owned());
    Ok(OrderSummary {
        status: shop.progress(&order_id).await?.status(),
        order_id,
        ordered_at: entry.at,
        lines: entry.lines,
        units: entry.units,
        total: Money { minor: entry.total, currency: entry.currency },
    })
}

fn wrong(detail: String) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "invalid_query", detail)
}

fn no_page() -> Problem {
    wrong("`page` is not a place in this list; begin without it".to_owned())
}

/// DynamoDB refuses a made-up place, which is the client's mistake.
fn unreadable(failure: Failure, with_place: bool) -> Problem {
    if with_place && failure.class() == Class::Permanent { no_page() } else { failure.into() }
}
