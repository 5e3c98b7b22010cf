//! What is wrong with a command line is one line and an exit code.

use std::time::{Duration, Instant};

use crate::command::{said, stdout, tidegate};

#[tokio::test]
async fn misuse_exits_with_2_and_one_line() {
    let empty = tempfile::tempdir().unwrap();
    for arguments in [
        &["frobnicate"][..],
        &[],
        &["local"],
        &["events", "show"],
        &["events", "show", "x"],
        &["dlq", "--limit", "3"],
    ] {
        said(&tidegate(arguments, empty.path(), &[]).await, 2);
    }
}

#[tokio::test]
async fn help_is_no_misuse_and_says_what_listing_does() {
    let empty = tempfile::tempdir().unwrap();
    let output = tidegate(&["dlq", "--help"], empty.path(), &[]).await;
    assert!(output.status.success() && stdout(&output).contains("raises its receive count"));
}

#[tokio::test]
async fn without_a_system_every_command_says_how_to_start_one_and_down_is_content() {
    let empty = tempfile::tempdir().unwrap();
    for arguments in [
        &["local", "status"][..],
        &["local", "wait"],
        &["events", "show", "order#1"],
        &["effects", "ls"],
        &["dlq"],
    ] {
        let text = said(&tidegate(arguments, empty.path(), &[]).await, 1);
        assert!(text.contains("tidegate local up"), "{text}");
        let state = empty.path().join(".tidegate/engine.json");
        let local = arguments[0] == "local";
        assert!(local || text.contains(state.to_str().unwrap()), "{text}");
    }
    let down = tidegate(&["local", "down"], empty.path(), &[]).await;
    assert!(down.status.success() && stdout(&down).contains("no local system is running"));
}

#[tokio::test]
async fn an_endpoint_that_does_not_answer_is_said_within_seconds() {
    let empty = tempfile::tempdir().unwrap();
    let started = Instant::now();
    let output =
        tidegate(&["dlq"], empty.path(), &[("AWS_ENDPOINT_URL", "http://127.0.0.1:1")]).await;
    assert!(said(&output, 1).contains("nothing answers at http://127.0.0.1:1"));
    assert!(started.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn a_local_system_that_is_gone_is_said_and_down_clears_it_away() {
    let directory = tempfile::tempdir().unwrap();
    let mut ended = std::process::Command::new("true").spawn().unwrap();
    ended.wait().unwrap();
    std::fs::create_dir(directory.path().join(".tidegate")).unwrap();
    let file = directory.path().join(".tidegate/engine.json");
    let engine = serde_json::json!({"pid": ended.id(), "control": "http://127.0.0.1:1", "endpoint": "http://127.0.0.1:1",
        "started_at": "2026-01-01T00:00:00Z", "topology": "/t", "backend": "ministack"});
    std::fs::write(&file, engine.to_string()).unwrap();
    for arguments in [&["local", "status"][..], &["dlq"]] {
        assert!(said(&tidegate(arguments, directory.path(), &[]).await, 1).contains("is gone"));
    }
    assert!(tidegate(&["local", "down"], directory.path(), &[]).await.status.success());
    assert!(!file.exists());
}

#[tokio::test]
async fn a_name_prefix_that_is_none_or_meets_a_local_system_is_misuse() {
    let directory = tempfile::tempdir().unwrap();
    let bad = tidegate(&["dlq"], directory.path(), &[("TIDEGATE_NAME_PREFIX", "shop_dev")]).await;
    assert!(said(&bad, 2).contains("invalid value 'shop_dev' for '--name-prefix <PREFIX>'"));
    std::fs::create_dir(directory.path().join(".tidegate")).unwrap();
    let engine = serde_json::json!({"pid": std::process::id(), "control": "http://127.0.0.1:1", "endpoint": "http://127.0.0.1:1",
        "started_at": "2026-01-01T00:00:00Z", "topology": "/t", "backend": "ministack"});
    std::fs::write(directory.path().join(".tidegate/engine.json"), engine.to_string()).unwrap();
    for arguments in [&["dlq"][..], &["effects", "ls"], &["events", "show", "order#1"]] {
        let arguments = [arguments, &["--name-prefix", "shop-dev-"]].concat();
        for endpoint in [&[][..], &[("AWS_ENDPOINT_URL", "http://127.0.0.1:1/")]] {
            let text = said(&tidegate(&arguments, directory.path(), endpoint).await, 2);
            assert!(text.contains("the local system has no name prefix"), "{text}");
        }
    }
    let named =
        tidegate(&["dlq", "--yes", "--account", "123456789012"], directory.path(), &[]).await;
    assert!(said(&named, 2).contains("a local system runs, and --account is 123456789012"));
    let other = [("AWS_ENDPOINT_URL", "http://127.0.0.1:2")];
    let text =
        said(&tidegate(&["dlq", "--name-prefix", "shop-dev-"], directory.path(), &other).await, 1);
    assert!(text.contains("nothing answers at http://127.0.0.1:2"), "{text}");
}

#[tokio::test]
async fn a_topology_that_is_missing_keeps_the_background_process_from_starting() {
    let directory = tempfile::tempdir().unwrap();
    let text = said(&tidegate(&["local", "up", "--detach"], directory.path(), &[]).await, 1);
    assert!(
        text.contains("there is no infra/topology.auto.tfvars here or in a directory above"),
        "{text}"
    );
    let named = ["local", "up", "--detach", "--topology", "gone.tfvars"];
    let output = tidegate(&named, directory.path(), &[]).await;
    let text = crate::command::stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("gone.tfvars") && text.contains("did not start"), "{text}");
}

#[tokio::test]
async fn help_names_the_variables_and_the_exit_codes_and_a_shell_gets_its_script() {
    let empty = tempfile::tempdir().unwrap();
    let printed = async |arguments: &[&str]| {
        let output = tidegate(arguments, empty.path(), &[]).await;
        assert!(output.status.success(), "{}", crate::command::stderr(&output));
        stdout(&output)
    };
    let up = printed(&["local", "up", "--help"]).await;
    for part in
        ["[env: BACKEND]", "[env: AWS_ENDPOINT_URL]", "TIDEGATE_TOOLS", "tidegate local install"]
    {
        assert!(up.contains(part), "{part} is not in\n{up}");
    }
    let wait = printed(&["local", "wait", "--help"]).await;
    assert!(wait.contains("3  still busy after --timeout"), "{wait}");
    assert!(printed(&["--help"]).await.contains("Exit codes:"));
    for (shell, mark) in [
        ("bash", "complete -F _tidegate"),
        ("zsh", "#compdef tidegate"),
        ("fish", "complete -c tidegate"),
    ] {
        let script = printed(&["completions", shell]).await;
        assert!(script.contains(mark) && script.contains("endpoint"), "{shell}:\n{script}");
    }
}
