//! Names of attributes and keys of the tables that others read: the read models that
//! `order-projection` writes, and the stock of `inventory`.

use std::fmt;
use std::str::FromStr;

/// Attributes of an `order-view` row. Its key is the stream of the order or return.
pub mod order_view {
    /// Key: `order#536365`, `return#C536379`.
    pub const STREAM: &str = "stream";
    /// `placed`, `recorded` or `rejected`.
    pub const STATUS: &str = "status";
    /// Customer id; absent for guests.
    pub const CUSTOMER: &str = "customer";
    /// Country.
    pub const COUNTRY: &str = "country";
    /// Time of the order or return, RFC 3339.
    pub const AT: &str = "at";
    /// Units of all lines.
    pub const UNITS: &str = "units";
    /// Value of all lines in minor units.
    pub const TOTAL: &str = "total";
    /// Currency of the total.
    pub const CURRENCY: &str = "currency";
    /// Number of lines.
    pub const LINES: &str = "lines";
    /// Reasons of the last rejection, a list of texts.
    pub const REASONS: &str = "reasons";
    /// Number of rejections.
    pub const REJECTIONS: &str = "rejections";
    /// When the command that led to the newest version arrived in its transport, milliseconds since
    /// 1970.
    pub const ARRIVED_AT: &str = "arrived_at";
    /// When the projection applied the newest version, milliseconds since 1970.
    pub const APPLIED_AT: &str = "applied_at";
    /// Newest applied version of the stream.
    pub const VERSION: &str = "version";
}

/// Attributes of a `sales` row. The totals of a key are the sums over its slices.
pub mod sales {
    /// Partition key: dimension and key, `product#85123A`.
    pub const KEY: &str = "key";
    /// Sort key: number of the slice.
    pub const SLICE: &str = "slice";
    /// Placed orders.
    pub const ORDERS: &str = "orders";
    /// Their units.
    pub const UNITS: &str = "units";
    /// Their value in minor units.
    pub const REVENUE: &str = "revenue";
    /// Recorded returns.
    pub const RETURNS: &str = "returns";
    /// Their units.
    pub const RETURNED_UNITS: &str = "returned_units";
    /// Their value in minor units.
    pub const REFUNDED: &str = "refunded";
}

/// Attributes of a `stock` row. Its key is the code of the product.
///
/// A product that was never touched has no row. For each row,
/// `received = on_hand + reserved + shipped`, and no amount is negative.
pub mod stock {
    /// Key: `85123A`.
    pub const STOCK_CODE: &str = "stock_code";
    /// Units in the warehouse that are available: no order reserved them.
    pub const ON_HAND: &str = "on_hand";
    /// Units in the warehouse that orders reserved.
    pub const RESERVED: &str = "reserved";
    /// Units that left the warehouse.
    pub const SHIPPED: &str = "shipped";
    /// Units that ever came in: the opening stock, deliveries of the supplier, and returns.
    pub const RECEIVED: &str = "received";
    /// Units that were ordered from the supplier and did not come yet.
    pub const ON_ORDER: &str = "on_order";
}

/// Dimension by which sales are summed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Dimension {
    /// UTC date, `2010-12-01`.
    Day,
    /// Country.
    Country,
    /// Stock code, as written.
    Product,
    /// Customer id, without guests.
    Customer,
}

impl Dimension {
    /// All dimensions.
    pub const ALL: [Self; 4] = [Self::Day, Self::Country, Self::Product, Self::Customer];

    /// Returns the name of the dimension, such as `day`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Country => "country",
            Self::Product => "product",
            Self::Customer => "customer",
        }
    }

    /// Returns the partition key of `key` in the `sales` table.
    pub fn row_key(self, key: &str) -> String {
        format!("{}#{key}", self.as_str())
    }

    /// Splits a partition key of the `sales` table into dimension and key.
    pub fn split_row_key(row_key: &str) -> Option<(Self, &str)> {
        let (dimension, key) = row_key.split_once('#')?;
        Some((dimension.parse().ok()?, key))
    }
}

impl fmt::Display for Dimension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Dimension {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|dimension| dimension.as_str() == word).ok_or_else(|| {
            format!("unknown dimension `{word}`, expected day, country, product or customer")
        })
    }
}
