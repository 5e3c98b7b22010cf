//! Runs `docs/any-project.md` command by command, as a reader does: in an empty folder, without
//! this repository.

use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::Duration;

use tokio::process::Command;

use crate::any_project::{block, tools};
use crate::command::{stderr, stdout, tidegate};

const DOCUMENT: &str = include_str!("../../../../docs/any-project.md");
const LIMIT: Duration = Duration::from_secs(300);

/// Returns the commands in the document's code blocks of a language, in order.
fn commands(language: &str) -> String {
    let begin = format!("```{language}\n");
    let blocks = DOCUMENT.split(&begin).skip(1);
    blocks.map(|block| block.split("```").next().unwrap()).collect()
}

/// Returns the texts between backticks.
fn spans() -> Vec<&'static str> {
    let prose = DOCUMENT.split("```").step_by(2).flat_map(|text| text.split("\n\n"));
    prose.flat_map(|paragraph| paragraph.split('`').skip(1).step_by(2)).collect()
}

/// Returns every command with its help, `local up` first.
///
/// If several commands have an option, the document describes the one of `local up`.
async fn helps(folder: &Path) -> Vec<(Vec<String>, String)> {
    let (mut found, mut left) = (Vec::new(), vec![Vec::<String>::new()]);
    while let Some(command) = left.pop() {
        let words: Vec<&str> = command.iter().map(String::as_str).chain(["--help"]).collect();
        let output = tidegate(&words, folder, &[]).await;
        assert!(output.status.success(), "{words:?}: {}", stderr(&output));
        let help = stdout(&output);
        let below = help.lines().skip_while(|line| *line != "Commands:").skip(1);
        let below = below.take_while(|line| line.starts_with("  "));
        // A line with more indentation continues the line before.
        let names = below
            .filter(|line| !line.starts_with("   "))
            .filter_map(|l| l.split_whitespace().next());
        let names = names.filter(|name| *name != "help");
        left.extend(names.map(|name| [&command[..], &[name.to_owned()]].concat()));
        found.push((command, help));
    }
    found.sort_by_key(|(command, _)| *command != ["local", "up"]);
    found
}

/// Returns the value that an option takes, by a command's help.
///
/// Returns `Some(None)` if the option takes no value, and `None` if the command has no such option.
fn value_of<'a>(help: &'a str, option: &str) -> Option<Option<&'a str>> {
    let describes = |line: &str| {
        line.trim_start().starts_with('-') && line.split_whitespace().any(|word| word == option)
    };
    let described = help.lines().position(describes)?;
    let mut lines = help.lines().skip(described);
    let takes_one = lines.next()?.contains('<');
    let allowed = lines
        .take_while(|line| !line.trim_start().starts_with("--"))
        .find_map(|line| line.trim().strip_prefix("[possible values: ")?.split([',', ']']).next());
    Some(takes_one.then(|| allowed.unwrap_or("1")))
}

/// The folder of a reader who has the command, Lambda's runtime for Python and the AWS CLI, and
/// nothing else of Tidegate.
struct Reader {
    folder: tempfile::TempDir,
    path: String,
}

impl Reader {
    fn new() -> Self {
        let tools = tools();
        let own = PathBuf::from(env!("CARGO_BIN_EXE_tidegate"));
        let (aws, python) = (tools.join("aws-cli/bin"), tools.join("awslambdaric/bin"));
        for (program, part) in
            [(aws.join("aws"), "aws-cli"), (python.join("python3"), "awslambdaric")]
        {
            assert!(
                program.is_file(),
                "{} is missing: run `scripts/setup {part}`",
                program.display()
            );
        }
        let path = [
            own.parent().unwrap(),
            // The environment of the AWS CLI has its own Python.
            &python,
            &aws,
            Path::new("/usr/local/bin"),
            Path::new("/usr/bin"),
            Path::new("/bin"),
        ];
        let path = std::env::join_paths(path).unwrap().into_string().unwrap();
        Self { folder: tempfile::tempdir().unwrap(), path }
    }

    /// Runs a script.
    ///
    /// The cache is kept, so that the emulator is not downloaded for each run of the test.
    fn shell(&self, script: &str) -> Command {
        let mut shell = Command::new("sh");
        shell
            .args(["-e", "-c", script])
            .current_dir(self.folder.path())
            .env_clear()
            .kill_on_drop(true);
        shell.env("PATH", &self.path).env("HOME", self.folder.path());
        shell.env("XDG_CACHE_HOME", tools().join("cache"));
        shell
    }

