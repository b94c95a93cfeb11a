//! Workbooks that mean harm, and damaged ones.

#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

use std::io::{Cursor, Write};

use books::{CsvErrorKind, read_csv};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

fn archive(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in parts {
        writer
            .start_file(*name, SimpleFileOptions::default())
            .unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn refusal(bytes: &[u8]) -> String {
    let error = read_csv(bytes, 10_000).unwrap_err();
    assert_eq!(error.kind, CsvErrorKind::ParseFailed);
    error.message
}

#[test]
fn an_archive_that_unpacks_to_more_than_a_workbook_is_refused() {
    let zeros = vec![b' '; 70 << 20];
    let bomb = archive(&[("xl/workbook.xml", b"<workbook/>"), ("xl/media/x", &zeros)]);
    assert!(bomb.len() < 200_000);
    assert!(refusal(&bomb).contains("too large"));
}

#[test]
fn cells_that_repeat_without_end_are_refused() {
    let content = |row: &str| {
        format!(
            r#"<office:document-content xmlns:office="o" xmlns:table="t" xmlns:text="x"><office:body>
            <office:spreadsheet><table:table table:name="A">{row}</table:table></office:spreadsheet>
            </office:body></office:document-content>"#
        )
    };
    let cell = r#"<table:table-cell office:value-type="string" table:number-columns-repeated="16000">
        <text:p>Title</text:p></table:table-cell>"#;
    let rows = format!(
        r#"<table:table-row table:number-rows-repeated="1000000">{cell}</table:table-row>"#
    );
    let mimetype = b"application/vnd.oasis.opendocument.spreadsheet";
    let hostile = archive(&[
        ("mimetype", mimetype),
        ("content.xml", content(&rows).as_bytes()),
    ]);
    assert!(refusal(&hostile).contains("too large"));
    let whole = |rows: &str| {
        archive(&[
            ("mimetype", mimetype),
            (
                "META-INF/manifest.xml",
                b"<manifest:manifest xmlns:manifest=\"m\"/>",
            ),
            ("content.xml", content(rows).as_bytes()),
        ])
    };
    for attributes in [
        "table:number-rows-repeated='10000'><table:table-cell office:value-type='string' table:number-columns-repeated='9900'",
        "table:number-rows-repeated = '1000000'><table:table-cell office:value-type=\"string\" table:number-columns-repeated=\n\"20\"",
        "><table:table-cell table:number-columns-repeated='16383'/><table:table-cell office:value-type='string'",
    ] {
        let row = format!(
            "<table:table-row {attributes}><text:p>Title</text:p></table:table-cell></table:table-row>"
        );
        let file = whole(&row.repeat(70));
        assert!(refusal(&file).contains("too large"), "{attributes}");
    }
    // Few cells, and much in them.
    for text in [
        "<text:s text:c='4000000000'/>".to_owned(),
        "x".repeat(200_000),
    ] {
        let row = format!(
            "<table:table-row table:number-rows-repeated='1000'><table:table-cell office:value-type='string'>\
             <text:p>{text}</text:p></table:table-cell></table:table-row>"
        );
        assert!(refusal(&whole(&row)).contains("too large"));
    }
    // A number that the reader understands and that is none at first sight.
    let hidden = "<table:table-row table:number-rows-repeated='&#57;99999'><table:table-cell office:value-type='string'>\
        <text:p>x</text:p></table:table-cell></table:table-row>";
    assert!(refusal(&whole(hidden)).contains("repetitions"));
    // What hides a tag from one reader and not from another.
    let many = "<table:table-row table:number-rows-repeated='1000000'><table:table-cell office:value-type='string' \
        table:number-columns-repeated='9'><text:p>x</text:p></table:table-cell></table:table-row>";
    for hidden in [
        format!("<!--> <x ' --> {many} '>"),
        format!("<!DOCTYPE a [<!ENTITY b \"> <x '\"> ]> {many} '>"),
        format!("<?> {many} ?>"),
        format!("</x '> {many} '>"),
    ] {
        assert!(read_csv(&whole(&hidden), 10_000).is_err(), "{hidden}");
    }
    // Empty rows count only where another follows.
    let cell = |text: &str| {
        format!(
            r#"<table:table-cell office:value-type="string"><text:p>{text}</text:p></table:table-cell>"#
        )
    };
    let row = |text: &str| {
        format!(
            "<table:table-row>{}{}</table:table-row>",
            cell(text),
            cell("A B")
        )
    };
    let gap = r#"<table:table-row table:number-rows-repeated="1048000"><table:table-cell table:style-name="a"/></table:table-row>"#;
    let sparse = format!("{}{}{gap}{}", row("Title"), row("Dune"), row("Emma"));
    assert!(refusal(&whole(&sparse)).contains("too large"));
    let below = format!("{}{}{gap}", row("Title"), row("Dune"));
    assert_eq!(read_csv(&whole(&below), 10).unwrap().books.len(), 1);
}

#[test]
fn content_whose_elements_are_not_closed_is_refused_and_not_waited_for() {
    let whole = r#"<?xml version="1.0"?><office:document-content xmlns:office="o" xmlns:table="t" xmlns:text="x">
        <office:body><office:spreadsheet><table:table table:name="A > B"><!-- <open> -->
        <table:table-row><table:table-cell office:value-type="string"><text:p>Title</text:p></table:table-cell></table:table-row>
        <table:table-row><table:table-cell office:value-type="string"><text:p>Dune</text:p></table:table-cell></table:table-row>
        </table:table></office:spreadsheet></office:body></office:document-content>"#;
    let mimetype = b"application/vnd.oasis.opendocument.spreadsheet";
    let file = |content: &str| {
        archive(&[
            ("mimetype", mimetype),
            (
                "META-INF/manifest.xml",
                b"<manifest:manifest xmlns:manifest=\"m\"/>",
            ),
            ("content.xml", content.as_bytes()),
        ])
    };
    let library = read_csv(&file(whole), 10).unwrap();
    assert_eq!(library.books[0].wanted.title, "Dune");
    for (from, to) in [
        ("</table:table>", ""),
        ("</table:table>", "</tableAtable>"),
        (
            "</table:table></office:spreadsheet></office:body></office:document-content>",
            "",
        ),
        ("</table:table-row>", ""),
    ] {
        let refused = refusal(&file(&whole.replacen(from, to, 1)));
        assert!(refused.contains("not closed"), "{from}: {refused}");
    }
    for length in (0..whole.len()).step_by(7) {
        let _ = read_csv(&file(whole.get(..length).unwrap_or_default()), 10);
    }
}

/// A workbook of one sheet, with this row below two others.
fn excel(row: &str) -> Vec<u8> {
    excel_with(row, &[])
}

fn excel_with(row: &str, parts: &[(&str, &[u8])]) -> Vec<u8> {
    let sheet = sheet_of_books(row);
    let book = [("xl/worksheets/sheet1.xml", sheet.as_bytes())];
    excel_of(&["sheet1.xml"], &[&book, parts].concat())
}

/// A sheet with this row below a header and a book.
fn sheet_of_books(row: &str) -> String {
    sheet(&format!(
        r#"<row r="1"><c r="A1" t="inlineStr"><is><t>Title</t></is></c><c r="B1" t="inlineStr"><is><t>Author</t></is></c></row>
        <row r="2"><c r="A2" t="inlineStr"><is><t>Dune</t></is></c><c r="B2" t="inlineStr"><is><t>Frank Herbert</t></is></c></row>
        {row}"#
    ))
}

fn sheet(rows: &str) -> String {
    format!(
        r#"<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>{rows}</sheetData></worksheet>"#
    )
}

/// A workbook of these parts, with a sheet for each of the targets.
fn excel_of(targets: &[&str], parts: &[(&str, &[u8])]) -> Vec<u8> {
    let (mut sheets, mut relations) = (String::new(), String::new());
    for (at, target) in targets.iter().enumerate() {
        sheets += &format!(r#"<sheet name="S{at}" sheetId="{at}" r:id="r{at}"/>"#);
        relations += &format!(
            r#"<Relationship Id="r{at}"
            Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="worksheets/{target}"/>"#
        );
    }
    let workbook = format!(
        r#"<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"
        xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets>{sheets}</sheets></workbook>"#
    );
    let relations = format!(
        r#"<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">{relations}</Relationships>"#
    );
    let package = br#"<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="a"
        Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>"#;
    let book: [(&str, &[u8]); 3] = [
        ("_rels/.rels", package),
        ("xl/workbook.xml", workbook.as_bytes()),
        ("xl/_rels/workbook.xml.rels", relations.as_bytes()),
    ];
    archive(&[&book, parts].concat())
}

/// A spreadsheet keeps the format of a cell that somebody once clicked on, wherever it is.
#[test]
fn a_cell_far_from_the_table_costs_little() {
    let file =
        excel(r#"<row r="1048576"><c r="XFD1048576" t="inlineStr"><is><t>x</t></is></c></row>"#);
    let began = std::time::Instant::now();
    let library = read_csv(&file, 10_000).unwrap();
    assert_eq!(library.books[0].wanted.title, "Dune");
    assert_eq!((library.books.len(), library.rejected()), (1, 1));
    // One beside a book takes it nothing, and is listed.
    let emma = r#"<row r="3"><c r="A3" t="inlineStr"><is><t>Emma</t></is></c><c r="B3" t="inlineStr"><is><t>Jane Austen</t></is></c>
        <c r="XFD3" t="inlineStr"><is><t>stray</t></is></c></row>"#;
    let beside = read_csv(&excel(emma), 10_000).unwrap();
    assert_eq!((beside.books.len(), beside.rejected()), (2, 0));
    assert!(format!("{:?}", beside.problems).contains("stray"));
    // Seconds; when each empty line made two readers of its own, it was minutes.
    assert!(began.elapsed().as_secs() < 100, "{:?}", began.elapsed());
}

#[test]
fn a_cell_where_no_sheet_has_one_is_refused() {
    for place in [
        "ZZZZZZ99999999",
        "A99999999999",
        "AAAA1",
        "XFE1",
        "A1048577",
    ] {
        for attribute in [
            format!("r=\"{place}\""),
            format!("r='{place}'"),
            format!("a='\">' r = \n\"{place}\""),
        ] {
            let row =
                format!(r"<row r='3'><c {attribute} t='inlineStr'><is><t>x</t></is></c></row>");
            let refused = refusal(&excel(&row));
            assert!(refused.contains("no sheet has one"), "{place}: {refused}");
        }
    }
}

/// The reader reserves room for as many texts as the file promises.
#[test]
fn texts_that_are_only_promised_take_no_memory() {
    for promised in ["99999999999999999999", "4000000000", "1000000000000000"] {
        let texts = format!(r"<sst xmlns='x' uniqueCount='{promised}'><si><t>Title</t></si></sst>");
        let parts: [(&str, &[u8]); 1] = [("xl/sharedStrings.xml", texts.as_bytes())];
        assert!(refusal(&excel_with("", &parts)).contains("too large"));
    }
}

#[test]
fn elements_without_end_are_refused() {
    let many = |element: &str, count: usize| element.repeat(count);
    let texts = format!("<sst xmlns='x'>{}</sst>", many("<si/>", 1_100_000));
    let styles = format!(
        "<styleSheet><cellXfs>{}</cellXfs></styleSheet>",
        many("<xf/>", 110_000)
    );
    let names: String = (0..2_100).map(|n| format!("<a{n}/>")).collect();
    for (name, text) in [
        ("xl/sharedStrings.xml", &texts),
        ("xl/styles.xml", &styles),
        ("xl/other.xml", &names),
    ] {
        let refused = refusal(&excel_with("", &[(name, text.as_bytes())]));
        assert!(refused.contains("too large"), "{name}: {refused}");
    }
}

/// Each is an event of the reader, whatever the part and wherever in it.
#[test]
fn tags_and_entities_without_end_are_refused() {
    let text = |inner: &str| format!("<sst xmlns='x'><si><t>{inner}</t></si></sst>");
    for (name, content) in [
        (
            "xl/worksheets/sheet1.xml",
            sheet(&"<row/>".repeat(5_100_000)),
        ),
        ("xl/worksheets/sheet1.xml", sheet(&"<c/>".repeat(5_100_000))),
        ("xl/sharedStrings.xml", text(&"<r/>".repeat(5_100_000))),
        ("xl/sharedStrings.xml", text(&"&lt;".repeat(5_100_000))),
        ("xl/media/sheet.png", sheet(&"<c/>".repeat(5_100_000))),
    ] {
        let refused = refusal(&excel_of(&[], &[(name, content.as_bytes())]));
        assert!(refused.contains("too large"), "{name}: {refused}");
    }
}

#[test]
fn sheets_that_share_a_part_are_refused_and_not_read_again() {
    let books = sheet_of_books("");
    for same in ["sheet1.xml", "SHEET1.xml"] {
        let file = excel_of(
            &["sheet1.xml", same],
            &[("xl/worksheets/sheet1.xml", books.as_bytes())],
        );
        let refused = refusal(&file);
        assert!(refused.contains("one part"), "{same}: {refused}");
    }
}

/// A cell at the end of a sheet is a million empty rows above it.
#[test]
fn behind_sheets_of_much_text_no_further_one_is_read() {
    let far = sheet("<row r='1048576'><c r='A1048576'><v>1</v></c></row>");
    let names: Vec<String> = (0..20).map(|at| format!("sheet{at}.xml")).collect();
    let paths: Vec<String> = (names.iter())
        .map(|name| format!("xl/worksheets/{name}"))
        .collect();
    let books = sheet_of_books("");
    let file = |books_at: usize| {
        let contents = (0..20).map(|at| if at == books_at { &books } else { &far });
        let parts: Vec<(&str, &[u8])> = (paths.iter().map(String::as_str))
            .zip(contents.map(|content| content.as_bytes()))
            .collect();
        let targets: Vec<&str> = names.iter().map(String::as_str).collect();
        excel_of(&targets, &parts)
    };
    assert!(refusal(&file(19)).contains("no column"));
    let library = read_csv(&file(1), 10_000).unwrap();
    assert_eq!(library.books.len(), 1);
    assert!(library.reading.other_sheets_have_books);
}

/// Covers of books, for instance, which may look like anything.
#[test]
fn pictures_are_not_searched_for_elements() {
    let mut state = 1_u32;
    let picture: Vec<u8> = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    })
    .take(6 << 20)
    .collect();
    let parts: [(&str, &[u8]); 1] = [("xl/media/image1.png", &picture)];
    let library = read_csv(&excel_with("", &parts), 10).unwrap();
    assert_eq!(library.books.len(), 1);
}

/// The rows of a sheet are counted while it is read.
#[test]
fn a_sheet_with_many_more_rows_than_allowed_is_not_read_to_its_end() {
    let row = "<row><c t='inlineStr'><is><t>Dune</t></is></c></row>";
    let error = read_csv(&excel(&row.repeat(100_000)), 1_000).unwrap_err();
    assert_eq!(error.kind, CsvErrorKind::TooManyRows);
}

#[test]
fn what_is_no_workbook_is_named() {
    assert!(refusal(&archive(&[("library.csv", b"Title\nDune\n")])).contains("ZIP archive"));
    assert!(refusal(b"PK\x03\x04 and nothing").contains("cannot be read"));
    let workbook = include_bytes!("../../api/tests/uploads/excel-workbook.xlsx");
    assert!(read_csv(workbook, 10_000).is_ok());
    for length in (0..workbook.len()).step_by(97) {
        // Cut anywhere, it is refused or read, and nothing worse.
        let _ = read_csv(&workbook[..length], 10_000);
    }
    for at in (0..workbook.len()).step_by(61) {
        let mut damaged = workbook.to_vec();
        damaged[at] ^= 0x55;
        let _ = read_csv(&damaged, 10_000);
    }
}
