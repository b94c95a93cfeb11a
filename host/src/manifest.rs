//! `spin.toml`, manifest version 2.
//!
//! What Spin knows and this host does not (file mounts, databases, other triggers, inline
//! components, ...) is refused with the place it stands at, never silently ignored: an application
//! must not start here with less than it asks for.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use thiserror::Error;

/// The reason why a manifest cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ManifestError {
    /// The file could not be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The manifest's path.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// The file is not TOML, or has something that this host does not know.
    #[error(
        "{path}: {source}\n(this host runs HTTP components with key-value stores and variables; for anything else use `spin up`)"
    )]
    Parse {
        /// The manifest's path.
        path: PathBuf,
        /// The error, with its place.
        source: Box<toml::de::Error>,
    },
    /// The file is well-formed, but contradicts itself.
    #[error("{0}")]
    Invalid(String),
}

/// An application as its manifest describes it. Paths are as written, relative to
/// [`Manifest::dir`].
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    #[serde(rename = "spin_manifest_version")]
    version: u32,
    /// The table `[application]`.
    pub application: Application,
    /// The table `[variables]`.
    #[serde(default)]
    pub variables: BTreeMap<String, Variable>,
    trigger: Triggers,
    /// The tables `[component.<id>]`.
    #[serde(default, rename = "component")]
    pub components: BTreeMap<String, Component>,
    /// The directory the manifest is in.
    #[serde(skip)]
    pub dir: PathBuf,
}

/// The table `[application]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Application {
    /// The application's name.
    pub name: String,
    /// The application's version.
    #[serde(default)]
    pub version: String,
    #[serde(default, rename = "description")]
    _description: String,
    #[serde(default, rename = "authors")]
    _authors: Vec<String>,
    #[serde(default, rename = "tool")]
    _tool: toml::Table,
}

/// An application variable. Either it has a default or it is required.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Variable {
    /// The variable's value unless told otherwise.
    pub default: Option<String>,
    /// Whether a value must be given.
    #[serde(default)]
    pub required: bool,
    /// Whether the variable's value must not be shown.
    #[serde(default)]
    pub secret: bool,
    /// A description of the variable, for people.
    #[serde(default)]
    pub description: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Triggers {
    #[serde(default)]
    http: Vec<HttpTrigger>,
}

/// A table `[[trigger.http]]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpTrigger {
    #[serde(default, rename = "id")]
    _id: String,
    /// The component that answers the route.
    pub component: String,
    /// The route that is answered.
    pub route: TriggerRoute,
    #[serde(default, rename = "executor")]
    _executor: Executor,
}

/// The pattern of paths that a component answers, or that it is private.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub enum TriggerRoute {
    /// A pattern, as [`crate::routes`] reads it.
    Pattern(String),
    /// A route that is not reachable from outside.
    Private {
        /// True; `false` is refused.
        private: bool,
    },
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Executor {
    #[serde(default, rename = "type")]
    _kind: ExecutorKind,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum ExecutorKind {
    #[default]
    Http,
}

/// A table `[component.<id>]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Component {
    /// The component's file.
    pub source: PathBuf,
    #[serde(default, rename = "description")]
    _description: String,
    /// The component's variables: templates over the application's.
    #[serde(default)]
    pub variables: BTreeMap<String, String>,
    /// The component's environment variables, verbatim.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    /// The addresses that the component may send requests to: templates of
    /// [`crate::allowed_hosts::AllowedHosts`] entries.
    #[serde(default)]
    pub allowed_outbound_hosts: Vec<String>,
    /// The stores that the component may open.
    #[serde(default)]
    pub key_value_stores: Vec<String>,
    /// The commands that build the component.
    pub build: Option<Build>,
    #[serde(default, rename = "tool")]
    _tool: toml::Table,
}

/// A table `[component.<id>.build]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Build {
    command: Commands,
    /// The folder in which the commands run.
    #[serde(default)]
    pub workdir: PathBuf,
    /// Globs of the files that the component is made of, relative to `workdir`.
    #[serde(default)]
    pub watch: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Commands {
    One(String),
    Many(Vec<String>),
}

impl Build {
    /// The shell commands, in order.
    pub fn commands(&self) -> &[String] {
        match &self.command {
            Commands::One(command) => std::slice::from_ref(command),
            Commands::Many(commands) => commands,
        }
    }
}

impl Manifest {
    /// Reads and checks the manifest at `path`.
    ///
    /// # Errors
    /// When it cannot be read, or asks for what is not supported here.
    pub fn load(path: &Path) -> Result<Self, ManifestError> {
        let text = std::fs::read_to_string(path).map_err(|source| ManifestError::Read {
            path: path.to_owned(),
            source,
        })?;
        let dir = path.parent().map(Path::to_owned).unwrap_or_default();
        // An empty parent (plain `spin.toml`) would not do as a working directory.
        let dir = if dir.as_os_str().is_empty() {
            PathBuf::from(".")
        } else {
            dir
        };
        Self::parse(&text, path, dir)
    }

