//! E-mail through SES.

use std::future::Future;

use aws_sdk_ses::Client;
use aws_sdk_ses::config::http::HttpResponse;
use aws_sdk_ses::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_ses::operation::send_email::SendEmailError;
use aws_sdk_ses::types::{Body, Content, Destination, Message};
use tidegate::aws::AwsClients;
use tidegate::failure::Failure;
use tidegate::idempotency::EffectError;

use crate::mail::Mail;

/// Sends e-mail.
pub(crate) trait Mailer: Send + Sync {
    /// Sends an e-mail and returns the provider's id of the message.
    fn send(&self, mail: &Mail) -> impl Future<Output = Result<String, EffectError>> + Send;
}

/// E-mail through the first version of SES's API, which every emulator has.
pub(crate) struct SesMailer {
    client: Client,
    sender: String,
}

impl SesMailer {
    /// Creates a client that sends as `sender`.
    ///
    /// It makes one attempt for each e-mail. A request that SES may have accepted must not be
    /// repeated silently.
    pub(crate) fn new(aws: &AwsClients, sender: String) -> Self {
        Self { client: Client::new(&aws.once()), sender }
    }
}

fn content(text: &str) -> Result<Content, EffectError> {
    Content::builder().data(text).charset("UTF-8").build().map_err(|error| {
        EffectError::NotDone(Failure::permanent("invalid_mail", error.to_string()))
    })
}

impl Mailer for SesMailer {
    async fn send(&self, mail: &Mail) -> Result<String, EffectError> {
        let message = Message::builder()
            .subject(content(&mail.subject)?)
            .body(Body::builder().text(content(&mail.text)?).build())
            .build();
        let sent = self
            .client
            .send_email()
            .source(&self.sender)
            .destination(Destination::builder().to_addresses(&mail.to).build())
            .message(message)
            .send()
            .await;
        match sent {
            Ok(sent) => Ok(sent.message_id),
            Err(error) => Err(failure(&error)),
        }
    }
}

