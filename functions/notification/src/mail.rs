use std::future::Future;

use aws_sdk_ses::Client;
use aws_sdk_ses::error::SdkError;
use aws_sdk_ses::operation::send_email::SendEmailError;
use aws_sdk_ses::types::{Body, Content, Destination, Message};
use tidegate::failure::{Failure, chain};
use tidegate::idempotency::EffectError;

use crate::confirmation::Confirmation;

/// Sends e-mail.
pub(crate) trait Mailer: Send + Sync {
    /// Sends a confirmation and answers the provider's id of the message.
    fn send(&self, confirmation: &Confirmation) -> impl Future<Output = Result<String, EffectError>> + Send;
}

/// E-mail through SES, in its first version, which every emulator has.
pub(crate) struct SesMailer {
    client: Client,
    sender: String,
}

impl SesMailer {
    /// Sends as `sender`. One attempt for each e-mail: a request that SES may have taken must not be repeated unseen.
    pub(crate) fn new(client: Client, sender: String) -> Self {
        let once =
            client.config().to_builder().retry_config(aws_sdk_ses::config::retry::RetryConfig::disabled());
        SesMailer { client: Client::from_conf(once.build()), sender }
    }
}

fn content(text: &str) -> Result<Content, EffectError> {
    Content::builder()
        .data(text)
        .charset("UTF-8")
        .build()
        .map_err(|error| EffectError::NotDone(Failure::permanent("invalid_mail", error.to_string())))
}

impl Mailer for SesMailer {
    async fn send(&self, confirmation: &Confirmation) -> Result<String, EffectError> {
        let message = Message::builder()
            .subject(content(&confirmation.subject)?)
            .body(Body::builder().text(content(&confirmation.text)?).build())
            .build();
        let sent = self
            .client
            .send_email()
            .source(&self.sender)
            .destination(Destination::builder().to_addresses(&confirmation.to).build())
            .message(message)
            .send()
            .await;
        match sent {
            Ok(sent) => Ok(sent.message_id),
            Err(error) => Err(failure(&error)),
        }
    }
}

/// What SES refused was not sent. When no answer came, or SES failed itself, nobody knows.
fn failure(error: &SdkError<SendEmailError>) -> EffectError {
    let reason = chain(error);
    match error {
        SdkError::ServiceError(refused) if refused.raw().status().is_server_error() => {
            EffectError::Unknown(Failure::transient("mail_unknown", reason))
        }
        SdkError::ServiceError(refused) if refused.err().is_message_rejected() => {
            EffectError::NotDone(Failure::permanent("mail_rejected", reason))
        }
        SdkError::ServiceError(_) | SdkError::ConstructionFailure(_) => {
            EffectError::NotDone(Failure::aws("mail_refused", error))
        }
        SdkError::DispatchFailure(dispatch) if dispatch.is_user() => {
            EffectError::NotDone(Failure::transient("mail_not_sent", reason))
        }
        _ => EffectError::Unknown(Failure::transient("mail_unknown", reason)),
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_ses::config::http::HttpResponse;
    use aws_sdk_ses::error::ErrorMetadata;
    use aws_sdk_ses::primitives::SdkBody;

    use super::*;

    #[test]
    fn a_throttled_email_was_not_sent_and_says_so_in_the_word_that_slows_down() {
        let code = |code: &str| {
            let refused = SendEmailError::generic(ErrorMetadata::builder().code(code).build());
            let answer = HttpResponse::new(400_u16.try_into().unwrap(), SdkBody::empty());
            match failure(&SdkError::service_error(refused, answer)) {
                EffectError::NotDone(failure) => failure.code().to_owned(),
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(code("Throttling"), Failure::THROTTLED);
        assert_eq!(code("AccountSendingPausedException"), "mail_refused");
    }
}
