//! Tests functions that are killed at any moment.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tidegate_local::engine::Injection;
use tidegate_local::fault::FaultPlan;

use crate::chaos::verdict;
use crate::feed::feed;
use crate::order_path::check;
use crate::programs::shown;
use crate::world::{World, sample};

/// Kills all processes of one function after the other, over and over.
pub(crate) async fn kill_functions(world: &World) -> u32 {
    let mut killed = 0;
    for round in 0.. {
        let status = world.status().await;
        // It is also idle before the first order arrives.
        if killed > 0 && status["idle"] == true {
            return killed;
        }
        let functions = status["functions"].as_object().expect("functions").clone();
        for function in functions.values() {
            for pid in function["pids"].as_array().expect("pids") {
                let pid = Pid::from_raw(i32::try_from(pid.as_i64().unwrap()).unwrap());
                // It may have ended by itself.
                if kill(pid, Signal::SIGKILL).is_ok() {
                    killed += 1;
                }
            }
        }
        // Long enough for some work between two kills. The moments differ from round to round.
        tokio::time::sleep(Duration::from_millis(150 + 37 * (round % 7))).await;
        if killed > 200 {
            world.settle().await;
            return killed;
        }
    }
    killed
}

#[tokio::test(flavor = "multi_thread")]
async fn killing_functions_at_any_moment_changes_no_read_model_and_loses_or_doubles_no_mail() {
    let world = World::start().await;
    let file = sample();
    let file = file.to_str().unwrap();
    let arguments = ["import", "online-retail", file, "--json"];
    let (killed, imported) = tokio::join!(kill_functions(&world), world.shop(&arguments));
    assert!(imported.status.success(), "{}", shown(&imported));
    assert!(killed > 20, "only {killed} processes were killed");
    world.settle().await;
    check(&world, file).await;

    let (mail, differences) = verdict::mail(&world).await;
    assert_eq!(differences, Vec::<String>::new());
    assert!(mail.sent + mail.held + mail.dead > 100, "{mail:?}");
    world.end().await;
}

/// Number of invoices of one run. The first ones include orders, returns and unreadable lines.
const INVOICES: usize = 25;

/// Imports a few invoices and returns the AWS operations of each function.
///
/// It checks that the result is right, whatever failed in between.
async fn run(plan: FaultPlan) -> (BTreeMap<String, BTreeSet<String>>, BTreeMap<String, u64>) {
    let world = World::start_with(Some(Injection { plan, again: None })).await;
    let file = sample();
    let fed = feed(&world, &file, INVOICES).await;
    world.settle().await;
    let status = world.status().await;
    let mut differences = verdict::histories(&world, &fed).await;
    differences.extend(verdict::read_models(&world, &file, INVOICES).await);
    differences.extend(verdict::dead_letters(&world, &fed).await);
    differences.extend(verdict::mail(&world).await.1);
    assert_eq!(differences, Vec::<String>::new(), "{:#}", status["faults"]);
    world.end().await;
    let calls = status["calls"].as_object().expect("calls").iter();
    let operations = calls.map(|(function, calls)| {
        (function.clone(), calls.as_object().expect("operations").keys().cloned().collect())
    });
    let injected = serde_json::from_value(status["faults"]["injected"].clone()).expect("counts");
    (operations.collect(), injected)
}

/// Kills each function at the first call of one of its operations, in the first attempt of every
/// delivery.
fn kills(
    operations: &BTreeMap<String, BTreeSet<String>>,
    index: usize,
    when: &str,
) -> (String, BTreeSet<String>) {
    let mut expected = BTreeSet::new();
    let rules = operations.iter().filter_map(|(function, operations)| {
        let operation = operations.iter().nth(index)?;
        expected.insert(format!("kill {when} {operation}"));
        Some(format!(
            "[[fault]]\nfault = \"kill\"\nwhen = \"{when}\"\nfunction = \"{function}\"\noperation = \"{operation}\"\nattempts = 1\ncall = 1\nrate = 1\n"
        ))
    });
    (rules.collect(), expected)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_killed_before_or_after_any_of_its_calls_ends_where_one_that_was_not_does() {
    let (operations, injected) = run(FaultPlan::default()).await;
    assert_eq!(injected, BTreeMap::new());
    let most = operations.values().map(BTreeSet::len).max().unwrap();
    assert!(operations.len() == 4 && most > 3, "{operations:?}");
    for index in 0..most {
        for when in ["before", "after"] {
            let (rules, expected) = kills(&operations, index, when);
            let plan = FaultPlan::parse(&rules).unwrap_or_else(|mistakes| panic!("{mistakes:?}"));
            let (_, injected) = run(plan).await;
            let missing: Vec<_> =
                expected.iter().filter(|kill| !injected.contains_key(*kill)).collect();
            assert!(missing.is_empty(), "never injected: {missing:?}; {injected:?}");
        }
    }
}
