//! Functions killed at any moment.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::mail::{confirmations, to_be_confirmed};
use crate::order_path::check;
use crate::programs::shown;
use crate::world::{World, sample};

/// Kills all processes of one function after the other, over and over.
async fn kill_functions(world: &World) -> u32 {
    let mut killed = 0;
    for round in 0.. {
        let status = world.status().await;
        // Before the first order comes in it is idle too.
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
        // Long enough that some work gets done between two killings: the moments differ from round to round.
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

    let wanted: BTreeSet<String> = to_be_confirmed(&world).await.into_iter().collect();
    assert!(wanted.len() > 100, "{}", wanted.len());
    let sent = confirmations(&world).await;
    assert_once(&sent);
    let missing: BTreeSet<_> = wanted.iter().filter(|order| !sent.contains_key(*order)).cloned().collect();
    let accounted: BTreeSet<String> =
        held_orders(&world).await.union(&dead_orders(&world).await).cloned().collect();
    assert!(
        missing.is_subset(&accounted),
        "neither sent nor held nor dead: {:?}",
        missing.difference(&accounted)
    );

    let replayed = world.tidegate(&["dlq", "--queue", "async-failures", "--yes"]).await;
    assert!(replayed.status.success(), "{}", shown(&replayed));
    world.settle().await;
    let released = world.tidegate(&["effects", "release", "--all"]).await;
    assert!(released.status.success(), "{}", shown(&released));
    world.settle().await;
    let sent: BTreeSet<String> = confirmations(&world).await.into_keys().collect();
    assert_eq!(sent, wanted, "every order is confirmed in the end");
    assert!(held_orders(&world).await.is_empty());
    world.end().await;
}

fn assert_once(sent: &BTreeMap<String, usize>) {
    let twice: Vec<_> = sent.iter().filter(|(_, count)| **count > 1).collect();
    assert!(twice.is_empty(), "confirmed more than once: {twice:?}");
}

async fn json(world: &World, arguments: &[&str]) -> Value {
    let output = world.tidegate(arguments).await;
    assert!(output.status.success(), "{}", shown(&output));
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", shown(&output)))
}

async fn held_orders(world: &World) -> BTreeSet<String> {
    let held = json(world, &["effects", "ls", "--json"]).await;
    let key = |effect: &Value| effect["key"].as_str().unwrap().rsplit('#').next().unwrap().to_owned();
    held.as_array().unwrap().iter().map(key).collect()
}

/// Orders whose event ended as a dead letter of the asynchronous invocation.
async fn dead_orders(world: &World) -> BTreeSet<String> {
    let letters = json(world, &["dlq", "--queue", "async-failures", "--json"]).await.to_string();
    let orders = to_be_confirmed(world).await;
    orders.into_iter().filter(|order| letters.contains(&format!("order#{order}"))).collect()
}
