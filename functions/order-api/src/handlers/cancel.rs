//! `POST /orders/{order_id}/cancel`: asks for the cancellation of an order.

use std::sync::Arc;

use events::api::OrderCancellation;
use events::{CancelOrder, OrderCommand, OrderEvent, OrderStatus};
use orders::Order;
use tidegate::request::{Answer, Call, Problem, StatusCode};
use tidegate::store::{Retry, execute};

use crate::access::{OfOrder, OwnOrder, own_order};
use crate::shop::Shop;

/// Stores the request. Fulfilment decides whether the order can still be stopped.
///
/// A cancellation that was requested before is not requested again, so a further request has the
/// same answer and writes nothing.
pub(crate) async fn cancel(shop: Arc<Shop>, call: Call<(), OfOrder>) -> Result<Answer, Problem> {
    let order_id = call.path.order_id;
    let order = own_order(&shop, &call.request, &order_id).await?;
    if !is_requested(&order)? {
        // An order that left or ended cannot be cancelled, even if it is stuck.
        match shop.progress(&order_id).await?.published() {
            OrderStatus::Placed | OrderStatus::Confirmed => {}
            status => {
                let detail = format!("the order is {status}; it cannot be cancelled any more");
                return Err(Problem::conflict(detail));
            }
        }
        let stream = order_id.stream()?;
        let command = OrderCommand::from(CancelOrder { order_id: order_id.clone() });
        let origin = call.request.origin(&command)?;
        // Whether this request or another one was faster, the cancellation is requested now.
        execute::<Order>(&*shop.events, &stream, &command, &origin, Retry::default()).await?;
    }
    Answer::json(StatusCode::ACCEPTED, &OrderCancellation { order_id })
}

fn is_requested(order: &OwnOrder) -> Result<bool, Problem> {
    for event in order.commits.iter().flat_map(|commit| &commit.events) {
        if let OrderEvent::CancellationRequested(_) = event.decode()? {
            return Ok(true);
        }
    }
    Ok(false)
}
