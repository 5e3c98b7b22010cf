//! Options of `shop shipment`.

use clap::{Args, Subcommand, ValueEnum};
use events::{OrderId, TrackingStatus};
use jiff::Timestamp;
use terminal::endpoint::EndpointOption;
use terminal::name_prefix::PhysicalName;

use crate::event_store::EventStoreTable;

/// What is done with the shipment of an order.
#[derive(Debug, Subcommand)]
pub(crate) enum ShipmentCommand {
    /// Says that a person gave a shipment that waited to the carrier.
    HandOver(HandOver),
    /// Records what the carrier reports.
    Track(Track),
}

/// Options of `shipment hand-over`.
#[derive(Debug, Args)]
pub(crate) struct HandOver {
    #[command(flatten)]
    pub(crate) of: Shipment,
}

/// Options of `shipment track`.
#[derive(Debug, Args)]
pub(crate) struct Track {
    #[command(flatten)]
    pub(crate) of: Shipment,
    /// Where the shipment is on its way.
    #[arg(value_name = "STATUS")]
    pub(crate) status: Status,
    /// When the carrier saw it, RFC 3339; by default now.
    #[arg(long, value_name = "TIME")]
    pub(crate) at: Option<Timestamp>,
}

/// The shipment, and where it is.
#[derive(Debug, Args)]
pub(crate) struct Shipment {
    /// Number of the order, such as 536365.
    #[arg(value_name = "ORDER", value_parser = order_id)]
    pub(crate) order: OrderId,
    /// Longest wait for the decision, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    #[arg(value_parser = clap::value_parser!(u64).range(..=86_400))]
    pub(crate) timeout: u64,
    /// Queue that takes the command; by default `shipping` after the name prefix.
    #[arg(long, env = "SHIPPING_QUEUE", value_name = "NAME", hide_env_values = true)]
    queue: Option<String>,
    #[command(flatten)]
    pub(crate) store: EventStoreTable,
    #[command(flatten)]
    pub(crate) endpoint: EndpointOption,
}

impl Shipment {
    /// Returns the name of the queue.
    pub(crate) fn queue(&self) -> PhysicalName {
        PhysicalName::given_or(self.queue.as_deref(), &self.endpoint.name_prefix, "shipping")
    }
}

/// Where a shipment is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Status {
    /// The carrier has it.
    InTransit,
    /// It is on its last mile.
    OutForDelivery,
    /// The customer has it.
    Delivered,
}

impl From<Status> for TrackingStatus {
    fn from(status: Status) -> Self {
        match status {
            Status::InTransit => Self::InTransit,
            Status::OutForDelivery => Self::OutForDelivery,
            Status::Delivered => Self::Delivered,
        }
    }
}

fn order_id(text: &str) -> Result<OrderId, String> {
    let order = OrderId(text.to_owned());
    order.stream().map(|_| order).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use terminal::misuse::one_line;

    use super::*;
    use crate::arguments::{Arguments, Command};

    #[test]
    fn a_report_has_an_order_a_status_and_perhaps_a_time() {
        let line = "shop shipment track 536365 out-for-delivery --at 2026-01-02T10:00:00Z";
        let arguments = Arguments::try_parse_from(line.split(' ')).unwrap();
        let Command::Shipment(ShipmentCommand::Track(track)) = arguments.command else {
            panic!("{arguments:?}")
        };
        assert_eq!((track.of.order.as_str(), track.status), ("536365", Status::OutForDelivery));
        assert_eq!(track.at, Some("2026-01-02T10:00:00Z".parse().unwrap()));
        assert_eq!((track.of.queue().as_str(), track.of.timeout), ("shipping", 30));
    }

    #[test]
    fn misuse_is_said_with_what_is_wrong() {
        let long = "7".repeat(3000);
        for (line, wrong) in [
            ("shop shipment", "'shop shipment' needs a command".to_owned()),
            ("shop shipment track 7 lost", "in-transit, out-for-delivery, delivered".to_owned()),
            ("shop shipment track 7 delivered --at noon", "'noon' for '--at <TIME>'".to_owned()),
            (&format!("shop shipment hand-over {long}"), "for '<ORDER>'".to_owned()),
        ] {
            let error = Arguments::try_parse_from(line.split(' ')).unwrap_err();
            let said = one_line("shop", &error);
            assert!(said.contains(&wrong), "{line}: {said}");
        }
    }
}
