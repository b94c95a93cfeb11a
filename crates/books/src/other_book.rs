//! The words that only one of two titles has, and what they tell: the kind of book, a subtitle, or
//! another book of the same title, such as a guide to it or a set that holds it.

use crate::numeral::number;
use crate::series::{counts_volumes, is_label};
use crate::word_list::{Words, is_in};

/// Words that name only the kind of book.
static KINDS: Words = Words::new(
    "novel novels novella stories essays poems memoir memoirs thriller mystery play \
    romance story roman romane krimi kriminalroman erzahlung erzahlungen geschichten gedichte novelle \
    novellen psychothriller nouvelle nouvelles recit recits conte contes poemes essais polar novela \
    novelas cuento cuentos relatos poemas ensayos romanzo romanzi racconti racconto saggi poesie romances \
    contos ensaios verhaal verhalen gedichten noveller digte dikt fortellinger berattelser powiesc powiesci \
    opowiadania wiersze povidky basne regeny novellak romaani novelleja роман романы повесть повести рассказы \
    рассказ стихи 小説 小说 소설",
);

/// Words beside that of a kind.
static OF_KINDS: Words = Words::new(
    "short other and historical historischer historique historico historica psychological \
    policier policiaca policiaco criminal noir negra giallo kurze cortos brevi",
);

static ARTICLES: Words = Words::new(
    "a an the ein eine der die das un une le la les una uno el il um uma een het en ett et",
);

/// Indefinite articles.
static ONE: Words = Words::new("a an ein eine un une una uno um uma een en ett");

/// Words for a book that holds several.
static SETS: Words = Words::new(
    "boxed boxset bundle collection omnibus set trilogy bestsellers quartet tetralogy \
    volumes duology trilogie trilogia tetralogie schuber sammelband doppelband gesamtausgabe gesamtwerk coffret \
    integrale lintegrale cofanetto estuche raccolta samlingsvolym samlebind verzamelband",
);

/// Words of [`SETS`] that a subtitle may be about: "A Collection of Essays", "How a Set of Ideas
/// ...".
static VAGUE_SETS: Words = Words::new("collection set volumes raccolta");

/// Words of [`SETS`] that are of the names of series, too: "The Mistfall Trilogy, Book 2".
static NAMES_OF_SERIES: Words = Words::new(
    "collection set trilogy trilogie trilogia bestsellers quartet tetralogy tetralogie duology \
    raccolta volumes",
);

/// Words before [`WORKS`] that make a book one of several works.
static ALL_OF: Words = Words::new(
    "complete entire whole komplette collected selected best gesammelte samtliche \
    ausgewahlte completes choisies completas escogidas tutte tutti wszystkie",
);

/// Nouns for the works of an author, in the plural.
static WORKS: Words = Words::new(
    "series saga serie reihe works novels fictions novellas books adventures werke romane oeuvres \
    romans obras novelas opere romanzi dziela",
);

/// Words of [`WORKS`] for short works, which make a volume together.
static SHORT_WORKS: Words = Words::new(
    "stories tales plays poems essays writings letters erzahlungen gedichte dramen nouvelles \
    cuentos racconti",
);

/// Words that make another book of the same title: made from it, or to go with it.
static MADE_FROM_IT: Words = Words::new(
    "abridged activity adaptation adapted calendar coloring colouring condensed graphic \
    malbuch manga notizbuch planner screenplay arbeitsbuch bd comic comics horspiel postcards posters prints dramatized dramatised \
    dramatization dramatisation retold simplified slipcase sticker storybook storyboard shooting drehbuch scenario \
    guion sceneggiatura graphique grafica grafico quadrinhos fumetto fumetti stripboek stripverhaal serieroman \
    serietidning tegneserie komiks kepregeny комикс комиксы манга графическии 漫画 만화",
);

/// Beginnings of further ones.
static MADE_FROM_IT_STEMS: Words = Words::new(
    "abrege abreviad ridott resumid gekurzt verkort forkort skrocon zkracen сокращ adapta \
    komiksov bearbeit novelizat novelisat retell",
);

