//! The table of headers that a translator extends: one section for each language.

use super::super::field::Field::{self, *};
use crate::date::DateOrder;

/// The headers of one language, each field's separated by commas.
pub(super) struct Language {
    /// The order of day and month where the language is spoken.
    pub(super) order: DateOrder,
    pub(super) headers: &'static [(Field, &'static str)],
}

/// The places of English and German in the table.
pub(super) const ENGLISH: usize = 0;
pub(super) const GERMAN: usize = 1;

/// The headers that are known, by language. Spelling with or without capitals, accents, spaces,
/// hyphens and a plural in `-s` is the same.
pub(super) const LANGUAGES: &[Language] = &[
    // English, and the programs that write it.
    Language {
        order: DateOrder::Unknown,
        headers: &[
            (
                Title,
                "title, book title, book name, book, name, work title, edition title, full title, \
                 title name, titles, item title, work label, works labels, title of book, dc title, fields title, ti, \
                 name of book, name of the book, card name",
            ),
            (
                Subtitle,
                "subtitle, sub title, edition subtitle, title extra",
            ),
            (
                Author,
                "author, authors, author name, author names, author(s), primary author, \
                 book author, writer, writers, written by, by, creator, creators, author first last, attribution, \
                 author full name, main author, author text, author details, authors labels, \
                 authors label, author label, authors names, author 1, contributor authors, dc creator, fields authors, \
                 fields author, au, name of author, name of the author",
            ),
            (
                AuthorLastFirst,
                "author l-f, author last first, author (last first), author sort, \
                 primary author last first, author lf, author sort name, authors last first",
            ),
            (
                FirstName,
                "first name, author first name, author first, author given name, given name, forename, author forename, christian name, forenames",
            ),
            (
                LastName,
                "last name, author last name, author last, author surname, surname, family name, \
                 author family name",
            ),
            (
                MoreAuthors,
                "additional authors, secondary author, secondary authors, other authors, \
                 co authors, coauthor, author 2, author 3, author 4, second author",
            ),
            (
                Isbn,
                "isbn, isbn13, isbn 13, isbn_13, ean, ean13, isbn 13 digits, ean isbn13, isbn ean, \
                 isbn10, isbn 10, upc isbn10, isbn number, isbn code, isbn 10 13, isbn 10 or 13, \
                 edition isbn 13, edition isbn 10, isbn no, isbn upc, ean upc, \
                 isbn issn, primary isbn, isbn13 ean, asin/isbn, isbn/asin",
            ),
            (IsbnOrId, "isbn uid, barcode, product code, gtin, upc"),
            (
                Identifiers,
                "isbns, identifiers, all isbns, other isbns, industry identifiers identifier",
            ),
            (
                Asin,
                "asin, amazon asin, aasin, amazon id, amazon book id, audible product id, \
                 audible asin",
            ),
            (
                WorkId,
                "work id, work key, openlibrary key, open library id, open library key, olid, \
                 openlibrary id, ol work id, openlibrary work, ol key, work url, work link, openlibrary work url, \
                 open library url, open library work",
            ),
            (
                Rating,
                "my rating, star rating, rating, user rating, your rating, stars, score, overall, overall score, \
                 personal rating, my score, star, rate, my stars, rating stars, book rating, grade",
            ),
            (
                Publisher,
                "publisher, publishers, publishing company, pub, publisher name, edition publisher, edition publishers, \
                 publishing house, publishers labels, edition publishers labels, publisher label, imprint, published by",
            ),
            (
                Publication,
                "publication, publication details, publication info, publication information, imprint statement",
            ),
            (
                Format,
                "binding, format, media, type, book format, type of book, edition format, book type, \
                 medium, media type, cover type, edition binding, content type, content kind",
            ),
            (
                Pages,
                "number of pages, pages, page count, num pages, pgs, no of pages, pagecount, \
                 length pages, total pages, edition number of pages, page number, page total, \
                 pages total, length, physical length, pp",
            ),
            (
                Year,
                "year published, publication year, date pub, published year, year, date, publication date, \
                 published, date published, publish date, pubdate, release date, pub date, \
                 publish year, edition publication date, date of publication, year of publication, \
                 publishing year, released, copyright year, copyright date, pub year, \
                 publishing date, edition year, copyright",
            ),
            (
                OriginalYear,
                "original publication year, original year, first published, \
                 original publication date, originally published, first publication, \
                 first publish year, original date published, original year published, \
                 first publication year, first publication date, work publication date",
            ),
            (
                DateRead,
                "date read, last date read, read date, date finished, finished, end date, \
                 date completed, completed, completed at, finished reading, finish date, read end, reading end, \
                 finished date, end, date i finished it, year read, month finished, finished on, completed on, completion date, \
                 reading finished at, finished reading at, reading completed, finished reading date, \
                 read on, reading date, date of reading, ended, date ended, last read, \
                 when i read it, when, when read, when finished, date of completion, finish, month read, \
                 end reading, reading finished, read at, finished at",
            ),
            (
                DatesRead,
                "dates read, readings, reading dates, read from to, reading period, read dates, all dates read, reading periods, \
                 read periods, reading sessions, read history",
            ),
            (
                DateStarted,
                "date started, start date, started, started reading, read start, reading start, \
                 began, started on, date begun, begun, start reading, started date, date began, \
                 started at, reading started, reading started at, started reading at, \
                 started reading date",
            ),
            (
                DateStopped,
                "stopped on, abandoned on, gave up on, date dnf, dnf date, stopped date, date stopped, date abandoned, abandoned date, stopped reading date",
            ),
            (
                DateAdded,
                "date added, added, acquired, entry date, date acquired, added on, shelf date, \
                 created, date created, created at, added date, item created, purchase date, \
                 date purchased, bought, date bought, timestamp, added at, date of entry, \
                 acquisition date, acquisition, order date",
            ),
            (
                Shelves,
                "sheet (shelf), item shelves, bookshelves, shelves, bookshelf, shelf, collections, collection, lists, list, \
                 my shelves, reading list, shelf name, custom shelves, groups, list name",
            ),
            (
                Tags,
                "genres labels, genres label, subjects labels, tags, my tags, genres, tag, genre, labels, label, manual tags, subjects, \
                 categories, category, keywords, topics",
            ),
            (
                Status,
                "exclusive shelf, read status, reading status, status, reading state, \
                 shelf / status, book status, reading progress, state, status / shelf",
            ),
            (
                Read,
                "read, is read, have read, read it, already read, read yet, did you read it, \
                 did i read it, have you read it",
            ),
            (Unread, "unread, not read, is unread"),
            (
                ReadCount,
                "read count, times read, number of reads, reads, no of times read, read times, \
                 number of times read",
            ),
            (
                Series,
                "series, series name, series title, series details, series label, series labels, \
                 book series, part of series",
            ),
            (
                SeriesPosition,
                "series number, series position, number in series, volume, series no, book number, \
                 series index, vol, volume number, series order, book in series, series part, \
                 position in series, vol no, issue, volume no, series ordinal, works series ordinals, \
                 series sequence, series volume, volume in series, number in the series, series num, \
                 book no, book num, installment, instalment",
            ),
            (
                Review,
                "review name, review title, comment title, my review, review, comments review, reviews, review content, review text, comment content, \
                 user review, my thoughts, thoughts, impressions",
            ),
            (
                Notes,
                "notes, card description, private notes, my notes, personal notes, comment, comments, \
                 private comment, item notes, remarks, item details, user notes, my comments, \
                 annotation, annotations, memo, misc",
            ),
            (RatingOrNotes, "note, nota"),
            (
                OwnedCopies,
                "owned copies, copies, owned, do i own it, do i have it, have it, number of copies, quantity, copies owned, own, \
                 is owned, i own, i own it",
            ),
            (BookId, "book id"),
            (
                GoodreadsId,
                "goodreads id, goodreads book id, goodreads key, id goodreads",
            ),
            (
                LibraryThingId,
                "librarything id, librarything key, librarything book id",
            ),
            (
                Progress,
                "progress, percent read, percentage read, percent complete, percent completed, \
                 percent finished, percentage complete, read progress, reading progress percent, read percentage, \
                 progress percent, progress percentage, percent, percentage",
            ),
            (
                ItemType,
                "item type, type of item, item kind, reference type, bibliography type, entry type, \
                 entrytype, document type, record type",
            ),
        ],
    },
    // German.
    Language {
        order: DateOrder::DayFirst,
        headers: &[
            (
                Title,
                "titel, buchtitel, name des buches, werk, buch, titel des buches, werktitel",
            ),
            (Subtitle, "untertitel"),
            (
                Author,
                "autor, autoren, verfasser, autorin, autor/in, autor*in, schriftsteller, von, \
                 name des autors, autorenname, geschrieben von, autor(en), urheber, autor name",
            ),
            (
                AuthorLastFirst,
                "autor (nachname vorname), autor nachname vorname, autor n-v",
            ),
            (FirstName, "vorname, vorname des autors, autor vorname"),
            (
                LastName,
                "nachname, nachname des autors, autor nachname, familienname",
            ),
            (
                MoreAuthors,
                "weitere autoren, mitautoren, mitautor, co-autoren, zusätzliche autoren",
            ),
            (Isbn, "isbn nummer, isbn nr, strichcode, isbn-13 nummer"),
            (
                Rating,
                "bewertung, meine bewertung, sterne, wertung, punkte, anzahl sterne, \
                 eigene bewertung, gesamtbewertung, gesamtwertung, gesamtnote, schulnote, schulnoten, zensur",
            ),
            (Publisher, "verlag, verlagshaus, verleger, verlagsname"),
            (
                Format,
                "einband, bindung, ausgabe, buchformat, einbandart, buchart, ausgabeart, bandtyp",
            ),
            (
                Pages,
                "seiten, seitenzahl, seitenanzahl, anzahl seiten, umfang, anzahl der seiten",
            ),
            (
                Year,
                "jahr, ersch jahr, erscheinungsjahr, erscheinungsdatum, veröffentlicht, veröffentlichung, \
                 erschienen, erscheinungstermin, veröffentlichungsjahr, veröffentlichungsdatum, \
                 publikationsjahr, datum",
            ),
            (
                OriginalYear,
                "ersterscheinung, erstveröffentlichung, ersterscheinungsjahr, originaljahr, \
                 jahr der erstveröffentlichung, ursprüngliches erscheinungsjahr, jahr der originalausgabe",
            ),
            (
                DateRead,
                "gelesen am, beendet, beendet am, lesedatum, gelesen bis, fertig gelesen, \
                 ende, enddatum, abgeschlossen, abgeschlossen am, datum gelesen, fertig am, \
                 zuletzt gelesen, wann gelesen, lesejahr, lesemonat, gelesen in, wann, ausgelesen, ausgelesen am, gelesen im, leseende",
            ),
            (
                DateStarted,
                "begonnen, begonnen am, angefangen, angefangen am, lesebeginn, beginn, startdatum, \
                 gelesen ab, gestartet, gestartet am, start, anfang",
            ),
            (DateStopped, "abgebrochen am"),
            (
                DateAdded,
                "hinzugefügt, hinzugefügt am, gekauft am, kaufdatum, erworben, erfasst am, \
                 erstellt am, aufgenommen am, erworben am, datum hinzugefügt, anschaffung",
            ),
            (
                Shelves,
                "regal, regale, bücherregal, bücherregale, sammlung, sammlungen, liste, listen",
            ),
            (
                Tags,
                "schlagwörter, schlagworte, stichwörter, stichworte, genre(s), gattung, kategorie, \
                 kategorien, etiketten",
            ),
            (Status, "lesestatus, lesestand, stand, exklusives regal"),
            (Read, "gelesen, schon gelesen, bereits gelesen, gelesen?"),
            (Unread, "ungelesen, sub"),
            (ReadCount, "anzahl gelesen, wie oft gelesen, lesungen"),
            (
                Series,
                "reihe, serie, reihe/band, serie/band, buchreihe, reihenname, reihentitel, serienname, zyklus",
            ),
            (
                DatesRead,
                "gelesen von bis, gelesen vom bis, lesezeitraum, lesezeit von bis, gelesen von/bis",
            ),
            (
                SeriesPosition,
                "band, bd, bd nr, bandnummer, band nr, nummer in der reihe, teil, reihennummer, nr der reihe, \
                 bandnr, serienteil",
            ),
            (
                Review,
                "rezension, meine rezension, meine meinung, meinung, kritik, fazit",
            ),
            (
                Notes,
                "notizen, notiz, anmerkung, anmerkungen, bemerkung, bemerkungen, kommentar, sonstiges",
            ),
            (
                OwnedCopies,
                "exemplare, anzahl exemplare, besitz, im besitz, vorhanden, anzahl",
            ),
            (ItemType, "medientyp, medienart"),
        ],
    },
    // French.
    Language {
        order: DateOrder::DayFirst,
        headers: &[
            (
                Title,
                "titre, titre du livre, livre, nom du livre, titre de l'ouvrage, ouvrage, oeuvre",
            ),
            (Subtitle, "sous-titre, sous titre"),
            (
                Author,
                "auteur, auteurs, auteur(s), auteure, autrice, écrivain, nom de l'auteur, \
                 écrit par, par, auteur/autrice, auteurice, nom auteur",
            ),
            (FirstName, "prénom, prénom de l'auteur, prénom auteur"),
            (LastName, "nom, nom de famille, nom de famille de l'auteur"),
            (
                MoreAuthors,
                "autres auteurs, co-auteurs, coauteurs, auteurs secondaires, auteurs supplémentaires",
            ),
            (
                Isbn,
                "code isbn, numéro isbn, n° isbn, code-barres, code barre, isbn/ean, no isbn",
            ),
            (
                Rating,
                "évaluation, ma note, votre note, étoiles, appréciation, note sur 5, note sur 10, \
                 note sur 20, nombre d'étoiles, note personnelle, note globale, note générale",
            ),
            (
                Publisher,
                "éditeur, éditeurs, maison d'édition, éditions, edition",
            ),
            (
                Format,
                "reliure, support, format du livre, type de livre, couverture",
            ),
            (
                Pages,
                "nombre de pages, nb pages, nb de pages, pagination, nbre de pages, nombre pages",
            ),
            (
                Year,
                "année, année de publication, date de publication, année d'édition, date d'édition, \
                 parution, date de parution, publié, année de parution, publication",
            ),
            (
                OriginalYear,
                "première publication, date de première publication, année originale, \
                 première parution, année de première publication, année de publication originale",
            ),
            (
                DateRead,
                "date de lecture, lu le, fin de lecture, date de fin, date de fin de lecture, \
                 terminé le, terminé, mois de lecture, année de lecture, date lecture, date lu, fini le, fini, fin",
            ),
            (DatesRead, "dates de lecture, période de lecture"),
            (
                DateStarted,
                "début de lecture, date de début, date de début de lecture, commencé le, commencé, \
                 début",
            ),
            (DateStopped, "abandonné le, date d'abandon"),
            (
                DateAdded,
                "date d'ajout, ajouté le, date d'acquisition, date d'achat, acheté le, \
                 acquis le, ajouté, date d'entrée, date d'entrée dans babelio, date ajoutée",
            ),
            (
                Shelves,
                "étagère, étagères, bibliothèque, rayon, liste de lecture, listes",
            ),
            (
                Tags,
                "étiquettes, mots-clés, mots clés, thèmes, catégorie, catégories, genre littéraire, étiquette, sujet, sujets",
            ),
            (
                Status,
                "statut, statut de lecture, état de lecture, avancement, etat lecture, étagère exclusive",
            ),
            (Read, "lu, lu ?, déjà lu, lu?"),
            (Unread, "non lu, pas lu"),
            (ReadCount, "nombre de lectures, nb lectures"),
            (
                Series,
                "série, saga, nom de la série, cycle, titre de la série",
            ),
            (
                SeriesPosition,
                "tome, numéro de tome, n° de tome, numéro, numéro dans la série, n° tome, \
                 numéro de série, no de tome",
            ),
            (
                Review,
                "critique, avis, mon avis, ma critique, chronique, impressions",
            ),
            (
                Notes,
                "remarques, commentaire, commentaires, notes personnelles, remarque, annotation",
            ),
            (
                OwnedCopies,
                "exemplaires, possédé, nombre d'exemplaires, quantité",
            ),
        ],
    },
    // Spanish.
    Language {
        order: DateOrder::DayFirst,
        headers: &[
            (
                Title,
                "título, libro, título del libro, nombre del libro, nombre, obra",
            ),
            (Subtitle, "subtítulo"),
            (
                Author,
                "autor, autores, autora, autor(es), escritor, escrito por, nombre del autor, \
                 autor/a, autora/autor, autoría",
            ),
            (FirstName, "nombre del autor propio, nombre autor"),
            (
                LastName,
                "apellido, apellidos, apellido del autor, apellidos del autor",
            ),
            (
                MoreAuthors,
                "otros autores, coautores, coautor, autores adicionales",
            ),
            (
                Isbn,
                "código isbn, número isbn, código de barras, número de isbn",
            ),
            (
                Rating,
                "calificación, valoración, puntuación, estrellas, mi calificación, mi valoración, \
                 mi puntuación, puntaje, mi nota, calificación general, puntuación global",
            ),
            (Publisher, "editorial, editoriales"),
            (
                Format,
                "formato, encuadernación, tipo de libro, cubierta, tapa",
            ),
            (
                Pages,
                "páginas, número de páginas, nº de páginas, núm páginas, total de páginas, no de páginas, num. de páginas, cantidad de páginas, págs, pags",
            ),
            (
                Year,
                "año, año de publicación, fecha de publicación, publicado, año de edición, \
                 fecha publicación, año publicación, fecha",
            ),
            (
                OriginalYear,
                "primera publicación, año original, año de primera publicación, \
                 fecha de primera publicación, año de publicación original",
            ),
            (
                DateRead,
                "fecha de lectura, leído el, periodo de lectura, fecha de fin, fecha fin, terminado, terminado el, \
                 fecha de finalización, fin de lectura, fecha lectura, fecha leído, finalizado, \
                 fecha de término, mes de lectura, año de lectura",
            ),
            (
                DateStarted,
                "fecha de inicio, inicio de lectura, empezado, comenzado, inicio, fecha inicio, comenzado el",
            ),
            (DateStopped, "abandonado el"),
            (
                DateAdded,
                "fecha de adición, añadido, añadido el, fecha de compra, agregado, fecha agregado, fecha de alta, comprado, fecha añadido, fecha anadido",
            ),
            (
                Shelves,
                "estantería, estanterías, estante, estantes, lista, colección, colecciones, listas",
            ),
            (
                Tags,
                "etiquetas, género, géneros, categoría, categorías, temas, etiqueta, palabras clave",
            ),
            (
                Status,
                "estado, estado de lectura, situación, estante exclusivo",
            ),
            (Read, "leído, ya leído, ¿leído?"),
            (Unread, "no leído, sin leer"),
            (ReadCount, "veces leído, número de lecturas"),
            (Series, "saga / serie, serie / saga, nombre de la serie"),
            (
                SeriesPosition,
                "número en la serie, número de serie, volumen, tomo, número de volumen, nº, nº en la serie",
            ),
            (Review, "reseña, mi reseña, opinión, mi opinión, crítica"),
            (
                Notes,
                "notas, mis notas, comentario, comentarios, observaciones, notas privadas",
            ),
            (OwnedCopies, "ejemplares, copias, en propiedad, lo tengo"),
        ],
    },
    // Portuguese.
    Language {
        order: DateOrder::DayFirst,
        headers: &[
            (Title, "livro, título do livro, nome do livro, nome, obra"),
            (
                Author,
                "autor, autores, autora, escritor, nome do autor, autor(a), escrito por, autores(as)",
            ),
            (FirstName, "nome próprio"),
            (LastName, "sobrenome, apelido, sobrenome do autor"),
            (MoreAuthors, "outros autores"),
            (Isbn, "número do isbn, código de barra"),
            (
                Rating,
                "avaliação, minha avaliação, classificação, estrelas, minha nota, pontuação",
            ),
            (Publisher, "editora, editoras"),
            (Format, "encadernação, capa, tipo de capa, tipo de livro"),
            (
                Pages,
                "número de páginas, nº de páginas, total de páginas, qtd páginas, quantidade de páginas",
            ),
            (
                Year,
                "ano, ano de publicação, data de publicação, ano de edição, ano publicação, ano da edição, ano de lançamento, data",
            ),
            (
                OriginalYear,
                "primeira publicação, ano original, ano da primeira publicação, ano de publicação original",
            ),
            (
                DateRead,
                "data de leitura, lido em, período de leitura, data de término, data de conclusão, concluído, \
                 terminado em, fim da leitura, data da leitura, data leitura, data lido, término, \
                 data fim, finalizado em, data de fim, mês de leitura, ano de leitura, terminei em, fim",
            ),
            (
                DateStarted,
                "data de início, início da leitura, começado em, iniciado em, data início, início, iniciado, comecei em",
            ),
            (DateStopped, "abandonado em"),
            (
                DateAdded,
                "data de adição, adicionado em, adicionado, data de compra, comprado em, data de aquisição, data adicionado",
            ),
            (
                Shelves,
                "estante, prateleira, prateleiras, lista, coleção, coleções",
            ),
            (
                Tags,
                "gênero, gêneros, categoria, categorias, etiquetas, marcadores, palavras-chave, assunto",
            ),
            (
                Status,
                "situação, estado, status de leitura, estado da leitura",
            ),
            (Read, "lido, já lido, lido?, já li"),
            (Unread, "não lido"),
            (ReadCount, "vezes lido, número de leituras"),
            (Series, "série, nome da série, coletânea"),
            (
                SeriesPosition,
                "número na série, volume da série, número da série",
            ),
            (Review, "resenha, minha resenha, crítica, opinião"),
            (
                Notes,
                "observações, anotações, notas pessoais, comentários, observação",
            ),
            (OwnedCopies, "exemplares, tenho, cópias"),
        ],
    },
    // Italian.
    Language {
        order: DateOrder::DayFirst,
        headers: &[
            (
                Title,
                "titolo, libro, titolo del libro, nome del libro, opera",
            ),
            (Subtitle, "sottotitolo"),
            (
                Author,
                "autore, autori, autrice, scrittore, scritto da, nome dell'autore, autore/i, autore/autrice, di",
            ),
            (FirstName, "nome autore"),
            (LastName, "cognome, cognome dell'autore, cognome autore"),
            (MoreAuthors, "altri autori, coautori, coautore"),
            (Isbn, "codice isbn, numero isbn, codice a barre"),
            (
                Rating,
                "voto, valutazione, la mia valutazione, stelle, giudizio, il mio voto, punteggio, voto complessivo, valutazione complessiva",
            ),
            (Publisher, "editore, casa editrice, editori, casa ed."),
            (
                Format,
                "rilegatura, legatura, tipo di libro, copertina, formato",
            ),
            (
                Pages,
                "pagine, numero di pagine, n. pagine, numero pagine, nr pagine, n pagine, n° pagine",
            ),
            (
                Year,
                "anno, anno di pubblicazione, data di pubblicazione, pubblicato, anno pubblicazione, data pubblicazione, anno di edizione, data",
            ),
            (
                OriginalYear,
                "prima pubblicazione, anno originale, anno prima pubblicazione",
            ),
            (
                DateRead,
                "data di lettura, letto il, periodo di lettura, data lettura, finito il, finito, fine lettura, \
                 data fine, terminato il, data fine lettura, data di fine, terminato, completato, \
                 letto nel, fine, mese di lettura, anno di lettura",
            ),
            (
                DateStarted,
                "data inizio, inizio lettura, iniziato il, iniziato, data di inizio, data inizio lettura, inizio",
            ),
            (DateStopped, "abbandonato il"),
            (
                DateAdded,
                "data aggiunta, aggiunto il, data di acquisto, acquistato il, aggiunto, data acquisto, data di aggiunta",
            ),
            (
                Shelves,
                "scaffale, scaffali, libreria, elenco, collezione, liste",
            ),
            (
                Tags,
                "etichette, genere, generi, categoria, categorie, etichetta, parole chiave, argomento, argomenti",
            ),
            (Status, "stato, stato di lettura, stato lettura"),
            (Read, "letto, già letto, letto?"),
            (Unread, "non letto, da leggere"),
            (ReadCount, "volte letto, numero letture"),
            (Series, "serie, saga, nome della serie, ciclo"),
            (
                SeriesPosition,
                "numero nella serie, numero della serie, numero serie, volume n, numero",
            ),
            (
                Review,
                "recensione, la mia recensione, contenuto del commento, commento, opinione, recensioni",
            ),
            (
                Notes,
                "note, note personali, note private, appunti, commenti, annotazioni, osservazioni",
            ),
            (OwnedCopies, "copie, posseduto, possesso"),
        ],
    },
    // Dutch.
    Language {
        order: DateOrder::DayFirst,
        headers: &[
            (Title, "titel, boek, boektitel, naam van het boek, naam"),
            (Subtitle, "ondertitel"),
            (
                Author,
                "auteur, auteurs, schrijver, schrijvers, schrijfster, geschreven door, naam auteur, door",
            ),
            (FirstName, "voornaam, voornaam auteur"),
            (LastName, "achternaam, achternaam auteur"),
            (MoreAuthors, "andere auteurs, overige auteurs"),
            (Isbn, "isbn nummer, streepjescode, isbn-nr"),
            (
                Rating,
                "beoordeling, waardering, sterren, score, mijn beoordeling, cijfer, aantal sterren",
            ),
            (Publisher, "uitgever, uitgeverij"),
            (Format, "bindwijze, uitvoering, boekformaat, kaft"),
            (
                Pages,
                "pagina's, paginas, aantal pagina's, bladzijden, aantal bladzijden, aantal blz, blz",
            ),
            (
                Year,
                "jaar, jaar van uitgave, uitgavejaar, publicatiejaar, publicatiedatum, verschenen, verschijningsdatum, uitgegeven, jaar van publicatie, datum",
            ),
            (
                OriginalYear,
                "eerste publicatie, oorspronkelijk jaar, jaar eerste druk, eerste uitgave",
            ),
            (
                DateRead,
                "gelezen op, datum gelezen, uitgelezen, uitgelezen op, einddatum, beëindigd, leesdatum, \
                 uit op, datum uitgelezen, klaar op",
            ),
            (
                DateStarted,
                "begonnen op, startdatum, datum begonnen, gestart, gestart op, begin",
            ),
            (
                DateAdded,
                "toegevoegd, toegevoegd op, datum toegevoegd, aankoopdatum, gekocht op",
            ),
            (
                Shelves,
                "boekenplank, boekenplanken, plank, planken, lijst, verzameling, boekenkast, lijsten",
            ),
            (
                Tags,
                "labels, trefwoorden, genre, categorie, categorieën, onderwerp, onderwerpen",
            ),
            (Status, "leesstatus, stand van zaken"),
            (Read, "gelezen, al gelezen, gelezen?"),
            (Unread, "ongelezen, niet gelezen"),
            (ReadCount, "aantal keer gelezen, keer gelezen"),
            (Series, "reeks, serie, naam van de serie, boekenserie"),
            (
                SeriesPosition,
                "deel, deelnummer, nummer in serie, nummer in reeks, reeksnummer, volgnummer",
            ),
            (Review, "recensie, mijn recensie, mening, bespreking"),
            (Notes, "notities, opmerkingen, opmerking, aantekeningen"),
            (
                OwnedCopies,
                "exemplaren, aantal exemplaren, in bezit, bezit",
            ),
        ],
    },
    // Polish.
    Language {
        order: DateOrder::DayFirst,
        headers: &[
            (
                Title,
                "tytuł, tytuł książki, książka, nazwa książki, nazwa, tytuł polski",
            ),
            (Subtitle, "podtytuł"),
            (
                Author,
                "autor, autorzy, autorka, pisarz, imię i nazwisko autora, autor/ka, autor książki, autor(zy)",
            ),
            (FirstName, "imię, imię autora"),
            (LastName, "nazwisko, nazwisko autora"),
            (MoreAuthors, "pozostali autorzy, współautorzy, inni autorzy"),
            (Isbn, "numer isbn, kod kreskowy, nr isbn"),
            (
                Rating,
                "ocena, moja ocena, ocena użytkownika, gwiazdki, twoja ocena, liczba gwiazdek",
            ),
            (Publisher, "wydawnictwo, wydawca"),
            (Format, "oprawa, format książki, typ oprawy, rodzaj oprawy"),
            (Pages, "strony, liczba stron, ilość stron, stron"),
            (
                Year,
                "rok, rok wydania, data wydania, rok publikacji, data publikacji, wydano, data",
            ),
            (
                OriginalYear,
                "pierwsze wydanie, data pierwszego wydania, rok pierwszego wydania, data 1. wydania",
            ),
            (
                DateRead,
                "data przeczytania, przeczytano, data ukończenia, ukończono, data zakończenia, \
                 przeczytana, koniec czytania, przeczytane dnia, data czytania, zakończono, koniec",
            ),
            (
                DateStarted,
                "data rozpoczęcia, rozpoczęto, początek czytania, zaczęto, początek",
            ),
            (
                DateAdded,
                "data dodania, dodano, data zakupu, kupiono, dodana",
            ),
            (
                Shelves,
                "półka, półki, na półkach, półki własne, półka własna, lista, kolekcja, regał, na półkach własne",
            ),
            (
                Tags,
                "tagi, gatunek, gatunki, kategoria, kategorie, słowa kluczowe",
            ),
            (
                Status,
                "stan, status czytania, na półkach główne, półka główna, półki główne",
            ),
            (Read, "przeczytane, przeczytany, czy przeczytane"),
            (Unread, "nieprzeczytane"),
            (ReadCount, "liczba przeczytań, ile razy"),
            (Series, "cykl, seria, nazwa cyklu, saga, nazwa serii"),
            (
                SeriesPosition,
                "tom, numer tomu, numer w cyklu, nr tomu, część, numer w serii, tom cyklu, numer",
            ),
            (Review, "recenzja, moja recenzja, opinia, moja opinia"),
            (Notes, "notatki, uwagi, komentarz, notatka, komentarze"),
            (OwnedCopies, "egzemplarze, posiadam, liczba egzemplarzy"),
        ],
    },
    // Russian, Ukrainian, Bulgarian.
    Language {
        order: DateOrder::DayFirst,
        headers: &[
            (
                Title,
                "название, книга, название книги, наименование, заголовок, назва, назва книги, заглавие, название произведения",
            ),
            (Subtitle, "подзаголовок, підзаголовок"),
            (
                Author,
                "автор, авторы, автор книги, писатель, автор(ы), автори, имя автора, фио автора",
            ),
            (FirstName, "имя"),
            (LastName, "фамилия, фамилия автора"),
            (MoreAuthors, "другие авторы, соавторы, соавтор"),
            (Isbn, "номер isbn, штрихкод, штрих-код"),
            (
                Rating,
                "оценка, моя оценка, рейтинг, звезды, звёзды, балл, оцінка, моя оцінка, ваша оценка",
            ),
            (
                Publisher,
                "издательство, издатель, видавництво, издателство",
            ),
            (
                Format,
                "переплет, переплёт, формат, обложка, тип обложки, тип издания",
            ),
            (
                Pages,
                "страниц, страницы, количество страниц, число страниц, кол-во страниц, сторінок, кількість сторінок, стр",
            ),
            (
                Year,
                "год, год издания, дата издания, дата публикации, год выпуска, год публикации, рік, рік видання, година, дата",
            ),
            (
                OriginalYear,
                "первая публикация, год первой публикации, год первого издания, год написания",
            ),
            (
                DateRead,
                "дата прочтения, прочитано, дата окончания, закончено, дата завершения, \
                 когда прочитано, дата чтения, дата на прочитане, прочетена на, прочетено на, окончание чтения, конец чтения, дата прочитання, прочитана, дочитано, когда прочитал, когда прочитала",
            ),
            (
                DateStarted,
                "дата начала, начало чтения, начато, дата початку",
            ),
            (
                DateAdded,
                "дата добавления, добавлено, дата покупки, куплено, дата додавання",
            ),
            (
                Shelves,
                "полка, полки, список, коллекция, подборка, списки, подборки, полиця",
            ),
            (
                Tags,
                "теги, метки, жанр, жанры, категория, категории, ключевые слова",
            ),
            (Status, "статус, статус чтения, состояние"),
            (Read, "прочитал, прочитала, прочитанная"),
            (ReadCount, "сколько раз прочитано, количество прочтений"),
            (
                Series,
                "серия, цикл, название серии, серія, название цикла, сериал",
            ),
            (
                SeriesPosition,
                "номер в серии, том, часть, номер тома, номер в цикле, номер",
            ),
            (
                Review,
                "рецензия, моя рецензия, отзыв, мой отзыв, мнение, відгук, впечатления, впечатление",
            ),
            (
                Notes,
                "заметки, примечания, комментарий, комментарии, примечание, заметка, нотатки",
            ),
            (OwnedCopies, "экземпляры, в наличии, количество экземпляров"),
        ],
    },
    // Chinese, simplified and traditional.
    Language {
        order: DateOrder::Unknown,
        headers: &[
            (
                Title,
                "书名, 書名, 标题, 標題, 图书名称, 书籍名称, 名称, 书籍, 書籍名稱, 题名, 图书, 名稱, 题目",
            ),
            (Subtitle, "副标题, 副標題, 副书名"),
            (Author, "作者, 著者, 作者名, 作家, 作者姓名"),
            (MoreAuthors, "其他作者"),
            (Isbn, "条形码, 国际标准书号, isbn号, isbn编号, 書號, 条码"),
            (
                Rating,
                "评分, 評分, 我的评分, 我的評分, 个人评分, 星级, 打分, 分数, 我的打分, 評價",
            ),
            (Publisher, "出版社, 出版商, 出版者"),
            (Format, "装帧, 裝幀, 装订, 格式"),
            (Pages, "页数, 頁數, 总页数, 页码"),
            (
                Year,
                "出版年, 出版日期, 出版时间, 年份, 出版年份, 出版時間, 出版年月, 日期",
            ),
            (OriginalYear, "首次出版, 初版年份, 原出版年"),
            (
                DateRead,
                "读完日期, 阅读日期, 读完时间, 完成日期, 讀完日期, 阅读时间, 结束日期, 閱讀日期, 读过日期, 读书日期, 标记日期, 标记时间, 读毕, 讀畢",
            ),
            (DateStarted, "开始日期, 开始阅读, 開始日期, 开始时间"),
            (
                DateAdded,
                "添加日期, 加入日期, 添加时间, 创建时间, 创建日期, 創建日期, 入库时间, 购买日期, 新增日期, 收藏时间",
            ),
            (Shelves, "书架, 書架, 书单, 書單, 列表, 分组"),
            (Tags, "标签, 標籤, 分类, 类别, 分類, 類別, 我的标签"),
            (Status, "状态, 狀態, 阅读状态, 閱讀狀態, 读书状态"),
            (Progress, "阅读进度, 进度"),
            (Read, "已读, 已讀, 读过"),
            (ReadCount, "阅读次数"),
            (Series, "丛书, 系列, 叢書, 丛书名, 系列名"),
            (SeriesPosition, "卷, 册, 卷号, 册数, 卷數, 系列编号"),
            (
                Review,
                "书评, 評論, 评论, 短评, 我的书评, 書評, 我的短评, 评价",
            ),
            (Notes, "笔记, 备注, 筆記, 備註, 备忘"),
            (OwnedCopies, "册数量, 拥有, 数量"),
        ],
    },
    // Japanese.
    Language {
        order: DateOrder::Unknown,
        headers: &[
            (
                Title,
                "タイトル, 本のタイトル, 作品名, 本, 題名, 書籍名, 本の名前, 表題, 書誌名",
            ),
            (Subtitle, "サブタイトル, 副題"),
            (Author, "著者名, 作者名, 著者, 筆者, 作家名, 著者/編者"),
            (MoreAuthors, "共著者"),
            (Isbn, "isbnコード, バーコード, isbn番号"),
            (Rating, "評価, 評点, 星, マイ評価, 点数, 星の数, 自分の評価"),
            (Publisher, "出版社名, 発行元, 発行者, 出版元"),
            (Format, "形態, フォーマット, 版型, 判型, 装丁, 形式"),
            (Pages, "ページ数, 頁数, 総ページ数, ページ"),
            (
                Year,
                "出版日, 発行日, 発売日, 刊行年, 出版年, 発行年, 刊行日, 発売年, 発行年月, 出版年月日, 日付",
            ),
            (OriginalYear, "初版, 初出年, 初版年"),
            (
                DateRead,
                "読了日, 読み終わり, 読み終わった日, 読了, 読んだ日, 完了日, 読書日, 読了年月日, 終了日",
            ),
            (DateStarted, "読み始めた日, 開始日, 読書開始日, 読み始め"),
            (
                DateAdded,
                "登録日, 追加日, 購入日, 登録日時, 追加日時, 入手日",
            ),
            (Shelves, "本棚, 棚, リスト, 本棚名"),
            (Tags, "タグ, カテゴリ, ジャンル, カテゴリー, 分類"),
            (Status, "読書状況, ステータス, 状態, 状況"),
            (Read, "既読, 読んだ"),
            (Unread, "未読, 積読"),
            (ReadCount, "読んだ回数, 読書回数"),
            (Series, "シリーズ, シリーズ名, 叢書名"),
            (SeriesPosition, "巻, 巻数, 巻号, シリーズ番号, 巻次"),
            (Review, "レビュー, 感想, 書評, コメント"),
            (Notes, "メモ, 備考, ノート, 読書メモ"),
            (OwnedCopies, "所有, 所蔵数, 所持"),
        ],
    },
    // Korean.
    Language {
        order: DateOrder::Unknown,
        headers: &[
            (Title, "제목, 책 제목, 도서명, 책이름, 서명, 책"),
            (Subtitle, "부제, 부제목"),
            (Author, "저자, 저자/역자, 작가, 지은이, 저자명, 글쓴이"),
            (Isbn, "바코드"),
            (Rating, "평점, 별점, 내 평점, 점수"),
            (Publisher, "출판사, 출판사명"),
            (Format, "형태, 판형, 제본"),
            (Pages, "페이지, 쪽수, 페이지 수, 페이지수"),
            (Year, "출판년도, 출간일, 출판일, 발행일, 출판연도, 발행년도"),
            (
                DateRead,
                "완독일, 읽은 날짜, 다 읽은 날, 독서일, 종료일, 완료일",
            ),
            (DateStarted, "시작일, 읽기 시작한 날"),
            (DateAdded, "추가일, 등록일, 구입일, 구매일"),
            (Shelves, "책장, 서재, 목록"),
            (Tags, "태그, 장르, 분류, 카테고리"),
            (Status, "상태, 독서 상태, 읽기 상태"),
            (Read, "읽음"),
            (Series, "시리즈, 시리즈명"),
            (SeriesPosition, "권, 권수"),
            (Review, "리뷰, 서평, 감상, 독후감, 한줄평, 한줄 평"),
            (Notes, "메모, 비고, 노트"),
        ],
    },
    // Czech and Slovak.
    Language {
        order: DateOrder::DayFirst,
        headers: &[
            (
                Title,
                "název, kniha, název knihy, titul, názov, názov knihy",
            ),
            (Subtitle, "podtitul"),
            (Author, "autor, autoři, spisovatel, jméno autora, autori"),
            (FirstName, "jméno, meno"),
            (LastName, "příjmení, priezvisko"),
            (Isbn, "číslo isbn, čárový kód"),
            (
                Rating,
                "hodnocení, moje hodnocení, hvězdičky, hodnotenie, známka",
            ),
            (
                Publisher,
                "nakladatel, nakladatelství, vydavatel, vydavatelství, vydavateľ, vydavateľstvo",
            ),
            (Format, "vazba, väzba"),
            (Pages, "stran, počet stran, strany, počet strán"),
            (Year, "rok vydání, datum vydání, rok vydania, vydáno, datum"),
            (OriginalYear, "první vydání"),
            (
                DateRead,
                "datum přečtení, přečteno, dočteno, datum dočtení, dátum prečítania, prečítané, přečteno dne",
            ),
            (DateStarted, "začátek čtení, rozečteno, začteno, začátek"),
            (DateAdded, "datum přidání, přidáno, zakoupeno"),
            (Shelves, "police, poličky, seznam, knihovna"),
            (Tags, "štítky, žánr, žánry, kategorie, štítek, žáner"),
            (Status, "stav, stav čtení"),
            (Series, "série, edice, cyklus, séria"),
            (SeriesPosition, "díl, číslo dílu, diel"),
            (Review, "recenze, recenzia, komentář"),
            (Notes, "poznámky, poznámka"),
        ],
    },
    // Swedish, Danish, Norwegian, Finnish.
    Language {
        order: DateOrder::DayFirst,
        headers: &[
            (
                Title,
                "titel, tittel, bokens titel, boktitel, bok, bog, bogtitel, boktittel, nimi, kirja, kirjan nimi, teos, teoksen nimi, otsikko",
            ),
            (Subtitle, "undertitel, undertittel, alaotsikko"),
            (
                Author,
                "författare, författarens namn, författarnamn, forfatter, forfattere, kirjailija, tekijä, kirjoittaja, tekijät, forfatteren, skribent",
            ),
            (FirstName, "förnamn, fornavn, etunimi"),
            (LastName, "efternamn, etternavn, efternavn, sukunimi"),
            (Isbn, "streckkod, isbn-nummer, viivakoodi, strekkode"),
            (
                Rating,
                "betyg, mitt betyg, vurdering, bedømmelse, karakter, terningkast, arvosana, arvio tähtinä, stjärnor, stjerner, tähdet, min vurdering",
            ),
            (
                Publisher,
                "förlag, forlag, kustantaja, utgivare, forlegger, udgiver",
            ),
            (
                Format,
                "inbindning, innbinding, indbinding, sidos, sidonta, bandtyp",
            ),
            (
                Pages,
                "sidor, antal sidor, sider, antal sider, sidetall, sivut, sivumäärä, sidantal, sivuja",
            ),
            (
                Year,
                "år, utgivningsår, utgitt, utgivelsesår, udgivet, udgivelsesår, julkaisuvuosi, vuosi, ilmestymisvuosi, utgivningsdatum, utgiven, datum, dato",
            ),
            (
                DateRead,
                "läste ut, läst datum, läst den, utläst, lest dato, lest den, læst dato, læst den, lukupäivä, luettu pvm, lästes, dato lest, dato læst, slutdatum, sluttdato, lest ferdig, läste klart, luettu loppuun, utläst datum, lopetettu",
            ),
            (
                DateStarted,
                "började läsa, började, börjad, påbörjad, påbegynt, aloitettu, startdato, påbegyndt",
            ),
            (
                DateAdded,
                "tillagd, lagt til, tilføjet, lisätty, inköpsdatum, köpt",
            ),
            (
                Shelves,
                "hylla, hyllor, hylle, hyller, reol, hylly, hyllyt, bokhylla, bokhylle",
            ),
            (
                Tags,
                "taggar, genrer, sjanger, tagit, avainsanat, kategori, kategorier, emneord, stikord, ämne, laji",
            ),
            (Status, "lässtatus, lesestatus, læsestatus, lukutila, tila"),
            (Read, "läst, lest, læst, luettu"),
            (Unread, "oläst, ulest, ulæst, lukematta"),
            (Series, "serie, bokserie, sarja, bogserie"),
            (
                SeriesPosition,
                "del i serien, bind, nummer i serien, osa, del, serienummer",
            ),
            (
                Review,
                "recension, anmeldelse, omtale, arvostelu, arvio, min anmeldelse, omdöme",
            ),
            (
                Notes,
                "anteckningar, notater, noter, muistiinpanot, kommentar, kommentarer, huomautukset",
            ),
        ],
    },
    // Hungarian, Romanian, Turkish, Greek, Croatian and Serbian, Catalan.
    Language {
        order: DateOrder::DayFirst,
        headers: &[
            (
                Title,
                "cím, könyv címe, könyv, titlu, carte, titlul cărții, başlık, kitap, kitap adı, kitap ismi, eser, τίτλος, τίτλος βιβλίου, βιβλίο, naslov, knjiga, naslov knjige, наслов, títol, llibre, kitabın adı, denumire",
            ),
            (
                Subtitle,
                "alcím, subtitlu, alt başlık, υπότιτλος, podnaslov, subtítol",
            ),
            (
                Author,
                "szerző, szerzők, író, autorul, autori, yazar, yazarlar, yazarı, yazar adı, yazarın adı, συγγραφέας, συγγραφείς, pisac, аутор, escriptor, scriitor, avtor, avtorji, pisatelj",
            ),
            (
                Rating,
                "értékelés, értékelésem, csillagok, csillag, evaluare, notă, puan, puanım, değerlendirme, yıldız, βαθμολογία, αξιολόγηση, ocjena, moja ocjena, valoració, puntuació",
            ),
            (
                Publisher,
                "kiadó, kiadó neve, editură, editura, yayınevi, yayıncı, εκδότης, εκδόσεις, εκδοτικός οίκος, izdavač, nakladnik, издавач, založba, založnik",
            ),
            (
                Format,
                "kötés, legătură, cilt, βιβλιοδεσία, uvez, format carte, enquadernació, kapak",
            ),
            (
                Pages,
                "oldalszám, oldalak, pagini, număr de pagini, nr pagini, sayfa, sayfa sayısı, σελίδες, αριθμός σελίδων, broj stranica, stranica, število strani, strani, pàgines, oldal",
            ),
            (
                Year,
                "kiadás éve, megjelenés, megjelenés éve, anul apariției, an apariție, an publicare, yayın yılı, basım yılı, yayın tarihi, έτος, έτος έκδοσης, godina, godina izdanja, leto izida, any, an, év, yıl, tarih, dátum",
            ),
            (
                DateRead,
                "olvasás dátuma, olvasás vége, befejezés dátuma, befejezve, elolvasva, data citirii, citit la, okuma tarihi, bitirme tarihi, okundu tarihi, bitiş tarihi, ημερομηνία ανάγνωσης, datum čitanja, pročitano, data de lectura, dată citire, befejezés",
            ),
            (
                DateStarted,
                "elkezdve, data începerii, başlama tarihi, başlangıç tarihi, ημερομηνία έναρξης, započeto, kezdés, olvasás kezdete",
            ),
            (
                DateAdded,
                "hozzáadva, adăugat, eklenme tarihi, ημερομηνία προσθήκης, dodano dana, data adăugării",
            ),
            (
                Shelves,
                "polc, polcok, raft, rafturi, raf, raflar, kitaplık, ράφι, ράφια, prestatge, liste de lectură",
            ),
            (
                Tags,
                "címkék, műfaj, etichete, gen, etiketler, tür, ετικέτες, είδος, oznake, žanr, etiquetes, gènere",
            ),
            (
                Status,
                "állapot, olvasási állapot, stare, durum, okuma durumu, κατάσταση, status čitanja, estat",
            ),
            (Read, "olvasott, citit, okundu, διαβασμένο, llegit"),
            (
                Series,
                "sorozat, serie de cărți, dizi, σειρά, serijal, sèrie",
            ),
            (
                SeriesPosition,
                "kötet, rész, volumul, cilt no, seri no, τόμος, svezak, volum, cilt numarası",
            ),
            (
                Review,
                "vélemény, recenzie, inceleme, yorum, κριτική, osvrt, ressenya",
            ),
            (
                Notes,
                "jegyzetek, megjegyzés, observații, notlar, σημειώσεις, bilješke, napomene, açıklama",
            ),
        ],
    },
    // Lithuanian, Latvian, Estonian.
    Language {
        order: DateOrder::DayFirst,
        headers: &[
            (
                Title,
                "pavadinimas, knyga, knygos pavadinimas, nosaukums, grāmata, grāmatas nosaukums, pealkiri, raamat, raamatu pealkiri",
            ),
            (
                Author,
                "autorius, autoriai, rašytojas, autors, autori, rakstnieks, kirjanik",
            ),
            (
                Rating,
                "įvertinimas, mano įvertinimas, vertinimas, vērtējums, mans vērtējums, hinne, hinnang, minu hinne",
            ),
            (
                Publisher,
                "leidykla, leidėjas, izdevējs, izdevniecība, kirjastus",
            ),
            (
                Pages,
                "puslapiai, puslapių skaičius, lappuses, lappušu skaits, lehekülgi, lehekülgede arv, lk",
            ),
            (
                Year,
                "metai, leidimo metai, gads, izdošanas gads, aasta, ilmumisaasta",
            ),
            (
                DateRead,
                "perskaityta, perskaitymo data, baigta skaityti, izlasīts, izlasīšanas datums, loetud, lugemise kuupäev, lõpetatud",
            ),
            (DateStarted, "pradėta, pradėta skaityti, sākts, alustatud"),
            (DateAdded, "pridėta, pievienots, lisatud"),
            (Status, "būsena, būklė, statuss, staatus, olek"),
            (
                Shelves,
                "lentyna, lentynos, plaukts, plaukti, riiul, riiulid",
            ),
            (
                Tags,
                "žanras, žymos, žanrs, birkas, žanr, märksõnad, sildid",
            ),
            (Series, "sērija, sari"),
            (
                Review,
                "atsiliepimas, apžvalga, recenzija, atsauksme, arvustus",
            ),
            (Notes, "pastabos, piezīmes, märkused"),
        ],
    },
    // Thai.
    Language {
        order: DateOrder::DayFirst,
        headers: &[
            (Title, "ชื่อเรื่อง, ชื่อหนังสือ, หนังสือ"),
            (Author, "ผู้แต่ง, ผู้เขียน, นักเขียน"),
            (Rating, "คะแนน, ให้คะแนน"),
            (Publisher, "สำนักพิมพ์"),
            (Pages, "จำนวนหน้า, หน้า"),
            (Year, "ปีที่พิมพ์, ปี, วันที่"),
            (DateRead, "วันที่อ่านจบ, อ่านจบ, วันที่อ่าน"),
            (DateStarted, "วันที่เริ่มอ่าน"),
            (Status, "สถานะ"),
            (Shelves, "ชั้นหนังสือ"),
            (Tags, "หมวดหมู่, ประเภท"),
            (Review, "รีวิว"),
            (Notes, "หมายเหตุ, บันทึก"),
        ],
    },
    // Arabic, Hebrew, Persian, Hindi, Indonesian, Vietnamese.
    Language {
        order: DateOrder::DayFirst,
        headers: &[
            (
                Title,
                "العنوان, عنوان الكتاب, الكتاب, اسم الكتاب, عنوان, שם הספר, כותרת, ספר, כותר, عنوان کتاب, نام کتاب, शीर्षक, पुस्तक, judul, judul buku, buku, tên sách, tựa đề, sách, nhan đề",
            ),
            (
                Author,
                "المؤلف, الكاتب, اسم المؤلف, מחבר, סופר, שם המחבר, המחבר, نویسنده, लेखक, penulis, pengarang, tác giả",
            ),
            (Isbn, "ردمك, الرقم الدولي, שאבק, מסתב"),
            (
                Rating,
                "التقييم, تقييمي, דירוג, הדירוג שלי, امتیاز, रेटिंग, peringkat, penilaian, nilai, đánh giá",
            ),
            (
                Publisher,
                "الناشر, دار النشر, הוצאה, מוציא לאור, הוצאה לאור, ناشر, प्रकाशक, penerbit, nhà xuất bản",
            ),
            (
                Pages,
                "عدد الصفحات, الصفحات, מספר עמודים, עמודים, تعداد صفحات, पृष्ठ, jumlah halaman, halaman, số trang",
            ),
            (
                Year,
                "سنة النشر, تاريخ النشر, שנה, שנת הוצאה, שנת פרסום, سال انتشار, प्रकाशन वर्ष, tahun terbit, tahun, năm xuất bản, التاريخ, תאריך, تاریخ, दिनांक, तारीख, tanggal, ngày",
            ),
            (
                DateRead,
                "تاريخ القراءة, תאריך קריאה, תאריך סיום, تاریخ مطالعه, تاریخ خواندن, تاریخ پایان, tanggal selesai, tanggal baca, ngày đọc, ngày đọc xong",
            ),
            (
                DateAdded,
                "تاريخ الإضافة, תאריך הוספה, tanggal ditambahkan, ngày thêm",
            ),
            (Shelves, "الرف, الرفوف, מדף, מדפים, rak, rak buku, kệ sách"),
            (
                Tags,
                "الوسوم, التصنيف, תגיות, סוגה, kategori buku, thể loại, nhãn",
            ),
            (
                Status,
                "الحالة, حالة القراءة, סטטוס, מצב קריאה, وضعیت, trạng thái, status baca",
            ),
            (Series, "السلسلة, סדרה, مجموعه, seri, bộ sách"),
            (Review, "مراجعة, ביקורת, ulasan, nhận xét"),
            (Notes, "ملاحظات, הערות, یادداشت, catatan, ghi chú"),
        ],
    },
];
