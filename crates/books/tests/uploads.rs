//! Uploads of further programs and hands, each with what its reader expects.

mod shown;

use books::read_csv;
use shown::check;

#[test]
fn exports_of_programs_that_read_aloud() {
    check(
        "Key,Title,Author,Narrated By,Purchase Date,Duration,Release Date,Ave. Rating,Genre,Series Name,Series Sequence,Product ID,ASIN,Book URL,Rating Count,Publisher,Short Title,Copyright,Abridged,Language,Region,Read Status\n\
         B07L,\"Grey Coast: The Salt Saga, Book 2\",Nan Ott,Ray Porter,2021-03-04,10:22:00,2019-05-06,4.71,Fantasy,The Salt Saga,2,BK_1,B07LABC123,https://x,1234,Podium,Grey Coast,2019,false,english,US,Finished\n",
        "Grey Coast: The Salt Saga, Book 2 | Nan Ott | The Salt Saga #2 | Podium | 2019 | read | since 2021-03-04 | Fantasy",
    );
    check(
        "Account,Date Added to library,Is Audiobook?,Audible Product Id,Locale,Title,Subtitle,Authors,Narrators,Length In Minutes,Description,Publisher,Has PDF,Series Names,Series Order,Community Rating: Overall,Community Rating: Performance,Cover Id Large,Is Abridged?,Date Published,Categories,My Rating: Overall,My Rating: Performance,My Rating: Story,My Libation Tags,Book Liberated Status\n\
         me,2021-03-04T10:11:12,True,B07LABC123,us,Grey Coast,A Novel,\"Nan Ott, Bo Lind\",Ray Porter,622,\"<p>Long</p>\",Podium,False,The Salt Saga,2,4.6,4.7,51abc,False,2019-05-06,Fantasy,4,5,3,favs,Liberated\n",
        "Grey Coast: A Novel | Nan Ott & Bo Lind | The Salt Saga #2 | Podium | 2019 | 4/5 | since 2021-03-04 | Liberated + Fantasy\n\
         ?2: My Rating: Performance \"5\" is for a part of the book: not taken; My Rating: Story \"3\" is for a part of the book: not taken",
    );
    check(
        "ASIN,Title,Authors,Purchase Date,Read Status,Progress\n\
         B07LABC123,Grey Coast (Salt Saga Book 2) (English Edition),\"Ott, Nan;Lind, Bo\",\"Mar 4, 2021\",READ,100%\n\
         B07LABC124,Other,\"Lind, Bo\",\"Mar 4, 2021\",UNREAD,0%\n\
         B07LABC125,Third,\"Lind, Bo\",\"Mar 4, 2021\",READING,45%\n",
        "Grey Coast | Nan Ott & Bo Lind | Salt Saga #2 | read | since 2021-03-04\n\
         Other | Bo Lind | to-read | since 2021-03-04\n\
         Third | Bo Lind | reading | since 2021-03-04\n\
         ?4: Progress \"45%\" itself is not kept",
    );
    check(
        "Title,Author,Narrator,Length,Release Date,Rating,Progress\n\
         Grey Coast,Nan Ott,Ray P,10 hrs and 22 mins,05-06-19,4.5,Finished\n\
         Other,Bo Lind,Ray P,5 hrs,05-16-19,4.5,3h 2m left\n",
        "Grey Coast | Nan Ott | 2019 | 4.5/5 | read\n\
         Other | Bo Lind | 2019 | 4.5/5 | reading\n\
         ?3: Progress \"3h 2m left\" itself is not kept",
    );
}

#[test]
fn exports_of_programs_that_track_reading() {
    check(
        "Título;Autor;Editora;ISBN;Ano;Páginas;Status;Minha nota;Data de início;Data de término;Favorito\n\
         O Mar;Clara Dias;Rocco;9788532511010;1999;300;Relendo;4,5;01/02/2020;15/03/2020;Sim\n\
         O Rio;Clara Dias;Rocco;;;;Vou ler;;;;Não\n",
        "O Mar | Clara Dias | 9788532511010 | Rocco | 1999 | 300 p. | 4.5/5 | reading | from 2020-02-01 | on 2020-03-15\n\
         O Rio | Clara Dias | Rocco | to-read",
    );
    check(
        "Title,Author,Publisher,ISBN,Total Pages,Status,Rating,Start Date,End Date,Review,Created At\n\
         Grey Coast,Nan Ott,Pod,9780441172719,300,READ,4.5,2021. 3. 4.,2021. 3. 14.,ok,2021. 3. 1.\n\
         Other,Bo Lind,Pod,,200,READING,,2021. 3. 4.,,,2021. 3. 1.\n\
         Third,Bo Lind,Pod,,200,WISH,,,,,2021. 3. 1.\n\
         Fourth,Bo Lind,Pod,,200,STOPPED,,,,,2021. 3. 1.\n",
        "Grey Coast | Nan Ott | 9780441172719 | Pod | 300 p. | 4.5/5 | read | from 2021-03-04 | on 2021-03-14 | since 2021-03-01 | ok\n\
         Other | Bo Lind | Pod | 200 p. | reading | from 2021-03-04 | since 2021-03-01\n\
         Third | Bo Lind | Pod | 200 p. | since 2021-03-01 | WISH\n\
         Fourth | Bo Lind | Pod | 200 p. | given up | since 2021-03-01",
    );
    check(
        "Book Title,Author(s),ISBN,Reading Status,Star Rating,Review Text,Date Started,Date Finished,Emoji Reaction\n\
         Grey Coast,Nan Ott,9780441172719,FINISHED,4.25,ok,2021-03-04,2021-03-14,x\n\
         Other,Bo Lind,,WANT_TO_READ,,,,,\n\
         Third,Bo Lind,,CURRENTLY_READING,,,,,\n\
         Fourth,Bo Lind,,DID_NOT_FINISH,,,,,\n",
        "Grey Coast | Nan Ott | 9780441172719 | 4.25/5 | read | from 2021-03-04 | on 2021-03-14 | ok\n\
         Other | Bo Lind | to-read\n\
         Third | Bo Lind | reading\n\
         Fourth | Bo Lind | given up",
    );
    check(
        "title,subtitle,authors,isbn10,isbn13,pageCount,publishedDate,readingStatus,readingStartedAt,readingFinishedAt,rating,shelves\n\
         Grey Coast,,Nan Ott,0441172717,9780441172719,300,2001-02-03,FINISHED,2021-03-04T00:00:00.000Z,2021-03-14T00:00:00.000Z,4,\"sf, fav\"\n\
         Other,,Bo Lind,,,,,IS_READING,,,,\n\
         Third,,Bo Lind,,,,,WANTS_TO_READ,,,,\n\
         Fourth,,Bo Lind,,,,,DROPPED,,,,\n",
        "Grey Coast | Nan Ott | 9780441172719 | 2001 | 300 p. | 4/5 | read | from 2021-03-04 | on 2021-03-14 | sf + fav\n\
         Other | Bo Lind | reading\n\
         Third | Bo Lind | to-read\n\
         Fourth | Bo Lind | given up",
    );
    check(
        "Title,Author,Publisher,ISBN,Series,SeriesNumber,ReadStatus,PercentRead,DateLastRead,TimeSpentReading\n\
         Grey Coast,Nan Ott,Pod,9780441172719,The Salt Saga,2,2,100,2021-03-14T00:00:00.000,3600\n\
         Other,Bo Lind,,,,,1,45,2021-03-14T00:00:00.000,3600\n\
         Third,Bo Lind,,,,,0,0,,\n",
        "Grey Coast | Nan Ott | 9780441172719 | The Salt Saga #2 | Pod | read | on 2021-03-14\n\
         Other | Bo Lind | reading\n\
         Third | Bo Lind | to-read\n\
         ?3: DateLastRead \"2021-03-14T00:00:00.000\": the book was not read to its end; PercentRead \"45\" itself is not kept",
    );
    check(
        "Title,Author,Series,Publisher,Publication date,Page count,ISBN,Category,Status,Reading periods,Rating,Comments,Summary\n\
         Grey Coast,\"Ott, Nan\",The Salt Saga (2),Pod,2001,300,9780441172719,SF,Read,2021-03-04|2021-03-14,4.5,mine,long text\n",
        "Grey Coast | Nan Ott | 9780441172719 | The Salt Saga #2 | Pod | 2001 | 300 p. | 4.5/5 | read | on 2021-03-14 | 2021-03-04/2021-03-14 | SF | mine",
    );
    check(
        "Highlight,Book Title,Book Author,Amazon Book ID,Note,Color,Tags,Location Type,Location,Highlighted at,Document tags\n\
         \"Fear is, the mind\",Grey Coast,Nan Ott,B07LABC123,good,yellow,,location,1234,2021-03-04 10:11:12+00:00,\n\
         \"Other\",Grey Coast,Nan Ott,B07LABC123,,yellow,,location,1300,2021-03-05 10:11:12+00:00,\n",
        "Grey Coast | Nan Ott | good\n\
         ?3: The same book as row 2: merged into it",
    );
}

