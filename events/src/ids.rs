//! Ids of orders, returns, customers and products.

use std::fmt;

use serde::{Deserialize, Serialize};
use tidegate::ids::{InvalidStreamId, StreamId};

macro_rules! text_id {
    ($(#[$meta:meta])* $name:ident) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        #[serde(transparent)]
        pub struct $name(pub String);

        impl $name {
            /// Returns the id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                $name(text.to_owned())
            }
        }
    };
}

text_id! {
    /// Number of an order: `536365`.
    OrderId
}
text_id! {
    /// Number of a return: `C536379`.
    ReturnId
}
text_id! {
    /// Number of a customer: `17850`.
    CustomerId
}
text_id! {
    /// Code of a product, as written by the shop: `85123A`.
    StockCode
}

impl OrderId {
    /// Kind of an order's stream.
    pub const STREAM_KIND: &str = "order";

    /// Returns the id of the order's stream.
    ///
    /// # Errors
    /// The id is empty or longer than a stream id may be.
    pub fn stream(&self) -> Result<StreamId, InvalidStreamId> {
        StreamId::new(Self::STREAM_KIND, &self.0)
    }
}

impl ReturnId {
    /// Kind of a return's stream.
    pub const STREAM_KIND: &str = "return";

    /// Returns the id of the return's stream.
    ///
    /// # Errors
    /// The id is empty or longer than a stream id may be.
    pub fn stream(&self) -> Result<StreamId, InvalidStreamId> {
        StreamId::new(Self::STREAM_KIND, &self.0)
    }
}

/// Kinds of the streams that belong to an order or a return. Their key is that of the order or
/// return.
pub mod stream_kind {
    /// Reservation of an order's products: `reservation#536365`. Owned by `inventory`.
    pub const RESERVATION: &str = "reservation";
    /// Goods of a return that come back into the stock: `restock#C536379`. Owned by `inventory`.
    pub const RESTOCK: &str = "restock";
    /// What the supplier delivers for a reservation that made a product run low:
    /// `supply#536365`. Owned by `inventory`.
    pub const SUPPLY: &str = "supply";
    /// Payment of an order or refund of a return: `payment#536365`. Owned by `payment`.
    pub const PAYMENT: &str = "payment";
    /// Shipment of an order: `shipment#536365`. Owned by `shipping`.
    pub const SHIPMENT: &str = "shipment";
    /// Process that fulfils an order: `fulfilment#536365`. Owned by `fulfilment`.
    pub const FULFILMENT: &str = "fulfilment";
}
