//! Creates S3 buckets.

use super::error::ProvisionError;
use crate::clients::Clients;

pub(super) async fn bucket(clients: &Clients, name: &str) -> Result<(), ProvisionError> {
    match clients.s3.create_bucket().bucket(name).send().await {
        Err(error)
            if !error
                .as_service_error()
                .is_some_and(|error| error.is_bucket_already_owned_by_you()) =>
        {
            Err(ProvisionError::from_call(&format!("bucket {name}"), "CreateBucket")(error))
        }
        _ => Ok(()),
    }
}
