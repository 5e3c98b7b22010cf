//! Lambda's Invoke (2015-03-31) and its relatives.
//!
//! They are InvokeWithResponseStream (2021-11-15) and InvokeAsync (2014-11-13), which is deprecated
//! and the same as Invoke with the type `Event`.

mod answer;
mod call;
mod operation;
mod request;
mod stream;

pub(super) use call::{invoke, invoke_async, invoke_with_response_stream};
