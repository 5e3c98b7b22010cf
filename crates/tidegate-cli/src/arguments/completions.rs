//! The options of `tidegate completions`.

use clap::Args;
use clap_complete::Shell;

pub(super) const LONG: &str = "\
Prints a script that completes this command in a shell.

For bash: tidegate completions bash > ~/.local/share/bash-completion/completions/tidegate
For zsh, a directory of $fpath: tidegate completions zsh > DIRECTORY/_tidegate
For fish: tidegate completions fish > ~/.config/fish/completions/tidegate.fish";

/// Options of `completions`.
#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// Shell to complete in.
    #[arg(value_name = "SHELL")]
    pub(crate) shell: Shell,
}
