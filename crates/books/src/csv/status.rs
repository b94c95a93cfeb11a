//! The words for a reading status in programs and languages.

use std::collections::{HashMap, HashSet};
use std::sync::OnceLock;

use crate::ReadingStatus;
use crate::text::{joined, words};
use crate::word_list::is_in;

/// The words of each status, of all languages; case, accents, spaces and hyphens do not matter.
const STATUSES: [(ReadingStatus, &str); 4] = [
    (
        ReadingStatus::Read,
        "read, has read, finished, completed, done, complete, read but unowned, already read, have read, read it, \
         finished reading, gelesen, beendet, ausgelesen, abgeschlossen, fertig, fertig gelesen, \
         lu, lue, terminé, terminée, fini, déjà lu, leído, leída, terminado, acabado, ya leído, \
         lido, lida, concluído, já li, já lido, letto, finito, terminato, completato, gelezen, \
         uitgelezen, uit, przeczytane, przeczytana, przeczytany, przeczytałem, przeczytałam, \
         прочитано, прочитана, прочитал, прочитала, прочёл, прочел, прочитанное, прочитанные, \
         読了, 読んだ本, 已讀完, 読み終わった, 読んだ, 読み終えた, 既読, 读过, 已读, 读完, 看过, 已读完, 讀過, 已讀, 讀完, \
         읽음, 완독, 다 읽음, 읽었어요, přečteno, přečtená, přečetl, přečetla, prečítané, läst, lest, læst, \
         luettu, elolvasva, olvasott, olvastam, citit, citită, okundu, okudum, bitti, διαβασμένο, \
         διαβάστηκε, pročitano, llegit, مقروء, قرأت, تمت القراءة, קראתי, נקרא, sudah dibaca, selesai, đã đọc, \
         прочетена, прочетено, прочетох, pročitao, pročitala, prebrano, loetud, perskaityta, perskaičiau, izlasīta, \
         อ่านแล้ว, อ่านจบแล้ว, पढ़ लिया, पढ़ी हुई, خوانده شده, خوانده‌ام",
    ),
    (
        ReadingStatus::CurrentlyReading,
        "currently reading, is reading, reading, in progress, reading now, still reading, started, now reading, rereading, re-reading, \
         am lesen, lese ich, lese ich gerade, lese gerade, wird gelesen, angefangen, begonnen, in arbeit, lesend, \
         en cours, en cours de lecture, lecture en cours, je lis, en train de lire, \
         leyendo, leyendo actualmente, en curso, en progreso, lendo, estou lendo, a ler, em andamento, \
         in lettura, sto leggendo, in corso, leggendo, aan het lezen, bezig, ben ik aan het lezen, lezen, \
         czytam, teraz czytam, w trakcie, aktualnie czytam, в процессе, читаю, читаю сейчас, сейчас читаю, \
         在读, 正在读, 阅读中, 正在阅读, 在讀, 正在讀, 閱讀中, 正在閱讀, 読んでる本, 読書中, 今読んでる, いま読んでる, 読んでいる, 読み中, 読んでる, \
         읽는 중, 읽는중, 독서중, 읽고 있어요, čtu, právě čtu, rozečteno, čítam, läser, leser, læser, lukemassa, kesken, \
         olvasom, éppen olvasom, citesc, în curs de citire, okuyorum, şu an okuyorum, okunuyor, διαβάζω, čitam, llegint, \
         أقرأ حاليا, قيد القراءة, קורא, קוראת, sedang dibaca, đang đọc, \
         relendo, releyendo, en relecture, rileggendo, in rilettura, lese ich erneut, перечитываю, перечитую, \
         再読中, 重读, 重读中, чета, чета в момента, trenutno čitam, berem, trenutno berem, loen, skaitau, lasu, \
         กำลังอ่าน, पढ़ रहा हूँ, पढ़ रही हूँ, در حال خواندن",
    ),
    (
        ReadingStatus::ToRead,
        "to read, todo, want to read, wants to read, tbr, unread, planned, planning, plan to read, planning to read, not begun, \
         not started, not read, to be read, for later, read later, up next, next up, not yet read, not yet started, \
         backlog, on my tbr, ungelesen, noch zu lesen, zu lesen, will ich lesen, möchte ich lesen, sub, \
         auf dem sub, auf meinem sub, liegt auf dem sub, noch nicht gelesen, nicht begonnen, nicht gelesen, stapel ungelesener bücher, \
         à lire, pense bête, non lu, pal, pile à lire, envie de lire, pas commencé, pas lu, je veux lire, \
         por leer, pendiente, quiero leer, no leído, sin leer, sin empezar, no empezado, pendiente de leer, \
         para ler, quero ler, não lido, vou ler, por ler, não iniciado, \
         da leggere, voglio leggere, non letto, non iniziato, non cominciato, da iniziare, \
         te lezen, wil ik lezen, ongelezen, wil lezen, nog te lezen, nog lezen, niet begonnen, niet gelezen, \
         do przeczytania, chcę przeczytać, nieprzeczytane, nieprzeczytana, w planach, \
         хочу прочитать, буду читать, в планах, не прочитано, непрочитано, хочу прочесть, к прочтению, прочитать, \
         想读, 未读, 待读, 想看, 想讀, 未讀, 待讀, 読みたい, 読みたい本, 積読本, 積読, 未読, 積ん読, これから読む, つんどく, \
         읽고 싶어요, 읽을 책, 읽고 싶은, 안 읽음, 읽고 싶은 책, chci číst, k přečtení, nepřečteno, chci si přečíst, \
         vill läsa, att läsa, oläst, vil lese, ulest, vil læse, ulæst, skal leses, skal lese, lukulistalla, lukematta, \
         haluan lukea, elolvasandó, olvasni szeretném, elolvasni, de citit, vreau să citesc, necitit, \
         okunacak, okumak istiyorum, okunmadı, okunacaklar, okuyacağım, okuyacaklarım, okumadım, προς ανάγνωση, θέλω να διαβάσω, αδιάβαστο, \
         želim pročitati, za čitati, per llegir, vull llegir, أرغب في القراءة, للقراءة, أريد قراءته, \
         רוצה לקרוא, לקריאה, ingin dibaca, belum dibaca, muốn đọc, chưa đọc, \
         хочу прочитати, буду читати, планую прочитати, не прочитана, искам да прочета, за четене, želim da pročitam, \
         želim prebrati, tahan lugeda, noriu perskaityti, gribu izlasīt, อยากอ่าน, ยังไม่ได้อ่าน, पढ़ना है, \
         पढ़ना चाहता हूँ, می‌خواهم بخوانم, خوانده نشده",
    ),
    (
        ReadingStatus::DidNotFinish,
        "did not finish, dnf, incomplete, abandoned, gave up, stopped, stopped reading, unfinished, not finished, given up, \
         discontinued, dropped, quit, could not finish, didn't finish, couldn't finish, never finished, did not complete, \
         abgebrochen, aufgegeben, nicht beendet, nicht fertig gelesen, unvollendet, \
         abandonné, abandonnée, abandon, pas fini, non terminé, abandonado, abandonada, no terminado, \
         inacabado, dejado, abandonei, larguei, não terminado, desistência, desisti, desistido, desistida, abbandonato, interrotto, non finito, \
         non terminato, lasciato, gestopt, niet uitgelezen, afgebroken, opgegeven, niet afgemaakt, \
         porzucone, porzucona, nieukończone, nieukończona, przerwane, nie dokończone, \
         брошено, бросил, бросила, не дочитал, не дочитала, не дочитано, недочитано, заброшено, \
         弃读, 放弃, 读不下去, 没读完, 棄讀, 未读完, 未讀完, 挫折, 読むのをやめた, 途中でやめた, 포기, 중도포기, 중단, 읽다 맒, \
         nedočteno, nedočtená, nedočítané, avbruten, avbrutt, opgivet, afbrudt, keskeytetty, jäi kesken, félbehagyott, félbehagyva, \
         abandonat, abandonată, yarım bırakıldı, yarım kaldı, yarıda bıraktım, bıraktım, yarım bıraktım, bırakıldı, εγκαταλείφθηκε, odustao, odustala, \
         لم أكمل, לא סיימתי, נטשתי, berhenti, bỏ dở, кинув, кинула, недочитано кинуто, изоставена, opuščeno, nebaigta, อ่านไม่จบ",
    ),
];

