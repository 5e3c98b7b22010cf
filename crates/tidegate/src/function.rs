//! Starts and runs a Lambda function: logs, settings, AWS clients and the Lambda runtime.

use std::process::ExitCode;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use tracing::error;

use crate::aws::AwsClients;
use crate::batch::{BatchHandler, Metrics, Runner, SqsVisibility};
use crate::config::{ConfigError, Settings};
use crate::dead_letter::QueueDeadLetters;
use crate::source::Source;

/// Largest dead letter in its queue, in bytes, unless the topology sets another size.
const MESSAGE_BYTES: usize = 256 * 1024;

/// How writes to DynamoDB leave: several in one request, or each by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Statements {
    Batched,
    Single,
}

impl FromStr for Statements {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "batched" => Ok(Self::Batched),
            "single" => Ok(Self::Single),
            _ => Err("must be batched or single"),
        }
    }
}

/// A Lambda function during its start.
///
/// ```no_run
/// use tidegate::{batch::Handled, each, function::Function, source::Source};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> std::process::ExitCode {
/// let mut function = Function::start().await;
/// let greeting = function.settings.text("GREETING");
/// let build = |_: &tidegate::aws::AwsClients| {
///     let greeting = greeting?; // `run` names every missing setting
///     Some(each!(16, async move |name: &String, _| {
///         tracing::info!("{greeting}, {name}");
///         Ok(Handled::Applied)
///     }))
/// };
/// function.run(Source::Sqs, build).await
/// # }
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct Function {
    /// Settings from the environment. [`Function::run`] reports all problems with them together.
    pub settings: Settings,
    /// AWS clients.
    pub aws: AwsClients,
    /// Name of the deployed function.
    pub name: String,
    #[cfg(feature = "otel")]
    traces: Option<Arc<crate::trace::Traces>>,
}

impl Function {
    /// Starts logging, and reads the settings and the AWS configuration.
    ///
    /// Makes no AWS call. With the feature `otel`, OpenTelemetry's environment variables decide
    /// whether spans are exported.
    pub async fn start() -> Self {
        let mut settings = Settings::from_env();
        let name = settings.text("AWS_LAMBDA_FUNCTION_NAME").unwrap_or_default();
        #[cfg(not(feature = "otel"))]
        crate::log::start();
        #[cfg(feature = "otel")]
        let traces = {
            let traces = crate::trace::Traces::from_env(&name);
            let traces = traces.unwrap_or_else(|failure| {
                settings.reject(failure.reason());
                None
            });
            crate::log::start_with(traces.as_ref().map(crate::trace::Traces::layer));
            traces.map(Arc::new)
        };
        let mut aws = AwsClients::from_env().await;
        let timeout =
            settings.optional_number("TIDEGATE_ATTEMPT_TIMEOUT_MILLISECONDS", 100..=900_000);
        if let Some(timeout) = timeout {
            aws = aws.attempt_timeout(Duration::from_millis(timeout));
        }
        if settings.optional::<Statements>("TIDEGATE_STATEMENTS") == Some(Statements::Single) {
            aws = aws.single_writes();
        }
        Self {
            settings,
            aws,
            name,
            #[cfg(feature = "otel")]
            traces,
        }
    }

