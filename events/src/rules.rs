//! The rules of commands that need nothing but the command: its texts can be parts of keys.
//!
//! An order that breaks one is refused before it is placed. Otherwise a service that cannot store
//! its part would never answer, and the order would wait for ever.

use tidegate::validation::{BrokenRule, Validate};

use crate::limits::key_text_defect;
use crate::{CustomerId, OrderLine, PlaceOrder, RecordReturn};

impl Validate for PlaceOrder {
    fn broken_rules(&self) -> Vec<BrokenRule> {
        let Self { order_id, customer_id, country, lines, .. } = self;
        broken("order_id", order_id.as_str(), customer_id.as_ref(), country, lines)
    }
}

impl Validate for RecordReturn {
    fn broken_rules(&self) -> Vec<BrokenRule> {
        let Self { return_id, customer_id, country, lines, .. } = self;
        broken("return_id", return_id.as_str(), customer_id.as_ref(), country, lines)
    }
}

fn broken(
    id_field: &str,
    id: &str,
    customer: Option<&CustomerId>,
    country: &str,
    lines: &[OrderLine],
) -> Vec<BrokenRule> {
    let mut broken: Vec<BrokenRule> =
        [(id_field, Some(id)), ("customer_id", customer.map(CustomerId::as_str))]
            .into_iter()
            .chain([("country", Some(country))])
            .filter_map(|(field, text)| Some(BrokenRule::new(field, key_text_defect(text?)?)))
            .collect();
    for (place, line) in lines.iter().enumerate() {
        let defect = key_text_defect(line.stock_code.as_str());
        broken.extend(
            defect.map(|defect| BrokenRule::new(format!("lines[{place}].stock_code"), defect)),
        );
    }
    broken
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::KEY_TEXT_BYTES;
    use crate::{Currency, ReturnId, stream_kind};
    use tidegate::ids::StreamId;

    fn place(id: &str, customer: &str, country: &str, code: &str) -> PlaceOrder {
        let line = OrderLine {
            stock_code: code.into(),
            description: String::new(),
            quantity: 1,
            unit_price: 1,
        };
        PlaceOrder {
            order_id: id.into(),
            customer_id: Some(customer.into()),
            country: country.to_owned(),
            currency: Currency::Gbp,
            ordered_at: "2010-12-01T08:26:00Z".parse().unwrap(),
            lines: vec![line],
        }
    }

    #[test]
    fn each_text_that_is_empty_or_too_long_is_named_by_its_field_and_the_limit() {
        let long = "x".repeat(KEY_TEXT_BYTES + 1);
        let reason = place("7", &long, "", &long).check().unwrap_err().reason().to_owned();
        assert_eq!(
            reason,
            "customer_id: has 1001 bytes; 1000 fit; country: is empty; lines[0].stock_code: has \
             1001 bytes; 1000 fit"
        );
        let PlaceOrder { country, currency, ordered_at: returned_at, lines, .. } =
            place("7", "17850", "France", "");
        let (return_id, customer_id) = (ReturnId(long), None);
        let back = RecordReturn { return_id, customer_id, country, currency, returned_at, lines };
        assert_eq!(
            back.check().unwrap_err().reason(),
            "return_id: has 1001 bytes; 1000 fit; lines[0].stock_code: is empty"
        );
    }

    #[test]
    fn the_longest_id_fits_into_every_stream_of_its_order_or_return() {
        let longest = "ä".repeat(KEY_TEXT_BYTES / 2);
        assert!(place(&longest, &longest, &longest, &longest).check().is_ok());
        for kind in [
            crate::OrderId::STREAM_KIND,
            ReturnId::STREAM_KIND,
            stream_kind::RESERVATION,
            stream_kind::RESTOCK,
            stream_kind::SUPPLY,
            stream_kind::PAYMENT,
            stream_kind::SHIPMENT,
            stream_kind::FULFILMENT,
        ] {
            assert!(StreamId::new(kind, &longest).is_ok(), "{kind}");
        }
    }
}