#[test]
fn exports_of_reference_managers() {
    check(
        "\"Identifier\",\"BibliographyType\",\"ISBN\",\"Author\",\"Title\",\"Journal\",\"Volume\",\"Pages\",\"Year\",\"Month\",\"Note\",\"Publisher\",\"Address\"\n\
         \"ott2001\",\"book\",\"9780441172719\",\"Ott, Nan and Lind, Bo\",\"Grey Coast\",\"\",\"\",\"300\",\"2001\",\"\",\"\",\"Pod\",\"NY\"\n",
        "Grey Coast | Nan Ott & Bo Lind | 9780441172719 | Pod | 2001 | 300 p.",
    );
    check(
        "Reference Type\tAuthor\tYear\tTitle\tSecondary Author\tPublisher\tISBN\tNumber of Pages\n\
         Book\tOtt, Nan // Lind, Bo\t2001\tGrey Coast\t\tPod\t0-441-17271-7 (pbk.)\t300\n\
         Journal Article\tX, Y\t2002\tAn Article\t\t\t\t\n",
        "Grey Coast | Nan Ott & Bo Lind | 9780441172719 | Pod | 2001 | 300 p.\n\
         !3: an article, not a book",
    );
}

#[test]
fn exports_of_collectors_shops_and_libraries() {
    check(
        "Order Date,Order ID,Title,Category,ASIN/ISBN,UNSPSC Code,Website,Release Date,Condition,Seller,Purchase Price Per Unit,Quantity\n\
         03/25/19,111-222,Grey Coast,Paperback,0441172717,,Amazon.com,08/01/90,new,Amazon,$7.99,1\n",
        "Grey Coast | 9780441172719 | 1990 | since 2019-03-25 | Paperback",
    );
    check(
        "item type\ttitle\tcreator\tedition\tpublisher\tpublish date\tasin\tISBN\tupc\tpages\tnetRating\trating\tpurchase date\tlibrary name\tgenres\n\
         Book\tGrey Coast\tNan Ott\tPaperback\tPod\t2001-02-03 00:00:00 +0000\t0441172717\t9780441172719\t\t300\t4.5\t5\t2005-06-07 00:00:00 +0000\tMine\tFiction\n",
        "Grey Coast | Nan Ott | 9780441172719 | Pod | 2001 | 300 p. | Paperback | 5/5 | since 2005-06-07 | Fiction",
    );
    check(
        "Title,Author,Checked out,Due,Barcode\n\
         \"Grey Coast / Nan Ott.\",\"Ott, Nan, 1950-\",3/4/2021,3/25/2021,31234000123456\n\
         \"Other [electronic resource] / Bo Lind.\",\"Lind, Bo.\",3/25/2021,4/15/2021,31234000123457\n",
        "Grey Coast | Nan Ott\n\
         Other | Bo. Lind",
    );
    check(
        "\"biblionumber\",\"title\",\"subtitle\",\"author\",\"publicationyear\",\"isbn\",\"itemtype\"\n\
         \"1\",\"Grey Coast :\",\"a novel /\",\"Ott, Nan,\",\"c2001.\",\"9780441172719 (hbk.) | 0441172717\",\"BK\"\n",
        "Grey Coast: a novel | Nan Ott | 9780441172719 | 2001",
    );
    check(
        "TITLE,AUTHOR,AUTHOR2,ISBN,PUBLISHER,RELEASE_DATE,FORMAT,PAGES,SERIES,SERIES_NUMBER,CATEGORY1,MY_RATING,READ_COUNT,DATE_LAST_READ,COMMENTS,COPIES\n\
         Grey Coast,\"Ott, Nan\",\"Lind, Bo\",0441172717,Pod,02/2001,Paperback,300,Salt,2,SF,8,1,03/14/2021,mine,1\n",
        "Grey Coast | Nan Ott & Bo Lind | 9780441172719 | Salt #2 | Pod | 2001 | 300 p. | Paperback | 4/5 | read | on 2021-03-14 | 1 times | SF | mine",
    );
    check(
        "Titel;Autor;Reihe;Bd.;ISBN;gelesen;Wertung;Regal;Kaufdatum;Preis\n\
         Das Meer;Anna Berg;Salz;2;978-3-551-55167-2;ja;2;SF;03.04.2021;12,99 €\n\
         Der Fluss;Udo Kohl;;;;nein;;;;\n",
        "Das Meer | Anna Berg | 9783551551672 | Salz #2 | 2/5 | read | since 2021-04-03 | SF\n\
         Der Fluss | Udo Kohl | to-read",
    );
}

#[test]
fn tables_of_programs_for_notes() {
    check(
        "Name,Author,Status,Score /5,Date,Link\n\
         Grey Coast,Nan Ott (https://www.notion.so/Nan-Ott-abcdef?pvs=21),Finished,⭐️⭐️⭐️⭐️,\"March 4, 2021 → March 14, 2021\",https://x\n",
        "Grey Coast | Nan Ott | 4/5 | read | on 2021-03-14 | 2021-03-04/2021-03-14",
    );
    check(
        "| Title | Author | Rating |\n\
         |-------|:------:|-------:|\n\
         | Grey Coast | Nan Ott | 4/5 |\n\
         | Other | Bo Lind | 3/5 |\n",
        "Grey Coast | Nan Ott | 4/5\n\
         Other | Bo Lind | 3/5",
    );
    check(
        "Title,Author,ISBN\n\
         \"=HYPERLINK(\"\"https://x.example/1\"\",\"\"Grey Coast\"\")\",Nan Ott,\"=\"\"9780441172719\"\"\"\n\
         [Other](https://x.example/2),Bo Lind,\n\
         \"<a href=\"\"https://x\"\">Third</a>\",Cy Lund,\n",
        "Grey Coast | Nan Ott | 9780441172719\n\
         Other | Bo Lind\n\
         Third | Cy Lund",
    );
    check(
        "📚 Title,✍️ Author,⭐ Rating,📅 Date finished,🔖 Status\n\
         A,Nan Ott,⭐⭐⭐,2021-03-04,✅ Read\n\
         B,Nan Ott,,,📖 Reading\n\
         C,Nan Ott,,,⏳ To Read\n",
        "A | Nan Ott | 3/5 | read | on 2021-03-04\n\
         B | Nan Ott | reading\n\
         C | Nan Ott | to-read",
    );
}

