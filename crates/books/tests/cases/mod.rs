//! Files in a text, each with what it shows in front, and what its reader expects behind it.

use crate::shown::read;

/// Reads every file; there are `least` of them or more.
pub(crate) fn check_all(cases: &str, least: usize) {
    let cases: Vec<&str> = cases.trim_end().split("\n====\n").collect();
    let mut wrong = Vec::new();
    for case in &cases {
        let (name, case) = case.split_once('\n').unwrap();
        let (file, expected) = case.split_once("\n----\n").unwrap();
        let read = read(format!("{file}\n").as_bytes());
        if read != expected.trim_end() {
            wrong.push(format!("{name}\nexpected:\n{expected}\nread:\n{read}\n"));
        }
    }
    assert!(cases.len() >= least, "{}", cases.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
