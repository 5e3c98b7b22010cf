//! The git repository around a folder, read through the program `git`.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use terminal::problem::Problem;

/// A repository, seen from one of its folders.
pub(super) struct Repository {
    /// Top of the working tree.
    top: PathBuf,
    /// Path of the folder in the repository, with a slash at its end. Empty at the top.
    prefix: String,
    shallow: bool,
}

/// A file of a commit.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Blob {
    /// Path below the folder.
    pub(super) name: String,
    /// Git's id of the content.
    pub(super) id: String,
}

impl Repository {
    /// Finds the repository around a folder.
    pub(super) fn around(folder: &Path) -> Result<Self, Problem> {
        let output = run(folder, &["rev-parse", "--is-shallow-repository", "--show-prefix"])?;
        if !output.status.success() {
            return Err(Problem::new(format!(
                "{} is not in a git repository that can be read: {}",
                folder.display(),
                first_line(&output.stderr)
            )));
        }
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let (shallow, prefix) = text.split_once('\n').unwrap_or((&text, ""));
        let prefix = prefix.strip_suffix('\n').unwrap_or(prefix).to_owned();
        let top = folder.join("../".repeat(prefix.matches('/').count()));
        Ok(Self { shallow: shallow == "true", prefix, top })
    }

    /// Returns the repository, seen from another folder: its path with a slash at its end.
    pub(super) fn seen_from(&self, prefix: &str) -> Self {
        Self { top: self.top.clone(), prefix: prefix.to_owned(), shallow: self.shallow }
    }

    /// Returns the path of the folder in the repository.
    pub(super) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Returns whether the working tree has something at a path of the repository.
    pub(super) fn has(&self, path: &str) -> bool {
        self.top.join(path).exists()
    }

    /// Returns whether commits are missing.
    pub(super) fn is_shallow(&self) -> bool {
        self.shallow
    }

    /// Returns the id of the commit that a revision names. With a dash at its begin it would be an
    /// option of git.
    pub(super) fn commit(&self, revision: &str) -> Result<String, Problem> {
        if revision.starts_with('-') {
            let text = format!("`{revision}` is not a revision: it begins with a dash");
            return Err(Problem::misuse(text));
        }
        let named = format!("{revision}^{{commit}}");
        let output = run(&self.top, &["rev-parse", "--verify", "--quiet", &named])?;
        let id = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        let is_id = id.len() >= 40 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
        if output.status.success() && is_id {
            return Ok(id);
        }
        let hint = match self.shallow {
            true => "; this clone is shallow, and `git fetch --unshallow` brings older commits",
            false => "; name a commit, a branch or a tag, such as main or HEAD~1",
        };
        Err(Problem::new(format!("no commit is named `{revision}` here{hint}")))
    }

    /// Returns the files of the folder in a commit. Folders below are left out.
    pub(super) fn files(&self, commit: &str) -> Result<Vec<Blob>, Problem> {
        let mut arguments = vec!["ls-tree", "-z", "--full-tree", "--", commit];
        if !self.prefix.is_empty() {
            arguments.push(&self.prefix);
        }
        let mut blobs = self.listed(&arguments)?;
        for blob in &mut blobs {
            blob.name = blob.name.strip_prefix(&self.prefix).unwrap_or_default().to_owned();
        }
        Ok(blobs)
    }

    /// Returns the paths of all files in a commit.
    pub(super) fn paths(&self, commit: &str) -> Result<Vec<String>, Problem> {
        let blobs = self.listed(&["ls-tree", "-r", "-z", "--full-tree", commit])?;
        Ok(blobs.into_iter().map(|blob| blob.name).collect())
    }

    fn listed(&self, arguments: &[&str]) -> Result<Vec<Blob>, Problem> {
        let listing = self.read(arguments)?;
        let listing = String::from_utf8_lossy(&listing);
        let blobs = listing.split('\0').filter_map(|entry| {
            let (kind, path) = entry.split_once('\t')?;
            let id = kind.split_once(" blob ")?.1;
            Some(Blob { name: path.to_owned(), id: id.to_owned() })
        });
        Ok(blobs.collect())
    }

    /// Returns the content of a file.
    pub(super) fn content(&self, blob: &Blob) -> Result<Vec<u8>, Problem> {
        self.read(&["cat-file", "blob", &blob.id])
    }

    /// Returns the commits that changed the folder, from this one back to `since`.
    pub(super) fn history(
        &self,
        commit: &str,
        since: Option<&str>,
    ) -> Result<Vec<String>, Problem> {
        let before = since.map(|since| format!("^{since}"));
        let mut arguments = vec!["rev-list", "--full-history", commit];
        arguments.extend(before.as_deref());
        arguments.extend(["--", if self.prefix.is_empty() { "." } else { &self.prefix }]);
        let listing = self.read(&arguments)?;
        let mut commits: Vec<String> =
            String::from_utf8_lossy(&listing).lines().map(str::to_owned).collect();
        commits.extend(since.map(str::to_owned));
        Ok(commits)
    }

    fn read(&self, arguments: &[&str]) -> Result<Vec<u8>, Problem> {
        let output = run(&self.top, arguments)?;
        if output.status.success() {
            return Ok(output.stdout);
        }
        let command = arguments.first().copied().unwrap_or_default();
        Err(Problem::new(format!("git {command} failed: {}", first_line(&output.stderr))))
    }
}

fn run(folder: &Path, arguments: &[&str]) -> Result<Output, Problem> {
    let mut command = Command::new("git");
    command.arg("-C").arg(folder).arg("--literal-pathspecs").args(arguments);
    // Reading takes no lock, and messages are compared and shown as git's own.
    command.env("GIT_OPTIONAL_LOCKS", "0").env("LC_ALL", "C");
    command
        .output()
        .map_err(|error| Problem::new(format!("git cannot be run: {error}; install it")))
}

fn first_line(text: &[u8]) -> String {
    String::from_utf8_lossy(text).lines().next().unwrap_or("no reason was given").to_owned()
}
