//! Ids of orders, returns, customers and products.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tidegate::ids::{InvalidStreamId, StreamId};

macro_rules! text_id {
    ($(#[$meta:meta])* $name:ident) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
        #[serde(transparent)]
        pub struct $name(pub String);

        impl $name {
            /// As text.
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

    /// The order's stream.
    ///
    /// # Errors
    /// When the id is empty or longer than a stream id may be.
    pub fn stream(&self) -> Result<StreamId, InvalidStreamId> {
        StreamId::new(Self::STREAM_KIND, &self.0)
    }
}

impl ReturnId {
    /// Kind of a return's stream.
    pub const STREAM_KIND: &str = "return";

    /// The return's stream.
    ///
    /// # Errors
    /// When the id is empty or longer than a stream id may be.
    pub fn stream(&self) -> Result<StreamId, InvalidStreamId> {
        StreamId::new(Self::STREAM_KIND, &self.0)
    }
}
