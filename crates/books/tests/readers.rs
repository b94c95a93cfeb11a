//! Lists of readers in many languages and of many programs, as one line for each book.

#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

mod shown;

use shown::{check, line};

#[test]
fn lists_in_the_languages_of_their_readers() {
    check(
        "Título;Autor;Editorial;Año de publicación;Nº de páginas;Calificación;Fecha de lectura;Estado;Estantería\n\
         La ciudad;Rosa Montes;Alba;2001;312;4,5;03/04/2021;leído;clásicos\n\
         El río;Gómez Prado, Ana;Alba;2003;;;;por leer;\n",
        "La ciudad | Rosa Montes | Alba | 2001 | 312 p. | 4.5/5 | read | on 2021-04-03 | clásicos\n\
         El río | Ana Gómez Prado | Alba | 2003 | to-read",
    );
    check(
        "Livro,Autora,Editora,Ano,Avaliação,Data de término,Situação\n\
         O mar,Clara Dias,Porto,1999,9,5 de março de 2020,Lido\nO rio,Clara Dias,,,3,,Quero ler\n",
        "O mar | Clara Dias | Porto | 1999 | 4.5/5 | read | on 2020-03-05\n\
         O rio | Clara Dias | 1.5/5 | to-read",
    );
    check(
        "Titolo,Autore,ISBN,Stato,Il mio voto,Note private\n\
         Il porto,\"Verdi, Gianni\",9780102138139,Finito il 15/08/2010,4,bello\n\
         La riva,Ada Neri,,In lettura dal 03/2011,,\n",
        "Il porto | Gianni Verdi | 9780102138139 | 4/5 | read | on 2010-08-15 | bello\n\
         La riva | Ada Neri | reading | from 2011-03",
    );
    check(
        "Boektitel;Schrijver;Uitgeverij;Aantal bladzijden;Sterren;Gelezen op;Reeks;Deel\n\
         De haven;Jan de Wit;Kust;280;3;7-4-2019;Zee;2\n",
        "De haven | Jan de Wit | Zee #2 | Kust | 280 p. | 3/5 | read | on 2019-04-07",
    );
    check(
        "Название;Автор;Моя оценка;Дата прочтения;Статус\n\
         Тихий берег;Михаил Булгар;4.5/5;3 мая 2021;Прочитано\nРека;Булгар, Михаил;;;Хочу прочитать\n",
        "Тихий берег | Михаил Булгар | 4.5/5 | read | on 2021-05-03\n\
         Река | Михаил Булгар | to-read",
    );
    check(
        "タイトル,著者名,出版社,読了日,評価,読書状況\n緑の家,村野春樹,新光社,2021年5月3日,★★★★,読み終わった\n",
        "緑の家 | 村野春樹 | 新光社 | 4/5 | read | on 2021-05-03",
    );
    check(
        "제목,저자,출판사,완독일,별점\n소년,한감,창비,2021.5.3,5\n",
        "소년 | 한감 | 창비 | 5/5 | read | on 2021-05-03",
    );
    check(
        "Titel;Författare;Förlag;Betyg;Läst\nHamnen;Eva Ek;Kust;4;ja\nFloden;Eva Ek;;;nej\n",
        "Hamnen | Eva Ek | Kust | 4/5 | read\nFloden | Eva Ek | to-read",
    );
    check(
        "Název;Autor;Hodnocení;Datum přečtení\nPřístav;Jan Kůň;4;3. května 2021\n",
        "Přístav | Jan Kůň | 4/5 | read | on 2021-05-03",
    );
    check(
        "Kitap adı,Yazar,Yayınevi,Puan,Bitirme tarihi\nLiman,Ece Ak,Kıyı,8,3 Mayıs 2021\n",
        "Liman | Ece Ak | Kıyı | 4/5 | read | on 2021-05-03",
    );
}