/// Words for a text about a book: of the same title, unless they have an object of their own.
static ABOUT_IT: Words = Words::new(
    "analysis commentary criticism critical discussion guide interpretations quiz summary trivia \
    workbook companion conversation cookbook diary journal notebook takeaways guia guida fiche analyse",
);

/// Words for a part of a book, or a text about it that has no other object.
static NOT_THE_TEXT: Words = Words::new(
    "auszug bookworms cliffsnotes excerpt extrait instaread lekturehilfe lektureschlussel leseprobe \
    litplan peek preview resumen riassunto sample sampler sparknotes streszczenie supersummary teaser worksheets \
    zusammenfassung erlauterungen lernhilfe uittreksel boekverslag samenvatting sammanfattning opracowanie opracowaniem resumo \
    interpretation textanalyse lehrerhandbuch unterrichtsmaterialien unterrichtsmaterial schulausgabe содержание \
    пересказ",
);

/// Words for a part of a book.
static PARTS: Words =
    Words::new("auszug excerpt extrait leseprobe peek preview sample sampler teaser");

/// Words before those of [`ABOUT_IT`] that leave them no other object than the book.
static FOR_LEARNERS: Words = Words::new(
    "study students student teachers teacher teaching readers reader reading discussion \
    literature club course revision lesson novel book unit official lecture lectura lettura leitura key critical",
);

/// Words after those of [`ABOUT_IT`] that say so.
static OF_READING: Words = Words::new("lecture lectura lettura leitura");

/// Whole subtitles of books that go with nothing: after an article.
static OWN: Words = Words::new("diary journal cookbook memoir notebook conversation workbook");

/// Words before "guide" that make a book of its own.
static GUIDES: Words = Words::new("field travel survival practical pocket beginners");

/// Words between a noun and its object.
static BEFORE_OBJECT: Words = Words::new(
    "of to for from on in with about de du des del della di da do dos zum zur fur von uber pour \
    para per sur sobre su alla van voor over till om av eines einer",
);

/// Nouns for what a book is made from or into, at the end of a subtitle.
static ITS_FORMS: Words = Words::new(
    "film movie show series musical game book books novel buch buchs romans livre libro filme pelicula \
    oeuvre loeuvre",
);

/// Nouns whose object is no other than the books of a series.
static OF_SERIES: Words = Words::new("series saga trilogy serie reihe volumes");

/// First words of subtitles that tell what is in a book.
static HEADS: Words = Words::new(
    "journal diary tagebuch memoir memoirs memoiren biography biographie biografie biografia history \
    histoire historia storia geschichte guide handbuch handbook manual essays notes letters briefe lettres cartas \
    life leben vie vida vita guia przewodnik gids reflections lessons stories \
    story science psychology philosophy language",
);

/// Words of subtitles that tell what is in a book, rather than name another one.
static TELLING: Words = Words::new(
    "a an how why what when who from to in on my our your his her their for with without about ein eine wie warum \
    aus mein meine uber eines un une comment pourquoi pour dans una uno como por para en sobre come perche per su mi um \
    uma een hoe waarom voor mijn jak dla dlaczego как почему о для",
);

/// Whether a word that one title has and the other has not makes another book of it: a guide to it,
/// or a set.
pub(crate) fn names_other_book(word: &str) -> bool {
    [&MADE_FROM_IT, &ABOUT_IT, &NOT_THE_TEXT, &SETS]
        .iter()
        .any(|list| list.has(word))
}

/// Whether words only say what kind of book it is: "a novel", "Roman", "short stories".
pub(crate) fn is_kind(words: &[String]) -> bool {
    const MOST: usize = 4;
    let words = match words {
        [article, rest @ ..] if ARTICLES.has(article) => rest,
        all => all,
    };
    words.len() <= MOST
        && KINDS.has_any(words)
        && (words.iter()).all(|word| KINDS.has(word) || OF_KINDS.has(word))
}

/// Whether words name a book that holds several, and not only what is in it.
pub(crate) fn names_set(words: &[String]) -> bool {
    words.iter().enumerate().any(|(at, word)| {
        SETS.has(word) && !(VAGUE_SETS.has(word) && has_object(&words[at + 1..], &[]))
    })
}

