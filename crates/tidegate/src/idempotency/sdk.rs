use std::error::Error;

use aws_sdk_dynamodb::config::http::HttpResponse;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};

use super::run::EffectError;
use crate::failure::{Failure, chain};

impl EffectError {
    /// Why a request to an AWS service failed whose effect the service does not recognise a second
    /// time.
    ///
    /// What the service refused did not take place, nor did what could not be sent because no
    /// connection was made: it may be tried again, and is [`Failure::THROTTLED`] where the service
    /// says so. When the service failed itself (HTTP 5xx), or no answer came, nobody knows. The
    /// client should be of [`AwsClients::once`](crate::aws::AwsClients::once).
    pub fn aws<E>(code: &'static str, error: &SdkError<E, HttpResponse>) -> Self
    where
        E: Error + ProvideErrorMetadata + 'static,
    {
        let unknown = || EffectError::Unknown(Failure::transient(code, chain(error)));
        match error {
            SdkError::ServiceError(refused) if refused.raw().status().is_server_error() => unknown(),
            SdkError::ServiceError(_) => EffectError::NotDone(Failure::aws(code, error)),
            SdkError::ConstructionFailure(_) => EffectError::NotDone(Failure::transient(code, chain(error))),
            SdkError::DispatchFailure(_) if was_not_connected(error) => {
                EffectError::NotDone(Failure::transient(code, chain(error)))
            }
            _ => unknown(),
        }
    }
}

/// No connection was made: its name was not resolved, it was refused, not made in time, or its
/// handshake failed.
fn was_not_connected(error: &(dyn Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        if error.downcast_ref::<hyper_util::client::legacy::Error>().is_some_and(|error| error.is_connect()) {
            return true;
        }
        next = error.source();
    }
    false
}