    async fn run(&self, script: &str) -> Output {
        let output = tokio::time::timeout(LIMIT, self.shell(script).output());
        output.await.unwrap_or_else(|_| panic!("not done in {LIMIT:?}: {script}")).unwrap()
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let mut down = std::process::Command::new(env!("CARGO_BIN_EXE_tidegate"));
        let _ = down.args(["local", "down"]).current_dir(self.folder.path()).output();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_command_of_the_document_runs_in_an_empty_folder() {
    let reader = Reader::new();
    std::fs::write(reader.folder.path().join("topology.hcl"), block("hcl")).unwrap();
    std::fs::write(reader.folder.path().join("app.py"), block("python")).unwrap();
    let script = commands("sh");
    for command in
        ["local install", "local up", "local wait", "local logs", "local down", "aws sqs"]
    {
        assert!(script.contains(command), "{command} is not among the commands:\n{script}");
    }
    let output = reader.run(&format!("set -x\n{script}")).await;
    let (said, noted) = (stdout(&output), stderr(&output));
    assert!(output.status.success(), "{said}{noted}");
    assert!(said.contains("MiniStack") && said.contains("is installed in"), "{said}");
    // `up` prints the program that it started: the installed one.
    let is_emulator =
        |line: &&str| line.trim_start().starts_with("emulator ") && line.ends_with(')');
    let used = noted.lines().find(is_emulator).unwrap_or_else(|| panic!("{noted}"));
    assert!(used.contains("/tidegate/ministack-") && used.ends_with("/bin/ministack)"), "{used}");
    assert!(
        said.lines().any(|line| line.ends_with("job hello") || line.contains("worker job hello")),
        "{said}"
    );
    assert!(said.contains("\"message\":\"job hello\""), "{said}");
    assert!(said.ends_with("the local system has ended\n"), "{said}");
    // JSON output is one object per line.
    let lines = said.lines().filter(|line| line.starts_with("{\""));
    let lines: Vec<serde_json::Value> =
        lines.map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(lines.len() > 2, "{said}");
}

#[tokio::test]
async fn every_command_and_option_that_the_document_names_exists() {
    let folder = tempfile::tempdir().unwrap();
    let helps = helps(folder.path()).await;
    let mut named = 0;
    for span in spans() {
        let words: Vec<&str> = span.split_whitespace().collect();
        let arguments = match words.as_slice() {
            ["tidegate", arguments @ ..] => arguments.to_vec(),
            // An option that stands alone belongs to a command in the surrounding text.
            [option, values @ ..] if option.starts_with("--") && values.len() <= 1 => {
                let of = helps
                    .iter()
                    .find_map(|(command, help)| Some((command, value_of(help, option)?)));
                let (command, value) = of.unwrap_or_else(|| panic!("no command has `{option}`"));
                let stand_in = value.filter(|_| values.is_empty());
                let command = command.iter().map(String::as_str);
                command.chain([*option]).chain(values.iter().copied()).chain(stand_in).collect()
            }
            _ => continue,
        };
        // Help is printed only after the arguments before it were parsed.
        let output = tidegate(&[&arguments[..], &["--help"]].concat(), folder.path(), &[]).await;
        assert!(output.status.success(), "`{span}`: {}", stderr(&output));
        named += 1;
    }
    assert!(named > 8, "only {named} were found");
}

#[tokio::test]
async fn without_an_emulator_one_line_says_where_was_looked_and_how_to_install_it() {
    let reader = Reader::new();
    std::fs::write(reader.folder.path().join("topology.hcl"), block("hcl")).unwrap();
    let nowhere = "XDG_CACHE_HOME=$HOME/cache tidegate local up --topology topology.hcl";
    let output = reader.run(nowhere).await;
    let text = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    let last = text.lines().last().unwrap();
    assert!(
        last.starts_with("tidegate: MiniStack is not installed: `ministack` is not in "),
        "{text}"
    );
    assert!(
        last.contains("/cache/tidegate/ministack-")
            && last.contains(", nor in PATH; run `tidegate local install`"),
        "{text}"
    );
}

#[tokio::test]
async fn an_installation_without_python_says_what_is_missing_and_does_not_count_afterwards() {
    let reader = Reader::new();
    let cache = reader.folder.path().join("cache");
    let variables = [("XDG_CACHE_HOME", cache.to_str().unwrap()), ("PATH", "/nowhere")];
    for _ in 0..2 {
        let output = tidegate(&["local", "install"], reader.folder.path(), &variables).await;
        let text = stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{text}");
        let last = text.lines().last().unwrap();
        assert!(
            last.starts_with("tidegate: MiniStack is not installed: python3 cannot be started"),
            "{text}"
        );
        assert!(last.ends_with("(on Debian the package python3-venv)"), "{text}");
    }
}

#[tokio::test]
async fn an_installation_that_pip_does_not_finish_says_so_and_is_not_used() {
    let reader = Reader::new();
    std::fs::write(reader.folder.path().join("topology.hcl"), block("hcl")).unwrap();
    let nobody =
        "export XDG_CACHE_HOME=$HOME/cache PIP_INDEX_URL=http://127.0.0.1:1/simple PIP_RETRIES=0";
    let output = reader.run(&format!("{nobody}; tidegate local install")).await;
    let text = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    let last = text.lines().last().unwrap();
    assert!(
        last.starts_with(
            "tidegate: MiniStack is not installed: pip install failed (exit status: 1)"
        ),
        "{text}"
    );
    let version = std::fs::read_dir(reader.folder.path().join("cache/tidegate")).unwrap();
    assert!(version.count() > 0, "there is something to be used by mistake");
    let output = reader.run(&format!("{nobody}; tidegate local up --topology topology.hcl")).await;
    assert!(stderr(&output).contains("run `tidegate local install`"), "{}", stderr(&output));
}