#[test]
fn a_whole_line_in_quotes_and_unusual_signs_between_fields() {
    check(
        "\"Title,Author,ISBN\"\n\
         \"Grey Coast,Nan Ott,9780441172719\"\n\
         \"\"\"Other, the\"\",Bo Lind,\"\n",
        "Grey Coast | Nan Ott | 9780441172719\n\
         Other, the | Bo Lind",
    );
    check(
        "書名，著者，ＩＳＢＮ，評価\n\
         緑の家，村野春樹，９７８０４４１１７２７１９，４\n",
        "緑の家 | 村野春樹 | 9780441172719 | 4/5",
    );
    check(
        "タイトル,著者,ＩＳＢＮ,ページ数,読了日\n\
         緑の家,村野春樹,９７８－０－４４１－１７２７１－９,３２０,２０２１／０５／０３\n",
        "緑の家 | 村野春樹 | 9780441172719 | 320 p. | read | on 2021-05-03",
    );
}

#[test]
fn rows_that_are_no_books() {
    check(
        "Title,Author,Rating\n\
         Grey Coast,Nan Ott,4\n\
         ,,\n\
         Title,Author,Rating\n\
         Other,Bo Lind,3\n\
         Total,,2\n",
        "Grey Coast | Nan Ott | 4/5\n\
         Other | Bo Lind | 3/5\n\
         !4: the header once more, not a book\n\
         !6: a total, not a book",
    );
    check(
        "Title,Author,Date Finished,Rating\n\
         2021,,,\n\
         Grey Coast,Nan Ott,3/14/2021,4\n\
         January,,,\n\
         Other,Bo Lind,3/15/2021,3\n\
         Currently Reading,,,\n\
         Third,Cy Lund,,\n\
         Books read: 3,,,\n",
        "Grey Coast | Nan Ott | 4/5 | read | on 2021-03-14\n\
         Other | Bo Lind | 3/5 | read | on 2021-03-15\n\
         Third | Cy Lund\n\
         !2: a heading, not a book\n\
         !4: a heading, not a book\n\
         !6: a heading, not a book\n\
         !8: a total, not a book",
    );
    check(
        "Books I read in 2021:\n\
         \n\
         1) Grey Coast - Nan Ott (4/5)\n\
         2) Other by Bo Lind ★★★★\n\
         3) \"Third\" by Cy Lund\n\
         * Fourth, Di Lum\n",
        "Grey Coast - Nan Ott | 4/5\n\
         Other | Bo Lind | 4/5\n\
         Third | Cy Lund\n\
         Fourth, Di Lum\n\
         !1: a heading, not a book",
    );
    check(
        "Number,Book,Writer,Finished?,Stars (1-5),Genre,Comments\n\
         1,Grey Coast,Nan Ott,y,4,SF,nice\n\
         2,Other,Bo Lind,n,,SF,\n",
        "Grey Coast | Nan Ott | 4/5 | read | SF | nice\n\
         Other | Bo Lind | SF",
    );
}

#[test]
fn a_cell_behind_the_last_column_costs_no_book() {
    check(
        "Title,Author,Rating\n\
         Grey Coast,Nan Ott,4\n\
         Emma,Jane Austen,5,lent to Bo\n",
        "Grey Coast | Nan Ott | 4/5\n\
         Emma | Jane Austen | 5/5\n\
         ?3: \"lent to Bo\" is not used: the row has more fields than the header",
    );
    check(
        "Title,Author,Tags\n\
         Grey Coast,Nan Ott,sf\n\
         Emma,Jane Austen,classic,love,a,b,c,d,e,f,g\n\
         Dawn,dusk,Anna Lund,nature\n\
         ,,nobody,knows\n",
        "Grey Coast | Nan Ott | sf\n\
         Emma | Jane Austen | classic + love + a + b + c + d + e + f + g\n\
         Dawn,dusk | Anna Lund | nature\n\
         ?3: \"classic,love,a,b,c,d,e,f,g\" was read as one field: the row has more separators than the header\n\
         ?4: \"Dawn,dusk\" was read as one field: the row has more separators than the header\n\
         !5: 4 fields, the header has 3",
    );
    check(
        "Title,Author\n\
         Grey Coast,Nan Ott\n\
         Good Signs,Terry Pratch,Neil Gaim\n",
        "Grey Coast | Nan Ott\n\
         Good Signs | Terry Pratch\n\
         ?3: \"Neil Gaim\" is not used: the row has more fields than the header",
    );
}

#[test]
fn rows_torn_by_a_comma_that_nobody_quoted() {
    check(
        "Title,Author,ISBN,Rating\n\
         Grey Coast,Nan Ott,9780441172719,4\n\
         The Lion, the Witch and the Wardrobe,C. S. Lewis,9780064404990,5\n\
         Other,Lind, Bo,9780525540670,3\n",
        "Grey Coast | Nan Ott | 9780441172719 | 4/5\n\
         The Lion, the Witch and the Wardrobe | C. S. Lewis | 9780064404990 | 5/5\n\
         Other | Bo Lind | 9780525540670 | 3/5\n\
         ?3: \"The Lion, the Witch and the Wardrobe\" was read as one field: the row has more separators than the header\n\
         ?4: \"Lind, Bo\" was read as one field: the row has more separators than the header",
    );
    check(
        "Title,Author\n\
         “Grey Coast”,Nan Ott\n\
         ”Other, the”,Bo Lind\n",
        "Grey Coast | Nan Ott\n\
         Other, the | Bo Lind",
    );
}

#[test]
fn a_quote_that_is_not_closed_costs_no_book() {
    check(
        "Title,Author,Notes\n\
         \"Grey Coast,Nan Ott,ok\n\
         Other,Bo Lind,5\" screen\n\
         The \"Best\" Book,Cy Lund,said \"hi\"\n\
         \"Fine\",Di Lum,ok\n",
        "Grey Coast | Nan Ott | ok\n\
         Other | Bo Lind | 5\" screen\n\
         The \"Best\" Book | Cy Lund | said \"hi\"\n\
         Fine | Di Lum | ok\n\
         ?2: a quoted field is not closed in its line: read without it",
    );
    // The last cell's, beside fields that are quoted as they should be.
    check(
        "Title,Author,ISBN,Rating,Review\n\
         Grey Coast,\"Ott, Nan\",9780441172719,4,\"great, isn't it\n\
         Emma,\"Austen, Jane\",,5,\"fine\"\n\
         Other,\"Lind, Bo\",,3,\"so, so\n",
        "Grey Coast | Nan Ott | 9780441172719 | 4/5 | great, isn't it\n\
         Emma | Jane Austen | 5/5 | fine\n\
         Other | Bo Lind | 3/5 | so, so\n\
         ?2: a quoted field is not closed in its line: read to the end of the line\n\
         ?4: the file ends within a quoted field",
    );
    check(
        "Title,Author,ISBN\n\
         Grey Coast,Nan Ott,\"9780441172719\n\
         \"Waves, tides,Bo Lind,9780525540670\n\
         Emma,Jane Austen,\n",
        "Grey Coast | Nan Ott | 9780441172719\n\
         Waves, tides | Bo Lind | 9780525540670\n\
         Emma | Jane Austen\n\
         ?2: a quoted field is not closed in its line: read to the end of the line\n\
         ?3: a quoted field is never closed: read without it; \"Waves, tides\" was read as one field: the row has more separators than the header",
    );
    check(
        "Title,Author,ISBN\n,\"broken line here,1\nEmma,Jane Austen,\n",
        "Emma | Jane Austen\n!2: a quoted field is never closed",
    );
}

