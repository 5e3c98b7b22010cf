//! Finds the system that a command works on, and creates the AWS clients for it.

use std::env;
use std::path::PathBuf;

use aws_sdk_lambda::config::StalledStreamProtectionConfig;
use aws_sdk_lambda::config::retry::RetryConfig;
use aws_sdk_lambda::config::timeout::TimeoutConfig;
use engine_client::engine_file::{EngineFile, EngineFileError};
use engine_client::local::{ACCOUNT, REGION};
use terminal::account::Intent;
use terminal::connection::Connection;
use terminal::endpoint::{CONNECT_TIMEOUT, Endpoint};
use terminal::local_system::{self, STATE};
use terminal::name_prefix::{NamePrefix, PhysicalName};
use terminal::problem::Problem;
use topology::Topology;

use crate::arguments::{Place, StateDir};
use crate::arn::Home;
use crate::declared::BucketNames;
use crate::queue::arn_of;
use crate::topology_file::topology_above;

/// A system and the connection to it.
pub(crate) struct System {
    connection: Connection,
    /// Engine file of the local system; `None` for any other system.
    engine: Option<EngineFile>,
    topology: Option<PathBuf>,
    prefix: NamePrefix,
}

impl System {
    /// Finds the system that a command works on.
    ///
    /// It is the endpoint in the environment (`AWS_ENDPOINT_URL`), or else the local system started
    /// in this directory or one above it, or else the AWS account of the environment.
    ///
    /// # Errors
    /// - There is none of these systems, or it does not answer.
    /// - A name prefix or an account is given for the local system.
    /// - The command would change an account that the command line does not name.
    pub(crate) async fn open(place: &Place, intent: Intent) -> Result<Self, Problem> {
        let engine = running_engine(&place.state);
        let named = place.endpoint.endpoint();
        let engine = match &named {
            // A local system that has ended does not matter to another endpoint.
            Some(endpoint) => {
                let is_its = |engine: &EngineFile| {
                    endpoint.is_at(&engine.endpoint) || endpoint.is_at(&engine.emulator_url)
                };
                engine.ok().flatten().filter(is_its)
            }
            None => engine?,
        };
        if engine.is_some() {
            place.endpoint.fit_local()?;
        }
        let local = |engine: &EngineFile| Endpoint {
            url: engine.endpoint.clone(),
            named_by: "the local system".to_owned(),
        };
        let endpoint = named.or_else(|| engine.as_ref().map(local));
        let looked = state_dir(&place.state);
        let connection = match &endpoint {
            Some(local) if engine.is_some() => Connection::local(local)?,
            endpoint => Connection::at(endpoint.as_ref(), &place.endpoint, intent, &looked).await?,
        };
        let prefix = place.endpoint.name_prefix.clone();
        Ok(Self { connection, engine, topology: place.topology.clone(), prefix })
    }

    /// Loads the topology of the system.
    ///
    /// # Errors
    /// There is no topology file, or it has mistakes.
    pub(crate) fn topology(&self) -> Result<Topology, Problem> {
        let engine = || self.engine.as_ref().map(|engine| engine.topology.clone());
        let file = self.topology.clone().or_else(engine).map_or_else(topology_above, Ok)?;
        topology::load(&file).map_err(|error| Problem::new(error.to_string()))
    }

    /// Returns the prefix of the system's names.
    pub(crate) fn prefix(&self) -> &NamePrefix {
        &self.prefix
    }

    /// Returns whether the system is in an AWS account, where rates are limited and an empty answer
    /// may be premature.
    pub(crate) fn is_account(&self) -> bool {
        self.connection.is_account()
    }

    /// Returns the partition, region and account of the system.
    ///
    /// The local engine has fixed ones. Elsewhere they are those of `queue`.
    ///
    /// # Errors
    /// There is no such queue, or `queue` is `None`.
    pub(crate) async fn home(&self, queue: Option<&PhysicalName>) -> Result<Home, Problem> {
        if self.engine.is_some() {
            return Ok(Home::new("aws", REGION, ACCOUNT));
        }
        let queue = queue.ok_or_else(|| {
            Problem::new(
                "the topology has no dead-letter queue, which is needed to find the system's \
                 account and region",
            )
        })?;
        Home::from_arn(&arn_of(&self.sqs(), queue).await?)
    }

