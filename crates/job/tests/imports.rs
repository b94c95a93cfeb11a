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

/// The modules that `module` imports: the children that it names, and what follows `crate::` or
/// `super::`.
fn imports<'m>(module: &str, modules: &'m BTreeMap<String, String>) -> BTreeSet<&'m str> {
    let is_below = |path: &str, name: &str| {
        let rest = path.strip_prefix(name);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
    };
    let code = &modules[module];
    let mut imports: BTreeSet<&str> = modules.keys().map(String::as_str).collect();
    imports.retain(|name| {
        let child = name
            .strip_prefix(module)
            .and_then(|rest| rest.strip_prefix("::"));
        child.is_some_and(|child| code.contains(&format!("{child}::")))
    });
    let parent = module.rsplit_once("::").map(|(parent, _)| parent);
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

fn modules() -> BTreeMap<String, String> {
    let mut modules = BTreeMap::new();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    read(&folder, "", &mut modules);
    modules
}

/// The row of each file in the table of the architecture's page; a folder is in the row of its
/// file.
fn rows() -> BTreeMap<String, usize> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../ARCHITECTURE.md");
    let page = std::fs::read_to_string(page).unwrap();
    let (_, section) = page.split_once("### The files of the engine\n").unwrap();
    let section = section.split("\n#").next().unwrap();
    let table = section.lines().filter(|line| line.starts_with("| `"));
    let mut rows = BTreeMap::new();
    for (row, line) in table.enumerate() {
        let files = line.split('|').nth(1).unwrap();
        for file in files.split('`').skip(1).step_by(2) {
            assert_eq!(rows.insert(file.to_owned(), row), None, "{file}");
        }
    }
    rows
}

#[test]
fn no_file_imports_one_of_a_later_row_of_the_architecture() {
    let (modules, rows) = (modules(), rows());
    let file = |module: &str| module.split("::").next().unwrap().to_owned();
    let files: BTreeSet<String> = modules.keys().map(|module| file(module)).collect();
    let described: BTreeSet<String> = rows.keys().cloned().collect();
    assert_eq!(described, files);
    let mut upwards = Vec::new();
    for module in modules.keys() {
        for import in imports(module, &modules) {
            if rows[&file(import)] > rows[&file(module)] {
                upwards.push(format!("{module} imports {import}"));
            }
        }
    }
    assert!(upwards.is_empty(), "{upwards:#?}");
}

#[test]
fn no_file_imports_one_that_imports_it() {
    let modules = modules();
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
