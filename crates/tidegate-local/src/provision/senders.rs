//! Creates sender addresses of SES.

use super::error::ProvisionError;
use crate::clients::Clients;

pub(super) async fn sender(clients: &Clients, address: &str) -> Result<(), ProvisionError> {
    let call = clients.ses.verify_email_identity().email_address(address);
    let resource = format!("sender address {address}");
    call.send().await.map(drop).map_err(ProvisionError::from_call(&resource, "VerifyEmailIdentity"))
}
