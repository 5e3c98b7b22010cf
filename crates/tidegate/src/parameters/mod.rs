//! Parameters and secrets, with a cache (feature `parameters`).
//!
//! The values come from AWS's Parameters and Secrets Lambda Extension, a layer that answers HTTP
//! requests on a local port. So no SDK is linked, and the extension signs the calls to Parameter
//! Store and Secrets Manager.
//!
//! ```no_run
//! use tidegate::batch::Handled;
//! use tidegate::parameters::Parameters;
//! use tidegate::{each, function::Function, source::Source};
//!
//! #[derive(serde::Deserialize)]
//! struct Limits { cents: u64 }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> std::process::ExitCode {
//! let mut function = Function::start().await;
//! let parameters = Parameters::from_settings(&mut function.settings);
//! let build = |_: &tidegate::aws::AwsClients| {
//!     let parameters = parameters?;
//!     Some(each!(16, async move |cents: &u64, _| {
//!         let limits: Limits = parameters.json("/shop/limits").await?;
//!         let key = parameters.secret("payment-key").await?;
//!         tracing::info!(allowed = *cents <= limits.cents, key_bytes = key.expose().len());
//!         Ok(Handled::Applied)
//!     }))
//! };
//! function.run(Source::Sqs, build).await
//! # }
//! ```
//!
//! # Guarantee
//!
//! A value is at most as old as the time of [`Parameters::keep`] (a minute by default), plus what
//! the extension itself caches (five minutes by default: `SSM_PARAMETER_STORE_TTL`,
//! `SECRETS_MANAGER_TTL`). If the extension does not answer, the last value stays in use for
//! another quarter of an hour, and a line of the log (`a parameter could not be refreshed`) says
//! so. If the extension refuses, because a value was removed or the role may not read it, the old
//! value is forgotten at once.
//!
//! No value is ever in a log line or an error of the toolkit. A failure is always transient: a
//! wrong name or a missing permission is a mistake of the configuration, which must not lose the
//! record.
//!
//! # Cost and limits
//!
//! One local request for each value and minute; concurrent records share it. The layer needs memory
//! and starts with the function. It answers only during an invocation (AWS docs), so ask in the
//! handler, not while the function starts. The function's role needs `ssm:GetParameter`,
//! `secretsmanager:GetSecretValue` and, for encrypted values, `kms:Decrypt`.

mod cache;
mod extension;
mod secret;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::header::HeaderValue;
use serde::de::DeserializeOwned;

use cache::Cache;
use extension::{Extension, Kind};

use crate::config::Settings;
use crate::failure::Failure;

pub use secret::Secret;

/// Port of the extension, unless `PARAMETERS_SECRETS_EXTENSION_HTTP_PORT` names another.
const PORT: u16 = 2773;

/// Reads parameters and secrets. Clones share the cache.
#[derive(Clone)]
pub struct Parameters(Arc<Inner>);

struct Inner {
    extension: Extension,
    cache: Cache,
}

impl Parameters {
    /// Reads where the extension is from the settings: the variables that the extension itself and
    /// Lambda define.
    ///
    /// | variable | meaning |
    /// |---|---|
    /// | `PARAMETERS_SECRETS_EXTENSION_HTTP_PORT` | port on 127.0.0.1; 2773 by default |
    /// | `AWS_SESSION_TOKEN` | set by Lambda; the extension answers only who knows it |
    ///
    /// Returns `None`, and notes the problem, if a variable is invalid.
    pub fn from_settings(settings: &mut Settings) -> Option<Self> {
        let port = settings.optional_number("PARAMETERS_SECRETS_EXTENSION_HTTP_PORT", 1..=65_535);
        let port = port.map_or(Some(PORT), |port| u16::try_from(port).ok())?;
        let token = settings.optional::<String>("AWS_SESSION_TOKEN").unwrap_or_default();
        let made = Self::new(port, &token);
        if made.is_none() {
            settings.reject("AWS_SESSION_TOKEN must be printable ASCII");
        }
        made
    }

    /// Creates a reader of the extension at this port of 127.0.0.1. `None` if the token cannot be
    /// sent in a header.
    pub fn new(port: u16, token: &str) -> Option<Self> {
        Some(Self::at(port, HeaderValue::from_str(token).ok()?))
    }

    pub(crate) fn at(port: u16, token: HeaderValue) -> Self {
        let extension = Extension::new(port, token);
        Self(Arc::new(Inner { extension, cache: Cache::default() }))
    }

    /// Sets how long a value is used without asking, and how much longer if the extension does not
    /// answer. By default a minute, and a quarter of an hour. Forgets all values.
    #[must_use]
    pub fn keep(self, fresh: Duration, stale: Duration) -> Self {
        let extension = self.0.extension.clone();
        Self(Arc::new(Inner { extension, cache: Cache::new(fresh, stale) }))
    }

    /// Returns a parameter of Parameter Store that is not encrypted, by its name or path.
    ///
    /// # Errors
    /// - `parameter_unavailable` (transient): the extension does not answer, and no value is kept.
    /// - `parameter_refused` (transient): the extension answered that there is no such value, or
    ///   that the role may not read it.
    /// - `parameter_unreadable` (transient): the answer is not that of the extension, or the value
    ///   is binary.
    pub async fn get(&self, name: &str) -> Result<Arc<str>, Failure> {
        self.value(Kind::Parameter, name).await
    }

    /// Returns a parameter whose value is JSON.
    ///
    /// # Errors
    /// As [`Self::get`], and `parameter_unreadable` (transient) if the value is not JSON of this
    /// type. The reason has the place of the mistake, not the value.
    pub async fn json<T: DeserializeOwned>(&self, name: &str) -> Result<T, Failure> {
        secret::from_json(name, &self.get(name).await?)
    }

    /// Returns an encrypted parameter of Parameter Store (`SecureString`), decrypted.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub async fn secure(&self, name: &str) -> Result<Secret, Failure> {
        Ok(Secret::new(name, self.value(Kind::SecureParameter, name).await?))
    }

    /// Returns the current version of a secret of Secrets Manager, by its name or ARN.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub async fn secret(&self, id: &str) -> Result<Secret, Failure> {
        Ok(Secret::new(id, self.value(Kind::Secret, id).await?))
    }

    async fn value(&self, kind: Kind, name: &str) -> Result<Arc<str>, Failure> {
        self.0.cache.get(kind, name, self.0.extension.get(kind, name)).await
    }
}

impl fmt::Debug for Parameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parameters").field("port", &self.0.extension.port()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