#[test]
fn ratings_in_words() {
    check(
        "Title,Author,My rating\n\
         A One,Nan Ott,it was amazing\n\
         B Two,Nan Ott,really liked it\n\
         C Three,Nan Ott,liked it\n\
         D Four,Nan Ott,it was ok\n\
         E Five,Nan Ott,did not like it\n",
        "A One | Nan Ott | 5/5\n\
         B Two | Nan Ott | 4/5\n\
         C Three | Nan Ott | 3/5\n\
         D Four | Nan Ott | 2/5\n\
         E Five | Nan Ott | 1/5",
    );
    check(
        "Title,Author,Rating\n\
         A One,Nan Ott,5 - loved it\n\
         B Two,Nan Ott,4: good\n\
         C Three,Nan Ott,3 (ok)\n\
         D Four,Nan Ott,four stars\n\
         E Five,Nan Ott,B+\n",
        "A One | Nan Ott | 5/5 | 5 - loved it\n\
         B Two | Nan Ott | 4/5 | 4: good\n\
         C Three | Nan Ott | 3/5 | 3 (ok)\n\
         D Four | Nan Ott | 4/5\n\
         E Five | Nan Ott\n\
         ?6: Rating \"B+\" was not understood",
    );
    check(
        "Title,Author,Rating\n\
         A,Nan Ott,👍\n\
         B,Nan Ott,👎\n\
         C,Nan Ott,❤️❤️❤️\n\
         D,Nan Ott,5⭐\n\
         E,Nan Ott,4 ⭐️ (reread)\n\
         F,Nan Ott,★★★½☆\n\
         G,Nan Ott,3.75 stars\n\
         H,Nan Ott,n/a\n\
         I,Nan Ott,DNF\n",
        "A | Nan Ott\n\
         B | Nan Ott\n\
         C | Nan Ott | 3/5\n\
         D | Nan Ott | 5/5\n\
         E | Nan Ott | 4/5 | 4 ⭐️ (reread)\n\
         F | Nan Ott | 3.5/5\n\
         G | Nan Ott | 3.75/5\n\
         H | Nan Ott\n\
         I | Nan Ott | given up\n\
         ?2: Rating \"👍\" was not understood\n\
         ?3: Rating \"👎\" was not understood",
    );
    check(
        "cover,title,author,isbn,isbn13,asin,num pages,avg rating,num ratings,date pub,date pub edition,rating,my rating,review,notes,recommender,comments,votes,read count,date started,date read,date added,date purchased,owned,purchase location,condition,format,actions\n\
         ,Grey Coast,\"Ott, Nan\",0441172717,9780441172719,,300 pp,4.2,100,Feb 2001,Mar 2003,really liked it,4,,,none,0,0,1,\"Mar 04, 2021\",\"Mar 14, 2021\",\"Mar 01, 2021\",,,,,Paperback,view\n",
        "Grey Coast | Nan Ott | 9780441172719 | 2001 | 300 p. | Paperback | 4/5 | read | from 2021-03-04 | on 2021-03-14 | since 2021-03-01 | 1 times | 0",
    );
}

#[test]
fn dates_with_months_in_many_languages() {
    check(
        "Titre;Auteur;Date de lecture\n\
         La Mer;Jean Dupont;mar. 4 mai 2021\n\
         Le Lac;Jean Dupont;1er août 2020\n\
         Le Bois;Jean Dupont;déc. 2019\n",
        "La Mer | Jean Dupont | read | on 2021-05-04\n\
         Le Lac | Jean Dupont | read | on 2020-08-01\n\
         Le Bois | Jean Dupont | read | 2019-12",
    );
    check(
        "Nimi;Kirjailija;Luettu;Arvosana\n\
         Satama;Eeva Ek;3. toukokuuta 2021;4\n\
         Joki;Eeva Ek;15. heinäkuuta 2020;3\n",
        "Satama | Eeva Ek | 4/5 | read | on 2021-05-03\n\
         Joki | Eeva Ek | 3/5 | read | on 2020-07-15",
    );
    check(
        "Cím;Szerző;Elolvasva;Értékelés\n\
         Kikötő;Nagy Éva;2021. május 3.;4\n\
         Folyó;Kis Pál;2020. augusztus 15.;3\n",
        "Kikötő | Nagy Éva | 4/5 | read | on 2021-05-03\n\
         Folyó | Kis Pál | 3/5 | read | on 2020-08-15",
    );
    check(
        "Titlu;Autor;Data citirii;Stare\n\
         Portul;Ion Pop;3 iunie 2021;Citit\n\
         Râul;Ion Pop;;De citit\n",
        "Portul | Ion Pop | read | on 2021-06-03\n\
         Râul | Ion Pop | to-read",
    );
    check(
        "Назва;Автор;Дата прочитання;Оцінка;Статус\n\
         Порт;Іван Бойко;3 травня 2021;4;Прочитано\n\
         Ріка;Іван Бойко;;;Хочу прочитати\n",
        "Порт | Іван Бойко | 4/5 | read | on 2021-05-03\n\
         Ріка | Іван Бойко | to-read",
    );
    check(
        "Τίτλος;Συγγραφέας;Ημερομηνία ανάγνωσης;Βαθμολογία\n\
         Λιμάνι;Νίκος Παππάς;3 Μαΐου 2021;4\n",
        "Λιμάνι | Νίκος Παππάς | 4/5 | read | on 2021-05-03",
    );
    check(
        "العنوان,المؤلف,تاريخ القراءة,التقييم\n\
         الميناء,نبيل حداد,٣ مايو ٢٠٢١,٤\n",
        "الميناء | نبيل حداد | 4/5 | read | on 2021-05-03",
    );
    check(
        "כותרת,מחבר,תאריך קריאה,דירוג\n\
         הנמל,דוד לוי,3 במאי 2021,4\n",
        "הנמל | דוד לוי | 4/5 | read | on 2021-05-03",
    );
    check(
        "Titel;Autor;Gelesen am;Bewertung\n\
         Das Meer;Anna Berg;3. Jänner 2021;2,5\n\
         Der Fluss;Anna Berg;Sept. 2020;4\n\
         Der See;Anna Berg;Frühjahr 2019;4\n",
        "Das Meer | Anna Berg | 2.5/5 | read | on 2021-01-03\n\
         Der Fluss | Anna Berg | 4/5 | read | 2020-09\n\
         Der See | Anna Berg | 4/5 | read | 2019\n\
         ?4: Gelesen am \"Frühjahr 2019\": only the date is kept",
    );
}

#[test]
fn statuses_by_check_box_by_percent_and_beside_a_date() {
    check(
        "Title,Author,Read,Reading,To Read,DNF\n\
         A,Nan Ott,TRUE,FALSE,FALSE,FALSE\n\
         B,Nan Ott,FALSE,TRUE,FALSE,FALSE\n\
         C,Nan Ott,FALSE,FALSE,TRUE,FALSE\n\
         D,Nan Ott,FALSE,FALSE,FALSE,TRUE\n",
        "A | Nan Ott | read\n\
         B | Nan Ott | reading\n\
         C | Nan Ott | to-read\n\
         D | Nan Ott | given up",
    );
    check(
        "Title,Author,Progress\n\
         A,Nan Ott,100%\n\
         B,Nan Ott,45%\n\
         C,Nan Ott,0%\n",
        "A | Nan Ott | read\n\
         B | Nan Ott | reading\n\
         C | Nan Ott | to-read\n\
         ?3: Progress \"45%\" itself is not kept",
    );
    check(
        "Title,Author,Read?\n\
         A,Nan Ott,March 2021\n\
         B,Nan Ott,No\n\
         C,Nan Ott,in progress\n\
         D,Nan Ott,DNF 2020\n\
         E,Nan Ott,✔\n",
        "A | Nan Ott | read | 2021-03\n\
         B | Nan Ott | to-read\n\
         C | Nan Ott | reading\n\
         D | Nan Ott | given up\n\
         E | Nan Ott | read",
    );
    check(
        "Title,Author,Read\n\
         A,Nan Ott,2019 and 2021\n\
         B,Nan Ott,\"2018, 2020\"\n\
         C,Nan Ott,\"Jan 2020, Mar 2021\"\n\
         D,Nan Ott,x2\n\
         E,Nan Ott,twice\n",
        "A | Nan Ott | read | 2019 2021\n\
         B | Nan Ott | read | 2018 2020\n\
         C | Nan Ott | read | 2020-01 2021-03\n\
         D | Nan Ott | read | 2 times\n\
         E | Nan Ott | read | 2 times",
    );
}

