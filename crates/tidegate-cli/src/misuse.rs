//! Misuse of the command: one line that says what is wrong and what to run instead, exit code 2.

use std::process::ExitCode;

use clap::error::ErrorKind;

use crate::output;

/// Answers what clap could not parse, or prints the help that was asked for.
pub(crate) fn answer(error: &clap::Error) -> ExitCode {
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        return match output::line(error.render().to_string().trim_end()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(problem) => output::fail(&problem),
        };
    }
    output::note(&format!("tidegate: {}", one_line(error)));
    ExitCode::from(2)
}

/// Clap's message without its layout: what is wrong, its hints, and the usage of the command that was meant.
fn one_line(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let mut wrong = String::new();
    let mut instead = String::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        if let Some(usage) = line.strip_prefix("Usage: ") {
            instead = format!("; run `{usage}`");
        } else if let Some(tip) = line.strip_prefix("tip: ") {
            wrong.push_str("; ");
            wrong.push_str(tip);
        } else if !line.starts_with("For more information") && instead.is_empty() {
            let part = line.strip_prefix("error: ").unwrap_or(line);
            if !wrong.is_empty() {
                wrong.push(' ');
            }
            wrong.push_str(part);
        }
    }
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        "a command is missing".clone_into(&mut wrong);
    }
    wrong = wrong.replace("requires a subcommand but one was not provided", "needs a command");
    if instead.is_empty() || error.kind() == ErrorKind::InvalidSubcommand {
        instead.push_str("; `tidegate --help` lists the commands");
    }
    wrong + &instead
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::Arguments;

    #[test]
    fn misuse_is_one_line_with_what_is_wrong_and_what_to_run() {
        for (line, wrong, instead) in [
            ("tidegate efects", "unrecognized subcommand 'efects'", "'effects'"),
            ("tidegate frobnicate", "unrecognized subcommand 'frobnicate'", "`tidegate --help`"),
            ("tidegate", "'tidegate' needs a command", "`tidegate <COMMAND>`"),
            ("tidegate local", "'tidegate local' needs a command", "`tidegate local <COMMAND>`"),
            (
                "tidegate local wait --timeout soon",
                "invalid value 'soon' for '--timeout <SECONDS>'",
                "`tidegate --help`",
            ),
            ("tidegate local up --time-scale 0", "'0' for '--time-scale <N>'", "above 0"),
            ("tidegate events show", "not provided: <STREAM>", "`tidegate events show <STREAM>`"),
            ("tidegate events show order", "`order` is not a stream id", "order#536365"),
            ("tidegate effects release", "not provided", "`tidegate effects release"),
            ("tidegate effects release --all k", "cannot be used with", "`tidegate effects release"),
            ("tidegate dlq --limit 3", "not provided: --yes", "`tidegate dlq --yes"),
            ("tidegate dlq --reply", "unexpected argument '--reply'", "`tidegate dlq"),
        ] {
            let Err(error) = Arguments::try_parse_from(line.split(' ')) else {
                panic!("{line} was accepted")
            };
            let said = one_line(&error);
            assert!(said.contains(wrong) && said.contains(instead), "{line}: {said}");
            assert!(!said.contains('\n') && !said.contains("error:"), "{line}: {said}");
        }
    }
}