/// Classifies an error of SES.
///
/// A mail that SES refused for good is not sent again. For other failures, [`EffectError::aws`]
/// decides whether the mail was certainly not sent. SES's text may have the address, which must not
/// come into the log, so the reason has SES's code alone.
fn failure(error: &SdkError<SendEmailError, HttpResponse>) -> EffectError {
    let SdkError::ServiceError(refused) = error else { return EffectError::aws("mail", error) };
    let (status, code) = (refused.raw().status().as_u16(), refused.err().code());
    let reason = format!("SES answered {status} {}", code.unwrap_or("without a code"));
    if refused.err().is_message_rejected() {
        return EffectError::NotDone(Failure::permanent("mail_rejected", reason));
    }
    let without_text =
        |failure: Failure| Failure::transient(failure.code().to_owned(), reason.clone());
    match EffectError::aws("mail", error) {
        EffectError::NotDone(failure) => EffectError::NotDone(without_text(failure)),
        EffectError::Unknown(failure) => EffectError::Unknown(without_text(failure)),
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use aws_config::timeout::TimeoutConfig;
    use aws_config::{BehaviorVersion, Region, SdkConfig};
    use aws_sdk_ses::config::{Credentials, SharedCredentialsProvider};

    use super::*;

    const SENT: &str = "<SendEmailResponse xmlns=\"http://ses.amazonaws.com/doc/2010-12-01/\"><SendEmailResult>\
        <MessageId>m</MessageId></SendEmailResult></SendEmailResponse>";

    /// What the test's e-mail service does with a connection.
    #[derive(Clone, Copy)]
    enum Does {
        /// Responds to one request with this status and leaves the connection open. Closes it as
        /// soon as more data arrives, as a service does with a connection that was idle for too
        /// long.
        AnswersOnce(u16, &'static str),
        /// Reads a request and closes.
        ReadsAndCloses,
        /// Reads a request and keeps the connection open without an answer.
        NeverAnswers,
    }

    /// Starts a service on a free port. Returns its address and a counter of its connections.
    fn service(does: Does) -> (u16, Arc<AtomicUsize>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let connections = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&connections);
        std::thread::spawn(move || {
            for connection in listener.incoming() {
                counted.fetch_add(1, Ordering::SeqCst);
                std::thread::spawn(move || serve(connection.unwrap(), does));
            }
        });
        (port, connections)
    }

    fn serve(mut connection: TcpStream, does: Does) {
        read_request(&mut connection);
        let Does::AnswersOnce(status, body) = does else {
            if matches!(does, Does::NeverAnswers) {
                // Until the client gives up and closes.
                let _ = connection.read(&mut [0]);
            }
            return;
        };
        let answer =
            format!("HTTP/1.1 {status} status\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        connection.write_all(answer.as_bytes()).unwrap();
        // If the socket is closed with unread data, the connection is reset.
        let _ = connection.peek(&mut [0]);
    }

    /// Reads a request with its body.
    fn read_request(connection: &mut TcpStream) {
        let (mut request, mut part) = (Vec::new(), [0; 4096]);
        loop {
            let text = String::from_utf8_lossy(&request).to_lowercase();
            if let Some((head, body)) = text.split_once("\r\n\r\n") {
                let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
                if body.len() >= length.unwrap().trim().parse().unwrap() {
                    return;
                }
            }
            match connection.read(&mut part).unwrap() {
                0 => panic!("the request ends in the middle: {text}"),
                read => request.extend_from_slice(&part[..read]),
            }
        }
    }

    fn mailer(port: u16) -> SesMailer {
        mailer_with(port, TimeoutConfig::disabled())
    }

    fn mailer_with(port: u16, timeouts: TimeoutConfig) -> SesMailer {
        let config = SdkConfig::builder()
            .timeout_config(timeouts)
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-central-1"))
            .credentials_provider(SharedCredentialsProvider::new(Credentials::new(
                "k", "s", None, None, "test",
            )))
            .endpoint_url(format!("http://127.0.0.1:{port}"))
            .build();
        SesMailer::new(&AwsClients::from_config(config), "shop@example.com".to_owned())
    }

    fn mail() -> Mail {
        Mail { to: "c@example.com".to_owned(), subject: "s".to_owned(), text: "t".to_owned() }
    }

    async fn send(mailer: &SesMailer) -> Result<String, String> {
        mailer.send(&mail()).await.map_err(|error| match error {
            EffectError::NotDone(failure) => format!("not sent, {}", failure.code()),
            EffectError::Unknown(failure) => format!("unknown, {}", failure.code()),
        })
    }

    #[tokio::test]
    async fn an_email_is_not_sent_over_a_connection_that_was_used_before() {
        let (port, connections) = service(Does::AnswersOnce(200, SENT));
        let mailer = mailer(port);
        for number in 1..=3 {
            assert_eq!(send(&mailer).await, Ok("m".to_owned()), "e-mail {number}");
            assert_eq!(connections.load(Ordering::SeqCst), number);
        }
    }

    #[tokio::test]
    async fn an_email_that_no_connection_was_made_for_was_not_sent() {
        let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        assert_eq!(send(&mailer(closed)).await, Err("not sent, mail".to_owned()));
    }

    #[tokio::test]
    async fn an_email_that_ses_has_read_or_failed_on_may_have_been_sent() {
        let (port, connections) = service(Does::ReadsAndCloses);
        assert_eq!(send(&mailer(port)).await, Err("unknown, mail".to_owned()));
        assert_eq!(connections.load(Ordering::SeqCst), 1, "it is sent once");
        let (port, connections) = service(Does::AnswersOnce(500, "<ErrorResponse/>"));
        assert_eq!(send(&mailer(port)).await, Err("unknown, mail".to_owned()));
        assert_eq!(connections.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn an_email_that_ses_does_not_answer_in_time_may_have_been_sent() {
        let (port, connections) = service(Does::NeverAnswers);
        let attempt = Duration::from_millis(100);
        let impatient = TimeoutConfig::builder().operation_attempt_timeout(attempt).build();
        assert_eq!(send(&mailer_with(port, impatient)).await, Err("unknown, mail".to_owned()));
        assert!(connections.load(Ordering::SeqCst) <= 1, "it is not sent again");
    }

    #[tokio::test]
    async fn an_email_that_ses_refused_was_not_sent() {
        let refused = |code: &str| -> &'static str {
            let text = format!("<ErrorResponse><Error><Code>{code}</Code></Error></ErrorResponse>");
            Box::leak(text.into_boxed_str())
        };
        for (code, expected) in [
            ("Throttling", "throttled"),
            ("MessageRejected", "mail_rejected"),
            ("AccountSendingPaused", "mail"),
        ] {
            let (port, _) = service(Does::AnswersOnce(400, refused(code)));
            assert_eq!(send(&mailer(port)).await, Err(format!("not sent, {expected}")));
        }
    }

    #[tokio::test]
    async fn a_refusal_is_named_by_its_code_and_never_by_its_text() {
        for (code, status) in [("MessageRejected", 400), ("NotAuthorized", 403), ("Oops", 500)] {
            let body = format!(
                "<ErrorResponse><Error><Code>{code}</Code><Message>c@example.com is not verified\
                 </Message></Error></ErrorResponse>"
            );
            let (port, _) = service(Does::AnswersOnce(status, Box::leak(body.into_boxed_str())));
            let error = mailer(port).send(&mail()).await.unwrap_err();
            let (EffectError::NotDone(failure) | EffectError::Unknown(failure)) = error;
            assert_eq!(failure.reason(), format!("SES answered {status} {code}"));
        }
    }
}
