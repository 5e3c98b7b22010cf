//! An e-mail to a customer.

use events::{CustomerId, Money, OrderLine, OrderPlaced};
use serde::Serialize;
use tidegate::failure::Failure;

use crate::news::News;
use crate::templates::{Rendered, Templates};

/// Most lines of an order that an e-mail lists.
const LISTED_LINES: usize = 20;
/// Most characters of a value, such as the description of a product.
const VALUE_CHARACTERS: usize = 100;
/// Most characters of a customer's id: the part of an address before the `@` has 64 at most (RFC
/// 5321, 4.5.3.1.1).
const CUSTOMER_CHARACTERS: usize = 50;

/// An e-mail to a customer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mail {
    pub(crate) to: String,
    pub(crate) subject: String,
    pub(crate) text: String,
}

/// Values of the templates. What a kind of news does not have is left out.
#[derive(Default, Serialize)]
struct Values {
    order: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    ordered_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lines: Option<Vec<Line>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    more_lines: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    units: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    total: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    is_free: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tracking: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<events::CancellationCause>,
    #[serde(skip_serializing_if = "Option::is_none")]
    is_rejection: Option<bool>,
}

#[derive(Serialize)]
struct Line {
    /// To the right in six columns.
    quantity: String,
    /// Code and description.
    product: String,
    price: String,
}

impl Mail {
    /// Writes the e-mail that tells a customer the news.
    ///
    /// # Errors
    /// - `invalid_address` (permanent): the customer's id is not a part of an address.
    /// - Those of [`Templates::render`].
    pub(crate) fn new(
        news: &News,
        customer: &CustomerId,
        domain: &str,
        templates: &Templates,
    ) -> Result<Self, Failure> {
        let to = address(customer, domain)?;
        let Rendered { subject, text } = templates.render(news.kind(), &Values::new(news))?;
        Ok(Self { to, subject, text })
    }
}

impl Values {
    fn new(news: &News) -> Self {
        let order = clean(news.order_id().as_str());
        match news {
            News::Placed(placed) => Self::placed(order, placed),
            News::Confirmed(confirmed) => Self {
                order,
                total: Some(confirmed.total.to_string()),
                is_free: Some(confirmed.total.minor == 0),
                ..Self::default()
            },
            News::Dispatched(dispatched) => {
                Self { order, tracking: Some(clean(&dispatched.tracking)), ..Self::default() }
            }
            News::Cancelled(cancelled) => {
                let cause = cancelled.cause;
                let is_rejection = Some(cause.is_rejection());
                Self { order, cause: Some(cause), is_rejection, ..Self::default() }
            }
        }
    }

    fn placed(order: String, placed: &OrderPlaced) -> Self {
        let line = |line: &OrderLine| Line {
            quantity: format!("{:>6}", line.quantity),
            product: clean(&format!("{} {}", line.stock_code, line.description)),
            price: Money { minor: line.unit_price, currency: placed.total.currency }.to_string(),
        };
        Self {
            order,
            ordered_at: Some(placed.ordered_at.to_string()),
            lines: Some(placed.lines.iter().take(LISTED_LINES).map(line).collect()),
            more_lines: Some(placed.lines.len().saturating_sub(LISTED_LINES)),
            units: Some(placed.units),
            total: Some(placed.total.to_string()),
            ..Self::default()
        }
    }
}

/// Makes the customer's address from the customer's id. A failure does not name the id: its reason
/// goes to the log, and an id of another form may be an address.
fn address(customer: &CustomerId, domain: &str) -> Result<String, Failure> {
    let id = customer.as_str();
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if !id.is_empty() && id.len() <= CUSTOMER_CHARACTERS && id.bytes().all(is_allowed) {
        return Ok(format!("customer-{id}@{domain}"));
    }
    let reason = format!(
        "the customer of the order has no address: the id has other characters than letters, \
         digits, `-` and `_`, or not 1 to {CUSTOMER_CHARACTERS} of them"
    );
    Err(Failure::permanent("invalid_address", reason))
}

/// Returns a value from outside as it may stand in an e-mail: one line of limited length. A line
/// break in it would forge the lines after it.
fn clean(value: &str) -> String {
    let words = value.split(|c: char| c.is_whitespace() || c.is_control());
    let line = words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(VALUE_CHARACTERS) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default()),
        None => line,
    }
}

#[cfg(test)]
mod tests;
