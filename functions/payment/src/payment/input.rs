//! What the queue of the payments carries.

use events::{AuthorisePayment, CapturePayment, ReleasePayment, ReturnRecorded, stream_kind};
use tidegate::envelope::Envelope;
use tidegate::failure::Failure;
use tidegate::ids::{InvalidStreamId, StreamId};

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
    /// - `invalid_id` (permanent): the order or return has an id that no stream can have.
    /// - `subject_mismatch` (permanent): the envelope is about another order or return.
    pub(crate) fn stream(&self, envelope: &Envelope) -> Result<StreamId, Failure> {
        let stream = StreamId::new(stream_kind::PAYMENT, self.reference()).map_err(invalid_id)?;
        let subject = match self {
            Self::ReturnRecorded(event) => event.return_id.stream().map_err(invalid_id)?,
            _ => stream.clone(),
        };
        if subject == envelope.subject {
            return Ok(stream);
        }
        let reason = format!("the subject is {}, the content is for {subject}", envelope.subject);
        Err(Failure::permanent("subject_mismatch", reason))
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the argument of map_err")]
fn invalid_id(error: InvalidStreamId) -> Failure {
    Failure::permanent("invalid_id", error.to_string())
}
