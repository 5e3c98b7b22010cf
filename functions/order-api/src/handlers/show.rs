//! `GET /orders/{order_id}`: an order with its status and what happened to it.

use std::sync::Arc;

use events::api::OrderDetails;
use events::{OrderStatus, stream_kind};
use futures::future::try_join_all;
use tidegate::request::{Answer, Call, Problem};

use crate::access::{OfOrder, own_order};
use crate::shop::Shop;
use crate::steps::steps;

/// The services whose streams have what happened to an order, besides fulfilment.
const SERVICES: [&str; 3] = [stream_kind::RESERVATION, stream_kind::PAYMENT, stream_kind::SHIPMENT];

/// Reads the streams, so an order is shown from the moment of its placement on.
pub(crate) async fn show(shop: Arc<Shop>, call: Call<(), OfOrder>) -> Result<Answer, Problem> {
    let id = &call.path.order_id;
    let order = own_order(&shop, &call.request, id).await?;
    let kinds = SERVICES.into_iter().chain([stream_kind::FULFILMENT]);
    let mut streams = try_join_all(kinds.map(|kind| shop.read(kind, id))).await?;
    let status = streams.last().map(|commits| OrderStatus::of(commits)).transpose()?;
    streams.push(order.commits);
    let placed = order.placed;
    Answer::ok(&OrderDetails {
        order_id: placed.order_id,
        customer_id: order.customer,
        status: status.unwrap_or_default(),
        ordered_at: placed.ordered_at,
        country: placed.country,
        units: placed.units,
        total: placed.total,
        lines: placed.lines,
        timeline: steps(streams.iter().flatten()),
    })
}
