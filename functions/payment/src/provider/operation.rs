//! An operation that the provider is asked for.

use events::Money;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Characters that RFC 3986 leaves as they are in every part of a URL.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// An operation on the payment or refund with a reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Operation {
    /// Our name of the payment or refund: the id of the order or return.
    pub(crate) reference: String,
    pub(crate) request: Request,
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Request {
    /// To reserve an amount on the customer's card.
    Authorise(Money),
    /// To take the authorised amount.
    Capture(Money),
    /// To give up what is authorised, and to authorise nothing under this reference later.
    Void,
    /// To pay an amount back.
    Refund(Money),
}

impl Operation {
    pub(crate) fn new(reference: impl Into<String>, request: Request) -> Self {
        Self { reference: reference.into(), request }
    }

    /// Returns the key by which the provider recognises the operation, in ASCII.
    ///
    /// It is the same in every delivery, because each reference has each operation once.
    pub(crate) fn key(&self) -> String {
        let verb = match self.request {
            Request::Authorise(_) => "authorise",
            Request::Capture(_) => "capture",
            Request::Void => "void",
            Request::Refund(_) => "refund",
        };
        format!("{verb}:{}", encoded(&self.reference))
    }
}

/// Encodes a text as one segment of a path.
pub(crate) fn encoded(text: &str) -> String {
    utf8_percent_encode(text, UNRESERVED).to_string()
}