#[test]
fn numbers_with_whatever_stands_around_them() {
    check(
        "Scanned books\n\
         \n\
         ISBN: 978-0-441-17271-9\n\
         9780525540670,1\n\
         0064404994 \n\
         978044117271\n\
         foo\n",
        "Scanned books\n\
         9780441172719\n\
         9780525540670\n\
         9780064404990\n\
         foo\n\
         !5: Invalid ISBN (length), and no title",
    );
    check(
        "9780441172719,2021-03-04 10:11:12,EAN13\n\
         9780525540670,2021-03-04 10:12:12,EAN13\n",
        "9780441172719\n\
         9780525540670",
    );
    check(
        "Title,ISBN\n\
         A,'9780441172719\n\
         B,`9780525540670`\n\
         C,\u{202a}9780064404990\u{202c}\n\
         D,ISBN978-0-441-17271-9\n\
         E,urn:isbn:9780525540670\n\
         F,https://isbn.example/9780064404990\n",
        "A | 9780441172719\n\
         B | 9780525540670\n\
         C | 9780064404990\n\
         D | 9780441172719\n\
         E | 9780525540670\n\
         F | 9780064404990\n\
         ?5: The same ISBN as row 2, another title: kept as a book of its own\n\
         ?6: The same ISBN as row 3, another title: kept as a book of its own\n\
         ?7: The same ISBN as row 4, another title: kept as a book of its own",
    );
    check(
        "Author First Name,Author Last Name,Book Title,Lexile\n\
         Nan,Ott,Grey Coast,700L\n",
        "Grey Coast | Nan Ott",
    );
}

#[test]
fn dates_whose_order_their_header_tells() {
    check(
        "Title (English),Author (full name),Rating [1-5],Pages (count),Finished (dd/mm/yyyy),Started (dd/mm/yyyy)\n\
         A,Nan Ott,4,300,04/03/2021,01/03/2021\n",
        "A | Nan Ott | 300 p. | 4/5 | read | from 2021-03-01 | on 2021-03-04",
    );
    check(
        "Title,Author,Finished (mm/dd/yyyy)\n\
         A,Nan Ott,04/03/2021\n",
        "A | Nan Ott | read | on 2021-04-03",
    );
    check(
        "Title,Author,Date,Rating\n\
         A,Nan Ott,2021-03-04,4\n\
         B,Nan Ott,2021-04-04,4\n",
        "A | Nan Ott | 4/5 | read | on 2021-03-04\n\
         B | Nan Ott | 4/5 | read | on 2021-04-04",
    );
    check(
        "Title,Author,Start,End\n\
         A,Nan Ott,01/02/2021,28/02/2021\n\
         B,Nan Ott,03/04/2021,05/04/2021\n",
        "A | Nan Ott | read | from 2021-02-01 | on 2021-02-28\n\
         B | Nan Ott | read | from 2021-04-03 | on 2021-04-05",
    );
}

#[test]
fn title_and_author_in_one_column() {
    check(
        "Book and Author,Rating\n\
         Grey Coast - John Ott,4\n\
         Other by Mary Lind,3\n",
        "Grey Coast | John Ott | 4/5\n\
         Other | Mary Lind | 3/5",
    );
    check(
        "Title / Author,Rating\n\
         Grey Coast / John Ott,4\n\
         Other / Mary Lind,3\n",
        "Grey Coast | John Ott | 4/5\n\
         Other | Mary Lind | 3/5",
    );
}

#[test]
fn series_with_their_number_in_one_cell() {
    check(
        "Title,Author,Series\n\
         Grey Coast,Nan Ott,Salt Saga II\n\
         Other,Nan Ott,\"Salt Saga, Vol. 3\"\n\
         Third,Nan Ott,Salt Saga - Book 4\n\
         Fourth,Nan Ott,Salt Saga 5\n\
         Fifth,Nan Ott,\"Salt Saga, Tome 6\"\n\
         Sixth,Nan Ott,#7 Salt Saga\n",
        "Grey Coast | Nan Ott | Salt Saga #2\n\
         Other | Nan Ott | Salt Saga #3\n\
         Third | Nan Ott | Salt Saga #4\n\
         Fourth | Nan Ott | Salt Saga #5\n\
         Fifth | Nan Ott | Salt Saga #6\n\
         Sixth | Nan Ott | Salt Saga #7",
    );
}

#[test]
fn roles_before_names() {
    check(
        "Title,Author\n\
         A,\"Ott, N., Lind, B. and Lund, C.\"\n\
         B,Nan Ott et al.\n\
         C,\"Nan Ott, Bo Lind, and Cy Lund\"\n\
         D,Nan Ott (Author) & Bo Lind (Illustrator)\n\
         E,\"edited by Nan Ott\"\n\
         F,\"Nan Ott; translated by Bo Lind\"\n\
         G,N.A. Ott\n",
        "A | N. Ott & B. Lind & C. Lund\n\
         B | Nan Ott\n\
         C | Nan Ott & Bo Lind & Cy Lund\n\
         D | Nan Ott & Bo Lind\n\
         E | Nan Ott\n\
         F | Nan Ott\n\
         G | N.A. Ott\n\
         ?7: \"translated by Bo Lind\" is no author",
    );
}

#[test]
fn more_languages() {
    check(
        "Titolo;Autore;Editore;Data lettura;Voto;Stato lettura;N. pagine;Scaffale\n\
         Il mare;\"Rossi, Mario\";Ada;15 agosto 2020;8,5;Letto;312;gialli\n\
         Il fiume;Luisa Neri;Ada;;;Da leggere;;\n",
        "Il mare | Mario Rossi | Ada | 312 p. | 4.25/5 | read | on 2020-08-15 | gialli\n\
         Il fiume | Luisa Neri | Ada | to-read",
    );
    check(
        "Título,Autor(a),Nota (0-10),Lido em,Páginas,Situação\n\
         O mar,Clara Dias,9,5 de março de 2020,300,Lido\n\
         O rio,Clara Dias,,,,Lendo\n",
        "O mar | Clara Dias | 300 p. | 4.5/5 | read | on 2020-03-05\n\
         O rio | Clara Dias | reading",
    );
    check(
        "Název;Autor;Hodnocení;Datum přečtení;Stav;Počet stran\n\
         Moře;\"Novák, Jan\";80 %;3. 5. 2021;Přečteno;312\n\
         Řeka;Jan Novák;;;Chci číst;\n",
        "Moře | Jan Novák | 312 p. | 4/5 | read | on 2021-05-03\n\
         Řeka | Jan Novák | to-read",
    );
    check(
        "Kitap Adı;Yazar;Puanım;Okuma Tarihi;Durum\n\
         Deniz;Ece Ak;4,5;03.05.2021;Okudum\n\
         Nehir;Ece Ak;;;Okuyacağım\n",
        "Deniz | Ece Ak | 4.5/5 | read | on 2021-05-03\n\
         Nehir | Ece Ak | to-read",
    );
    check(
        "Titel;Forfatter;Bedømmelse;Læst dato;Status\n\
         Havet;Eva Ek;5;3. maj 2021;Læst\n\
         Åen;Eva Ek;;;Vil læse\n",
        "Havet | Eva Ek | 5/5 | read | on 2021-05-03\n\
         Åen | Eva Ek | to-read",
    );
    check(
        "제목,지은이,출판사,평점,읽은 날짜,상태\n\
         바다,김하늘,창비,4.5,2021년 5월 3일,읽음\n\
         강,김하늘,창비,,,읽는 중\n",
        "바다 | 김하늘 | 창비 | 4.5/5 | read | on 2021-05-03\n\
         강 | 김하늘 | 창비 | reading",
    );
    check(
        "書名,作者,評分,讀完日期,狀態\n\
         海,王小明,5,2021/5/3,讀過\n\
         河,王小明,,,想讀\n",
        "海 | 王小明 | 5/5 | read | on 2021-05-03\n\
         河 | 王小明 | to-read",
    );
    check(
        "عنوان,نویسنده,امتیاز,وضعیت\n\
         دریا,علی رضایی,۴,خوانده شده\n",
        "دریا | علی رضایی | 4/5 | read",
    );
    check(
        "Заглавие;Автор;Оценка;Дата на прочитане;Статус\n\
         Морето;Иван Петров;5;3 май 2021;Прочетена\n",
        "Морето | Иван Петров | 5/5 | read | on 2021-05-03",
    );
    check(
        "Naslov;Autor;Ocena;Datum čitanja;Status\n\
         More;Ivan Petrović;5;03.05.2021.;Pročitano\n",
        "More | Ivan Petrović | 5/5 | read | on 2021-05-03",
    );
}