/// Whether words before the mark of a volume are those of a book that holds several: "L'intégrale,
/// tome 1".
pub(crate) fn names_set_of_volumes(words: &[String]) -> bool {
    words
        .iter()
        .any(|word| SETS.has(word) && !NAMES_OF_SERIES.has(word))
}

/// Whether words are those of several works of one author: "The Complete Novels", "Three Plays", "3
/// in 1".
pub(crate) fn is_collection(words: &[String]) -> bool {
    holds_works(words, &|word| WORKS.has(word) || SHORT_WORKS.has(word))
}

fn holds_works(words: &[String], is_work: &dyn Fn(&str) -> bool) -> bool {
    const NEAR: usize = 3;
    let all_of = words.iter().enumerate().any(|(at, word)| {
        let mut after = words.iter().skip(at + 1).take(NEAR);
        ALL_OF.has(word) && after.any(|word| is_work(word))
            // "trilogia completa", "obras completas"
            || is_work(word) && words.get(at + 1).is_some_and(|word| ALL_OF.has(word))
    });
    let is_whole = |pair: &[String]| {
        matches!(
            [pair[0].as_str(), pair[1].as_str()],
            ["obra", "completa"] | ["opera" | "raccolta", "completa"] | ["opera", "omnia"]
        )
    };
    // "7 Books of Wisdom" is one.
    let is_counted = |(at, pair): (usize, &[String])| {
        pair[0] != "1"
            && number(&pair[0]).is_some()
            && is_work(&pair[1])
            && !has_object(&words[at + 2..], &[])
    };
    let is_joined = |three: &[String]| {
        number(&three[0]).is_some()
            && three[1] == "in"
            && matches!(three[2].as_str(), "1" | "einem")
    };
    all_of
        || words.windows(2).any(is_whole)
        || words.windows(2).enumerate().any(is_counted)
        || words.windows(3).any(is_joined)
}

/// Whether words after a noun are its object, and that is neither this title nor a series.
fn has_object(after: &[String], title: &[String]) -> bool {
    let [preposition, object @ ..] = after else {
        return false;
    };
    let is_title = || !title.is_empty() && title.iter().all(|word| object.contains(word));
    BEFORE_OBJECT.has(preposition)
        && !object.is_empty()
        && !is_title()
        && !is_of_its_form(object)
        && !OF_SERIES.has_any(object)
}

/// Whether words end with "the film", "the novel": what a book is made into, or is.
fn is_of_its_form(words: &[String]) -> bool {
    match words {
        [.., article, form] => {
            (ARTICLES.has(article) || is_in("zum du del des della do this", article))
                && ITS_FORMS.has(form)
        }
        [only] => ITS_FORMS.has(only),
        [] => false,
    }
}

/// Whether words of a subtitle, or in brackets, are those of a set or of a part of the book.
pub(crate) fn is_of_set(words: &[String]) -> bool {
    names_set(words)
        || holds_works(words, &|word| WORKS.has(word))
        || has_mark(words)
        || PARTS.has_any(words)
}

/// Whether one word of a subtitle makes it a text about the book of this title.
fn is_about_it(words: &[String], at: usize, title: &[String]) -> bool {
    let (before, after) = (&words[..at], &words[at + 1..]);
    let word = words[at].as_str();
    let is_for_learners = before.last().is_some_and(|word| FOR_LEARNERS.has(word));
    let is_own = match before {
        [article] => ONE.has(article) && OWN.has(word),
        [article, what] => word == "guide" && ONE.has(article) && GUIDES.has(what),
        _ => false,
    };
    match word {
        // "A Critical History of Trade", "Critical Writings"
        "critical" => after
            .first()
            .is_some_and(|word| ABOUT_IT.has(word) || is_in("essays study studies insights", word)),
        "guia" | "guida" | "fiche" | "analyse" => {
            OF_READING.has_any(after)
                || word == "fiche"
                || word == "analyse" && is_of_its_form(after)
        }
        _ if is_for_learners => true,
        "guide" if OF_READING.has_any(after) => true,
        "guide"
            if after
                .first()
                .is_some_and(|word| word.starts_with("pratique")) =>
        {
            false
        }
        _ => !(is_own && after.is_empty() || has_object(after, title)),
    }
}

