//! Error objects, which Lambda returns as the payload of a function error.

use bytes::Bytes;
use serde::Serialize;

use super::function_arn::function_arn;
use crate::invocation::InvocationResult;
use engine_client::local::REGION;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ErrorObject<'a> {
    error_type: &'a str,
    error_message: &'a str,
}

/// Returns `{"errorType": …, "errorMessage": …}`.
pub(crate) fn error_object(error_type: &str, error_message: &str) -> Bytes {
    let object = ErrorObject { error_type, error_message };
    serde_json::to_vec(&object).map(Bytes::from).unwrap_or_else(|_| Bytes::from_static(b"{}"))
}

/// Returns the result of an invocation of a function that is not declared.
pub(crate) fn unknown_function(name: &str) -> InvocationResult {
    let arn = function_arn(REGION, name);
    let message = format!("Function not found: {arn} (no function {name} is declared)");
    InvocationResult::FunctionError(error_object("ResourceNotFoundException", &message))
}