#[test]
fn the_columns_of_goodreads_translated() {
    check(
        "Buch Id,Titel,Autor,Autor n-v,Zusätzliche Autoren,ISBN,ISBN13,Meine Bewertung,Durchschnittliche Bewertung,Verlag,Einband,Seitenzahl,Erscheinungsjahr,Ursprüngliches Erscheinungsjahr,Gelesen am,Hinzugefügt am,Bücherregale,Exklusives Regal,Meine Rezension\n\
         1,Das Meer (Salz #2),Anna Berg,\"Berg, Anna\",,\"=\"\"3551551677\"\"\",\"=\"\"9783551551672\"\"\",4,3.97,Carlsen,Gebundene Ausgabe,335,1998,1997,2021/05/03,2021/04/01,\"lieblinge, read\",read,gut\n",
        "Das Meer | Anna Berg | 9783551551672 | Salz #2 | Carlsen | 1998 | 335 p. | Hardcover | 4/5 | read | on 2021-05-03 | since 2021-04-01 | lieblinge | gut",
    );
    check(
        "Identifiant du livre,Titre,Auteur,Auteur n-p,Auteurs supplémentaires,ISBN,ISBN13,Ma note,Note moyenne,Éditeur,Reliure,Nombre de pages,Année de publication,Année de publication originale,Date de lecture,Date ajoutée,Étagères,Étagère exclusive,Mon avis\n\
         1,La Mer,Jean Dupont,\"Dupont, Jean\",,,,4,3.9,Seuil,Poche,300,2001,1999,2021/05/03,2021/04/01,favoris,read,bien\n",
        "La Mer | Jean Dupont | Seuil | 2001 | 300 p. | Paperback | 4/5 | read | on 2021-05-03 | since 2021-04-01 | favoris | bien",
    );
    check(
        "Id del libro,Título,Autor,Autor a-n,Autores adicionales,ISBN,ISBN13,Mi calificación,Calificación promedio,Editorial,Encuadernación,Número de páginas,Año de publicación,Año de publicación original,Fecha de lectura,Fecha en que se agregó,Estantes,Estante exclusivo,Mi reseña\n\
         1,El mar,Ana Ruiz,\"Ruiz, Ana\",,,,4,3.9,Alba,Tapa dura,300,2001,1999,2021/05/03,2021/04/01,favoritos,to-read,\n",
        "El mar | Ana Ruiz | Alba | 2001 | 300 p. | Hardcover | 4/5 | to-read | on 2021-05-03 | favoritos",
    );
}

#[test]
fn forms_of_bindings() {
    check(
        "Title,Author,Format\n\
         A,Nan Ott,Taschenbuch\n\
         B,Nan Ott,Gebundene Ausgabe\n\
         C,Nan Ott,Poche\n\
         D,Nan Ott,Tapa blanda\n\
         E,Nan Ott,eBook (Kindle)\n\
         F,Nan Ott,Hörbuch\n\
         G,Nan Ott,Audio CD\n\
         H,Nan Ott,Brossura\n\
         I,Nan Ott,Мягкая обложка\n\
         J,Nan Ott,文庫\n\
         K,Nan Ott,平装\n\
         L,Nan Ott,Mass Market PB\n\
         M,Nan Ott,HC\n\
         N,Nan Ott,Livre audio\n\
         O,Nan Ott,Ebook\n",
        "A | Nan Ott | Paperback\n\
         B | Nan Ott | Hardcover\n\
         C | Nan Ott | Paperback\n\
         D | Nan Ott | Paperback\n\
         E | Nan Ott | E-book\n\
         F | Nan Ott | Audiobook\n\
         G | Nan Ott | Audiobook\n\
         H | Nan Ott | Paperback\n\
         I | Nan Ott | Paperback\n\
         J | Nan Ott | Paperback\n\
         K | Nan Ott | Paperback\n\
         L | Nan Ott | Mass Market\n\
         M | Nan Ott | Hardcover\n\
         N | Nan Ott | Audiobook\n\
         O | Nan Ott | E-book",
    );
}

#[test]
fn years_and_pages_as_catalogues_write_them() {
    check(
        "Title,Author,Pages\n\
         A,Nan Ott,\"1 234\"\n\
         B,Nan Ott,312pp.\n\
         C,Nan Ott,ca. 300\n\
         D,Nan Ott,300-310\n\
         E,Nan Ott,\"xiv + 300\"\n",
        "A | Nan Ott | 1234 p.\n\
         B | Nan Ott | 312 p.\n\
         C | Nan Ott | 300 p.\n\
         D | Nan Ott\n\
         E | Nan Ott\n\
         ?5: Pages \"300-310\" was not understood\n\
         ?6: Pages \"xiv + 300\" was not understood",
    );
    check(
        "Title,Author,Year\n\
         A,Nan Ott,c. 1999\n\
         B,Nan Ott,[2001]\n\
         C,Nan Ott,2001-02\n\
         D,Nan Ott,500 BC\n\
         E,Nan Ott,\"Spring 2004\"\n\
         F,Nan Ott,1990s\n\
         G,Nan Ott,2001 (1999)\n\
         H,Nan Ott,n.d.\n\
         I,Nan Ott,©2003\n\
         J,Nan Ott,二〇〇四\n",
        "A | Nan Ott | 1999\n\
         B | Nan Ott | 2001\n\
         C | Nan Ott | 2001\n\
         D | Nan Ott | -500\n\
         E | Nan Ott | 2004\n\
         F | Nan Ott | 1990\n\
         G | Nan Ott | 2001\n\
         H | Nan Ott\n\
         I | Nan Ott | 2003\n\
         J | Nan Ott\n\
         ?6: Year \"Spring 2004\": only the number is kept\n\
         ?8: Year \"2001 (1999)\": only the number is kept\n\
         ?11: Year \"二〇〇四\" was not understood",
    );
}

