//! Tests that the topology and the rest of the repository agree.

mod answers;
mod rules;
mod tables;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use serde_json::Value;
use tidegate_local::provision::Provisioned;
use topology::Topology;

use crate::programs::{directory, program, repository, shown};

/// The topology of this repository.
fn declared() -> Topology {
    topology::load(&repository().join("infra/topology.auto.tfvars"))
        .unwrap_or_else(|error| panic!("{error}"))
}

/// The sample messages, by type.
fn samples() -> BTreeMap<String, Value> {
    let files = fs::read_dir(repository().join("events/payloads")).unwrap();
    let samples = files.map(|file| {
        let path = file.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        (name, serde_json::from_slice(&fs::read(path).unwrap()).unwrap())
    });
    samples.collect()
}

#[test]
fn every_function_is_a_folder_a_topology_entry_a_package_and_a_binary_of_one_name() {
    let functions = repository().join("functions");
    let folders: BTreeSet<String> = fs::read_dir(&functions)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(folders, declared().functions.into_keys().collect());

    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = std::process::Command::new(cargo);
    command
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .current_dir(repository());
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", shown(&output));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let names: Vec<(String, String)> = metadata["packages"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|package| {
            let manifest = package["manifest_path"].as_str().unwrap();
            let folder =
                manifest.strip_prefix(functions.to_str().unwrap())?.strip_suffix("/Cargo.toml")?;
            let targets = package["targets"].as_array().unwrap().iter();
            let binaries: Vec<&str> = targets
                .filter(|target| target["kind"].as_array().unwrap().contains(&"bin".into()))
                .map(|target| target["name"].as_str().unwrap())
                .collect();
            let folder = folder.trim_start_matches('/').to_owned();
            assert_eq!(package["name"], folder.as_str(), "the package in functions/{folder}");
            Some((folder, binaries.join(", ")))
        })
        .collect();
    assert_eq!(names.len(), folders.len(), "{names:?}");
    for (folder, binary) in names {
        assert_eq!(folder, binary, "the one binary in functions/{folder}");
        assert!(directory().join(&binary).is_file(), "{binary} was not built");
    }
}

/// Returns the variables that the topology must declare for a function.
///
/// A function that starts without its variables lists them all.
#[tokio::test(flavor = "multi_thread")]
async fn every_variable_a_function_needs_is_declared_and_every_declared_one_is_needed() {
    let topology = declared();
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
        let listed = message
            .split_once("the configuration has ")
            .and_then(|(_, list)| list.split_once(": "));
        let (_, problems) = listed.unwrap_or_else(|| panic!("{name}: {message}"));
        let (derived, needed): (BTreeSet<&str>, BTreeSet<&str>) = problems
            .split('"')
            .next()
            .unwrap()
            .split("; ")
            .map(|problem| {
                problem.strip_suffix(" is missing").unwrap_or_else(|| panic!("{name}: {problem}"))
            })
            .partition(|variable| variable.starts_with("TIDEGATE_"));
        let groups = function.uses.iter().filter(|(_, used)| used.schedule_group.is_some());
        let of_groups: Vec<String> = groups
            .flat_map(|(variable, used)| {
                let group = &topology.schedule_groups[used.schedule_group.as_ref().unwrap()];
                let targets =
                    group.targets.keys().map(|target| format!("TARGET_{}", target.to_uppercase()));
                let fixed = ["ROLE_ARN", "DEAD_LETTER_ARN"].map(str::to_owned);
                let of = targets.chain(fixed).collect::<Vec<_>>();
                of.into_iter().map(move |of| format!("{variable}_{of}"))
            })
            .collect();
        let own = function.uses.keys().chain(function.environment.keys()).chain(&of_groups);
        let declared: BTreeSet<&str> = own.map(String::as_str).collect();
        assert_eq!(needed, declared, "variables of {name}");

        let set = Provisioned::default().environment(&topology, name);
        for variable in &derived {
            assert!(
                set.contains_key(*variable),
                "{name} needs {variable}, which does not follow from the topology"
            );
        }
        let days = "TIDEGATE_IDEMPOTENCY_DAYS";
        assert_eq!(set.contains_key(days), derived.contains(days), "{days} of {name}");
    }
}
