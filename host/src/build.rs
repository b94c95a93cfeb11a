//! Running the build commands of a manifest, if there is anything new to build.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use anyhow::Context;

use crate::manifest::{Build, Manifest};

/// The condition for running a component's build commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Build whether or not anything has changed.
    Always,
    /// Build when the component's file is missing, it has nothing to watch, or a watched file is
    /// newer than it and than the last build by this host.
    Stale,
}

/// Builds the components that have build commands, one after the other.
///
/// `state_dir` remembers when each was built: a build that changes nothing leaves the component's
/// file as old as it was.
pub fn build(manifest: &Manifest, state_dir: &Path, when: When) -> anyhow::Result<()> {
    for (id, component) in &manifest.components {
        let Some(build) = &component.build else {
            continue;
        };
        let workdir = manifest.dir.join(&build.workdir);
        let stamp = state_dir.join("built").join(id);
        let source = manifest.dir.join(&component.source);
        if when == When::Stale && fresh(build, &workdir, &source, &stamp)? {
            continue;
        }
        for command in build.commands() {
            if let Some(target) = target_of(command) {
                install_target(target, &workdir)?;
            }
            eprintln!("Building {id}: {command}");
            run(command, &workdir).with_context(|| format!("component `{id}`"))?;
        }
        remember(build, &stamp).with_context(|| format!("cannot write {}", stamp.display()))?;
    }
    Ok(())
}

/// Installs the standard library of a target if this toolchain lacks it: rustup does so by itself
/// only together with the toolchain, not when that was there before.
pub fn install_target(target: &str, workdir: &Path) -> anyhow::Result<()> {
    let found = Command::new("rustc")
        .args(["--print", "target-libdir", "--target", target])
        .current_dir(workdir)
        .output()
        .context("cannot run `rustc`")?;
    let dir = String::from_utf8_lossy(&found.stdout);
    // What rustc cannot say is left to the build, which will say it better.
    if !found.status.success() || Path::new(dir.trim()).is_dir() {
        return Ok(());
    }
    run(&format!("rustup target add {target}"), workdir)
        .with_context(|| format!("the Rust target {target} is not installed"))
}

/// The target that a cargo command builds for.
fn target_of(command: &str) -> Option<&str> {
    let mut words = command.split_whitespace();
    (words.next() == Some("cargo")).then_some(())?;
    words.find(|word| *word == "--target")?;
    // Another command may follow.
    words
        .next()
        .map(|word| word.trim_end_matches([';', '&', '|']))
}

fn run(command: &str, workdir: &Path) -> anyhow::Result<()> {
    let status = Command::new("sh")
        .args(["-c", command])
        .current_dir(workdir)
        .status()
        .with_context(|| format!("cannot run `{command}` in {}", workdir.display()))?;
    anyhow::ensure!(status.success(), "`{command}` failed: {status}");
    Ok(())
}

fn remember(build: &Build, stamp: &Path) -> std::io::Result<()> {
    if let Some(dir) = stamp.parent() {
        std::fs::create_dir_all(dir)?;
    }
    std::fs::write(stamp, build.commands().join("\n"))
}

fn fresh(build: &Build, workdir: &Path, source: &Path, stamp: &Path) -> anyhow::Result<bool> {
    let Some(built) = modified(source) else {
        return Ok(false);
    };
    if build.watch.is_empty() {
        return Ok(false);
    }
    let same_commands =
        std::fs::read_to_string(stamp).is_ok_and(|text| text == build.commands().join("\n"));
    let built = match modified(stamp) {
        Some(checked) if same_commands => built.max(checked),
        _ => built,
    };
    for pattern in &build.watch {
        for file in watched(workdir, pattern)? {
            if modified(&file).is_none_or(|changed| changed > built) {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

fn watched(workdir: &Path, pattern: &str) -> anyhow::Result<Vec<PathBuf>> {
    let workdir = workdir.to_str().context("the path is not UTF-8")?;
    let pattern = Path::new(&glob::Pattern::escape(workdir)).join(pattern);
    let pattern = pattern.to_string_lossy();
    let paths = glob::glob(&pattern).with_context(|| format!("watch = [\"{pattern}\"]"))?;
    Ok(paths.flatten().filter(|path| path.is_file()).collect())
}

fn modified(path: &Path) -> Option<SystemTime> {
    std::fs::metadata(path).ok()?.modified().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, File};
    use std::time::Duration;

    /// An application whose build appends a line to `built.txt` and makes `app.wasm` if it is
    /// missing.
    fn application() -> (tempfile::TempDir, Manifest) {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("src")).unwrap();
        fs::write(dir.path().join("src/lib.rs"), "").unwrap();
        let path = dir.path().join("spin.toml");
        let text = r#"
            spin_manifest_version = 2
            [application]
            name = "a"
            [trigger]
            [component.app]
            source = "app.wasm"
            [component.app.build]
            command = "echo built >> built.txt; [ -e app.wasm ] || touch app.wasm"
            watch = ["src/**/*.rs"]
        "#;
        fs::write(&path, text).unwrap();
        let manifest = Manifest::load(&path).unwrap();
        (dir, manifest)
    }

    fn builds(dir: &Path) -> usize {
        fs::read_to_string(dir.join("built.txt")).map_or(0, |text| text.lines().count())
    }

    fn touch(path: &Path, after: Duration) {
        let time = SystemTime::now() + after;
        File::options()
            .append(true)
            .open(path)
            .unwrap()
            .set_modified(time)
            .unwrap();
    }

    #[test]
    fn only_what_is_stale_is_built() {
        let (dir, manifest) = application();
        let state = dir.path().join(".spin");
        let go = |when| build(&manifest, &state, when).unwrap();
        go(When::Stale);
        assert_eq!(builds(dir.path()), 1, "nothing was there");
        go(When::Stale);
        assert_eq!(builds(dir.path()), 1, "nothing is newer");
        go(When::Always);
        assert_eq!(builds(dir.path()), 2, "asked for");

        touch(&dir.path().join("src/lib.rs"), Duration::from_secs(5));
        go(When::Stale);
        assert_eq!(builds(dir.path()), 3, "a watched file is newer");
        touch(&state.join("built/app"), Duration::from_secs(10));
        go(When::Stale);
        assert_eq!(
            builds(dir.path()),
            3,
            "built since, though the result is as old as before"
        );
    }

    #[test]
    fn the_target_of_a_command_is_known() {
        let spin = "cargo build --profile component --target wasm32-wasip2 --target-dir target";
        assert_eq!(target_of(spin), Some("wasm32-wasip2"));
        assert_eq!(target_of("cargo build --target-dir target"), None);
        let own = Manifest::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../spin.toml"));
        for (id, component) in own.unwrap().components {
            for command in component.build.unwrap().commands() {
                assert_eq!(target_of(command), Some("wasm32-wasip2"), "{id}");
            }
        }
        assert_eq!(target_of("npm run --target web"), None);
    }

    #[test]
    fn a_failing_command_is_an_error() {
        let (dir, mut manifest) = application();
        let broken = dir.path().join("broken.toml");
        let text = fs::read_to_string(dir.path().join("spin.toml")).unwrap();
        fs::write(&broken, text.replace("echo built", "exit 3; echo built")).unwrap();
        manifest = Manifest::load(&broken).unwrap_or(manifest);
        let error = build(&manifest, &dir.path().join(".spin"), When::Stale).unwrap_err();
        assert!(
            format!("{error:#}").contains("component `app`"),
            "{error:#}"
        );
    }
}
