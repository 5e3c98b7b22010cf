//! Splits the event of a Lambda invocation into deliveries, and builds the function's response.
//!
//! A batch is split before any body is decoded. A record that cannot be read becomes a delivery
//! with a failure in place of the body, and does not affect other records.
//!
//! Only the fields that a delivery needs are read. So a source may add, omit or malform any other
//! field. (The types of `aws_lambda_events`, in contrast, reject a whole batch for one invalid
//! base64 text or one missing attribute.)

mod aggregate;
mod alone;
mod body;
mod change;
mod delivery;
mod dynamodb;
mod event_name;
mod eventbridge;
mod fields;
mod kind;
mod kinesis;
mod notification;
#[cfg(feature = "aws-lambda-events")]
mod records;
mod response;
mod s3;
mod sns;
mod split;
mod sqs;
mod wrapper;

#[cfg(test)]
pub(crate) use aggregate::aggregated;
pub(crate) use alone::alone;
pub use body::Body;
pub use change::{Change, ChangeKind};
pub use delivery::Delivery;
pub use event_name::EventName;
#[cfg(test)]
pub(crate) use fields::scanned;
pub use kind::Source;
pub use response::Response;

#[cfg(test)]
mod tests;