/// Words that are subjects, too: a book tagged so is about it, or something else is done.
const AMBIGUOUS: &str = "read reading done complete completed finished started stopped abandoned dropped quit planned \
    unfinished incomplete discontinued backlog uit pal sub lu lue fini abandon lezen leser fertig angefangen lesend kesken \
    bezig letto finito";

/// The status that a cell of a status column names: a phrase, with or without a date or a
/// percentage behind ("Finished on 2010-08-15", "Reading (45%)").
pub(super) fn status(text: &str) -> Option<ReadingStatus> {
    // No phrase is so long; a review is none.
    if text.len() > 200 {
        return None;
    }
    // A rating, a date: no status is in digits.
    let is_of_number = |byte: u8| matches!(byte, b'0'..=b'9' | b'.' | b',' | b'-' | b'/');
    if text.bytes().all(is_of_number) {
        return None;
    }
    let mut phrase = words(text);
    // "1 - Read", as lists to choose from are numbered.
    if phrase.len() > 1 && phrase[0].len() < 3 && phrase[0].bytes().all(|b| b.is_ascii_digit()) {
        phrase.remove(0);
    }
    find(&phrase).or_else(|| {
        let is_number = |word: &str| {
            let word = word.strip_prefix('x').unwrap_or(word);
            word.starts_with(|c: char| c.is_ascii_digit())
        };
        let end = phrase.iter().position(|word| is_number(word))?;
        let mut phrase = &phrase[..end];
        while let Some((last, before)) = phrase.split_last() {
            if let Some(status) = find(phrase) {
                return Some(status);
            }
            // "on", "in January", "since"
            if !is_before_a_date(last) {
                return None;
            }
            phrase = before;
        }
        None
    })
}