#[test]
fn exports_of_other_programs() {
    check(
        "title,subtitle,author,status,favourite,rating,pages,publication_year,isbn,olid,tags,my_review,book_format,start_date,finish_date,date_added\n\
         Dune,,Frank Herbert,finished,1,4.5,412,1965,9780441172719,OL893415W,sf|||||desert,Great,paperback,2020-01-02,2020-02-03T00:00:00.000,2019-05-06T10:11:12.000\n\
         Emma,,Jane Austen,for_later,,,,,,,,,,,,\nIt,,Stephen King,unfinished,,,,,,,,,,,,\n",
        "Dune | Frank Herbert | 9780441172719 | OL893415W | 1965 | 412 p. | Paperback | 4.5/5 | read | from 2020-01-02 | on 2020-02-03 | since 2019-05-06 | sf + desert | Great\n\
         Emma | Jane Austen | to-read\nIt | Stephen King | given up",
    );
    check(
        "Item URL,Edition URL,Edition ISBN-13,Edition title,Authors URLs,Authors labels,Edition publication date,Edition number of pages,Edition publishers labels,Series labels,Works series ordinals,Item created,Shelves\n\
         https://i.example/1,https://e.example/2,978-0-441-17271-9,Dune,https://a.example/3,Frank Herbert,1965-08,412,Ace,Dune,1,2021-05-03T10:00:00Z,sf\n",
        "Dune | Frank Herbert | 9780441172719 | Dune #1 | Ace | 1965 | 412 p. | since 2021-05-03 | sf",
    );
    check(
        "Name,Author,Score /5,Status,Completed,Type\nDune,Frank Herbert,⭐️⭐️⭐️⭐️⭐️,Finished,\"March 3, 2021\",Book\nEmma,Jane Austen,,Not started,,E-Book\n",
        "Dune | Frank Herbert | 5/5 | read | on 2021-03-03\nEmma | Jane Austen | E-book | to-read",
    );
    check(
        "item_type,title,creators,first_name,last_name,ean_isbn13,upc_isbn10,publisher,publish_date,tags,notes,rating,review,status,began,completed,added,copies,length\n\
         book,Dune,Frank Herbert,Frank,Herbert,9780441172719,,Ace,1965-08-01,sf,mine,4.5,Good,In Progress,2020-01-02,,2019-05-06,1,412\n",
        "Dune | Frank Herbert | 9780441172719 | Ace | 1965 | 412 p. | 4.5/5 | reading | from 2020-01-02 | since 2019-05-06 | sf | Good | mine",
    );
    check(
        "Author,Title,Series,Issue,ISBN,Read It,Reading Date,My Rating,Added Date\n\
         \"Herbert, Frank\",Dune,Dune,1,9780441172719,Yes,\"May 03, 2021\",8,\"May 01, 2021\"\n\"Austen, Jane\",Emma,,,,No,,,\n",
        "Dune | Frank Herbert | 9780441172719 | Dune #1 | 4/5 | read | on 2021-05-03 | since 2021-05-01\n\
         Emma | Jane Austen | to-read",
    );
    check(
        "Work ID,Edition ID,Bookshelf,My Ratings\nOL893415W,OL1M,Already Read,4\n/works/OL2W,,Want to Read,\n",
        "OL893415W | 4/5 | read\nOL2W | to-read",
    );
}

