//! Terraform on a copy of `infra/`.

use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::Value;
use tempfile::TempDir;
use tokio::process::Command;

use crate::emulator::tools;
use crate::part::{self, ORDER_PATH};
use crate::programs::{repository, shown};

/// Variables of the caller that Terraform gets.
///
/// They locate programs, providers and the registry. None is about an account.
const KEPT: [&str; 13] = [
    "PATH",
    "HOME",
    "TMPDIR",
    "TERRAFORM",
    "TIDEGATE_TERRAFORM_MIRROR",
    "TF_CLI_CONFIG_FILE",
    "TF_PLUGIN_CACHE_DIR",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
];

/// A copy of `infra/` with a state of its own, for one emulator.
pub(crate) struct Terraform {
    directory: TempDir,
    endpoint: String,
    zips: PathBuf,
}

impl Terraform {
    /// Copies `infra/` and runs `terraform init`.
    pub(crate) async fn new(endpoint: &str) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        copy(&repository().join("infra"), &directory.path().join("infra"));
        std::fs::create_dir(directory.path().join("scripts")).unwrap();
        std::fs::copy(
            repository().join("scripts/terraform"),
            directory.path().join("scripts/terraform"),
        )
        .unwrap();
        part::write(&directory.path().join("infra/topology.auto.tfvars"));
        let terraform = Self { directory, endpoint: endpoint.to_owned(), zips: zips() };
        terraform.succeed(&["init", "-input=false"]).await;
        terraform
    }

    /// The topology file of this copy.
    pub(crate) fn topology(&self) -> PathBuf {
        self.directory.path().join("infra/topology.auto.tfvars")
    }

    /// A file whose values override those of the environment, like the overrides of operators in
    /// `scripts/deploy`.
    pub(crate) fn overrides(&self) -> PathBuf {
        self.directory.path().join("infra/overrides.auto.tfvars")
    }

    /// Returns an output.
    pub(crate) async fn output(&self, name: &str) -> Value {
        self.json(&["output", "-json", name]).await
    }

    /// Returns Terraform's message about a plan that it refuses.
    pub(crate) async fn refused_plan(&self) -> String {
        let output = self.run(&self.with_variables(&["plan", "-input=false"])).await;
        assert_eq!(output.status.code(), Some(1), "the plan is not refused: {}", shown(&output));
        // Terraform wraps its lines.
        let text = String::from_utf8(output.stderr).expect("text");
        text.split_whitespace().filter(|word| *word != "│").collect::<Vec<_>>().join(" ")
    }

    /// Uses the zips of another directory.
    pub(crate) fn take_zips_from(&mut self, directory: PathBuf) {
        self.zips = directory;
    }

    pub(crate) async fn apply(&self) {
        self.succeed(&self.with_variables(&["apply", "-input=false", "-auto-approve"])).await;
    }

    pub(crate) async fn destroy(&self) {
        self.succeed(&self.with_variables(&["destroy", "-input=false", "-auto-approve"])).await;
    }

    /// Returns the plan, as `terraform show -json` prints it.
    pub(crate) async fn plan(&self) -> Value {
        let arguments = self.with_variables(&[
            "plan",
            "-input=false",
            "-detailed-exitcode",
            "-out=infra-test.plan",
        ]);
        let output = self.run(&arguments).await;
        assert!(matches!(output.status.code(), Some(0 | 2)), "terraform plan: {}", shown(&output));
        let plan = self.json(&["show", "-json", "infra-test.plan"]).await;
        let is_empty = output.status.code() == Some(0);
        assert_eq!(
            plan["applyable"], !is_empty,
            "the exit code and the plan contradict each other"
        );
        plan
    }

    /// Returns the attributes of every resource of a type, from the state.
    pub(crate) async fn resources(&self, kind: &str) -> Vec<Value> {
        fn collect(module: &Value, kind: &str, found: &mut Vec<Value>) {
            let resources = module["resources"].as_array().into_iter().flatten();
            found.extend(
                resources
                    .filter(|resource| resource["type"] == kind)
                    .map(|resource| resource["values"].clone()),
            );
            for child in module["child_modules"].as_array().into_iter().flatten() {
                collect(child, kind, found);
            }
        }
        let state = self.json(&["show", "-json"]).await;
        let mut found = Vec::new();
        collect(&state["values"]["root_module"], kind, &mut found);
        found
    }

    fn with_variables(&self, arguments: &[&str]) -> Vec<String> {
        let zips = format!("zip_directory={}", self.zips.display());
        let variables = ["-var-file=env/local.tfvars", "-var", &zips];
        arguments.iter().chain(&variables).map(|argument| (*argument).to_owned()).collect()
    }

    async fn json(&self, arguments: &[&str]) -> Value {
        let output = self.succeed(arguments).await;
        serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}", shown(&output)))
    }

    async fn succeed<A: AsRef<str>>(&self, arguments: &[A]) -> Output {
        let output = self.run(arguments).await;
        let arguments: Vec<&str> = arguments.iter().map(AsRef::as_ref).collect();
        assert!(output.status.success(), "terraform {}: {}", arguments.join(" "), shown(&output));
        output
    }

    async fn run<A: AsRef<str>>(&self, arguments: &[A]) -> Output {
        let mut command = Command::new(self.directory.path().join("scripts/terraform"));
        command.env_clear().kill_on_drop(true);
        command.envs(KEPT.iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
        command
            .env("TIDEGATE_TOOLS", tools())
            .env("TF_IN_AUTOMATION", "1")
            .env("TF_CLI_ARGS", "-no-color");
        command.env("AWS_ENDPOINT_URL", &self.endpoint).env("AWS_EC2_METADATA_DISABLED", "true");
        command.env("AWS_ACCESS_KEY_ID", "test").env("AWS_SECRET_ACCESS_KEY", "test");
        command.env("AWS_CONFIG_FILE", "/dev/null").env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null");
        command
            .args(arguments.iter().map(AsRef::as_ref))
            .output()
            .await
            .expect("a start of scripts/terraform")
    }
}

/// Directory of the release zips.
pub(crate) fn zips() -> PathBuf {
    let given = std::env::var_os("TIDEGATE_ZIPS")
        .map_or_else(|| repository().join("target/lambda"), PathBuf::from);
    for function in ORDER_PATH {
        let zip = given.join(function).join("bootstrap.zip");
        assert!(
            zip.exists(),
            "{} is missing: run `make build`, which makes the release zips",
            zip.display()
        );
    }
    given
}

/// Copies a directory, without Terraform's own files.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name();
        let text = name.to_string_lossy();
        if text == ".terraform" || text.starts_with("terraform.tfstate") {
            continue;
        }
        let target = to.join(&name);
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}
