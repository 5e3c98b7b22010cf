//! Everything that is needed to run a function.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::application_id::{self, application_id};
use super::phase::EnvironmentId;
use crate::credentials::VARIABLES;

/// Variables of the engine's own environment that a function's process also gets.
const INHERITED: [&str; 6] =
    ["PATH", "HOME", "RUST_LOG", "RUST_BACKTRACE", "SSL_CERT_FILE", "SSL_CERT_DIR"];

/// Everything that is needed to run a function.
#[derive(Clone, Debug)]
pub struct FunctionSpec {
    /// Declared name.
    pub name: String,
    /// The program.
    pub executable: PathBuf,
    /// Its arguments. The last one is the handler, as in a container image for Lambda.
    pub arguments: Vec<String>,
    /// Working directory, which is also its `LAMBDA_TASK_ROOT`. With `None` the function runs in
    /// the engine's directory, and the root is the program's directory.
    pub directory: Option<PathBuf>,
    /// Declared memory in MB. A process that uses more, with everything that it started, is killed.
    pub memory_mb: u32,
    /// Timeout of one invocation.
    pub timeout: Duration,
    /// Largest number of environments at a time.
    pub maximum_concurrency: usize,
    /// URL at which the function reaches AWS.
    pub endpoint: String,
    /// AWS region that the function sees.
    pub region: String,
    /// Its own variables: the declared ones, and the names of resources that it uses.
    pub environment: BTreeMap<String, String>,
}

impl FunctionSpec {
    /// Returns the value of Lambda's `_HANDLER`: the last argument.
    pub(crate) fn handler(&self) -> &str {
        self.arguments.last().map_or("bootstrap", String::as_str)
    }

    /// Returns all variables of a new process, by the list of variables that Lambda defines.
    ///
    /// Of the engine's own variables, the process gets only [`INHERITED`]. Its credentials are
    /// [`VARIABLES`].
    pub(crate) fn process_environment(
        &self,
        environment: EnvironmentId,
        runtime_api: SocketAddr,
    ) -> BTreeMap<String, String> {
        let mut variables = BTreeMap::new();
        for name in INHERITED {
            if let Ok(value) = std::env::var(name) {
                variables.insert(name.to_owned(), value);
            }
        }
        let date = jiff::Timestamp::now().strftime("%Y/%m/%d").to_string();
        let stream = format!("{date}/[$LATEST]{}", uuid::Uuid::new_v4().simple());
        let root = self.directory.as_deref().or_else(|| self.executable.parent());
        let root = root.map(|dir| dir.display().to_string()).unwrap_or_default();
        let set = [
            ("AWS_LAMBDA_RUNTIME_API", runtime_api.to_string()),
            ("AWS_LAMBDA_FUNCTION_NAME", self.name.clone()),
            ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".to_owned()),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", self.memory_mb.to_string()),
            ("AWS_LAMBDA_LOG_GROUP_NAME", format!("/aws/lambda/{}", self.name)),
            ("AWS_LAMBDA_LOG_STREAM_NAME", stream),
            ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand".to_owned()),
            ("_HANDLER", self.handler().to_owned()),
            ("LAMBDA_TASK_ROOT", root),
            ("TZ", ":UTC".to_owned()),
            ("AWS_REGION", self.region.clone()),
            ("AWS_DEFAULT_REGION", self.region.clone()),
            ("AWS_ENDPOINT_URL", self.endpoint.clone()),
            // Tells the proxy which environment a call comes from.
            (application_id::VARIABLE, application_id(environment)),
        ];
        variables.extend(set.map(|(name, value)| (name.to_owned(), value)));
        variables.extend(VARIABLES.map(|(name, value)| (name.to_owned(), value.to_owned())));
        variables.extend(self.environment.clone());
        variables
    }
}
