//! Volumes and sets that share a title or a number, OpenDocument spreadsheets, and exports of
//! further programs.

#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

mod shown;

use std::io::{Cursor, Write};

use shown::{check, read};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

#[test]
fn volumes_stay_apart() {
    for (file, expected) in [
        (
            "Title,Author,ISBN,Volume\nSaga,Nan Ott,9780441172719,1\nSaga,Nan Ott,9780525540670,2\n",
            "Saga | Nan Ott | 9780441172719 | Saga #1\nSaga | Nan Ott | 9780525540670 | Saga #2",
        ),
        (
            "Title,Author\n\"Dream Lord, Vol. 1\",Nan Ott\n\"Dream Lord, Vol. 2\",Nan Ott\n",
            "Dream Lord, Vol. 1 | Nan Ott\nDream Lord, Vol. 2 | Nan Ott",
        ),
        (
            "Title,Author\n\"Saga, Volume One\",Nan Ott\n\"Saga, Volume Two\",Nan Ott\n",
            "Saga, Volume One | Nan Ott\nSaga, Volume Two | Nan Ott",
        ),
        (
            "Titre;Auteur\nLes Rois, tome 1;Nan Ott\nLes Rois, tome 2;Nan Ott\n",
            "Les Rois, tome 1 | Nan Ott\nLes Rois, tome 2 | Nan Ott",
        ),
        (
            "Titel;Autor\nDas Werk, Bd. I;Nan Ott\nDas Werk, Bd. II;Nan Ott\n",
            "Das Werk, Bd. I | Nan Ott\nDas Werk, Bd. II | Nan Ott",
        ),
        (
            "Title,Author\nOne Wave 1,Nan Ott\nOne Wave 2,Nan Ott\nOne Wave,Nan Ott\n",
            "One Wave 1 | Nan Ott\nOne Wave 2 | Nan Ott\nOne Wave | Nan Ott",
        ),
        (
            "タイトル,著者\n灰色の海 1,青木 花\n灰色の海 2,青木 花\n",
            "灰色の海 1 | 青木 花\n灰色の海 2 | 青木 花",
        ),
        (
            "Title,Author\nThe Ring (1 of 3),Nan Ott\nThe Ring (2 of 3),Nan Ott\n",
            "The Ring (1 of 3) | Nan Ott\nThe Ring (2 of 3) | Nan Ott",
        ),
        (
            "Title,Author\n\"Stories, Part 1\",Nan Ott\n\"Stories, Part 2\",Nan Ott\n",
            "Stories, Part 1 | Nan Ott\nStories, Part 2 | Nan Ott",
        ),
        (
            "Title,Author\n\"Henry VI, Part I\",Nan Ott\n\"Henry VI, Part II\",Nan Ott\n",
            "Henry VI, Part I | Nan Ott\nHenry VI, Part II | Nan Ott",
        ),
        (
            "Title,Author\nAkira #1,Nan Ott\nAkira #2,Nan Ott\n",
            "Akira #1 | Nan Ott\nAkira #2 | Nan Ott",
        ),
        (
            "Title,Author\nBest SF 2010,Nan Ott\nBest SF 2011,Nan Ott\n",
            "Best SF 2010 | Nan Ott\nBest SF 2011 | Nan Ott",
        ),
        (
            "Tytuł;Autor;Tom\nSaga;Nan Ott;1\nSaga;Nan Ott;2\n",
            "Saga | Nan Ott | Saga #1\nSaga | Nan Ott | Saga #2",
        ),
        (
            "Work Key,Title,Author\nOL1W,\"Saga, Vol. 1\",Nan Ott\nOL1W,\"Saga, Vol. 2\",Nan Ott\n",
            "Saga, Vol. 1 | Nan Ott | OL1W\nSaga, Vol. 2 | Nan Ott | OL1W",
        ),
    ] {
        check(file, expected);
    }
}