    /// Returns how the names of the system's buckets are formed.
    pub(crate) fn bucket_names(&self) -> BucketNames {
        match (&self.engine, self.is_account()) {
            (Some(_), _) => BucketNames::Plain,
            (None, true) => BucketNames::WithAccount,
            (None, false) => BucketNames::Either,
        }
    }

    /// Creates a client for functions.
    ///
    /// It calls the engine if there is one, also if the named endpoint is the emulator. It has no
    /// retries and no time limit for the answer. A function may take 15 minutes, and a call whose
    /// answer was lost must not be repeated unnoticed.
    pub(crate) fn lambda(&self) -> aws_sdk_lambda::Client {
        let mut config = aws_sdk_lambda::config::Builder::from(self.connection.config())
            .retry_config(RetryConfig::disabled())
            .timeout_config(TimeoutConfig::builder().connect_timeout(CONNECT_TIMEOUT).build())
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
        if let Some(engine) = &self.engine {
            config = config.endpoint_url(&engine.endpoint);
        }
        aws_sdk_lambda::Client::from_conf(config.build())
    }

    /// Creates a client for buses, archives and replays.
    pub(crate) fn events(&self) -> aws_sdk_eventbridge::Client {
        aws_sdk_eventbridge::Client::new(self.connection.config())
    }

    /// Creates a client for queues.
    pub(crate) fn sqs(&self) -> aws_sdk_sqs::Client {
        aws_sdk_sqs::Client::new(self.connection.config())
    }

    /// Creates a client for the streams of tables.
    pub(crate) fn streams(&self) -> aws_sdk_dynamodbstreams::Client {
        aws_sdk_dynamodbstreams::Client::new(self.connection.config())
    }

    /// Creates a client for buckets. At a custom endpoint, buckets are addressed in the path.
    pub(crate) fn s3(&self) -> aws_sdk_s3::Client {
        let config = aws_sdk_s3::config::Builder::from(self.connection.config())
            .force_path_style(!self.is_account());
        aws_sdk_s3::Client::from_conf(config.build())
    }

    /// Creates a client for Kinesis streams.
    pub(crate) fn kinesis(&self) -> aws_sdk_kinesis::Client {
        self.connection.kinesis()
    }

    /// Creates a client for tables.
    pub(crate) fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        self.connection.dynamodb()
    }

    /// Returns the problem with a table: that it does not exist, or else `why`.
    pub(crate) async fn explain_table(&self, table: &PhysicalName, why: &str) -> Problem {
        self.connection.explain_table(table, why).await
    }

    /// Adds the system's address to a problem.
    pub(crate) fn explain(&self, problem: Problem) -> Problem {
        self.connection.explain(problem)
    }
}

/// Returns the state directory.
///
/// It is the named one, or else `.tidegate` here or in the nearest directory above with an engine
/// file, or else `.tidegate` here.
pub(crate) fn state_dir(named: &StateDir) -> PathBuf {
    named.state_dir.clone().unwrap_or_else(|| {
        let here = env::current_dir().unwrap_or_default();
        local_system::state_dir(&here).unwrap_or_else(|| PathBuf::from(STATE))
    })
}

/// Returns the engine file of the running local system, if one was started.
///
/// # Errors
/// The engine's process has ended, or its file cannot be read.
fn running_engine(state: &StateDir) -> Result<Option<EngineFile>, Problem> {
    match EngineFile::read(&state_dir(state)) {
        Ok(engine) => Ok(Some(engine)),
        Err(EngineFileError::NotRunning(_)) if state.state_dir.is_none() => Ok(None),
        Err(error) => Err(Problem::new(error.to_string())),
    }
}
