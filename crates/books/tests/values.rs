//! Values of cells, in `values.txt`: dates, years, ratings and statuses as readers and programs
//! write them, and what each comes to; whole files of them, in `values_of_programs.txt`.

#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

mod cases;
mod shown;

use cases::check_all;
use shown::{check, read};

/// The book that a file of two columns more and this cell comes to, without its title and author,
/// and the problems with its row.
fn value(header: &str, others: &[&str], cell: &str) -> String {
    let mut file = format!("Title\tAuthor\t{header}\nGrey Coast\tNan Ott\t{cell}\n");
    for (at, other) in others.iter().enumerate() {
        file += &format!("Sea {at} and Salt\tBo Lind\t{other}\n");
    }
    let read = read(file.as_bytes());
    let lines = read
        .lines()
        .filter(|line| line.starts_with("Grey Coast") || line.starts_with("?2: "));
    let lines: Vec<&str> = lines
        .map(|line| line.trim_start_matches("Grey Coast | Nan Ott"))
        .map(|line| line.trim_start_matches(" | "))
        .collect();
    lines.join(" ").trim().to_owned()
}

/// Each block names a column, further cells of it behind `+`, and cells with what they come to.
#[test]
fn values_come_to_what_their_readers_mean() {
    let mut wrong = Vec::new();
    let mut checked = 0;
    for block in include_str!("values.txt").trim_end().split("\n\n") {
        let mut lines = block.lines();
        let header = lines.next().unwrap();
        let (others, cells): (Vec<&str>, Vec<&str>) = lines.partition(|line| line.starts_with('+'));
        let others: Vec<&str> = others.iter().map(|other| &other[1..]).collect();
        for line in cells {
            let (cell, expected) = line.split_once(" => ").unwrap();
            let expected = expected.trim_start_matches("nothing");
            let value = value(header, &others, cell);
            if value != expected {
                wrong.push(format!(
                    "{header}: {cell} => {value}\n    expected {expected}"
                ));
            }
            checked += 1;
        }
    }
    assert!(checked > 150, "{checked}");
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn files_full_of_values_come_to_what_their_readers_mean() {
    check_all(include_str!("values_of_programs.txt"), 50);
}

#[test]
fn dates_on_lines_of_their_own_are_readings_of_their_own() {
    check(
        "Title,Author,Date Read\nGrey Coast,Nan Ott,\"2019-01-02\n2020-03-04\"\n",
        "Grey Coast | Nan Ott | read | on 2020-03-04 | 2019-01-02 2020-03-04",
    );
}
