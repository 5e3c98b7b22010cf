//! Takes the event of a Lambda invocation apart into deliveries, and puts the answer together.
//!
//! A batch is split before any body is decoded: a record that cannot be read becomes a delivery that says so, and costs its
//! neighbours nothing. Only what a delivery needs is read of a record: whatever else a source adds, leaves out or gets wrong costs nothing. (The types
//! of `aws_lambda_events` refuse a whole batch for one bad base64 or one missing attribute.)

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