#[test]
fn encodings_that_a_file_does_not_tell() {
    use encoding_rs::{BIG5, EUC_KR, ISO_8859_2, SHIFT_JIS};
    use encoding_rs::{WINDOWS_1251, WINDOWS_1253, WINDOWS_1254, WINDOWS_1255, WINDOWS_1256};
    for (encoding, file, expected) in [
        (
            WINDOWS_1251,
            "Название;Автор\nТихий берег;Михаил Булгар\n",
            "Тихий берег | Михаил Булгар",
        ),
        (
            SHIFT_JIS,
            "書名,著者\n緑の家,村野春樹\n",
            "緑の家 | 村野春樹",
        ),
        (EUC_KR, "제목,저자\n소년,한감\n", "소년 | 한감"),
        (BIG5, "書名,作者\n綠色的家,王小明\n", "綠色的家 | 王小明"),
        (
            ISO_8859_2,
            "Tytuł;Autor\nŻółta łódź;Jan Śliwa\n",
            "Żółta łódź | Jan Śliwa",
        ),
        (
            WINDOWS_1253,
            "Τίτλος;Συγγραφέας\nΗ θάλασσα;Νίκος Παππάς\n",
            "Η θάλασσα | Νίκος Παππάς",
        ),
        (
            WINDOWS_1254,
            "Kitap adı;Yazar\nIşık şehri;Ayşe Gül\n",
            "Işık şehri | Ayşe Gül",
        ),
        (WINDOWS_1255, "כותרת,מחבר\nהנמל,דוד לוי\n", "הנמל | דוד לוי"),
        (
            WINDOWS_1256,
            "العنوان,المؤلف\nالميناء,نبيل حداد\n",
            "الميناء | نبيل حداد",
        ),
    ] {
        let bytes = encoding.encode(file).0;
        assert_eq!(shown::read(&bytes), expected, "{}", encoding.name());
    }
}

#[test]
fn texts_that_have_a_form_of_their_own_are_named() {
    for (file, kind) in [
        (
            "TY  - BOOK\nTI  - Dune\nSN  - 9780441172719\nER  - \n",
            "a list of references in RIS",
        ),
        (
            "@book{herbert,\n title = {Dune}\n}\n",
            "a list of references in BibTeX",
        ),
        (
            "Dune (Frank Herbert)\n- Your Highlight on page 12\n\nFear\n==========\n",
            "a Kindle's list of clippings",
        ),
    ] {
        let expected = format!("refused: the file is {kind}, not CSV");
        check(file, &expected);
    }
}

#[test]
fn lists_that_people_make_for_themselves() {
    check(
        "Last,First,Title\nOtt,Nan,Grey Coast\nLind,Bo,Other\n",
        "Grey Coast | Nan Ott\nOther | Bo Lind",
    );
    check(
        "Title,Author,Read 1,Read 2\nGrey Coast,\"Ott, Nan*\",2019-01-02,2021-03-14\n",
        "Grey Coast | Nan Ott | read | on 2021-03-14 | 2019-01-02 2021-03-14",
    );
    check(
        "Title,Author,Date Read,Status\nGrey Coast,Nan Ott,2021-03-14/2021-03-20,1 - Read\n\
         Other,Bo Lind,still reading,\nThird,Bo Lind,,Read x2\n",
        "Grey Coast | Nan Ott | read | on 2021-03-20 | 2021-03-14/2021-03-20\n\
         Other | Bo Lind | reading\nThird | Bo Lind | read | 2 times",
    );
    check(
        "Buchtitel;Verfasser;Gelesen von - bis;Punkte (max. 10);Reihe / Band\n\
         Das Meer;Berg, Anna;01.03.2021 - 14.03.2021;8;Salz / 2\n",
        "Das Meer | Anna Berg | Salz #2 | 4/5 | read | on 2021-03-14 | 2021-03-01/2021-03-14",
    );
    check(
        "ชื่อเรื่อง,ผู้แต่ง,คะแนน\nทะเล,สมชาย ใจดี,4\n",
        "ทะเล | สมชาย ใจดี | 4/5",
    );
    check(
        "Title,Author,Do I own it?\nGrey Coast,Nan Ott,Yes\n",
        "Grey Coast | Nan Ott",
    );
}

#[test]
fn times_that_have_no_end_yet() {
    check(
        "Title,Authors,ISBN/UID,Read Status,Last Date Read,Dates Read,Star Rating,Moods\n\
         A,Nan Ott,,did-not-finish,,2023/02/01-,,\n\
         B,Nan Ott,,currently-reading,,\"2022/01/02-2022/02/03, 2023/05/01-\",,\n",
        "A | Nan Ott | given up | from 2023-02-01\n\
         B | Nan Ott | reading | from 2023-05-01 | on 2022-02-03 | 2022-01-02/2022-02-03",
    );
    check(
        "title,author,status,readings\nA,Nan Ott,in_progress,2021-01-02T00:00:00.000||\n",
        "A | Nan Ott | reading | from 2021-01-02",
    );
}

#[test]
fn reviews_with_the_tags_of_a_web_page() {
    check(
        "Title,Author,Review\n\
         A,Nan Ott,<p>Loved <b>it</b></p><ul><li>sand</li></ul><a href='x'>link</a> 3 < 4 & 5 > 2\n\
         B,Nan Ott,a <3 b<br/>c\n",
        "A | Nan Ott | Loved it\nsand\nlink 3 < 4 & 5 > 2\nB | Nan Ott | a <3 b\nc",
    );
    check(
        "title,author_text,remote_id,review_name,review_content,shelf,shelf_name\n\
         A,Nan Ott,,Great,Many things,reading,Currently Reading\n",
        "A | Nan Ott | reading | Great\n\nMany things",
    );
}

#[test]
fn columns_whose_names_nobody_knows() {
    check(
        "My list\n,,\n#,What I read,By,When,How good (1-10),Paper/Kindle\n\
         1,Grey Coast,Nan Ott,Feb 2023,9,paper\n2,Other,Bo Lind,2023-04-01,7,kindle\n",
        "Grey Coast | Nan Ott | 4.5/5 | read | 2023-02\nOther | Bo Lind | 3.5/5 | read | on 2023-04-01",
    );
    check(
        "Nr;Welches Werk denn;Wer hat es geschrieben;Wie fand ich es (1-6)\n\
         1;Das Meer;Anna Berg;1\n2;Der Fluss;Hans Wald;2\n",
        "Das Meer | Anna Berg | 5/5\nDer Fluss | Hans Wald | 4/5",
    );
    check(
        "Titre;Auteur;Note /20;État\nLa Mer;DUPONT Jean;16;Lu\nLe Fleuve;DUPONT Jean;;À lire\n",
        "La Mer | Jean Dupont | 4/5 | read\nLe Fleuve | Jean Dupont | to-read",
    );
    check(
        "Title,Author,Abandoned\nA,Nan Ott,2020-02-03\n",
        "A | Nan Ott | given up",
    );
    check(
        "Title,Author,Date\nA,Nan Ott,3/4/21\nB,Nan Ott,12/25/21\n",
        "A | Nan Ott | read | on 2021-03-04\nB | Nan Ott | read | on 2021-12-25",
    );
}

#[test]
fn an_export_without_a_header_that_is_known_by_its_form() {
    check(
        "\"1\",\"0441172717\",\"9780441172719\",\"-\",\"5\",\"読み終わった\",\"よかった\",\"小説 文学\",\"メモ\",\
         \"2010-05-01 10:11:12\",\"2010-05-06 00:00:00\",\"灰色の海\",\"青木 花\",\"海社\",\"2004\",\"本\",\"302\"\n\
         \"1\",\"0141439580\",\"9780141439587\",\"-\",\"\",\"積読\",\"\",\"\",\"\",\
         \"2010-05-02 10:11:12\",\"\",\"白い海\",\"青木 花\",\"海社\",\"2005\",\"本\",\"\"\n",
        "灰色の海 | 青木 花 | 9780441172719 | 海社 | 2004 | 302 p. | 5/5 | read | on 2010-05-06 | since 2010-05-01 | 小説 + 文学 | よかった | メモ\n\
         白い海 | 青木 花 | 9780141439587 | 海社 | 2005 | to-read | since 2010-05-02",
    );
}