/// Merging loses a book; staying apart loses none.
#[test]
fn titles_that_differ_in_their_brackets_stay_apart() {
    for (one, other) in [
        ("天龙八部(一)", "天龙八部(二)"),
        ("天龙八部（一）", "天龙八部（二）"),
        ("红楼梦(上)", "红楼梦(下)"),
        ("Дети (часть первая)", "Дети (часть вторая)"),
        ("Poems (I)", "Poems (II)"),
        ("Saga (A)", "Saga (B)"),
        ("Foo (Teil eins)", "Foo (Teil zwei)"),
        ("Guide (2019)", "Guide (2020)"),
        ("Foo (Vol. 1) (Paperback)", "Foo (Vol. 2) (Paperback)"),
        ("The Complete Works", "Complete Works (Volume One)"),
        ("Complete Works (Volume One)", "The Complete Works"),
        ("红楼梦", "红楼梦(上)"),
    ] {
        for isbn in ["", "9780441172719"] {
            let file = format!("Title,Author,ISBN\n{one},Nan Ott,{isbn}\n{other},Nan Ott,{isbn}\n");
            let library = books::read_csv(file.as_bytes(), 10).unwrap();
            assert_eq!(library.books.len(), 2, "{one} / {other} {isbn}");
        }
    }
    for (one, other) in [
        ("Foo (Paperback)", "Foo (Kindle Edition)"),
        ("Foo (Penguin Classics)", "Foo"),
        ("Foo (Illustrated Edition)", "Foo (Salt, #1)"),
        ("Foo (Salt, #1)", "Foo"),
        ("Foo (Salt, #1)", "Foo (The Salt Saga, Book 1)"),
        ("Foo (The Salt Saga)", "Foo (Salt)"),
    ] {
        let file = format!("Title,Author\n\"{one}\",Nan Ott\n\"{other}\",Nan Ott\n");
        let library = books::read_csv(file.as_bytes(), 10).unwrap();
        assert_eq!(library.books.len(), 1, "{one} / {other}");
    }
}

#[test]
fn a_merged_book_keeps_the_title_of_its_own_row() {
    let file =
        "Title,Author,ISBN\nGrey Coast,Nan Ott,\nGrey Coast (Illustrated Edition),Nan Ott,\n";
    let library = books::read_csv(file.as_bytes(), 10).unwrap();
    assert_eq!(library.books.len(), 1);
    assert_eq!(library.books[0].wanted.title, "Grey Coast");
    assert_eq!(library.books[0].imported.given_title, None);
}

#[test]
fn sets_are_no_volume_of_theirs() {
    for (file, expected) in [
        (
            "Title,Author,ISBN\nSalt Saga Boxed Set,Nan Ott,9780441172719\nGrey Coast,Nan Ott,9780441172719\n",
            "Salt Saga Boxed Set | Nan Ott | 9780441172719\nGrey Coast | Nan Ott | 9780441172719\n\
          ?3: The same ISBN as row 2, another title: kept as a book of its own",
        ),
        (
            "Title,Author\nSalt Boxset (Books 1-7),Nan Ott\nSalt Boxset (Books 1-3),Nan Ott\n",
            "Salt Boxset (Books 1-7) | Nan Ott\nSalt Boxset (Books 1-3) | Nan Ott",
        ),
        (
            "Title,Author\nSalt,Nan Ott\nSalt: The Complete Trilogy,Nan Ott\n",
            "Salt | Nan Ott\nSalt: The Complete Trilogy | Nan Ott",
        ),
        (
            "Title,Author\n\"Grey Coast (Salt, #1)\",Nan Ott\n\"Grey Coast (Salt, #1-3)\",Nan Ott\n",
            "Grey Coast | Nan Ott | Salt #1\nGrey Coast | Nan Ott | Salt #1-3",
        ),
        (
            "Title,Author,ISBN\nGrey Coast,Nan Ott,0000000000\nOther,Bo Lind,0000000000\n",
            "Grey Coast | Nan Ott\nOther | Bo Lind\n?2: Invalid ISBN (placeholder)\n?3: Invalid ISBN (placeholder)",
        ),
        (
            "Title,Author,ISBN\nGrey Coast,Nan Ott,9780441172719\nGrey Coast: A Novel,Nan Ott,9780441172719\n",
            "Grey Coast | Nan Ott | 9780441172719\n?3: The same book as row 2: merged into it",
        ),
        (
            "Title,Author,Series,Series Number\nGrey Coast,Nan Ott,Salt,1\nGrey Coast,Nan Ott,Salt,01\n",
            "Grey Coast | Nan Ott | Salt #1\n?3: The same book as row 2: merged into it",
        ),
    ] {
        check(file, expected);
    }
}

