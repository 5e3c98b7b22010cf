//! What the queue of the payments carries.

use events::{
    AuthorisePayment, CapturePayment, ReleasePayment, ReturnId, ReturnRecorded, stream_kind,
    stream_of, subject_of,
};
use tidegate::envelope::Envelope;
use tidegate::failure::Failure;
use tidegate::ids::StreamId;

tidegate::messages! {
    /// Commands to payments, and the event that leads to a refund.
    #[derive(Clone, Debug, PartialEq)]
    pub(crate) enum Input { AuthorisePayment, CapturePayment, ReleasePayment, ReturnRecorded }
}

impl Input {
    /// Returns the id of the order or return whose money it is. The provider knows the payment or
    /// refund by it.
    pub(crate) fn reference(&self) -> &str {
        match self {
            Self::AuthorisePayment(command) => command.order_id.as_str(),
            Self::CapturePayment(command) => command.order_id.as_str(),
            Self::ReleasePayment(command) => command.order_id.as_str(),
            Self::ReturnRecorded(event) => event.return_id.as_str(),
        }
    }

    /// Returns the stream that the input changes.
    ///
    /// # Errors
    /// Those of [`subject_of`]: the envelope must be about this order or return.
    pub(crate) fn stream(&self, envelope: &Envelope) -> Result<StreamId, Failure> {
        let kind = match self {
            Self::ReturnRecorded(_) => ReturnId::STREAM_KIND,
            Self::AuthorisePayment(_) | Self::CapturePayment(_) | Self::ReleasePayment(_) => {
                stream_kind::PAYMENT
            }
        };
        subject_of(&envelope.subject, kind, self.reference())?;
        stream_of(stream_kind::PAYMENT, self.reference())
    }
}
