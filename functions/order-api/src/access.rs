//! Who the caller is, and which orders are theirs.

use events::{CustomerId, OrderEvent, OrderId, OrderPlaced};
use serde::Deserialize;
use tidegate::request::{Problem, Request};
use tidegate::store::RecordedCommit;

use crate::shop::Shop;

/// Longest customer id, in characters.
const CUSTOMER_CHARACTERS: usize = 128;

/// The path of one order.
#[derive(Deserialize)]
pub(crate) struct OfOrder {
    pub(crate) order_id: OrderId,
}

/// An order of the caller.
pub(crate) struct OwnOrder {
    pub(crate) placed: OrderPlaced,
    pub(crate) customer: CustomerId,
    pub(crate) commits: Vec<RecordedCommit>,
}

/// Returns the caller's customer id: the subject of the token.
///
/// # Errors
/// A 403 if the token has no subject, or its subject is not a customer id.
pub(crate) fn customer(request: &Request) -> Result<CustomerId, Problem> {
    let subject = request.caller.jwt().and_then(|token| token.subject());
    let Some(subject) = subject else {
        return Err(Problem::forbidden(
            "the token has no subject (`sub`), so it names no customer",
        ));
    };
    let fits = subject.chars().count() <= CUSTOMER_CHARACTERS
        && !subject.chars().any(|letter| letter.is_control() || letter.is_whitespace());
    if fits {
        Ok(CustomerId(subject.to_owned()))
    } else {
        Err(Problem::forbidden("the token's subject (`sub`) is not a customer id"))
    }
}

/// Reads an order of the caller.
///
/// # Errors
/// A 404 if there is no such order, or it is another's: strangers do not learn which orders exist.
pub(crate) async fn own_order(
    shop: &Shop,
    request: &Request,
    order: &OrderId,
) -> Result<OwnOrder, Problem> {
    let customer = customer(request)?;
    let commits = shop.read(OrderId::STREAM_KIND, order).await?;
    let mut placed = None;
    for event in commits.iter().flat_map(|commit| &commit.events) {
        if let OrderEvent::OrderPlaced(event) = event.decode()? {
            placed = Some(event);
        }
    }
    match placed.filter(|placed| placed.customer_id.as_ref() == Some(&customer)) {
        Some(placed) => Ok(OwnOrder { placed, customer, commits }),
        None => Err(Problem::not_found("you have no such order")),
    }
}
