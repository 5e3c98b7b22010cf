//! Writes the `Cargo.toml` of a function, and reads that of the workspace around it.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use terminal::problem::Problem;
use toml::{Table, Value};

use super::path::shown;
use crate::arguments::{FunctionSource, NewFunction};

/// Dependencies of a function without a workspace: name, version, features.
const DEPENDENCIES: [(&str, &str, &[&str]); 5] = [
    ("serde", "1", &["derive"]),
    ("serde_dynamo", "4.3", &[]),
    ("serde_json", "1", &["raw_value"]),
    ("tokio", "1", &["rt", "macros"]),
    ("tracing", "0.1", &[]),
];

/// Manifest of a workspace.
pub(super) struct Manifest {
    file: PathBuf,
    content: Table,
}

impl Manifest {
    /// Reads a manifest. Returns `None` if there is no such file.
    ///
    /// # Errors
    /// The file cannot be read, or is not TOML.
    pub(super) fn read(file: &Path) -> Result<Option<Self>, Problem> {
        let unusable = |error: &dyn std::fmt::Display| {
            Problem::new(format!("{} cannot be used: {error}", shown(file)))
        };
        let text = match fs::read_to_string(file) {
            Ok(text) => text,
            Err(error)
                if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) =>
            {
                return Ok(None);
            }
            Err(error) => return Err(unusable(&error)),
        };
        let content = text.parse().map_err(|error: toml::de::Error| unusable(&error.message()))?;
        Ok(Some(Self { file: file.to_owned(), content }))
    }

    pub(super) fn is_workspace(&self) -> bool {
        self.content.contains_key("workspace")
    }

    /// Returns how to make a folder a member, or `None` if it is one.
    pub(super) fn not_a_member(&self, folder: &Path) -> Option<String> {
        let root = self.file.parent()?;
        let below = folder.strip_prefix(root).ok()?;
        let (whole, siblings) = (below.to_str()?, below.parent()?.join("*"));
        let member =
            self.members().any(|member| Some(member) == siblings.to_str() || member == whole);
        (!member).then(|| {
            format!(
                "add \"{whole}\" to `members` in {}, which makes the crate part of that workspace",
                shown(&self.file)
            )
        })
    }

    /// Returns the folder of the member with this package name.
    ///
    /// # Errors
    /// The manifest of a member cannot be read.
    pub(super) fn package(&self, name: &str) -> Result<Option<PathBuf>, Problem> {
        let root = self.file.parent().unwrap_or(Path::new("."));
        let mut folders = Vec::new();
        for member in self.members() {
            match member.strip_suffix("/*") {
                Some(parent) => {
                    let entries = fs::read_dir(root.join(parent)).into_iter().flatten();
                    folders.extend(entries.filter_map(|entry| Some(entry.ok()?.path())));
                }
                None => folders.push(root.join(member)),
            }
        }
        for folder in folders {
            let manifest = Self::read(&folder.join("Cargo.toml"))?;
            let package = manifest
                .as_ref()
                .and_then(|manifest| manifest.content.get("package")?.get("name")?.as_str());
            if package == Some(name) {
                return Ok(Some(folder));
            }
        }
        Ok(None)
    }

    fn members(&self) -> impl Iterator<Item = &str> {
        let members = self.content.get("workspace").and_then(|workspace| workspace.get("members"));
        members.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
    }

    /// Returns whether the workspace declares a value that its members can inherit.
    fn has(&self, path: &[&str]) -> bool {
        let mut value = self.content.get("workspace");
        for key in path {
            value = value.and_then(|value| value.get(key));
        }
        value.is_some()
    }
}

/// Origin of the toolkit, as the value of a dependency.
pub(super) struct Toolkit(String);

impl Toolkit {
    /// Returns the toolkit that the options name, if they name one.
    ///
    /// # Errors
    /// Misuse: there is no toolkit at the path.
    pub(super) fn from_options(options: &NewFunction) -> Result<Option<Self>, Problem> {
        let value = match (&options.tidegate_path, &options.tidegate_git, &options.tidegate_version)
        {
            (Some(path), _, _) => {
                let path = toolkit_at(path)?;
                format!("path = {}", text_of(&path.display().to_string()))
            }
            (_, Some(url), _) => format!("git = {}", text_of(url)),
            (_, _, Some(version)) => format!("version = {}", text_of(version)),
            (None, None, None) => return Ok(None),
        };
        Ok(Some(Self(value)))
    }
}

fn toolkit_at(path: &Path) -> Result<PathBuf, Problem> {
    let found = Manifest::read(&path.join("Cargo.toml"))?.is_some_and(|manifest| {
        manifest.content.get("package").and_then(|package| package.get("name")?.as_str())
            == Some("tidegate")
    });
    let absolute = fs::canonicalize(path).ok().filter(|_| found);
    absolute.ok_or_else(|| {
        Problem::misuse(format!(
            "--tidegate-path {} is not the folder of the package tidegate; name crates/tidegate of a copy of its repository",
            path.display()
        ))
    })
}

/// Formats a text as TOML. JSON's escapes are also valid in TOML.
fn text_of(text: &str) -> String {
    Value::String(text.to_owned()).to_string()
}

