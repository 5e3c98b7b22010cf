//! Runs the same scenarios through Tidegate's engine and through LocalStack's own event source
//! mapping: `make conformance`.
//!
//! LocalStack runs its functions in containers. Here a LocalStack plug-in
//! (`tests/conformance/localstack`) runs them as processes instead. The mapping is LocalStack's,
//! unmodified. Both sides read the same records and invoke the same program.

mod function;
mod inputs;
mod localstack;
mod observation;
mod place;
mod scenario;
mod tidegate;
mod topics;

use std::collections::BTreeSet;
use std::time::Duration;

use engine_client::local::{ACCOUNT, REGION};
use futures::{StreamExt as _, stream};
use tidegate_local::clients::Clients;
use tidegate_local::emulator::Backend;

use self::function::ScriptedFunction;
use self::observation::{Observation, difference, of_queue, of_stream};
use self::place::{OnFailure, Place};
use self::scenario::{Difference, Scenario, Seen, SourceKind};
use crate::backend::started;

const ROLE: &str = "arn:aws:iam::000000000000:role/conformance";
/// Number of scenarios that run at a time.
const AT_ONCE: usize = 6;

fn arn_of(function: &str) -> String {
    format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:{function}")
}

struct World {
    clients: Clients,
    lambda: aws_sdk_lambda::Client,
    zip: Vec<u8>,
    state: std::path::PathBuf,
}

/// Configuration of one side.
#[derive(Clone, Copy)]
struct Setup<'a> {
    world: &'a World,
    name: &'a str,
    scenario: &'a Scenario,
    source: SourceKind,
    place: &'a Place,
    on_failure: Option<&'a OnFailure>,
    function: &'a ScriptedFunction,
}

