//! Distinguishes AWS requests that had no effect from those that may have had one.

use std::error::Error;

use aws_sdk_dynamodb::config::http::HttpResponse;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};

use super::run::EffectError;
use crate::failure::{Failure, chain};

impl EffectError {
    /// Classifies the failure of a request to an AWS service that does not recognise a repeated
    /// request.
    ///
    /// If the service refused the request, or no connection was made, the effect did not take place
    /// and may be tried again (with [`Failure::THROTTLED`] if the service throttled it). If the
    /// service itself failed (HTTP 5xx), or no answer came, the effect may have taken place. Create
    /// the client with [`AwsClients::once`](crate::aws::AwsClients::once).
    pub fn aws<E>(code: &'static str, error: &SdkError<E, HttpResponse>) -> Self
    where
        E: Error + ProvideErrorMetadata + 'static,
    {
        let unknown = || Self::Unknown(Failure::transient(code, chain(error)));
        match error {
            SdkError::ServiceError(refused) if refused.raw().status().is_server_error() => {
                unknown()
            }
            SdkError::ServiceError(_) => Self::NotDone(Failure::aws(code, error)),
            SdkError::ConstructionFailure(_) => {
                Self::NotDone(Failure::transient(code, chain(error)))
            }
            SdkError::DispatchFailure(_) if was_not_connected(error) => {
                Self::NotDone(Failure::transient(code, chain(error)))
            }
            // The request may have arrived: no answer in time, or none that can be read.
            SdkError::TimeoutError(_) => unknown(),
            _ => unknown(),
        }
    }
}

/// Returns whether no connection was made: the name was not resolved, the connection was refused or
/// timed out, or its handshake failed.
fn was_not_connected(error: &(dyn Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        if error
            .downcast_ref::<hyper_util::client::legacy::Error>()
            .is_some_and(|error| error.is_connect())
        {
            return true;
        }
        next = error.source();
    }
    false
}
