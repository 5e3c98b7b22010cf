//! Charges cards at a provider that may be down for hours, without losing or repeating a charge.
//!
//! Guarantees:
//!
//! - While the provider is down, only one probe in a cool-down calls it. Messages wait in the
//!   queue.
//! - No message becomes a dead letter because of an outage that the topology declares.
//! - A message that the provider answers with "no" becomes a dead letter at once, open or closed.
//!
//! The breaker is declared in the topology:
//!
//! ```hcl
//! breakers = {
//!   payment = {
//!     table = "breakers", function = "charge", queue = "charges"
//!     cool_down_seconds = 60, longest_outage_seconds = 14400
//!   }
//! }
//! ```

use std::process::ExitCode;

use serde::Deserialize;
use tidegate::aws::AwsClients;
use tidegate::batch::Handled;
use tidegate::breaker::BreakerSettings;
use tidegate::each;
use tidegate::failure::Failure;
use tidegate::function::Function;
use tidegate::source::Source;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

#[derive(Deserialize)]
struct Charge {
    /// The provider charges once for each id.
    id: String,
    cents: u64,
}

/// Stands for the client of your provider. `provider` is a host and port.
async fn charge(provider: &str, charge: &Charge) -> Result<(), Failure> {
    let body = format!(r#"{{"id":"{}","cents":{}}}"#, charge.id, charge.cents);
    let length = body.len();
    let request = format!(
        "POST /charges HTTP/1.1\r\nhost: {provider}\r\nconnection: close\r\n\
         content-length: {length}\r\n\r\n{body}"
    );
    let mut connection = TcpStream::connect(provider).await?;
    connection.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await?;
    match answer.split(' ').nth(1) {
        Some(status) if status.starts_with('2') => Ok(()),
        // The provider works, and refuses this charge: not an outage.
        Some(status) if status.starts_with('4') => {
            Err(Failure::permanent("charge_refused", format!("{}: status {status}", charge.id)))
        }
        status => Err(Failure::transient("provider_down", format!("status {status:?}"))),
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let mut function = Function::start().await;
    let provider = function.settings.text("PROVIDER");
    let payment = BreakerSettings::read(&mut function.settings, "payment");
    let build = |aws: &AwsClients| {
        let (provider, payment) = (provider?, payment?.breaker(aws));
        Some(each!(16, async move |message: &Charge, context| {
            payment.call(context, async || charge(&provider, message).await).await?;
            Ok(Handled::Applied)
        }))
    };
    function.run(Source::Sqs, build).await
}
