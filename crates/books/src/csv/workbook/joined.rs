//! Several sheets of a workbook as one list: a sheet for each year, or for each shelf.

use super::{MAX_TEXT, sheet_hints, too_large};
use crate::csv::CsvError;
use crate::csv::records::{COMMAS, MAX_FIELDS, Record, Records, push_record};
use crate::csv::shape::{SHELF, arranged, places};
use crate::csv::table::Table;

/// Number of bytes of an empty cell and its separator.
const EMPTY: usize = 3;

/// The rows of several sheets under all of their columns.
pub(super) struct List {
    /// Names of the sheets.
    pub sheets: Vec<String>,
    /// The lines above the headers, but the first sheet's.
    pub lines_above: Vec<String>,
    /// The first sheet's records above its header.
    above: Vec<Record>,
    header: Vec<String>,
    /// The rows, each with the number of its sheet.
    rows: Vec<(usize, Record)>,
    size: usize,
}

impl List {
    /// A list of the sheet's rows; `None` when no record names its columns.
    pub(super) fn of(name: &str, text: &str) -> Option<Self> {
        let table = Table::new(text, &sheet_hints()).ok()?;
        let header = table.header.clone()?;
        let mut above = Vec::new();
        let mut records = Records::new(text, COMMAS);
        for _ in 1..table.header_row {
            let mut record = Record::default();
            records.read(&mut record);
            above.push(record);
        }
        let mut rows = Vec::new();
        records.restart(table.body);
        let mut record = Record::default();
        while records.read(&mut record) {
            rows.push((0, std::mem::take(&mut record)));
        }
        Some(Self {
            sheets: vec![name.to_owned()],
            lines_above: Vec::new(),
            above,
            header,
            rows,
            size: text.len(),
        })
    }

    /// Adds the rows of a sheet, if its header names books as the first one's does.
    pub(super) fn add(&mut self, name: &str, text: &str) -> Result<bool, CsvError> {
        let Ok(table) = Table::new(text, &sheet_hints()) else {
            return Ok(false);
        };
        let Some(header) = &table.header else {
            return Ok(false);
        };
        self.size += text.len();
        let mut all = self.header.clone();
        let places = places(&mut all, header);
        if all.len() + 1 >= MAX_FIELDS {
            return Ok(false);
        }
        let sheet = self.sheets.len();
        let mut rows = table.rows();
        let mut record = Record::default();
        while rows.read(&mut record) {
            let cells = arranged(&record, &places, all.len(), None);
            self.rows.push((sheet, Record::of(cells.into_iter())));
            // Its empty cells are written as well.
            self.size += EMPTY * all.len();
            if self.size > MAX_TEXT {
                return Err(too_large());
            }
        }
        self.header = all;
        self.lines_above.extend(
            table
                .lines_above
                .iter()
                .filter(|line| !line.is_empty())
                .cloned(),
        );
        self.sheets.push(name.to_owned());
        Ok(true)
    }

    /// The list as comma-separated text, with a column for the sheets' names if readers gave them.
    pub(super) fn text(&self) -> Result<String, CsvError> {
        let is_named = self.sheets.iter().any(|name| !is_default(name));
        let mut text = String::new();
        for record in &self.above {
            push_record(&mut text, record.fields());
        }
        let width = self.header.len();
        let shelf = Some(SHELF).filter(|_| is_named);
        let header = self.header.iter().map(String::as_str);
        push_record(&mut text, header.chain(shelf));
        for (sheet, record) in &self.rows {
            if record.is_empty() {
                push_record(&mut text, [""]);
                continue;
            }
            let cells = (0..width).map(|at| record.get(at));
            let name = self.sheets[*sheet].as_str();
            let name = Some(if is_default(name) { "" } else { name }).filter(|_| is_named);
            let surplus = (width..record.count().min(MAX_FIELDS)).map(|at| record.get(at));
            let surplus = surplus.filter(|cell| !cell.trim().is_empty());
            push_record(&mut text, cells.chain(name).chain(surplus));
            if text.len() > MAX_TEXT {
                return Err(too_large());
            }
        }
        Ok(text)
    }
}

/// Whether a program gave a sheet its name: "Sheet1", "Tabelle 2".
fn is_default(name: &str) -> bool {
    const NAMES: [&str; 14] = [
        "sheet",
        "tabelle",
        "tabellenblatt",
        "feuil",
        "feuille",
        "hoja",
        "foglio",
        "planilha",
        "blad",
        "arkusz",
        "лист",
        "シート",
        "工作表",
        "ark",
    ];
    let bare = name.trim_end_matches(|c: char| c.is_ascii_digit());
    NAMES.contains(&bare.trim().to_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::List;

    /// The rows of each sheet have the cells of all columns.
    #[test]
    fn rows_below_many_columns_of_another_sheet_cost_what_they_are_written_as() {
        let wide: String = (0..480).map(|at| format!(",h{at}")).collect();
        let mut list = List::of("A", &format!("Title,Author{wide}\nDune,Frank Herbert\n")).unwrap();
        let rows = |count: usize| format!("Title,Author\n{}", "x\n".repeat(count));
        assert!(list.add("B", &rows(100)).unwrap());
        assert!(list.add("C", &rows(20_000)).is_err());
        assert!(list.rows.len() < 18_000, "{}", list.rows.len());
    }
}