    fn parse(text: &str, path: &Path, dir: PathBuf) -> Result<Self, ManifestError> {
        let mut manifest: Self = toml::from_str(text).map_err(|source| ManifestError::Parse {
            path: path.to_owned(),
            source: Box::new(source),
        })?;
        manifest.dir = dir;
        manifest.check()?;
        Ok(manifest)
    }

    /// The HTTP triggers in the order of the file.
    pub fn triggers(&self) -> &[HttpTrigger] {
        &self.trigger.http
    }

    fn check(&self) -> Result<(), ManifestError> {
        let invalid = |text: String| Err(ManifestError::Invalid(text));
        if self.version != 2 {
            return invalid(format!(
                "spin_manifest_version is {}, expected 2",
                self.version
            ));
        }
        for (name, variable) in &self.variables {
            if variable.required == variable.default.is_some() {
                return invalid(format!(
                    "variable `{name}` must have either `default` or `required = true`"
                ));
            }
        }
        for trigger in self.triggers() {
            if !self.components.contains_key(&trigger.component) {
                return invalid(format!(
                    "a trigger names the component `{}`, which does not exist",
                    trigger.component
                ));
            }
            if let TriggerRoute::Private { private: false } = trigger.route {
                return invalid(format!(
                    "the route of `{}` must be a pattern or {{ private = true }}",
                    trigger.component
                ));
            }
        }
        for (id, component) in &self.components {
            if let Some(label) = component.key_value_stores.iter().find(|s| *s != "default") {
                return invalid(format!(
                    "component `{id}` asks for the key-value store `{label}`: only `default` exists"
                ));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Manifest, String> {
        Manifest::parse(text, Path::new("spin.toml"), PathBuf::from(".")).map_err(|e| e.to_string())
    }

    const HEAD: &str = "spin_manifest_version = 2\n[application]\nname = \"a\"\n";

    #[test]
    fn a_whole_manifest_is_read() {
        let manifest = parse(
            r#"
            spin_manifest_version = 2
            [application]
            name = "books"
            version = "1.2.3"
            authors = ["A <a@example.com>"]
            description = "d"
            [variables]
            base = { default = "https://example.com" }
            key = { required = true, secret = true }
            [[trigger.http]]
            route = "/api/..."
            component = "api"
            [[trigger.http]]
            route = { private = true }
            component = "hidden"
            [component.api]
            source = "api.wasm"
            allowed_outbound_hosts = ["{{ base }}", "http://self"]
            key_value_stores = ["default"]
            [component.api.variables]
            url = "{{ base }}/v1"
            [component.api.build]
            command = ["true", "cargo build"]
            workdir = "components/api"
            watch = ["src/**/*.rs"]
            [component.hidden]
            source = "hidden.wasm"
            [component.hidden.build]
            command = "make"
            "#,
        )
        .unwrap();
        assert_eq!(manifest.application.version, "1.2.3");
        assert_eq!(manifest.triggers().len(), 2);
        assert!(manifest.variables["key"].secret);
        let api = &manifest.components["api"];
        assert_eq!(api.variables["url"], "{{ base }}/v1");
        assert_eq!(
            api.build.as_ref().unwrap().commands(),
            ["true", "cargo build"]
        );
        let hidden = manifest.components["hidden"].build.as_ref().unwrap();
        assert_eq!(hidden.commands(), ["make"]);
    }

    #[test]
    fn what_cannot_be_kept_is_refused() {
        for (text, complaint) in [
            (
                "[component.x]\nsource = 'x'\nfiles = ['a']\n[trigger]",
                "files",
            ),
            (
                "[component.x]\nsource = 'x'\nsqlite_databases = ['default']\n[trigger]",
                "sqlite_databases",
            ),
            (
                "[component.x]\nsource = { url = 'https://x', digest = 'd' }\n[trigger]",
                "source",
            ),
            ("[[trigger.redis]]\nchannel = 'x'\ncomponent = 'x'", "redis"),
            (
                "[[trigger.http]]\nroute = '/'\ncomponent = 'nobody'",
                "`nobody`",
            ),
            ("[trigger]\n[variables]\nv = {}", "`v`"),
            (
                "[trigger]\n[variables]\nv = { default = '', required = true }",
                "`v`",
            ),
            (
                "[component.x]\nsource = 'x'\nkey_value_stores = ['cache']\n[trigger]",
                "`cache`",
            ),
            (
                "[component.x]\nsource = 'x'\n[[trigger.http]]\nroute = { private = false }\ncomponent = 'x'",
                "private",
            ),
            (
                "[component.x]\nsource = 'x'\n[[trigger.http]]\nroute = '/'\nexecutor = { type = 'wagi' }\ncomponent = 'x'",
                "wagi",
            ),
        ] {
            let error = parse(&format!("{HEAD}{text}")).unwrap_err();
            assert!(error.contains(complaint), "{text}: {error}");
        }
        let old = parse("spin_manifest_version = 1\n[application]\nname = 'a'\n[trigger]");
        assert!(old.unwrap_err().contains("expected 2"));
    }
}