#[test]
fn what_several_columns_say_is_taken_together() {
    check(
        "Title,Author First,Author Last,Author 2 First,Author 2 Last,Reading Progress\n\
         A,Nan,Ott,Bo,Lind,100%\nB,Nan,Ott,,,12%\n",
        "A | Nan Ott & Bo Lind | read\nB | Nan Ott | reading\n\
         ?3: Reading Progress \"12%\" itself is not kept",
    );
    check(
        "Autore;Titolo\nEco Umberto;A\nCalvino Italo;B\nRossi Mario;C\n",
        "A | Umberto Eco\nB | Italo Calvino\nC | Mario Rossi",
    );
}

#[test]
fn what_cannot_be_kept_is_listed() {
    let long = "x".repeat(120);
    let review = "y".repeat(20_100);
    for (columns, cells, expected) in [
        (
            "Series,Series Number",
            "Salt #1; Ash #3,",
            "Series \"Salt #1; Ash #3\": only the first series is kept",
        ),
        (
            "Series Number",
            "3",
            "Series Number \"3\" was not taken: no series is named",
        ),
        (
            "Series,Series Number",
            "Salt #1,2",
            "Series Number \"2\" was not taken: 1 is known",
        ),
        (
            "Status,Reading Status",
            "read,dnf",
            "Reading Status \"dnf\" was not taken: another column says otherwise",
        ),
        (
            "Status",
            "Finished 2010 with my mother",
            "Status \"Finished 2010 with my mother\": only the status is kept",
        ),
        (
            "Date Read",
            "Summer 2019",
            "Date Read \"Summer 2019\": only the date is kept",
        ),
        (
            "Date Added",
            "2019-01-02 (gift)",
            "Date Added \"2019-01-02 (gift)\": only the date is kept",
        ),
        (
            "Pages,Number of Pages",
            "300,320",
            "Number of Pages \"320\" was not taken: another column says otherwise",
        ),
        (
            "Date Added,Added",
            "2021-03-04,2020-01-02",
            "Added \"2020-01-02\" was not taken: another column says otherwise",
        ),
        (
            "Date Started",
            "yes",
            "Date Started \"yes\" was not understood",
        ),
        ("ASIN", "no idea", "ASIN \"no idea\" was not understood"),
        (
            "Shelves",
            &long,
            "has shelves with a name of more than 100 characters: cut",
        ),
        ("Review", &review, "review cut to 20000 characters"),
        (
            "Review",
            "<img src=x.png>",
            "review has no text: \"<img src=x.png>\"",
        ),
    ] {
        let read = shown::read(format!("Title,Author,{columns}\nA,Nan Ott,{cells}\n").as_bytes());
        let listed = read.split_once('?').map_or("", |(_, listed)| listed);
        assert_eq!(listed, format!("2: {expected}"), "{columns}");
    }
    check(
        "Title,Author,Tags\nA,Nan Ott,\"C, C++, C#\"\n",
        "A | Nan Ott | C + C++ + C#",
    );
    check("Title,First name,Last name\nA,Voltaire,\n", "A | Voltaire");
    check(
        "Title,Author,Series,Series Number\nA,Nan Ott,Salt,03\nB,Nan Ott,Salt #2,2.0\n",
        "A | Nan Ott | Salt #03\nB | Nan Ott | Salt #2",
    );
}

#[test]
fn a_column_of_dates_is_decided_by_its_content() {
    // Of this century: the reader's own.
    check(
        "Title,Author,Date\nA,Nan Ott,2021-03-04 10:11\nB,Bo Lind,2020\nC,Cy Lund,14/03/2019\n",
        "A | Nan Ott | read | on 2021-03-04\nB | Bo Lind | read | 2020\nC | Cy Lund | read | on 2019-03-14",
    );
    check(
        "Title,Author,Date,Date Read\nA,Nan Ott,2021-03-04,2021-05-06\nB,Bo Lind,2020-01-02,\n",
        "A | Nan Ott | read | on 2021-05-06 | since 2021-03-04\nB | Bo Lind | since 2020-01-02",
    );
    check(
        "Title,Author,Date,Status\nA,Nan Ott,2021-03-04,to read\nB,Bo Lind,2020-01-02,read\n",
        "A | Nan Ott | to-read | since 2021-03-04\nB | Bo Lind | read | since 2020-01-02",
    );
    // Of publication, where there are old ones.
    check(
        "Title,Author,Date\nA,Nan Ott,1965-08-01\nB,Bo Lind,2020-01-02\nC,Bo Lind,1999\n",
        "A | Nan Ott | 1965\nB | Bo Lind | 2020\nC | Bo Lind | 1999\n\
         ?2: Date \"1965-08-01\": only the year is kept, as that of publication\n\
         ?3: Date \"2020-01-02\": only the year is kept, as that of publication",
    );
}

#[test]
fn two_people_in_a_column_of_family_names() {
    check(
        "Title,Author\nA,\"Herbert, Frank\"\nB,\"Austen, Jane\"\nC,\"Douglas Preston, Lincoln Child\"\n\
         D,\"Child, Lincoln\"\nE,\"García Márquez, Gabriel José\"\nF,\"Xo Yu, Zc Wd\"\n",
        "A | Frank Herbert\nB | Jane Austen\nC | Douglas Preston & Lincoln Child\nD | Lincoln Child\n\
         E | Gabriel José García Márquez\nF | Xo Yu & Zc Wd\n\
         ?7: Author \"Xo Yu, Zc Wd\" was read as two people",
    );
    check(
        "Title,Author,Authors\nA,Nan Ott,\"Nan Ott, Bo Lind\"\nB,Nan Ott,\"Ott, N.\"\nC,Nan Ott,Cy Lund\n",
        "A | Nan Ott & Bo Lind\nB | Nan Ott\nC | Nan Ott\n\
         ?4: Authors \"Cy Lund\" was not taken: another column says otherwise",
    );
}

#[test]
fn every_column_shows_its_first_values() {
    let long = "word ".repeat(40);
    let file = format!(
        "Title,Author,Mystery\nA,Nan Ott,{long}\nB,Nan Ott,\nC,Nan Ott,blue\nD,Bo Lind,blue\nE,Bo Lind,red\n"
    );
    let library = read_csv(file.as_bytes(), 100).unwrap();
    let samples: Vec<&[String]> = (library.reading.columns.iter())
        .map(|column| &*column.samples)
        .collect();
    assert_eq!(samples[0], ["A", "B", "C"]);
    assert_eq!(samples[1], ["Nan Ott", "Bo Lind"]);
    let cut = "word ".repeat(12).trim_end().to_owned() + "…";
    assert_eq!(samples[2], [&cut, "blue", "red"]);
    assert_eq!(library.reading.columns[2].field, None);

    // Of many columns with long values, no more than a report has room for.
    let names: String = (0..500).map(|n| format!(",Mystery {n}")).collect();
    let wide = format!(
        "Title{names}\nA{}\n",
        format!(",{}", "ü".repeat(90)).repeat(500)
    );
    let library = read_csv(wide.as_bytes(), 100).unwrap();
    let samples = library
        .reading
        .columns
        .iter()
        .flat_map(|column| &column.samples);
    let bytes: usize = samples.map(String::len).sum();
    assert!((15_000..=20_000).contains(&bytes), "{bytes}");
}