/// Returns the manifest of a function. It inherits everything that the workspace declares.
///
/// # Errors
/// Misuse: the origin of the toolkit is unknown.
pub(super) fn text(
    name: &str,
    source: FunctionSource,
    around: Option<&Manifest>,
    toolkit: Option<&Toolkit>,
) -> Result<String, Problem> {
    let inherited = |path: &[&str]| around.is_some_and(|manifest| manifest.has(path));
    let mut text = format!("[package]\nname = \"{name}\"\ndescription = \"Lambda function\"\n");
    for (field, otherwise) in [
        ("version", Some("\"0.1.0\"")),
        ("edition", Some("\"2024\"")),
        ("rust-version", Some(concat!("\"", env!("CARGO_PKG_RUST_VERSION"), "\""))),
        ("license", None),
        ("publish", Some("false")),
    ] {
        if inherited(&["package", field]) {
            text.push_str(&format!("{field}.workspace = true\n"));
        } else if let Some(value) = otherwise {
            text.push_str(&format!("{field} = {value}\n"));
        }
    }
    if inherited(&["lints"]) {
        text.push_str("\n[lints]\nworkspace = true\n");
    }
    let toolkit = match toolkit {
        Some(Toolkit(origin)) => origin.as_str(),
        None if inherited(&["dependencies", "tidegate"]) => "workspace = true",
        None => {
            return Err(Problem::misuse(
                "the source of the crate tidegate is unknown; add --tidegate-path DIR, \
                 --tidegate-git URL or --tidegate-version VERSION",
            ));
        }
    };
    let dependency = |wanted: &str| -> String {
        let known = DEPENDENCIES.iter().filter(|(name, ..)| *name == wanted);
        let lines = known.map(|(name, version, features)| {
            if inherited(&["dependencies", name]) {
                format!("{name}.workspace = true\n")
            } else if features.is_empty() {
                format!("{name} = \"{version}\"\n")
            } else {
                format!("{name} = {{ version = \"{version}\", features = {features:?} }}\n")
            }
        });
        lines.collect()
    };
    let dynamodb = (source == FunctionSource::Dynamodb).then_some("serde_dynamo");
    text.push_str("\n[dependencies]\n");
    text.extend(["serde"].into_iter().chain(dynamodb).map(dependency));
    text.push_str(&match toolkit {
        "workspace = true" => "tidegate.workspace = true\n".to_owned(),
        origin => format!("tidegate = {{ {origin} }}\n"),
    });
    text.extend(["tokio", "tracing"].into_iter().map(dependency));
    text.push_str("\n[dev-dependencies]\n");
    // The tests of the other sources need only text, not JSON.
    let json = matches!(source, FunctionSource::Dynamodb | FunctionSource::Eventbridge)
        .then_some("serde_json");
    text.extend(json.map(dependency));
    text.push_str(&format!("tidegate = {{ {toolkit}, features = [\"test-kit\"] }}\n"));
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(text: &str) -> Manifest {
        Manifest { file: PathBuf::from("/w/Cargo.toml"), content: text.parse().unwrap() }
    }

    #[test]
    fn what_the_workspace_declares_is_taken_from_there_and_the_rest_is_said() {
        let around = manifest(
            "[workspace]\nmembers = [\"functions/*\"]\n[workspace.package]\nedition = \"2024\"\n[workspace.dependencies]\nserde = \"1\"\n",
        );
        let toolkit = Toolkit("git = \"https://example.com/t\"".to_owned());
        let text = text("mine", FunctionSource::Kinesis, Some(&around), Some(&toolkit)).unwrap();
        let read: Table = text.parse().unwrap();
        assert_eq!(read["package"]["edition"]["workspace"], Value::Boolean(true));
        assert_eq!(read["package"]["version"].as_str(), Some("0.1.0"));
        assert_eq!(read["dependencies"]["serde"]["workspace"], Value::Boolean(true));
        assert_eq!(read["dependencies"]["tokio"]["version"].as_str(), Some("1"));
        for table in ["dependencies", "dev-dependencies"] {
            assert_eq!(read[table]["tidegate"]["git"].as_str(), Some("https://example.com/t"));
        }
        assert_eq!(read["dev-dependencies"]["tidegate"]["features"][0].as_str(), Some("test-kit"));
        assert!(read.get("lints").is_none() && read["package"].get("license").is_none(), "{text}");
    }

    #[test]
    fn without_a_word_on_the_toolkit_it_is_misuse() {
        let problem = text("mine", FunctionSource::Sqs, None, None).unwrap_err();
        assert!(
            matches!(&problem, Problem::Misuse(said) if said.contains("--tidegate-git")),
            "{problem:?}"
        );
    }

    #[test]
    fn a_folder_is_a_member_by_its_name_or_with_its_siblings() {
        let around = manifest("[workspace]\nmembers = [\"functions/*\", \"tools/one\"]\n");
        for member in ["/w/functions/mine", "/w/tools/one"] {
            assert_eq!(around.not_a_member(Path::new(member)), None, "{member}");
        }
        for other in ["/w/mine", "/w/tools/two", "/w/functions/deep/mine"] {
            assert!(
                around.not_a_member(Path::new(other)).is_some_and(|what| what.contains("members")),
                "{other}"
            );
        }
    }

    #[test]
    fn the_dependencies_are_those_of_this_workspace() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../Cargo.toml");
        let root = Manifest::read(&root).unwrap().unwrap();
        let declared = &root.content["workspace"]["dependencies"];
        for (name, version, features) in DEPENDENCIES {
            let declared = &declared[name];
            assert_eq!(declared.get("version").and_then(Value::as_str), Some(version), "{name}");
            let known =
                declared.get("features").and_then(Value::as_array).cloned().unwrap_or_default();
            assert!(
                features.iter().all(|feature| known.contains(&Value::from(*feature))),
                "{name}"
            );
        }
    }
}
