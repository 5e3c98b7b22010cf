//! `POST /orders`: places an order.

use std::sync::Arc;

use events::api::{NewOrder, NewOrderLine, OrderAccepted};
use events::{
    CustomerId, Defect, OrderCommand, OrderEvent, OrderId, OrderLine, OrderRejected, OrderStatus,
    PlaceOrder, Rejection,
};
use jiff::Timestamp;
use orders::Order;
use tidegate::failure::Failure;
use tidegate::ids::{Cause, content_id};
use tidegate::message::Message;
use tidegate::request::{Answer, Call, Problem, StatusCode};
use tidegate::store::{Content, Retry, execute};

use crate::access::customer;
use crate::shop::Shop;

/// Most reasons of a rejection that the answer names, as of the rules that a body breaks.
const NAMED: usize = 20;

/// Decides the order at once, by the rules that `order-processor` has too.
///
/// The answer is made of the decision alone, so a repeated request gets the same one.
pub(crate) async fn place(shop: Arc<Shop>, call: Call<NewOrder>) -> Result<Answer, Problem> {
    let customer = customer(&call.request)?;
    Problem::check(&call.body)?;
    // The time of arrival is not a part of what the client asks for: a repeat comes later.
    let content = serde_json::to_string(&call.body)?;
    let order_id = order_id(&call.request.cause());
    let stream = order_id.stream()?;
    let command = command(call.body, order_id, customer, call.request.received_at);
    let mut origin = call.request.origin(&command)?;
    origin.content = Content::new(PlaceOrder::TYPE, PlaceOrder::VERSION, &content);
    let retry = Retry::default();
    let executed = execute::<Order>(&*shop.events, &stream, &command, &origin, retry).await?;
    match executed.events() {
        [OrderEvent::OrderPlaced(placed)] => {
            let answer = OrderAccepted {
                order_id: placed.order_id.clone(),
                status: OrderStatus::Placed,
                units: placed.units,
                total: placed.total,
            };
            let place = format!("/orders/{}", answer.order_id);
            Ok(Answer::json(StatusCode::ACCEPTED, &answer)?.header("location", place))
        }
        [OrderEvent::OrderRejected(rejected)] => Err(refused(rejected)),
        other => Err(Problem::internal(Failure::permanent(
            "unexpected_decision",
            format!("{stream}: a new order led to {other:?}"),
        ))),
    }
}

/// Derives the number of an order from the request's caller and key: a repeat is the same order.
fn order_id(cause: &Cause) -> OrderId {
    OrderId(content_id(&["order", &cause.source, &cause.id]))
}

fn command(
    order: NewOrder,
    order_id: OrderId,
    customer: CustomerId,
    received_at: Timestamp,
) -> OrderCommand {
    let line = |line: NewOrderLine| OrderLine {
        stock_code: line.stock_code,
        description: line.description,
        quantity: line.quantity,
        unit_price: line.unit_price,
    };
    // Whole seconds, as in the shop's data: texts of times sort by time then.
    let second = Timestamp::from_second(received_at.as_second());
    OrderCommand::PlaceOrder(PlaceOrder {
        order_id,
        customer_id: Some(customer),
        country: order.country,
        currency: order.currency,
        ordered_at: second.unwrap_or(received_at),
        lines: order.lines.into_iter().map(line).collect(),
    })
}

/// Names the first reasons with their places in the body, and the number of the others.
fn refused(rejected: &OrderRejected) -> Problem {
    let reasons = &rejected.reasons;
    if reasons.iter().any(|reason| reason.defect == Defect::AlreadyAccepted) {
        return Problem::conflict("the order was placed before, by another command");
    }
    let mut detail =
        "the shop rejects the order; correct it, and send it with a new Idempotency-Key".to_owned();
    let kept = u32::try_from(reasons.len()).unwrap_or(u32::MAX);
    let all = kept.saturating_add(rejected.more.unwrap_or_default());
    if all as usize > NAMED {
        detail.push_str(&format!("; here are the first {NAMED} of {all} reasons"));
    }
    let problem = Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "order_rejected", detail);
    reasons
        .iter()
        .take(NAMED)
        .fold(problem, |problem, reason| problem.mistake(pointer(reason), reason.to_string()))
}

fn pointer(reason: &Rejection) -> String {
    let field = match reason.defect {
        Defect::QuantityNotPositive { .. } => "/quantity",
        Defect::PriceNegative { .. } => "/unit_price",
        Defect::NoLines | Defect::AmountTooLarge | Defect::AlreadyAccepted => "",
    };
    match reason.line {
        Some(line) => format!("/lines/{}{field}", line.saturating_sub(1)),
        None => "/lines".to_owned(),
    }
}
