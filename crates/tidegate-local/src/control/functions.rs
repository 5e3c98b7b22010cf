//! Lambda's ListFunctions, GetFunction and GetFunctionConfiguration, with the data that the engine
//! has.

use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::refusal::Refusal;
use super::response::{identified, json_response};
use super::state::Control;
use super::target::{Target, qualifier};
use crate::environment::{FunctionSpec, function_arn};
use engine_client::local::REGION;

/// Answers ListFunctions with all functions on one page.
pub(super) async fn list(State(control): State<Control>) -> Response {
    let functions: Vec<Value> = control.functions.specs().into_iter().map(configuration).collect();
    answered(&json!({ "Functions": functions }))
}

/// Answers GetFunctionConfiguration.
pub(super) async fn get_configuration(
    State(control): State<Control>,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
) -> Response {
    match find(&control, &name, query.as_deref()) {
        Ok(function) => answered(&configuration(function)),
        Err(refusal) => refusal.into_response(),
    }
}

fn find<'a>(
    control: &'a Control,
    name: &str,
    query: Option<&str>,
) -> Result<&'a FunctionSpec, Refusal> {
    let target = Target::parse(name, qualifier(query).as_deref())?;
    control.functions.spec(&target.function).ok_or_else(|| target.not_found())
}

/// Answers GetFunction.
pub(super) async fn get(
    State(control): State<Control>,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
) -> Response {
    match find(&control, &name, query.as_deref()) {
        Ok(function) => answered(&json!({
            "Configuration": configuration(function),
            "Code": { "Location": format!("file://{}", function.executable.display()) },
            "Concurrency": { "ReservedConcurrentExecutions": function.maximum_concurrency },
        })),
        Err(refusal) => refusal.into_response(),
    }
}

fn answered(body: &Value) -> Response {
    identified(json_response(StatusCode::OK, body.to_string()), &uuid::Uuid::new_v4().to_string())
}

fn configuration(function: &FunctionSpec) -> Value {
    let binary = function.executable.metadata().ok();
    let modified =
        binary.as_ref().and_then(|binary| jiff::Timestamp::try_from(binary.modified().ok()?).ok());
    let modified = modified.map(|at| at.strftime("%Y-%m-%dT%H:%M:%S.000+0000").to_string());
    json!({
        "FunctionName": function.name,
        "FunctionArn": function_arn(REGION, &function.name),
        "Runtime": "provided.al2023",
        "Handler": "bootstrap",
        "PackageType": "Zip",
        "Version": "$LATEST",
        "State": "Active",
        "LastUpdateStatus": "Successful",
        "Architectures": [if cfg!(target_arch = "aarch64") { "arm64" } else { "x86_64" }],
        "MemorySize": function.memory_mb,
        "Timeout": function.timeout.as_secs(),
        "CodeSize": binary.map(|binary| binary.len()),
        "LastModified": modified,
        "Environment": { "Variables": function.environment },
    })
}