    /// Runs invocations until Lambda ends the process.
    ///
    /// Calls `build` to create the handler. Return `None` if a required setting is missing. If
    /// `build` created a DynamoDB client, its connection is opened before the first event is
    /// requested.
    ///
    /// If a setting is missing or invalid, the function does not start: one message lists all
    /// problems, and the exit code is 1.
    ///
    /// | variable | meaning |
    /// |---|---|
    /// | `DEAD_LETTER_QUEUE_URL`, `DEAD_LETTER_BUCKET` | where dead letters go; required |
    /// | `TIDEGATE_EVENT_BYTES_LIMIT` | largest letter in the queue, in bytes; 262,144 by default |
    /// | `TIDEGATE_DEAD_LETTER_AFTER_SECONDS` | [`Runner::dead_letter_after`] |
    /// | `TIDEGATE_MAXIMUM_RECORD_AGE_SECONDS` | [`Runner::maximum_record_age`] |
    /// | `TIDEGATE_ATTEMPT_TIMEOUT_MILLISECONDS` | [`AwsClients::attempt_timeout`] |
    /// | `TIDEGATE_STATEMENTS` | `batched` (default) or `single`: [`AwsClients::single_writes`] |
    /// | `TIDEGATE_METRICS` | namespace of the metrics; without it, none are written |
    pub async fn run<H>(
        mut self,
        source: Source,
        build: impl FnOnce(&AwsClients) -> Option<H>,
    ) -> ExitCode
    where
        H: BatchHandler + 'static,
    {
        let queue = self.settings.text("DEAD_LETTER_QUEUE_URL");
        let bucket = self.settings.text("DEAD_LETTER_BUCKET");
        let limit = self.settings.optional_number("TIDEGATE_EVENT_BYTES_LIMIT", 1024..=1_048_576);
        let after =
            self.settings.optional_number("TIDEGATE_DEAD_LETTER_AFTER_SECONDS", 1..=604_800);
        let age =
            self.settings.optional_number("TIDEGATE_MAXIMUM_RECORD_AGE_SECONDS", 1..=31_536_000);
        let metrics = self.settings.optional::<Metrics>("TIDEGATE_METRICS");
        let (aws, name) = (self.aws, self.name);
        let runner = self.settings.finish(|| {
            let limit = limit.map_or(Some(MESSAGE_BYTES), |limit| usize::try_from(limit).ok())?;
            let letters = QueueDeadLetters::new(aws.sqs(), aws.s3(), queue?, bucket?, limit);
            let runner = Runner::new(source, build(&aws)?, name, Arc::new(letters));
            let mut runner = runner
                .dead_letter_after(after.map(Duration::from_secs))
                .maximum_record_age(age.map(Duration::from_secs));
            if let Some(metrics) = metrics {
                runner = runner.metrics(metrics);
            }
            #[cfg(feature = "otel")]
            if let Some(traces) = self.traces {
                runner = runner.traces(traces);
            }
            Some(if source == Source::Sqs {
                runner.visibility(Arc::new(SqsVisibility::new(aws.sqs())))
            } else {
                runner
            })
        });
        let runner = match runner {
            Ok(runner) => runner,
            Err(problems) => return invalid(&problems),
        };
        aws.warm().await;
        ended(lambda_runtime::run(runner.into_service()).await)
    }

    /// Answers requests until Lambda ends the process.
    ///
    /// Like [`Function::run`], for an API: calls `build` to create it, and does not start with a
    /// missing or invalid setting or with a mistake in a route. It needs no queue and no bucket for
    /// dead letters, because the client waits for the answer and can ask again.
    ///
    /// | variable | meaning |
    /// |---|---|
    /// | `TIDEGATE_ATTEMPT_TIMEOUT_MILLISECONDS` | [`AwsClients::attempt_timeout`] |
    /// | `TIDEGATE_METRICS` | namespace of the metrics; without it, none are written |
    #[cfg(feature = "http")]
    pub async fn serve<S: Send + Sync + 'static>(
        mut self,
        build: impl FnOnce(&AwsClients) -> Option<crate::request::Api<S>>,
    ) -> ExitCode {
        let metrics = self.settings.optional::<Metrics>("TIDEGATE_METRICS");
        let aws = self.aws;
        let api = build(&aws);
        let mistakes = api.iter().flat_map(|api| api.mistakes());
        mistakes.for_each(|mistake| self.settings.reject(mistake));
        let api = match self.settings.finish(|| api) {
            Ok(api) => api,
            Err(problems) => return invalid(&problems),
        };
        let mut service = crate::request::ApiService::new(api, self.name);
        if let Some(metrics) = metrics {
            service = service.metrics(metrics);
        }
        #[cfg(feature = "otel")]
        if let Some(traces) = self.traces {
            service = service.traces(traces);
        }
        aws.warm().await;
        ended(lambda_runtime::run(service).await)
    }
}

/// Says why the function does not start.
fn invalid(problems: &ConfigError) -> ExitCode {
    error!(%problems, "the function cannot start: invalid configuration");
    ExitCode::FAILURE
}

fn ended(result: Result<(), lambda_runtime::Error>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(runtime) => {
            error!(reason = %runtime, "the Lambda runtime ended");
            ExitCode::FAILURE
        }
    }
}