/// The status of a book of which so much was read: "45%", or a bare number of percent.
pub(super) fn status_of_progress(text: &str) -> Option<ReadingStatus> {
    let text = crate::digits::ascii_digits(text);
    // "1h 5m left"
    if text.starts_with(|c: char| c.is_ascii_digit()) && is_left(&text) {
        return Some(ReadingStatus::CurrentlyReading);
    }
    if let Some((read, all)) = pages_read(&text) {
        return (all.is_none_or(|all| read <= all && all > 1)).then_some(match read {
            0 => ReadingStatus::ToRead,
            read if Some(read) == all => ReadingStatus::Read,
            _ => ReadingStatus::CurrentlyReading,
        });
    }
    // "45% (p. 120)"
    let text = match text.split_once('%') {
        Some((number, rest)) if pages_read(rest).is_some() => format!("{number}%"),
        _ => text.into_owned(),
    };
    let number = text.trim().trim_end_matches('%').trim().replace(',', ".");
    match number.parse::<f64>().ok()? {
        0.0 => Some(ReadingStatus::ToRead),
        100.0 => Some(ReadingStatus::Read),
        // A cell of percent is a fraction in a workbook.
        1.0 if !text.contains('%') => Some(ReadingStatus::Read),
        percent if percent > 0.0 && percent < 100.0 => Some(ReadingStatus::CurrentlyReading),
        _ => None,
    }
}

/// The page to which a book was read, and the number of all its pages: "123/456", "p. 120 of 300",
/// "Seite 120".
fn pages_read(text: &str) -> Option<(u32, Option<u32>)> {
    const PAGES: &str = "p pp pg pgs page pages s seite seiten pag pagina página pagine paginas str strona стр страница blz \
        sivu sida side ch chapter kap kapitel chapitre";
    const OF: [&str; 9] = ["of", "von", "sur", "de", "su", "van", "z", "из", "av"];
    if text.len() > 40 || text.contains('%') {
        return None;
    }
    let is_page = |word: &str| is_in(PAGES, word);
    let all = words(text);
    let (pages, rest): (Vec<&str>, Vec<&str>) =
        (all.iter().map(String::as_str)).partition(|word| is_page(word));
    let number = |word: &str| word.parse::<u32>().ok();
    match rest.as_slice() {
        [read, of, all] if OF.contains(of) => Some((number(read)?, Some(number(all)?))),
        [read, all] if text.contains('/') => Some((number(read)?, Some(number(all)?))),
        [read] if !pages.is_empty() => Some((number(read)?, None)),
        _ => None,
    }
}

/// Whether a text says by itself that its number is a share of a book: a percentage, pages.
pub(super) fn is_share(text: &str) -> bool {
    let text = crate::digits::ascii_digits(text);
    text.contains('%') || is_left(&text) || pages_read(&text).is_some()
}

/// Whether a text says how much of a book is left.
pub(super) fn is_left(text: &str) -> bool {
    text.len() < 40
        && [" left", " remaining"]
            .iter()
            .any(|end| text.trim_end().ends_with(end))
}

/// The status that a label among a reader's tags names beyond doubt.
pub(super) fn status_of_tag(text: &str) -> Option<ReadingStatus> {
    let phrase = words(text);
    let is_ambiguous = AMBIGUOUS.split_whitespace().any(|word| phrase == [word]);
    find(&phrase).filter(|_| !is_ambiguous)
}

fn find(phrase: &[String]) -> Option<ReadingStatus> {
    // The place of each phrase's status.
    static STATUS: OnceLock<HashMap<String, usize>> = OnceLock::new();
    let known = STATUS.get_or_init(|| {
        let mut known = HashMap::new();
        for (at, (_, phrases)) in STATUSES.iter().enumerate().rev() {
            for phrase in phrases.split(", ") {
                known.insert(joined(phrase), at);
            }
        }
        known
    });
    known.get(&phrase.concat()).map(|at| STATUSES[*at].0)
}

fn is_before_a_date(word: &str) -> bool {
    const PREPOSITIONS: &str = "on in at since am im seit le en el il nel dal em op w dnia depuis du desde from the \
         page p seite s chapter kapitel chapitre pagina str";
    is_in(PREPOSITIONS, word) || crate::date::month_by_name(word).is_some()
}