fn is_made_from_it(word: &str) -> bool {
    MADE_FROM_IT.has(word) || MADE_FROM_IT_STEMS.begin(word)
}

/// Whether words name what was made from a book: "The Graphic Novel".
pub(crate) fn is_adaptation(words: &[String]) -> bool {
    words.iter().any(|word| is_made_from_it(word))
}

/// Whether words that one title has and the other has not make another book of it; `title` are the
/// words that both have.
pub(crate) fn makes_other_book(words: &[String], title: &[String]) -> bool {
    let is_other = |(at, word): (usize, &String)| {
        is_made_from_it(word)
            || NOT_THE_TEXT.has(word)
            || ABOUT_IT.has(word) && is_about_it(words, at, title)
    };
    if words.iter().enumerate().any(is_other)
        || names_set(words)
        || holds_works(words, &|word| WORKS.has(word))
        || words.len() > 1 && is_of_its_form(words) && !is_kind(words)
    {
        return true;
    }
    if let [only] = words
        && number(only).is_some()
        // A year tells an edition.
        && only.len() < 4
    {
        return true;
    }
    has_mark(words) || is_for_others(words, title)
}

/// Whether words hold the mark of a volume.
fn has_mark(words: &[String]) -> bool {
    words.windows(2).any(|pair| {
        let is_number = |word: &str| number(word).is_some();
        is_label(&pair[0]) && is_number(&pair[1]) || is_number(&pair[0]) && counts_volumes(&pair[1])
    }) && !holds_counted_object(words)
}

/// Whether the volumes that are counted are those of something else: "7 Books of Wisdom".
fn holds_counted_object(words: &[String]) -> bool {
    words.windows(2).enumerate().all(|(at, pair)| {
        let is_number = |word: &str| number(word).is_some();
        let is_mark = is_label(&pair[0]) && is_number(&pair[1]);
        let is_count = is_number(&pair[0]) && counts_volumes(&pair[1]);
        !is_mark && (!is_count || has_object(&words[at + 2..], &[]))
    })
}

/// Whether a pair of words names an adaptation, or what is for learners.
fn is_for_others(words: &[String], title: &[String]) -> bool {
    words
        .windows(2)
        .enumerate()
        .any(|(at, pair)| match [pair[0].as_str(), pair[1].as_str()] {
            [
                "study" | "cliffs" | "spark" | "york" | "monarch" | "brodies" | "book",
                "notes",
            ]
            | ["young", "readers"]
            | ["great" | "marvel", "illustrated"]
            | ["classics", "illustrated"]
            | ["classic", "starts"]
            | ["stepping", "stone" | "stones"]
            | ["lesson" | "unit", "plan" | "plans"]
            | ["teachers", "manual"]
            | ["bande", "dessinee"]
            | ["version", "abregee"]
            | ["profil", "dune"]
            | ["pop", "up"]
            | ["film" | "movie", "script"]
            | ["vocal", "score"]
            | ["gift", "box"]
            | ["einfacher", "sprache"]
            | ["plain", "english"] => true,
            ["the", "musical"] => at + 2 == words.len(),
            ["making" | "art" | "world", "of"] => !has_object(&words[at + 1..], title),
            _ => false,
        })
}

/// Whether words that only a record has may well be the name of another book of a series, or of one
/// that was made from it: they are few, and do not tell what is in a book.
pub(crate) fn may_be_sibling(words: &[String]) -> bool {
    const FEW: usize = 4;
    let head = words.iter().find(|word| !ARTICLES.has(word));
    (1..=FEW).contains(&words.len())
        && !is_kind(words)
        // "7 Habits"
        && number(&words[0]).is_none()
        && !TELLING.has_any(words)
        && !head.is_some_and(|head| HEADS.has(head))
}
