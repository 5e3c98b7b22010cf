//! The options of `shop load`.

use clap::Args;
use jiff::SignedDuration;
use terminal::endpoint::EndpointOption;
use terminal::name_prefix::PhysicalName;

/// Options of `load`.
#[derive(Debug, Args)]
pub(crate) struct Load {
    /// Orders per second. The API of the reference system takes 100 requests per second.
    #[arg(long, value_name = "N", value_parser = rate)]
    pub(crate) rate: f64,
    /// How long orders are sent, such as 30s or 2m.
    #[arg(long = "for", value_name = "D", value_parser = duration)]
    pub(crate) duration: SignedDuration,
    /// So many of 100 orders are cancelled as soon as they are placed.
    #[arg(long, value_name = "P", default_value_t = 0)]
    #[arg(value_parser = clap::value_parser!(u64).range(0..=100))]
    pub(crate) cancel_percent: u64,
    /// Lines of each order.
    #[arg(long, value_name = "N", default_value_t = 1)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=2000))]
    pub(crate) lines: u64,
    /// Customers who place the orders, one after the other.
    #[arg(long, value_name = "N", default_value_t = 10)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=100))]
    pub(crate) customers: u64,
    /// How long to wait for the last orders to be confirmed.
    #[arg(long, value_name = "D", default_value = "60s", value_parser = duration)]
    pub(crate) wait: SignedDuration,
    /// Prints the result as JSON.
    #[arg(long)]
    pub(crate) json: bool,
    /// Table of events; by default `event-store`.
    #[arg(long, env = "EVENT_STORE_TABLE", value_name = "NAME", hide_env_values = true)]
    pub(crate) event_store_table: Option<String>,
    #[command(flatten)]
    pub(crate) endpoint: EndpointOption,
}

impl Load {
    /// Returns the name of the event store's table.
    pub(crate) fn event_store(&self) -> PhysicalName {
        let prefix = &self.endpoint.name_prefix;
        PhysicalName::given_or(self.event_store_table.as_deref(), prefix, "event-store")
    }
}

fn rate(text: &str) -> Result<f64, String> {
    let rate: f64 = text.parse().map_err(|_| "it is not a number".to_owned())?;
    let fits = rate.is_finite() && (0.01..=10_000.0).contains(&rate);
    if fits { Ok(rate) } else { Err("use a number from 0.01 to 10000".to_owned()) }
}

fn duration(text: &str) -> Result<SignedDuration, String> {
    let wrong = || "use a time from 1s to 24h, such as 30s".to_owned();
    let duration: SignedDuration = text.parse().map_err(|_| wrong())?;
    let fits = (1..=24 * 3600).contains(&duration.as_secs());
    if fits { Ok(duration) } else { Err(wrong()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_a_load_is_refused_with_what_can() {
        assert_eq!(rate("0.5"), Ok(0.5));
        for text in ["0", "-1", "NaN", "inf", "many", "1e9"] {
            assert!(rate(text).is_err(), "{text}");
        }
        assert_eq!(duration("2m"), Ok(SignedDuration::from_mins(2)));
        for text in ["0s", "-5s", "25h", "soon", "10"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }
}
