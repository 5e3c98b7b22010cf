//! The topology against the rest of the repository.

use std::collections::BTreeSet;
use std::fs;

use tidegate_local::topology;

use crate::programs::{program, repository};

#[test]
fn every_function_folder_has_a_topology_entry_and_the_reverse() {
    let topology = topology::load(&repository().join("infra/topology.auto.tfvars"))
        .unwrap_or_else(|error| panic!("{error}"));
    let folders: BTreeSet<String> = fs::read_dir(repository().join("functions"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(folders, topology.functions.into_keys().collect());
}

/// A function started without its variables lists them all: that list is what the topology must declare.
#[tokio::test(flavor = "multi_thread")]
async fn every_variable_a_function_needs_is_declared_and_every_declared_one_is_needed() {
    let topology = topology::load(&repository().join("infra/topology.auto.tfvars"))
        .unwrap_or_else(|error| panic!("{error}"));
    for (name, function) in &topology.functions {
        let output = program(name)
            .env_clear()
            .env("AWS_LAMBDA_FUNCTION_NAME", name)
            .env("AWS_REGION", "us-east-1")
            .output()
            .await
            .unwrap();
        assert_eq!(output.status.code(), Some(1), "{name} must not start without its settings");
        let message = String::from_utf8(output.stdout).unwrap();
        let problems = message.split("problem(s): ").nth(1).unwrap_or_else(|| panic!("{name}: {message}"));
        let needed: BTreeSet<&str> = problems
            .split('"')
            .next()
            .unwrap()
            .split("; ")
            .map(|problem| problem.strip_suffix(" is missing").unwrap_or_else(|| panic!("{name}: {problem}")))
            .filter(|variable| !variable.starts_with("TIDEGATE_"))
            .collect();
        let declared: BTreeSet<&str> =
            function.uses.keys().chain(function.environment.keys()).map(String::as_str).collect();
        assert_eq!(needed, declared, "variables of {name}");
    }
}
