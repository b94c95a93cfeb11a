//! Holds no code: see `Cargo.toml`.

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::process::Command;

    /// The dependencies that cargo compiles for a selection of packages, with their features.
    fn compiled(selection: &[&str]) -> BTreeSet<String> {
        let tree = Command::new(env!("CARGO"))
            .args(["tree", "--offline", "--prefix", "none"])
            .args(["--format", "{p} [{f}]"])
            .args(selection)
            .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
            .output()
            .unwrap();
        assert!(tree.status.success(), "cargo tree {selection:?}");
        let tree = String::from_utf8(tree.stdout).unwrap();
        let lines = tree.lines().map(|line| line.trim_end_matches(" (*)"));
        lines.map(str::to_owned).collect()
    }

    #[test]
    fn the_host_alone_is_compiled_as_with_the_workspace() {
        let all = compiled(&["--edges", "normal,build,dev"]);
        let host = compiled(&["--package", "host", "--edges", "normal,build"]);
        let others: Vec<_> = host.difference(&all).collect();
        assert!(
            others.is_empty(),
            "name the features in Cargo.toml: {others:#?}"
        );
    }
}
