//! Dates in three columns: the year, the month and the day.

use super::Column;
use crate::csv::field::Field;
use crate::csv::headers;
use crate::csv::reading::Certainty;
use crate::csv::records::Record;
use crate::text::words;

const YEARS: &str = "year jahr annee ano anno jaar rok год 年 vuosi ar ev yil";
const MONTHS: &str =
    "month monat mois mes mese maand miesiac месяц 月 kuukausi manad maned honap ay";
const DAYS: &str = "day tag jour dia giorno dag dzien день 日 paiva nap gun";

/// Columns whose cells are one date; its field is that of the column of years.
#[derive(Clone, Copy, Debug)]
pub(super) struct SplitDate {
    pub(super) year: usize,
    month: usize,
    day: Option<usize>,
}

/// Recognises the columns by their headers, as "Year Read", "Month Read" and "Day Read", and gives
/// the column of years their field.
pub(super) fn recognise(columns: &mut [Column]) -> Vec<SplitDate> {
    let (years, months, days) = (words(YEARS), words(MONTHS), words(DAYS));
    let keys: Vec<Vec<String>> = columns.iter().map(|column| words(&column.name)).collect();
    // What a header says besides: "read".
    let kind_of = |at: usize, list: &[String]| -> Option<Vec<String>> {
        let part = keys[at].iter().position(|word| list.contains(word))?;
        let mut rest = keys[at].clone();
        rest.remove(part);
        Some(rest)
    };
    let mut found: Vec<SplitDate> = Vec::new();
    for year in 0..columns.len() {
        let Some(kind) = kind_of(year, &years) else {
            continue;
        };
        let same = |list: &[String]| {
            let is_free = |at: &usize| columns[*at].certainty != Certainty::Given;
            (0..columns.len()).find(|at| is_free(at) && kind_of(*at, list).as_ref() == Some(&kind))
        };
        let Some(month) = same(&months) else {
            continue;
        };
        let has = |field| columns.iter().any(|column| column.field == Some(field));
        let field = match kind.as_slice() {
            // Books are published in years, and in months only where the publisher is told, too.
            [] if !has(Field::DateRead) && !has(Field::Publisher) => Some(Field::DateRead),
            [] => None,
            kind => headers::meaning(&format!("date {}", kind.join(" ")))
                .map(|meaning| meaning.field)
                .filter(|field| field.is_date()),
        };
        let Some(field) = field.filter(|_| columns[year].certainty != Certainty::Given) else {
            continue;
        };
        let day = same(&days);
        columns[year].field = Some(field);
        columns[year].certainty = match kind.is_empty() {
            true => Certainty::Likely,
            false => Certainty::Certain,
        };
        for at in [Some(month), day].into_iter().flatten() {
            columns[at].field = None;
        }
        found.push(SplitDate { year, month, day });
    }
    found
}

impl SplitDate {
    /// The date of a row: "2020-03-15", "15 March 2020", "2020"; `None` when it is in one cell.
    pub(super) fn of(&self, record: &Record) -> Option<String> {
        let cell = |at: usize| record.get(at).trim();
        let (year, month) = (cell(self.year), cell(self.month));
        let day = self.day.map(cell).unwrap_or_default();
        if year.is_empty() || month.is_empty() {
            return None;
        }
        let number = |text: &str| text.parse::<f32>().ok().filter(|n| n.fract() == 0.0);
        Some(match (number(month), number(day)) {
            (Some(month), Some(day)) => format!("{year}-{month:02}-{day:02}"),
            (Some(month), None) => format!("{year}-{month:02}"),
            (None, Some(day)) => format!("{day} {month} {year}"),
            (None, None) => format!("{month} {year}"),
        })
    }
}
