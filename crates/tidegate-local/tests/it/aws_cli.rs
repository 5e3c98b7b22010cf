//! The AWS CLI as a client, as `scripts/setup aws-cli` installs it.

use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::{Value, json};

use crate::control::running;

/// Path of the CLI: below `TIDEGATE_TOOLS`, or below the nearest `.tools`.
fn aws() -> PathBuf {
    let given =
        std::env::var_os("TIDEGATE_TOOLS").filter(|given| !given.is_empty()).map(PathBuf::from);
    let above = || {
        let current = std::env::current_dir().ok()?;
        current.ancestors().map(|directory| directory.join(".tools")).find(|tools| tools.is_dir())
    };
    let tools = given.or_else(above).expect("no .tools: run `scripts/setup aws-cli`");
    let aws = tools.join("aws-cli/bin/aws");
    assert!(aws.is_file(), "{} is missing: run `scripts/setup aws-cli`", aws.display());
    aws
}

/// Runs the CLI with only a region and meaningless keys configured.
async fn run(endpoint: &str, home: &Path, arguments: &[&str]) -> Output {
    let mut command = tokio::process::Command::new(aws());
    command.env_clear().envs(std::env::var_os("PATH").map(|path| ("PATH", path))).env("HOME", home);
    command.envs([("AWS_ACCESS_KEY_ID", "any"), ("AWS_SECRET_ACCESS_KEY", "any")]);
    command.envs([
        ("AWS_DEFAULT_REGION", "us-east-1"),
        ("AWS_MAX_ATTEMPTS", "1"),
        ("NO_PROXY", "127.0.0.1"),
    ]);
    command.args(["--endpoint-url", endpoint, "--output", "json", "lambda"]).args(arguments);
    command.output().await.unwrap()
}

fn printed(output: &Output) -> Value {
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

#[tokio::test]
async fn the_aws_cli_lists_and_invokes_functions() {
    let running = running(|_| {}).await;
    let (url, home) = (running.api.url(), running.dir.path());
    let file = home.join("answer.json");
    let answer = file.to_str().unwrap();

    let listed = printed(&run(&url, home, &["list-functions"]).await);
    assert_eq!(listed["Functions"][0]["FunctionName"], "probe");

    let arguments = [
        "invoke",
        "--function-name",
        "probe:live",
        "--log-type",
        "Tail",
        "--payload",
        r#"{"n":1}"#,
        answer,
    ];
    let invoked = printed(&run(&url, home, &arguments).await);
    assert_eq!(
        (&invoked["StatusCode"], &invoked["ExecutedVersion"]),
        (&json!(200), &json!("$LATEST"))
    );
    assert!(
        invoked["LogResult"].is_string() && invoked.get("FunctionError").is_none(),
        "{invoked}"
    );
    let seen: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    assert_eq!(seen["event"], json!({"n": 1}));

    let failing = [
        "invoke",
        "--function-name",
        "probe",
        "--payload",
        r#"{"do":"error","message":"no luck"}"#,
        answer,
    ];
    let failed = printed(&run(&url, home, &failing).await);
    assert_eq!(
        (&failed["StatusCode"], &failed["FunctionError"]),
        (&json!(200), &json!("Unhandled"))
    );
    let error: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    assert_eq!(error["errorMessage"], "no luck");

    for (kind, status) in [("Event", 202), ("DryRun", 204)] {
        let arguments = [
            "invoke",
            "--function-name",
            "probe",
            "--invocation-type",
            kind,
            "--payload",
            r#"{"n":2}"#,
            answer,
        ];
        assert_eq!(printed(&run(&url, home, &arguments).await)["StatusCode"], status, "{kind}");
    }
    let taken = running.events.events.lock().unwrap().clone();
    assert_eq!(taken, [("probe".to_owned(), r#"{"n":2}"#.to_owned())]);

    let refused = run(&url, home, &["invoke", "--function-name", "nobody", answer]).await;
    let words = String::from_utf8_lossy(&refused.stderr);
    assert!(
        !refused.status.success() && words.contains("(ResourceNotFoundException)"),
        "{refused:?}"
    );
    assert!(
        words.contains("Function not found: arn:aws:lambda:us-east-1:000000000000:function:nobody"),
        "{words}"
    );
}
