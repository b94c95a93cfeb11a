//! Copies the page's files, with the TypeScript client's modules among them, to where they are
//! compiled in from; scripts and styles without their comments and indentation, of which half of
//! the client consists.

#![allow(clippy::unwrap_used)] // A build that fails says where.

use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() {
    let here = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap());
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap()).join("web");
    copy(&here.join("web"), &out);
    copy(
        &here.join("../../clients/typescript/src"),
        &out.join("client"),
    );
}

fn copy(from: &Path, to: &Path) {
    println!("cargo::rerun-if-changed={}", from.display());
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let file = entry.unwrap().path();
        let name = to.join(file.file_name().unwrap());
        if (file.extension()).is_some_and(|extension| extension == "js" || extension == "css") {
            let script = fs::read_to_string(&file).unwrap();
            let script = without_comments(&script);
            let is_whole = |line: &str| line.matches('`').count().is_multiple_of(2);
            assert!(
                script.lines().all(is_whole),
                "{}: text over several lines would lose its indentation",
                name.display()
            );
            fs::write(name, script).unwrap();
        } else if file.extension() != Some("ts".as_ref()) {
            fs::copy(&file, name).unwrap();
        }
    }
}

/// Leaves out comments that have lines of their own, `/** ... */` within one line, and the white
/// space around lines: in files that have no such comments in a string or a pattern.
fn without_comments(script: &str) -> String {
    let mut kept = String::new();
    let mut in_comment = false;
    for line in script.lines() {
        let mut line = line.to_owned();
        while let Some((before, rest)) = line.split_once("/**")
            && let Some((_, after)) = rest.split_once("*/")
        {
            line = format!("{before}{}", after.trim_start());
        }
        let text = line.trim();
        if in_comment || text.starts_with("/*") {
            in_comment = !text.ends_with("*/");
        } else if !text.is_empty() && !text.starts_with("//") {
            kept.push_str(text);
            kept.push('\n');
        }
    }
    kept
}