#[test]
fn lists_that_people_make_by_hand() {
    check("Dune\nEmma\n1984\n", "Dune\nEmma\n1984");
    check(
        "1. Dune by Frank Herbert\n2. Emma by Jane Austen\n3. Middlemarch\n",
        "Dune | Frank Herbert\nEmma | Jane Austen\nMiddlemarch",
    );
    check(
        "Dune,Frank Herbert\nEmma,Jane Austen\n",
        "Dune | Frank Herbert\nEmma | Jane Austen",
    );
    check(
        "Frank Herbert;Dune;9780441172719\nJane Austen;Emma;\nGeorge Eliot;Middlemarch;9780141439549\n",
        "Dune | Frank Herbert | 9780441172719\nEmma | Jane Austen\nMiddlemarch | George Eliot | 9780141439549",
    );
    check(
        "My books 2021;;\n;;\nUpdated;03.05.2021;\nTitle;Author;Year\nDune;Frank Herbert;1965\n",
        "Dune | Frank Herbert | 1965",
    );
    check(
        "Pealkiri;Autor;Aasta\nSadam;Jaan Kask;2001\nJõgi;Mari Tamm;2003\n",
        "Sadam | Jaan Kask | 2001\nJõgi | Mari Tamm | 2003",
    );
    check(
        "Title,Author,ISBN,Publisher,Date Read,Rating\nDune,Frank Herbert,n/a,unknown,0000-00-00,-\n",
        "Dune | Frank Herbert",
    );
    check(
        "Title,Author,Date Read\nDune,Frank Herbert,44319\nEmma,Jane Austen,2021-05-04\n",
        "Dune | Frank Herbert | read | on 2021-05-03\nEmma | Jane Austen | read | on 2021-05-04",
    );
    check(
        "Title,Author,Date Read\nDune,Frank Herbert,25/12/20\nEmma,Jane Austen,03/04/21\n",
        "Dune | Frank Herbert | read | on 2020-12-25\nEmma | Jane Austen | read | on 2021-04-03",
    );
    check(
        "Title,Author,Rating\nDune,Frank Herbert,90\nEmma,Jane Austen,75\n",
        "Dune | Frank Herbert | 4.5/5\nEmma | Jane Austen | 3.75/5",
    );
    check(
        "Title,Author,Rating,Date Read\nDune,Frank Herbert,great,\nEmma,Jane Austen,4,someday\n",
        "Dune | Frank Herbert\nEmma | Jane Austen | 4/5\n\
         ?2: Rating \"great\" was not understood\n?3: Date Read \"someday\" was not understood",
    );
    check(
        "First name,Surname,Title\nFrank,Herbert,Dune\nJane,Austen,Emma\n",
        "Dune | Frank Herbert\nEmma | Jane Austen",
    );
}

#[test]
fn a_reader_is_asked_when_an_unknown_column_may_be_the_authors() {
    let is_uncertain = |file: &str| {
        let library = books::read_library(file.as_bytes(), 10, &books::Mapping::new());
        library.unwrap().reading.is_uncertain()
    };
    assert!(is_uncertain("Titel;Wer\nDer Prozess;Kafka, Franz\n"));
    assert!(!is_uncertain(
        "Titel;Autor;Farbe\nDer Prozess;Franz Kafka;blau\n"
    ));
    // A number tells which book it is, and a list of titles has no column to ask about.
    assert!(!is_uncertain("Titel;ISBN;Farbe\nEmma;9780141439587;blau\n"));
    assert!(!is_uncertain("Titel\nEmma\nDer Prozess\n"));
}

#[test]
fn a_reader_knows_better_what_a_column_is() {
    let file = "Werk,Wer,Was\nDune,Frank Herbert,x\n";
    let mapping = [("Wer", "author"), ("3", "ignore"), ("Werk", "title")];
    let mapping = (mapping.iter())
        .map(|(column, field)| ((*column).to_owned(), (*field).to_owned()))
        .collect();
    let library = books::read_library(file.as_bytes(), 10, &mapping).unwrap();
    assert_eq!(line(&library.books[0]), "Dune | Frank Herbert");
    assert!(!library.reading.is_uncertain());
    for (column, field) in [("Nobody", "title"), ("Wer", "nothing"), ("4", "title")] {
        let mapping = [(column.to_owned(), field.to_owned())].into();
        let error = books::read_library(file.as_bytes(), 10, &mapping).unwrap_err();
        assert_eq!(error.kind, books::CsvErrorKind::Mapping);
        assert!(error.message.starts_with("there is no"), "{error}");
    }
}