/// An OpenDocument spreadsheet of these sheets, each a name and its rows.
fn opendocument(sheets: &[(&str, &str)]) -> Vec<u8> {
    let tables: String = (sheets.iter())
        .map(|(name, rows)| format!(r#"<table:table table:name="{name}">{rows}</table:table>"#))
        .collect();
    let content = format!(
        r#"<?xml version="1.0"?><office:document-content xmlns:office="o" xmlns:table="t" xmlns:text="x" xmlns:dc="d">
        <office:body><office:spreadsheet>{tables}</office:spreadsheet></office:body></office:document-content>"#
    );
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in [
        ("mimetype", "application/vnd.oasis.opendocument.spreadsheet"),
        (
            "META-INF/manifest.xml",
            "<manifest:manifest xmlns:manifest=\"m\"/>",
        ),
        ("content.xml", &content),
    ] {
        writer
            .start_file(name, SimpleFileOptions::default())
            .unwrap();
        writer.write_all(bytes.as_bytes()).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn row(cells: &[&str]) -> String {
    format!("<table:table-row>{}</table:table-row>", cells.concat())
}

fn text(text: &str) -> String {
    format!(
        r#"<table:table-cell office:value-type="string"><text:p>{text}</text:p></table:table-cell>"#
    )
}

fn texts(cells: &[&str]) -> String {
    let cells: Vec<String> = cells.iter().map(|cell| text(cell)).collect();
    row(&cells.iter().map(String::as_str).collect::<Vec<_>>())
}

fn value(kind: &str, value: &str, shown: &str) -> String {
    let attribute = match kind {
        "date" => "date-value",
        "boolean" => "boolean-value",
        "time" => "time-value",
        _ => "value",
    };
    format!(
        r#"<table:table-cell office:value-type="{kind}" office:{attribute}="{value}"><text:p>{shown}</text:p></table:table-cell>"#
    )
}

#[track_caller]
fn check_sheet(header: &[&str], cells: &[&str], expected: &str) {
    let title = text("Grey Coast");
    let header: Vec<&str> = [&["Title"], header].concat();
    let cells: Vec<&str> = [&[title.as_str()], cells].concat();
    let file = opendocument(&[("Books", &(texts(&header) + &row(&cells)))]);
    assert_eq!(read(&file), expected);
}

#[test]
fn values_of_opendocument_cells() {
    let author = text("Nan Ott");
    check_sheet(
        &["Author", "ISBN"],
        &[&author, &value("float", "9780441172719", "9,78044E+12")],
        "Grey Coast | Nan Ott | 9780441172719",
    );
    check_sheet(
        &["Author", "ISBN"],
        &[&author, &value("float", "441172717", "441172717")],
        "Grey Coast | Nan Ott | 9780441172719",
    );
    check_sheet(
        &["Author", "Date Read"],
        &[&author, &value("date", "2021-03-04", "04.03.21")],
        "Grey Coast | Nan Ott | read | on 2021-03-04",
    );
    check_sheet(
        &["Author", "Date Added"],
        &[
            &author,
            &value("date", "2021-03-04T10:11:12", "04.03.21 10:11"),
        ],
        "Grey Coast | Nan Ott | since 2021-03-04",
    );
    check_sheet(
        &["Author", "My Rating"],
        &[&author, &value("percentage", "0.8", "80 %")],
        "Grey Coast | Nan Ott | 4/5",
    );
    check_sheet(
        &["Author", "My Rating"],
        &[&author, &value("float", "4.5", "4,5")],
        "Grey Coast | Nan Ott | 4.5/5",
    );
    check_sheet(
        &["Author", "Read"],
        &[&author, &value("boolean", "true", "WAHR")],
        "Grey Coast | Nan Ott | read",
    );
    check_sheet(
        &["Author", "Pages"],
        &[&author, &value("float", "320", "320")],
        "Grey Coast | Nan Ott | 320 p.",
    );
    check_sheet(
        &["Author", "Price", "Length"],
        &[
            &author,
            &value("currency", "12.5", "12,50 €"),
            &value("time", "PT10H22M00S", "10:22"),
        ],
        "Grey Coast | Nan Ott\n?2: Length \"PT10H22M00S\" was not understood",
    );
    check_sheet(
        &["Author", "Year"],
        &[&author, &value("float", "2001", "2001")],
        "Grey Coast | Nan Ott | 2001",
    );
    check_sheet(
        &["Author", "Progress"],
        &[&author, &value("percentage", "1", "100 %")],
        "Grey Coast | Nan Ott | read",
    );
    check_sheet(
        &["Author"],
        &[&text("#N/A")],
        "Grey Coast\n?2: Author \"#N/A\" is the error of a formula",
    );
    check_sheet(
        &["Author"],
        &[r#"<table:table-cell office:value-type="string" office:string-value="Nan Ott"/>"#],
        "Grey Coast | Nan Ott",
    );
    check_sheet(
        &["Author", "Review"],
        &[
            &author,
            r#"<table:table-cell office:value-type="string"><text:p>one</text:p><text:p>two</text:p></table:table-cell>"#,
        ],
        "Grey Coast | Nan Ott | one\ntwo",
    );
    check_sheet(
        &["Author"],
        &[
            r#"<table:table-cell office:value-type="string"><text:p>Nan<text:s/>Ott</text:p></table:table-cell>"#,
        ],
        "Grey Coast | Nan Ott",
    );
    check_sheet(
        &["Author"],
        &[
            r#"<table:table-cell office:value-type="string"><text:p><text:a xlink:href="https://x">Nan Ott</text:a></text:p></table:table-cell>"#,
        ],
        "Grey Coast | Nan Ott",
    );
    check_sheet(
        &["Author"],
        &[
            r#"<table:table-cell office:value-type="string"><office:annotation><dc:date>2021-01-01</dc:date><text:p>lent to Bo</text:p></office:annotation><text:p>Nan Ott</text:p></table:table-cell>"#,
        ],
        "Grey Coast | Nan Ott",
    );
    check_sheet(
        &["Empty", "None", "Author"],
        &[
            r#"<table:table-cell table:number-columns-repeated="2"/>"#,
            &author,
        ],
        "Grey Coast | Nan Ott",
    );
}

#[test]
fn sheets_of_opendocument_files() {
    let books = texts(&["Title", "Author"]) + &texts(&["Grey Coast", "Nan Ott"]);
    let file = opendocument(&[("Notes", &texts(&["Call Bo"])), ("Books", &books)]);
    assert_eq!(read(&file), "Grey Coast | Nan Ott");
    let above = r#"<table:table-row><table:table-cell office:value-type="string" table:number-columns-spanned="2"><text:p>My books</text:p></table:table-cell><table:covered-table-cell/></table:table-row>"#;
    assert_eq!(
        read(&opendocument(&[("A", &format!("{above}{books}"))])),
        "Grey Coast | Nan Ott"
    );
    let twice = books.replacen(
        "<table:table-row>",
        "<table:table-row table:number-rows-repeated=\"1\">",
        1,
    ) + &texts(&["Other", "Bo Lind"]).replace(
        "<table:table-row>",
        "<table:table-row table:number-rows-repeated=\"2\">",
    );
    assert_eq!(
        read(&opendocument(&[("A", &twice)])),
        "Grey Coast | Nan Ott\nOther | Bo Lind\n?4: The same book as row 3: merged into it"
    );
    assert!(read(&opendocument(&[("A", "")])).starts_with("refused"));
}

#[test]
fn exports_of_further_programs() {
    for (file, expected) in [
        // A club's site.
        (
            "Title,Author,ISBN10,ISBN13,Status,Rating,Shelves,Date Started,Date Finished\n\
          Grey Coast,Nan Ott,0441172717,9780441172719,FINISHED,4.5,\"sf, sea\",2021-03-04,2021-03-14\n\
          Other,Bo Lind,,,WANTS_TO_READ,,,,\n",
            "Grey Coast | Nan Ott | 9780441172719 | 4.5/5 | read | from 2021-03-04 | on 2021-03-14 | sf + sea\n\
          Other | Bo Lind | to-read",
        ),
        // A collector's program.
        (
            "Author,Title,Publication Date,Format,Pages,Read It,Reading Date,My Rating,Owner,Location,Index,Collection Status\n\
          \"Ott, Nan\",Grey Coast,2001,Paperback,300,Yes,\"Mar 04, 2021\",4,Me,Shelf A,1,In Collection\n",
            "Grey Coast | Nan Ott | 2001 | 300 p. | Paperback | 4/5 | read | on 2021-03-04 | In Collection",
        ),
        // Anobii.
        (
            "\"ISBN\",\"Title\",\"Subtitle\",\"Author\",\"Format\",\"Number of pages\",\"Publisher\",\"Publication date\",\"Private notes\",\"Comment title\",\"Comment content\",\"Status\",\"Stars\",\"Tags\"\n\
          \"9780441172719\",\"Grey Coast\",\"A Novel\",\"Nan Ott\",\"Paperback\",\"300\",\"Pod\",\"2001-05-01\",\"lent\",\"Great\",\"Long text\",\"Finished on 2010-8-15\",\"4\",\"sf, sea\"\n",
            "Grey Coast: A Novel | Nan Ott | 9780441172719 | Pod | 2001 | 300 p. | Paperback | 4/5 | read | on 2010-08-15 | sf + sea | Great\n\nLong text | lent",
        ),
        (
            "Title,Author,ISBN,List,Start Date,Finish Date,Rating,Review\n\
          Grey Coast,Nan Ott,9780441172719,Finished,2021-03-04,2021-03-14,4.25,fine\n",
            "Grey Coast | Nan Ott | 9780441172719 | 4.25/5 | read | from 2021-03-04 | on 2021-03-14 | fine",
        ),
        (
            "Tytuł,Autor,ISBN,Ocena,Półki,Data przeczytania\nMorze,Anna Lis,9780441172719,8/10,\"Przeczytane, morze\",2021-03-04\n",
            "Morze | Anna Lis | 9780441172719 | 4/5 | read | on 2021-03-04 | morze",
        ),
        (
            "Szerző;Cím;Kiadó;Kiadás éve;ISBN;Olvasás dátuma;Csillag\nKis Anna;A tenger;Pod;2001;9780441172719;2021. 03. 04.;4,5\n",
            "A tenger | Kis Anna | 9780441172719 | Pod | 2001 | 4.5/5 | read | on 2021-03-04",
        ),
        (
            "Název;Autor;Rok vydání;Hodnocení;Datum přečtení\nMoře;Anna Malá;2001;80%;4.3.2021\n",
            "Moře | Anna Malá | 2001 | 4/5 | read | on 2021-03-04",
        ),
        (
            "\"Grey Coast\",\"Nan Ott\",\"9780441172719\"\n\"Other\",\"Bo Lind\",\"9780525540670\"\n",
            "Grey Coast | Nan Ott | 9780441172719\nOther | Bo Lind | 9780525540670",
        ),
        // A form's answers.
        (
            "Timestamp,Book title,Author name,Did you read it?,Your rating (1-5),Comments\n\
          3/14/2021 10:11:12,Grey Coast,Nan Ott,Yes,4,fine\n\
          3/15/2021 10:11:12,Other,Bo Lind,No,2,meh\n",
            "Grey Coast | Nan Ott | 4/5 | read | since 2021-03-14 | fine\nOther | Bo Lind | 2/5 | to-read | since 2021-03-15 | meh",
        ),
        (
            "Name,Author,Status,Score /5,Completed,Type,Summary,Link\n\
          Grey Coast,Nan Ott,Finished,⭐️⭐️⭐️⭐️,\"March 4, 2021\",Novel,the sea,https://x\n",
            "Grey Coast | Nan Ott | 4/5 | read | on 2021-03-04",
        ),
        (
            "Name,Author(s),Read?,Date finished\nGrey Coast,\"Nan Ott, Bo Lind\",checked,3/14/2021\nOther,Bo Lind,,\n",
            "Grey Coast | Nan Ott & Bo Lind | read | on 2021-03-14\nOther | Bo Lind",
        ),
        (
            "#,Title,Author\n1,Grey Coast,Nan Ott\n2,Other,Bo Lind\n3,Third,Cy Lund\n",
            "Grey Coast | Nan Ott\nOther | Bo Lind\nThird | Cy Lund",
        ),
        (
            "Author First,Author Last,Title\nNan,Ott,Grey Coast\n,Voltaire,Candide\n",
            "Grey Coast | Nan Ott\nCandide | Voltaire",
        ),
        (
            "Title,Author,ISBN\nGrey Coast,Nan Ott,978-0-441-17271-9 (pbk.) : $9.99\n",
            "Grey Coast | Nan Ott | 9780441172719",
        ),
        (
            "Title,Author,Rating\nGrey Coast,Nan Ott,\"8,5\"\nOther,Bo Lind,7\n",
            "Grey Coast | Nan Ott | 4.25/5\nOther | Bo Lind | 3.5/5",
        ),
        (
            "Title,Author,Pages,Lent to\nGrey Coast,Nan Ott,320pp,Bo\n",
            "Grey Coast | Nan Ott | 320 p.",
        ),
        (
            "Title,Author,Status\nGrey Coast,Nan Ott,Read (owned)\n",
            "Grey Coast | Nan Ott | Read (owned)",
        ),
        (
            "title,subtitle,author,publication_year,pages,isbn,olid,status,rating,favourite,tags,my_review,start_date,finish_date\n\
          Grey Coast,,Nan Ott,2001,300,9780441172719,OL1M,finished,4.5,true,\"sf|||||sea\",fine,2021-03-04,2021-03-14\n\
          Other,,Bo Lind,,,,,for_later,,false,,,,\n",
            "Grey Coast | Nan Ott | 9780441172719 | 2001 | 300 p. | 4.5/5 | read | from 2021-03-04 | on 2021-03-14 | sf + sea | fine\n\
          Other | Bo Lind | to-read",
        ),
        (
            "item_type,first_name,last_name,title,creators,ean_isbn13,upc_isbn10,description,publisher,publish_date,group,tags,notes,price,length,rating,review,review_date,status,began,completed,added,copies\n\
          book,Nan,Ott,Grey Coast,Nan Ott,9780441172719,0441172717,Long,Pod,2001-05-06,,\"sf, sea\",mine,,300,4.5,fine,,Completed,2021-03-04,2021-03-14,2021-03-01,2\n\
          movie,,,A Film,,,,,,,,,,,,,,,,,,2021-03-01,1\n",
            "Grey Coast | Nan Ott | 9780441172719 | Pod | 2001 | 300 p. | 4.5/5 | read | from 2021-03-04 | on 2021-03-14 | since 2021-03-01 | sf + sea | fine | mine\n\
          !3: a film, not a book",
        ),
        (
            "Название;Автор;Оценка;Статус;Дата прочтения\nМоре;Анна Лис;8 из 10;Прочитано;4 марта 2021\n",
            "Море | Анна Лис | 4/5 | read | on 2021-03-04",
        ),
        (
            "Titel;Auteur;Uitgelezen op;Waardering;Gelezen\nDe zee;Jan de Vries;4-3-2021;8;ja\nHet meer;Jan de Vries;;6;nee\n",
            "De zee | Jan de Vries | 4/5 | read | on 2021-03-04\nHet meer | Jan de Vries | 3/5 | to-read",
        ),
        (
            "Titolo;Autore;Voto;Finito il;Stato\nIl mare;Anna Rossi;4/5;04/03/2021;Letto\n",
            "Il mare | Anna Rossi | 4/5 | read | on 2021-03-04",
        ),
        (
            "书名,作者,评分,状态,标签\n海,王小明,力荐,读过,小说 海洋\n",
            "海 | 王小明 | 5/5 | read | 小说 + 海洋",
        ),
        (
            "| Title | Author | Rating |\n|---|---|---|\n| Grey Coast | Nan Ott | 4 |\n",
            "Grey Coast | Nan Ott | 4/5",
        ),
        (
            "Reading list 2021\n\nTitle\tAuthor\tFinished\nGrey Coast\tNan Ott\t14 Mar\nOther\tBo Lind\t2021-03-15\n",
            "Grey Coast | Nan Ott | read\nOther | Bo Lind | read | on 2021-03-15\n?3: Finished \"14 Mar\" was not understood",
        ),
        (
            "Grey Coast by Nan Ott - 4/5\nOther by Bo Lind - 3/5\n",
            "Grey Coast | Nan Ott | 4/5\nOther | Bo Lind | 3/5",
        ),
        (
            "Title,Author,Tags\nGrey Coast,Nan Ott,\"[sf] [sea]\"\n",
            "Grey Coast | Nan Ott | [sf] [sea]",
        ),
        (
            "Title,Author,Date Finished,Rating\nGrey Coast,Nan Ott,2021-W10,4\n",
            "Grey Coast | Nan Ott | 4/5 | read | 2021-03\n?2: Date Finished \"2021-W10\": only the date is kept",
        ),
        (
            "Book,Author,Started,Ended\nGrey Coast,Nan Ott,1 Jan 21,14 Feb 21\n",
            "Grey Coast | Nan Ott | read | from 2021-01-01 | on 2021-02-14",
        ),
        (
            "Title,Author,My Review,Spoiler,Bookshelves with positions,Bookshelves\nGrey Coast,Nan Ott,fine,true,\"sea (#1)\",sea\n",
            "Grey Coast | Nan Ott | sea | fine",
        ),
    ] {
        check(file, expected);
    }
}

fn sheets(sheets: &[(&str, &[&[&str]])]) -> Vec<u8> {
    let rows: Vec<(&str, String)> = (sheets.iter())
        .map(|(name, rows)| (*name, rows.iter().map(|row| texts(row)).collect()))
        .collect();
    let sheets: Vec<(&str, &str)> = (rows.iter())
        .map(|(name, rows)| (*name, rows.as_str()))
        .collect();
    opendocument(&sheets)
}

#[test]
fn the_sheet_that_is_most_like_a_list_of_books_is_read() {
    let books: (&str, &[&[&str]]) = ("Books", &[&["Title", "Author"], &["Grey Coast", "Nan Ott"]]);
    for other in [
        ("Stats", &[&["Year", "Pages"][..], &["2021", "5000"]][..]),
        ("Template", &[&["Title", "Author"]]),
        (
            "Films",
            &[
                &["Title", "Rating", "Director"],
                &["Grey Sea", "4", "Bo Lind"],
            ],
        ),
        ("Info", &[&["My lists"]]),
    ] {
        assert_eq!(read(&sheets(&[other, books])), "Grey Coast | Nan Ott");
    }
    let list: (&str, &[&[&str]]) = ("List", &[&["Grey Coast", "Nan Ott", "9780441172719"]]);
    let file = sheets(&[("Info", &[&["My lists"]]), list]);
    let library = books::read_csv(&file, 10).unwrap();
    assert_eq!(library.reading.sheet.as_deref(), Some("List"));
    assert_eq!(library.books[0].wanted.title, "Grey Coast");
}
