//! Lambda's Invoke (2015-03-31), InvokeWithResponseStream (2021-11-15) and InvokeAsync
//! (2014-11-13).
//!
//! InvokeAsync is deprecated. It does the same as Invoke with the type `Event`.

mod answer;
mod call;
mod operation;
mod request;
mod stream;

pub(super) use call::{invoke, invoke_async, invoke_with_response_stream};
