//! The other side: LocalStack's own event source mapping, which invokes the same program.

use std::process::Command;
use std::time::{Duration, Instant};

use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{
    DestinationConfig, Environment, EventSourcePosition, Filter, FilterCriteria, FunctionCode,
    FunctionResponseType, OnFailure as LambdaOnFailure, Runtime, State,
};
use aws_sdk_lambda::{Client, config};

use super::function::program;
use super::{ROLE, Setup};

/// A running mapping with its function.
pub(super) struct Side {
    client: Client,
    name: String,
    mapping: String,
}

/// The function's archive for the upload.
pub(super) fn zip() -> Vec<u8> {
    let directory = tempfile::tempdir().unwrap();
    let zip = directory.path().join("function.zip");
    let program = program();
    let mut command = Command::new("python3");
    command
        .args(["-m", "zipfile", "-c"])
        .arg(&zip)
        .arg("bootstrap")
        .current_dir(program.parent().unwrap());
    assert!(command.status().unwrap().success());
    std::fs::read(zip).unwrap()
}

pub(super) fn client(endpoint: &str) -> Client {
    let config = crate::aws_sdk::client(endpoint).config().to_builder();
    Client::from_conf(config.retry_config(config::retry::RetryConfig::standard()).build())
}

pub(super) async fn start(setup: Setup<'_>) -> Side {
    let Setup { world, name, scenario, source, place, on_failure, function } = setup;
    let client = &world.lambda;
    let directory = function.directory().to_str().unwrap();
    let code = FunctionCode::builder().zip_file(Blob::new(world.zip.as_slice())).build();
    let environment = Environment::builder().variables("CONFORMANCE_DIRECTORY", directory).build();
    let create =
        client.create_function().function_name(name).role(ROLE).handler("bootstrap").code(code);
    let create = create.runtime(Runtime::Providedal2023).environment(environment).timeout(1);
    create.send().await.unwrap();
    until_active(client, name).await;
    if scenario.throttled {
        let put =
            client.put_function_concurrency().function_name(name).reserved_concurrent_executions(0);
        put.send().await.unwrap();
    }
    let create =
        client.create_event_source_mapping().function_name(name).event_source_arn(&place.arn);
    let create = create.batch_size(i32::try_from(scenario.batch_size).unwrap());
    let partial = scenario.partial.then(|| vec![FunctionResponseType::ReportBatchItemFailures]);
    let filters = scenario.filter.as_ref().map(|pattern| {
        FilterCriteria::builder().filters(Filter::builder().pattern(pattern).build()).build()
    });
    let create = create.set_function_response_types(partial).set_filter_criteria(filters);
    let create = if source.is_queue() {
        create
    } else {
        let destination = on_failure.map(|target| {
            let on_failure = LambdaOnFailure::builder().destination(&target.arn).build();
            DestinationConfig::builder().on_failure(on_failure).build()
        });
        let number = |number: Option<u32>| number.map(|number| i32::try_from(number).unwrap());
        let create = create.starting_position(EventSourcePosition::TrimHorizon);
        let create = create.set_maximum_retry_attempts(number(scenario.retries));
        let create = create.set_maximum_record_age_in_seconds(number(scenario.age_seconds));
        let create = create.bisect_batch_on_function_error(scenario.bisect);
        create.set_destination_config(destination)
    };
    let mapping = create.send().await.unwrap().uuid.unwrap();
    Side { client: client.clone(), name: name.to_owned(), mapping }
}

async fn until_active(client: &Client, name: &str) {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let answer = client.get_function_configuration().function_name(name).send().await.unwrap();
        match answer.state {
            Some(State::Active) => return,
            Some(State::Pending) => assert!(Instant::now() < deadline, "{answer:?}"),
            _ => panic!("LocalStack cannot run {name}: {answer:?}"),
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

impl Side {
    pub(super) async fn open(&self) {
        self.client.delete_function_concurrency().function_name(&self.name).send().await.unwrap();
    }

    pub(super) async fn stop(self) {
        self.client.delete_event_source_mapping().uuid(self.mapping).send().await.unwrap();
        self.client.delete_function().function_name(self.name).send().await.unwrap();
    }
}