/// One scenario on one kind of source.
struct Case {
    number: usize,
    scenario: Scenario,
    source: SourceKind,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs LocalStack with a plug-in: make conformance"]
async fn what_differs_from_localstacks_own_mapping_has_an_explanation() {
    assert_eq!(
        std::env::var("LAMBDA_RUNTIME_EXECUTOR").as_deref(),
        Ok("process"),
        "LocalStack is to run functions as processes: run `make conformance`"
    );
    let backend = started(&Backend::LocalStack).await;
    let world = World {
        clients: backend.clients.clone(),
        lambda: localstack::client(backend.emulator.endpoint()),
        zip: localstack::zip(),
        state: backend.state.path().to_owned(),
    };
    place::until_kinesis_answers(&world.clients).await;
    let only = std::env::var("ONLY").unwrap_or_default();
    let scenarios = scenario::all().into_iter().filter(|scenario| scenario.name.contains(&only));
    let cases = scenarios.flat_map(|scenario| {
        let sources = scenario.sources.clone();
        sources.into_iter().map(move |source| (scenario.clone(), source))
    });
    let mut cases: Vec<Case> = cases
        .enumerate()
        .map(|(number, (scenario, source))| Case { number, scenario, source })
        .collect();
    // Scenarios with a delay start first.
    cases.sort_by_key(|case| std::cmp::Reverse(case.scenario.delay_seconds));
    let results = cases.into_iter().map(|case| run(&world, case)).collect::<Vec<_>>();
    let mut results: Vec<(Case, Observation, Observation)> =
        stream::iter(results).buffer_unordered(AT_ONCE).collect().await;
    results.sort_by_key(|(case, ..)| case.number);
    let differences = scenario::differences();
    let mut occurred = BTreeSet::new();
    let mut unexplained = Vec::new();
    for (case, ours, theirs) in &results {
        println!("\n{} ({})", case.scenario.name, case.source.name());
        let found = difference(ours, theirs);
        for (path, ours, theirs) in &found {
            let explained = explained(&differences, case, path, ours, theirs);
            let why = explained.map_or("NOT EXPLAINED", |(index, seen)| {
                occurred.insert((index, seen));
                differences[index].what.as_str()
            });
            println!("  {path}: {ours} | {theirs}: {why}");
            if explained.is_none() {
                unexplained.push(format!(
                    "{} ({}): {path}",
                    case.scenario.name,
                    case.source.name()
                ));
            }
        }
        if found.is_empty() {
            println!("  the same: {} facts", ours.len());
        }
    }
    assert_eq!(unexplained, [] as [String; 0], "differences without an explanation");
    if only.is_empty() {
        let all = differences.iter().enumerate();
        let all = all.flat_map(|(index, difference)| {
            (0..difference.seen.len()).map(move |seen| (index, seen))
        });
        let missing: Vec<&Seen> = all
            .filter(|at| !occurred.contains(at))
            .map(|(index, seen)| &differences[index].seen[seen])
            .collect();
        assert_eq!(missing, [] as [&Seen; 0], "explained differences that did not occur");
    }
}

fn explained(
    differences: &[Difference],
    case: &Case,
    path: &str,
    ours: &str,
    theirs: &str,
) -> Option<(usize, usize)> {
    let path = without_indices(path);
    let fits = |seen: &Seen| {
        case.scenario.name.contains(&seen.scenario)
            && seen.of == case.source
            && seen.path == path
            && seen.tidegate == ours
            && seen.localstack == theirs
    };
    let mut all = differences.iter().enumerate();
    all.find_map(|(index, difference)| Some((index, difference.seen.iter().position(fits)?)))
}

/// Turns `given up[3].version` into `given up[].version`.
fn without_indices(path: &str) -> String {
    let mut parts = path.split('[');
    let mut whole = parts.next().unwrap().to_owned();
    for part in parts {
        whole.push('[');
        whole.push_str(part.trim_start_matches(|c: char| c.is_ascii_digit()));
    }
    whole
}

#[test]
fn the_document_has_every_difference_from_localstacks_mapping() {
    let document = include_str!("../../../../../docs/emulators.md");
    for Difference { what, aws, localstack, source, .. } in scenario::differences() {
        let row = format!("| {what} | {aws} | {localstack} | {source} |");
        assert!(document.contains(&row), "docs/emulators.md lacks the row\n{row}");
    }
}

async fn run(world: &World, case: Case) -> (Case, Observation, Observation) {
    let name = format!("case-{}", case.number);
    let (ours, theirs) = if case.source.is_queue() {
        run_queue(world, &name, &case.scenario, case.source).await
    } else {
        run_stream(world, &name, &case.scenario, case.source).await
    };
    (case, ours, theirs)
}

async fn run_stream(
    world: &World,
    name: &str,
    scenario: &Scenario,
    source: SourceKind,
) -> (Observation, Observation) {
    let clients = &world.clients;
    let place = place::stream(clients, name, scenario, source).await;
    // Waits until the records are as old as the scenario needs.
    tokio::time::sleep(Duration::from_secs(scenario.delay_seconds)).await;
    place::put(clients, name, &place.arn, source, &scenario.end).await;
    let (mut targets, functions) =
        (Vec::new(), [(); 2].map(|()| ScriptedFunction::new(&scenario.script)));
    for side in ["tidegate", "localstack"] {
        if let Some(kind) = scenario.destination {
            targets.push(place::on_failure(clients, &format!("{name}-{side}"), kind).await);
        }
    }
    let [function, their_function] = &functions;
    let setup = Setup {
        world,
        name,
        scenario,
        source,
        place: &place,
        on_failure: targets.first(),
        function,
    };
    let ours = tidegate::start(setup);
    let setup = Setup { on_failure: targets.get(1), function: their_function, ..setup };
    let theirs = localstack::start(setup).await;
    if scenario.throttled {
        let deadline = std::time::Instant::now() + Duration::from_secs(60);
        while ours.refused() < 4 || !targets[1].has_arrived(clients).await {
            assert!(
                std::time::Instant::now() < deadline,
                "LocalStack does not give up a throttled batch"
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        ours.open();
        theirs.open().await;
    }
    let who = |side: &str| format!("{} ({}), {side}", scenario.name, source.name());
    function.until_ended(&who("Tidegate"), || ours.state()).await;
    their_function.until_ended(&who("LocalStack"), String::new).await;
    ours.stop(source).await;
    theirs.stop().await;
    let mut seen = functions.each_ref().map(|function| of_stream(&function.journal()));
    for (target, seen) in targets.iter().zip(&mut seen) {
        target.observe(clients, seen).await;
    }
    let stored = place::stored(clients, name, &place.arn, source).await;
    for seen in &mut seen {
        observation::name(seen, &stored, &place.arn, &arn_of(name));
    }
    seen.into()
}

async fn run_queue(
    world: &World,
    name: &str,
    scenario: &Scenario,
    source: SourceKind,
) -> (Observation, Observation) {
    let clients = &world.clients;
    let who = |side: &str| format!("{} ({}), {side}", scenario.name, source.name());
    // The name is part of the events.
    let (our_name, their_name) = (format!("a-{name}"), format!("b-{name}"));
    let functions = [(); 2].map(|()| ScriptedFunction::new(&scenario.script));
    let [function, their_function] = &functions;
    let our_place = place::queue(clients, &our_name, scenario, source).await;
    let their_place = place::queue(clients, &their_name, scenario, source).await;
    let setup = Setup {
        world,
        name: &our_name,
        scenario,
        source,
        place: &our_place,
        on_failure: None,
        function,
    };
    let ours = tidegate::start(setup);
    let setup = Setup { name: &their_name, place: &their_place, function: their_function, ..setup };
    let theirs = localstack::start(setup).await;
    place::until_empty(clients, &our_place.url, &who("Tidegate")).await;
    ours.stop(source).await;
    place::until_empty(clients, &their_place.url, &who("LocalStack")).await;
    theirs.stop().await;
    let mut seen = functions.each_ref().map(|function| of_queue(&function.journal()));
    for (place, seen) in [&our_place, &their_place].into_iter().zip(&mut seen) {
        place::observe_letters(clients, place, seen).await;
        observation::name(seen, &[], &place.arn, "none");
    }
    seen.into()
}
