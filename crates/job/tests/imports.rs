//! The files of the engine import each other in one direction: there is no circle among them.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Reads the code of every module below `folder`, without comments and unit tests.
fn read(folder: &Path, prefix: &str, modules: &mut BTreeMap<String, String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let file = entry.unwrap().path();
        let name = format!("{prefix}{}", file.file_stem().unwrap().display());
        if file.is_dir() {
            read(&file, &format!("{name}::"), modules);
        } else if !["lib", "stored"].contains(&name.as_str()) {
            let text = std::fs::read_to_string(&file).unwrap();
            let code = text.split("#[cfg(test)]\nmod ").next().unwrap();
            let is_code = |line: &&str| !line.trim_start().starts_with("//");
            modules.insert(name, code.lines().filter(is_code).collect());
        }
    }
}

/// The modules that `module` imports: its children, and what follows `crate::` or `super::`.
fn imports<'m>(module: &str, modules: &'m BTreeMap<String, String>) -> BTreeSet<&'m str> {
    let is_below = |path: &str, name: &str| {
        let rest = path.strip_prefix(name);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
    };
    let mut imports: BTreeSet<&str> = modules.keys().map(String::as_str).collect();
    imports.retain(|name| is_below(name, module));
    let parent = module.rsplit_once("::").map(|(parent, _)| parent);
    let code = &modules[module];
    for (at, word) in code
        .match_indices("crate::")
        .chain(code.match_indices("super::"))
    {
        let after =
            code[at + word.len()..].split(|c: char| !c.is_alphanumeric() && !"_:".contains(c));
        let path = after.map(|path| path.trim_end_matches(':')).next().unwrap();
        let path = match parent {
            Some(parent) if word == "super::" => format!("{parent}::{path}"),
            _ => path.to_owned(),
        };
        let found = modules.keys().filter(|name| is_below(&path, name));
        let found = found.max_by_key(|name| name.len());
        imports.insert(found.unwrap_or_else(|| panic!("{module}: which module has {path}?")));
    }
    imports.remove(module);
    imports
}

#[test]
fn no_file_imports_one_that_imports_it() {
    let mut modules = BTreeMap::new();
    read(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
        "",
        &mut modules,
    );
    let names = modules.keys().map(String::as_str);
    let mut left: BTreeMap<&str, BTreeSet<&str>> = names
        .map(|module| (module, imports(module, &modules)))
        .collect();
    assert!(left["run"].contains("storage"), "{:?}", left["run"]);
    assert!(
        left["enrich"].contains("enrich::providers"),
        "{:?}",
        left["enrich"]
    );
    // Takes away what imports nothing that is left, until that is nothing: a circle stays.
    while let Some(module) = left
        .iter()
        .find(|(_, imports)| imports.is_empty())
        .map(|(&module, _)| module)
    {
        left.remove(module);
        for imports in left.values_mut() {
            imports.remove(module);
        }
    }
    assert!(left.is_empty(), "a circle, and what imports it: {left:#?}");
}
