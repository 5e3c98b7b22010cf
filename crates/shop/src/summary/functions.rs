//! What functions used, by the status of the local system.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The part of `tidegate local status --json` that the summary needs.
#[derive(Debug, Deserialize)]
pub(super) struct Status {
    functions: BTreeMap<String, Function>,
}

#[derive(Debug, Deserialize)]
struct Function {
    invocations: u64,
    cpu_seconds: f64,
    peak_rss_bytes: u64,
}

/// What a function used since the local system was started.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct FunctionUse {
    pub(super) function: String,
    pub(super) invocations: u64,
    pub(super) cpu_seconds: f64,
    /// Memory of the largest process.
    pub(super) peak_rss_bytes: u64,
}

/// Returns what functions used, the one with the most CPU time first.
pub(super) fn of(status: Status) -> Vec<FunctionUse> {
    let used = status.functions.into_iter().map(|(function, one)| FunctionUse {
        function,
        invocations: one.invocations,
        cpu_seconds: one.cpu_seconds,
        peak_rss_bytes: one.peak_rss_bytes,
    });
    let mut used: Vec<FunctionUse> = used.collect();
    used.sort_by(|one, other| other.cpu_seconds.total_cmp(&one.cpu_seconds));
    used
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_function_with_the_most_cpu_time_is_first() {
        let status = r#"{ "functions": {
            "ledger": { "invocations": 3, "cpu_seconds": 0.5, "peak_rss_bytes": 9000000 },
            "payment": { "invocations": 2, "cpu_seconds": 1.5, "peak_rss_bytes": 8000000 } } }"#;
        let used = of(serde_json::from_str(status).unwrap());
        let order: Vec<&str> = used.iter().map(|one| one.function.as_str()).collect();
        assert_eq!(order, ["payment", "ledger"]);
        assert_eq!((used[1].invocations, used[1].peak_rss_bytes), (3, 9_000_000));
    }
}