/// Reads a yes or no, in the ways in which people and programs write it.
pub(super) fn yes_or_no(text: &str) -> Option<bool> {
    const YES: &str = "yes y true t 1 x ja j oui si sim s tak да 是 はい 有 예 네 ano evet vrai wahr verdadero \
        verdadeiro vero checked igen nai ναι ya kyllä";
    const NO: &str = "no n false f 0 nein non nao nee nie нет 否 いいえ 无 아니오 ne hayir faux falsch falso unchecked \
        nem nej nei όχι tidak ei not notyet";
    if !text.is_ascii() {
        let sign = text.trim().trim_end_matches('\u{fe0f}');
        if is_in("✓ ✔ ☑ ✅ ● ■ ○ ◯", sign) {
            return Some(true);
        }
        if is_in("✗ ✘ ❌ ☐ ⬜ ✖ ×", sign) {
            return Some(false);
        }
    }
    static WORDS: OnceLock<[HashSet<String>; 2]> = OnceLock::new();
    let [yes, no] = WORDS.get_or_init(|| [YES, NO].map(|list| words(list).into_iter().collect()));
    // The longest of them; a review is none.
    let word = Some(text).filter(|text| text.len() < 24).map(joined)?;
    let is_yes = yes.contains(&word);
    (is_yes || no.contains(&word)).then_some(is_yes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_of_programs_and_languages() {
        use ReadingStatus::*;
        for (text, expected) in [
            ("read", Some(Read)),
            ("Already Read", Some(Read)),
            ("Finished on 2010-08-15", Some(Read)),
            ("Finished in Aug 2010", Some(Read)),
            ("Finito il 15/08/2010", Some(Read)),
            ("gelesen", Some(Read)),
            ("Lu", Some(Read)),
            ("读过", Some(Read)),
            ("読み終わった", Some(Read)),
            ("Reading (45%)", Some(CurrentlyReading)),
            ("Reading, page 45 of 300", Some(CurrentlyReading)),
            ("in_progress", Some(CurrentlyReading)),
            ("En cours", Some(CurrentlyReading)),
            ("Not Begun", Some(ToRead)),
            ("A lire", Some(ToRead)),
            ("for_later", Some(ToRead)),
            ("想读", Some(ToRead)),
            ("Хочу прочитать", Some(ToRead)),
            ("stopped-reading", Some(DidNotFinish)),
            ("Didn't finish", Some(DidNotFinish)),
            ("Unfinished", Some(DidNotFinish)),
            ("paused", None),
            ("Wishlist", None),
            ("read-2019", Some(Read)),
            ("Read x2", Some(Read)),
            ("1 - Read", Some(Read)),
            ("2. Reading", Some(CurrentlyReading)),
            ("reading slump 2019", None),
            ("", None),
        ] {
            assert_eq!(status(text), expected, "{text}");
        }
        for (text, expected) in [
            ("45%", Some(CurrentlyReading)),
            ("100 %", Some(Read)),
            ("p. 120 of 300", Some(CurrentlyReading)),
            ("Seite 120 von 300", Some(CurrentlyReading)),
            ("стр. 300 из 300", Some(Read)),
            ("0/300", Some(ToRead)),
            ("page 12", Some(CurrentlyReading)),
            ("120 of 300 pages", Some(CurrentlyReading)),
            ("45% (p. 120)", Some(CurrentlyReading)),
            ("400/300", None),
            ("3/14/2020", None),
            ("part of it", None),
        ] {
            assert_eq!(status_of_progress(text), expected, "{text}");
            assert_eq!(
                is_share(text),
                expected.is_some() || text == "400/300",
                "{text}"
            );
        }
        assert_eq!(status_of_tag("Reading"), None);
        assert_eq!(status_of_tag("to-read"), Some(ToRead));
        assert_eq!(status_of_tag("dnf"), Some(DidNotFinish));
    }

    #[test]
    fn no_phrase_has_two_statuses() {
        let mut seen: HashMap<String, ReadingStatus> = HashMap::new();
        for (status, phrases) in STATUSES {
            for phrase in phrases.split(", ") {
                let key = joined(phrase);
                assert!(!key.is_empty(), "{phrase}");
                if let Some(other) = seen.insert(key, status) {
                    assert_eq!(other, status, "{phrase}");
                }
            }
        }
    }

    #[test]
    fn yes_and_no() {
        for text in ["yes", "TRUE", "1", "x", "ja", "Sí", "✓", "да"] {
            assert_eq!(yes_or_no(text), Some(true), "{text}");
        }
        for text in ["no", "False", "0", "nein", "não", "❌"] {
            assert_eq!(yes_or_no(text), Some(false), "{text}");
        }
        for text in ["", "maybe", "2021-01-01"] {
            assert_eq!(yes_or_no(text), None, "{text}");
        }
    }
}
