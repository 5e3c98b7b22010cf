//! The records of a request that the stream refused.

use std::collections::HashMap;

use aws_sdk_kinesis::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_kinesis::operation::put_records::PutRecordsOutput;
use terminal::counted::counted;
use terminal::problem::Problem;

/// The refused records of a request, and why they were refused.
pub(super) struct Refused {
    /// Their places in the batch.
    pub(super) places: Vec<usize>,
    /// How many there are of each error code.
    codes: HashMap<String, usize>,
}

impl Refused {
    /// A whole request that was refused.
    pub(super) fn all(waiting: &[usize], error: &impl ProvideErrorMetadata) -> Self {
        let code = error.code().unwrap_or("unknown").to_owned();
        Self { places: waiting.to_vec(), codes: HashMap::from([(code, waiting.len())]) }
    }

    /// The error codes, in order.
    pub(super) fn reason(&self) -> String {
        let mut codes: Vec<&str> = self.codes.keys().map(String::as_str).collect();
        codes.sort_unstable();
        codes.join(", ")
    }

    /// Reads a response. Its records are in the order of the request's.
    ///
    /// # Errors
    /// The answer is for another number of records.
    pub(super) fn from_answer(
        answer: &PutRecordsOutput,
        waiting: &[usize],
    ) -> Result<Self, Problem> {
        if answer.records().len() != waiting.len() {
            return Err(Problem::new(format!(
                "the stream answered for {} of {}",
                answer.records().len(),
                counted(waiting.len(), "record", "records")
            )));
        }
        let mut refused = Self { places: Vec::new(), codes: HashMap::new() };
        for (record, place) in answer.records().iter().zip(waiting) {
            if let Some(code) = record.error_code() {
                refused.places.push(*place);
                *refused.codes.entry(code.to_owned()).or_default() += 1;
            }
        }
        Ok(refused)
    }
}

/// Returns whether the stream refused everything because of too many requests.
pub(super) fn is_throttled<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> bool {
    error.as_service_error().and_then(ProvideErrorMetadata::code).is_some_and(|code| {
        matches!(
            code,
            "ProvisionedThroughputExceededException"
                | "ThrottlingException"
                | "LimitExceededException"
        )
    })
}
