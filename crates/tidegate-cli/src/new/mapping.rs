//! How a new function is invoked, as the topology declares it.

/// How a function is invoked: through an event source mapping, or asynchronously.
pub(super) struct Mapping {
    /// Most execution environments at a time.
    pub(super) concurrency: u32,
    /// Timeout of one invocation, in seconds.
    pub(super) timeout: u32,
    /// The fields of the mapping, as HCL. Asynchronous invocation is one without a name.
    pub(super) fields: Vec<(&'static str, String)>,
}

impl Mapping {
    /// The attribute of the function, as HCL.
    pub(super) fn text(&self, name: &str) -> String {
        if let [("", asynchronous)] = self.fields.as_slice() {
            return asynchronous.clone();
        }
        let width = self.fields.iter().map(|(field, _)| field.len()).max().unwrap_or(0);
        let lines: String = self
            .fields
            .iter()
            .map(|(field, value)| format!("    {field:width$} = {value}\n"))
            .collect();
        format!("sources = {{\n  {name} = {{\n{lines}  }}\n}}")
    }
}

/// Returns the fields of a mapping of a stream, of this kind and name.
pub(super) fn stream_fields(
    kind: &'static str,
    from: &str,
    factor: u32,
    on_failure: &str,
) -> Vec<(&'static str, String)> {
    vec![
        (kind, format!("{from:?}")),
        ("starting_position", "\"TRIM_HORIZON\"".to_owned()),
        ("batch_size", "100".to_owned()),
        ("parallelization_factor", factor.to_string()),
        ("bisect_on_error", "true".to_owned()),
        ("report_batch_item_failures", "true".to_owned()),
        ("maximum_retry_attempts", "1000".to_owned()),
        ("maximum_record_age_seconds", "21600".to_owned()),
        ("dead_letter_after_seconds", "10800".to_owned()),
        ("on_failure", format!("{{ queue = {on_failure:?} }}")),
    ]
}
