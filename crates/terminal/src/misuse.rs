//! Reports misuse of a command in one line: what is wrong, and what to run instead. Exit code 2.

use std::process::ExitCode;

use clap::error::ErrorKind;

use crate::output;

/// Reports what clap could not parse, or prints the requested help.
pub fn answer(program: &str, error: &clap::Error) -> ExitCode {
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        return match output::line(error.render().to_string().trim_end()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(problem) => output::fail(program, &problem),
        };
    }
    output::note(&format!("{program}: {}", one_line(program, error)));
    ExitCode::from(2)
}

/// Returns clap's message without its layout: what is wrong, its hints, and the usage of the
/// command.
pub fn one_line(program: &str, error: &clap::Error) -> String {
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
        instead.push_str(&format!("; `{program} --help` lists the commands"));
    }
    wrong + &instead
}

#[cfg(test)]
mod tests {
    use clap::{Arg, Command};

    use super::*;

    fn program() -> Command {
        let number =
            Arg::new("n").long("limit").value_name("N").value_parser(clap::value_parser!(u8));
        let list = Command::new("list")
            .arg(Arg::new("file").value_name("FILE").required(true))
            .arg(number);
        let group =
            Command::new("group").subcommand_required(true).subcommand(Command::new("show"));
        Command::new("prog").subcommand_required(true).subcommand(list).subcommand(group)
    }

    #[test]
    fn misuse_is_one_line_with_what_is_wrong_and_what_to_run() {
        for (line, said) in [
            (
                "prog lst",
                "unrecognized subcommand 'lst'; a similar subcommand exists: 'list'; run `prog <COMMAND>`; `prog --help` lists the commands",
            ),
            (
                "prog",
                "'prog' needs a command [subcommands: list, group, help]; run `prog <COMMAND>`",
            ),
            (
                "prog group",
                "'prog group' needs a command [subcommands: show, help]; run `prog group <COMMAND>`",
            ),
            (
                "prog list",
                "the following required arguments were not provided: <FILE>; run `prog list <FILE>`",
            ),
            (
                "prog list f --limit many",
                "invalid value 'many' for '--limit <N>': invalid digit found in string; `prog --help` lists the commands",
            ),
        ] {
            let error = program().try_get_matches_from(line.split(' ')).unwrap_err();
            assert_eq!(one_line("prog", &error), said, "{line}");
        }
    }
}
