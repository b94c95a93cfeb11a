//! Cache of what providers have said of books, shared by all jobs: only that, and nothing of any
//! reader.
//!
//! Records lie in a few large values, the pages; the index says which page may know a book, by
//! hashes of what was asked. Both are written after a job's work, by whoever comes last: what is
//! lost of them is asked for again.

use std::collections::HashMap;
use std::time::Duration;

use books::{Found, Known, MatchedBy, Near, Record, Search, Wanted};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::cadence::Forecast;
use crate::document::{Item, MAX_VALUE_BYTES};
use crate::effects::{Effects, StoreError};
use crate::engine::Engine;
use crate::keys;
use crate::time::Time;

/// Time for which a record is believed.
const FOUND_FOR: Duration = Duration::from_secs(30 * 24 * 3600);

/// Time for which it is believed that no provider knows a book.
const NOT_FOUND_FOR: Duration = Duration::from_secs(24 * 3600);

/// Size, in bytes, up to which new records are added to a page.
const PAGE_BYTES: usize = 450_000;

/// Age at which a page that no index names is deleted: until then its index may be about to be
/// written.
const UNNAMED_FOR: Duration = Duration::from_secs(600);

/// A remembered answer of the providers about one book.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Memory {
    /// Hashes of the questions that the entry answers.
    keys: Vec<u64>,
    /// [`seal`] of the book that the record was taken for; absent in entries of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    seal: Option<u64>,
    at: Time,
    /// The book's record; `None`: no provider knows the book.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    record: Option<Box<Record>>,
    /// Records that were not taken for the book.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    near: Vec<Near>,
}

impl Memory {
    /// The memory that a finished item is worth: never of a failure.
    pub(crate) fn of(wanted: &Wanted, found: &Found, near: &[Near], now: Time) -> Option<Self> {
        let question = books::question_key(wanted);
        let (record, keys) = match found {
            Found::Error | Found::CircuitOpen => return None,
            Found::NotFound => (None, vec![hash_of(question.as_ref()?)]),
            Found::Record(record) => {
                let matched = record.matched?;
                let mut keys: Vec<u64> = question.iter().map(|key| hash_of(key)).collect();
                if matched.by == MatchedBy::Isbn {
                    keys.extend(edition(wanted));
                }
                // The same question of somebody who has no ISBN, if the record answers it as well.
                if wanted.isbn.is_some() {
                    let without_isbn = Wanted {
                        isbn: None,
                        ..wanted.clone()
                    };
                    if books::accepted(&without_isbn, record).is_some() {
                        let key = books::question_key(&without_isbn);
                        keys.extend(key.map(|key| hash_of(&key)));
                    }
                }
                keys.dedup();
                let mut record = record.clone();
                let edition = &mut record.edition;
                if edition.open_library_id.is_none() && edition.google_volume_id.is_none() {
                    // The reader's own, not the provider's.
                    edition.isbns.retain(|isbn| Some(*isbn) != wanted.isbn);
                }
                (Some(record), keys)
            }
        };
        Some(Self {
            keys,
            seal: seal(wanted),
            at: now,
            record,
            near: near.to_vec(),
        })
    }

    /// Whether what the providers said is not too old to count.
    fn is_believed(&self, now: Time) -> bool {
        let time = match self.record {
            Some(_) => FOUND_FOR,
            None => NOT_FOUND_FOR,
        };
        now >= self.at && now.since(self.at) < time
    }

    /// The knowledge of this book, whose question is one of those of the entry.
    fn known(&self, wanted: &Wanted) -> Known {
        match &self.record {
            Some(record) if self.seal.is_some() && self.seal == seal(wanted) => {
                Known::Same((**record).clone())
            }
            Some(record) => Known::Answer((**record).clone()),
            None => Known::Nothing,
        }
    }
}

/// The hash that stands for a question: the key of all that is asked of a book.
fn hash_of(question: &str) -> u64 {
    hash(&["asked", question])
}

/// The proof that a record was taken for this very book, in these words, by the rules of today: it
/// need not be compared again. The words count because the rules look at more of them than a key
/// says. Unlike a hash, nobody can find other words with the same.
fn seal(wanted: &Wanted) -> Option<u64> {
    let mut digest = Sha256::new();
    digest.update(books::RULES.to_le_bytes());
    digest.update(serde_json::to_vec(wanted).ok()?);
    let digest = digest.finalize();
    digest.first_chunk().map(|bytes| u64::from_be_bytes(*bytes))
}

fn edition(wanted: &Wanted) -> Option<u64> {
    Some(hash(&["edition", &wanted.isbn?.to_string()]))
}

/// A hash that is the same for the same texts in every version (FNV-1a with a final mix).
fn hash(parts: &[&str]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for part in parts {
        for byte in part.bytes().chain([0xff]) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
    hash ^= hash >> 33;
    hash = hash.wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash ^ (hash >> 33)
}

/// The entry of one page in the index.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Page {
    key: String,
    /// Time at which the page was written.
    at: Time,
    bytes: u32,
    books: u32,
    /// Hashes of the questions that the page answers, sorted.
    hashes: Vec<u64>,
}

impl Page {
    fn may_know(&self, hash: u64) -> bool {
        self.hashes.binary_search(&hash).is_ok()
    }
}

/// The list of pages, the newest last. Kept as bytes, because it is read at the beginning of each
/// job.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Index(Vec<Page>);

impl Index {
    /// Reads a stored index; an empty one when it is damaged.
    fn decode(bytes: &[u8]) -> Self {
        let mut pages = Vec::new();
        let mut rest = bytes;
        while !rest.is_empty() {
            let Some((page, after)) = Self::decode_page(rest) else {
                return Self::default();
            };
            pages.push(page);
            rest = after;
        }
        Self(pages)
    }

    fn decode_page(bytes: &[u8]) -> Option<(Page, &[u8])> {
        let (length, rest) = bytes.split_first()?;
        let (key, rest) = rest.split_at_checked(usize::from(*length))?;
        let (at, rest) = rest.split_first_chunk()?;
        let (size, rest) = rest.split_first_chunk()?;
        let (books, rest) = rest.split_first_chunk()?;
        let (count, rest) = rest.split_first_chunk()?;
        let count = usize::try_from(u32::from_le_bytes(*count)).ok()?;
        let (hashes, rest) = rest.split_at_checked(count.checked_mul(8)?)?;
        let (hashes, _) = hashes.as_chunks();
        let page = Page {
            key: String::from_utf8(key.to_vec()).ok()?,
            at: Time(u64::from_le_bytes(*at)),
            bytes: u32::from_le_bytes(*size),
            books: u32::from_le_bytes(*books),
            hashes: hashes
                .iter()
                .map(|hash| u64::from_le_bytes(*hash))
                .collect(),
        };
        Some((page, rest))
    }

    fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for page in &self.0 {
            let count = u32::try_from(page.hashes.len()).unwrap_or(u32::MAX);
            bytes.push(u8::try_from(page.key.len()).unwrap_or(u8::MAX));
            bytes.extend_from_slice(page.key.as_bytes());
            bytes.extend_from_slice(&page.at.0.to_le_bytes());
            bytes.extend_from_slice(&page.bytes.to_le_bytes());
            bytes.extend_from_slice(&page.books.to_le_bytes());
            bytes.extend_from_slice(&count.to_le_bytes());
            for hash in &page.hashes {
                bytes.extend_from_slice(&hash.to_le_bytes());
            }
        }
        bytes
    }

    async fn load<E: Effects>(effects: &E) -> Result<Self, StoreError> {
        let bytes = effects.get(keys::BOOKS).await?;
        Ok(bytes.map_or_else(Self::default, |bytes| Self::decode(&bytes)))
    }

    /// Takes the oldest pages out until the rest is within the bounds.
    fn cut(&mut self, books: usize, bytes: usize, now: Time) -> Vec<Page> {
        let mut out = Vec::new();
        let is_too_much = |pages: &[Page]| {
            let sum =
                |of: fn(&Page) -> u32| pages.iter().map(|page| of(page) as usize).sum::<usize>();
            let hashes: usize = pages.iter().map(|page| page.hashes.len()).sum();
            sum(|page| page.books) > books
                || sum(|page| page.bytes) > bytes
                || hashes * 8 > MAX_VALUE_BYTES * 9 / 10
                || pages
                    .first()
                    .is_some_and(|page| now.since(page.at) > FOUND_FOR)
        };
        while is_too_much(&self.0) && !self.0.is_empty() {
            out.push(self.0.remove(0));
        }
        out
    }
}

/// The books that are remembered, as a run reads them.
pub(crate) struct RememberedBooks {
    index: Index,
    /// The pages that were read; empty ones are not there, or damaged.
    pages: HashMap<String, ReadPage>,
}

/// The memories of one page, and which of them answers a question.
#[derive(Default)]
struct ReadPage {
    memories: Vec<Memory>,
    by_hash: HashMap<u64, usize>,
}

impl ReadPage {
    fn of(memories: Vec<Memory>) -> Self {
        let hashes = |(at, memory): (usize, &Memory)| {
            let hashes = memory.keys.clone();
            hashes.into_iter().map(move |hash| (hash, at))
        };
        Self {
            by_hash: memories.iter().enumerate().flat_map(hashes).collect(),
            memories,
        }
    }

    fn find(&self, hash: u64, now: Time) -> Option<&Memory> {
        let memory = self.memories.get(*self.by_hash.get(&hash)?)?;
        memory.is_believed(now).then_some(memory)
    }
}

impl RememberedBooks {
    /// Reads the index of remembered books; an empty one when the store fails, for all can be asked
    /// again.
    pub(crate) async fn begin<E: Effects>(engine: Engine<'_, E>) -> Self {
        let index = match engine.settings.remembers_books() {
            true => Index::load(engine.effects).await.unwrap_or_default(),
            false => Index::default(),
        };
        Self {
            index,
            pages: HashMap::new(),
        }
    }

    /// [`first_wave`], where the index has been read.
    pub(crate) fn first_wave(&self, of_answers: Forecast) -> Forecast {
        match self.index.0.is_empty() {
            true => of_answers,
            false => Forecast::Unknown,
        }
    }

    /// Tells a search what is remembered of its books; answers which of them it need not ask about.
    pub(crate) async fn apply_to<E: Effects>(
        &mut self,
        effects: &E,
        search: &mut Search,
        wanted: &[Wanted],
    ) -> Vec<bool> {
        let mut known = vec![false; wanted.len()];
        if self.index.0.is_empty() {
            return known;
        }
        for (at, wanted) in wanted.iter().enumerate() {
            if let Some(question) = search.question_key(at)
                && let Some(memory) = self.find(effects, hash_of(&question)).await
            {
                known[at] = search.set_known(at, memory.known(wanted));
                if known[at] {
                    search.offer(at, memory.near.clone());
                }
            }
            if !known[at]
                && let Some(edition) = edition(wanted)
                && let Some(memory) = self.find(effects, edition).await
                && let Some(record) = &memory.record
            {
                known[at] = search.set_known(at, Known::Edition(record.as_ref().clone()));
            }
        }
        known
    }

    async fn find<E: Effects>(&mut self, effects: &E, hash: u64) -> Option<&Memory> {
        let now = effects.now();
        for page in self.index.0.iter().rev() {
            if page.may_know(hash) && !self.pages.contains_key(&page.key) {
                let memories = read_page(effects, &page.key).await.unwrap_or_default();
                self.pages.insert(page.key.clone(), ReadPage::of(memories));
            }
        }
        let pages = self.index.0.iter().rev().filter(|page| page.may_know(hash));
        let mut memories = pages.filter_map(|page| self.pages.get(&page.key)?.find(hash, now));
        memories.next()
    }
}

/// The forecast of a job's first wave, before any of its requests has been sent: at any time when
/// books are remembered, else when a provider's first answers come.
pub(crate) async fn first_wave<E: Effects>(
    engine: Engine<'_, E>,
    of_answers: Forecast,
) -> Forecast {
    if engine.settings.remembers_books() {
        let index = engine.effects.get(keys::BOOKS).await;
        if index.is_ok_and(|index| index.is_some_and(|bytes| !bytes.is_empty())) {
            return Forecast::Unknown;
        }
    }
    of_answers
}

async fn read_page<E: Effects>(effects: &E, key: &str) -> Option<Vec<Memory>> {
    let bytes = effects.get(key).await.ok()??;
    serde_json::from_slice(&bytes).ok()
}

/// What a run has learned of books.
#[derive(Debug, Default)]
pub struct Learned(Vec<Memory>);

impl Learned {
    /// Adds finished items, without those that were `known` already.
    pub(crate) fn add(&mut self, items: &[Item], known: &[bool], now: Time) {
        let items = items.iter().zip(known).filter(|(_, known)| !**known);
        self.0.extend(items.filter_map(|(item, _)| {
            let found = item.found.as_ref()?;
            Memory::of(&item.to_look_up(), found, &item.candidates, now)
        }));
    }
}

/// Writes down what a run has learned. Nothing depends on it: a store that fails is left alone.
pub(crate) async fn remember<E: Effects>(engine: Engine<'_, E>, Learned(learned): Learned) {
    if learned.is_empty() || !engine.settings.remembers_books() {
        return;
    }
    if let Err(error) = write(engine, learned).await {
        engine.effects.log(
            "not-remembered",
            serde_json::json!({"level": "warn", "message": error.to_string()}),
        );
    }
}

async fn write<E: Effects>(
    engine: Engine<'_, E>,
    mut learned: Vec<Memory>,
) -> Result<(), StoreError> {
    let (effects, settings) = (engine.effects, engine.settings);
    let now = effects.now();
    let mut index = Index::load(effects).await?;
    let mut obsolete = Vec::new();
    // Small jobs share a page.
    if let Some(last) = index.0.last()
        && (last.bytes as usize) < PAGE_BYTES / 2
    {
        let before = read_page(effects, &last.key).await.unwrap_or_default();
        learned.splice(
            0..0,
            before.into_iter().filter(|memory| memory.is_believed(now)),
        );
        obsolete.extend(index.0.pop());
    }
    let mut pages = Vec::new();
    for page in pages_of(&learned)? {
        let name = hexadecimal(effects.random());
        let key = keys::books_page(now, &name);
        effects.set(&key, &page.1).await?;
        pages.push(Page {
            key,
            at: now,
            ..page.0
        });
    }
    index.0.extend(pages);
    obsolete.extend(index.cut(settings.remember_books, settings.remember_bytes, now));
    effects.set(keys::BOOKS, &index.encode()).await?;
    for page in obsolete {
        effects.delete(&page.key).await?;
    }
    Ok(())
}

/// Cuts memories into pages.
fn pages_of(learned: &[Memory]) -> Result<Vec<(Page, Vec<u8>)>, StoreError> {
    let mut pages: Vec<(Page, Vec<u8>)> = Vec::new();
    for memory in learned {
        let bytes = serde_json::to_vec(memory).map_err(|error| StoreError(error.to_string()))?;
        if pages
            .last()
            .is_none_or(|(_, page)| page.len() + bytes.len() > PAGE_BYTES)
        {
            pages.push((Page::default(), Vec::new()));
        }
        let Some((page, all)) = pages.last_mut() else {
            continue;
        };
        all.push(if all.is_empty() { b'[' } else { b',' });
        all.extend_from_slice(&bytes);
        page.books += 1;
        page.hashes.extend_from_slice(&memory.keys);
    }
    for (page, bytes) in &mut pages {
        bytes.push(b']');
        page.bytes = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        page.hashes.sort_unstable();
        page.hashes.dedup();
    }
    Ok(pages)
}

fn hexadecimal(bytes: [u8; 16]) -> String {
    bytes[..8]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// Deletes pages that no index names, because two runs wrote theirs at the same time, or because
/// nothing is to be remembered any more.
///
/// # Errors
/// When the store fails.
pub(crate) async fn sweep<E: Effects>(
    engine: Engine<'_, E>,
    all: &[String],
    now: Time,
) -> Result<(), StoreError> {
    let pages: Vec<&String> = all.iter().filter(|key| keys::is_books_page(key)).collect();
    let is_off = !engine.settings.remembers_books();
    let is_indexed = all.iter().any(|key| key == keys::BOOKS);
    if pages.is_empty() && !(is_off && is_indexed) {
        return Ok(());
    }
    let index = match is_off {
        true => Index::default(),
        false => Index::load(engine.effects).await?,
    };
    for key in pages {
        let is_named = index.0.iter().any(|page| page.key == *key);
        let written = keys::books_page_time(key);
        if !is_named && (is_off || now.since(written) > UNNAMED_FOR) {
            engine.effects.delete(key).await?;
        }
    }
    if is_off && is_indexed {
        engine.effects.delete(keys::BOOKS).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(title: &str, isbn: &str) -> Wanted {
        Wanted {
            title: title.into(),
            author: "Some Body".into(),
            isbn: books::Isbn::parse(isbn).ok(),
            ..Wanted::default()
        }
    }

    #[test]
    fn failures_are_not_remembered_and_what_nobody_knows_only_for_a_day() {
        let dune = wanted("Dune", "");
        let now = Time(1_000_000);
        assert_eq!(Memory::of(&dune, &Found::Error, &[], now), None);
        assert_eq!(Memory::of(&dune, &Found::CircuitOpen, &[], now), None);
        let unknown = Memory::of(&dune, &Found::NotFound, &[], now).unwrap();
        assert!(unknown.is_believed(now.plus(Duration::from_secs(3600))));
        assert!(!unknown.is_believed(now.plus(NOT_FOUND_FOR)));
        assert!(!unknown.is_believed(Time(5)), "a clock has jumped");
    }

    #[test]
    fn the_same_question_in_other_words_has_one_key() {
        let key = |title, isbn| books::question_key(&wanted(title, isbn)).unwrap();
        assert_eq!(
            key("The Salt & the Sea", ""),
            key("the salt and the sea", "")
        );
        assert_ne!(key("Salt Sea, Vol. 1", ""), key("Salt Sea, Vol. 2", ""));
        assert_ne!(key("Salt Sea", ""), key("Salt Sea", "9780141439587"));
        for other in [
            "Salt Sea (Graphic Novel)",
            "Salt Sea [Manga]",
            "Salt Sea (Cats, #1-3)",
        ] {
            assert_ne!(key("Salt Sea", ""), key(other, ""), "{other}");
        }
    }

    #[test]
    fn a_question_that_names_nothing_has_no_key() {
        let nothing = |title| books::question_key(&wanted(title, ""));
        for title in ["", "???", "!!!", "\u{2605}"] {
            assert_eq!(nothing(title), None, "{title}");
        }
        assert!(nothing("Dune").is_some());
    }

    /// Whoever asks without the number gets what answers the title, and not what only the number
    /// led to.
    #[test]
    fn a_record_is_kept_for_those_questions_that_it_answers() {
        let record = |title: &str| {
            let record = serde_json::from_value::<Record>(serde_json::json!({
                "provider": "openlibrary",
                "work": {"title": title},
                "edition": {"isbns": ["9780141439587"]},
                "authors": [{"name": "Some Body"}],
                "matched": {"by": "isbn", "confidence": 1.0},
            }));
            Found::Record(Box::new(record.unwrap()))
        };
        let keys = |title: &str, asked: &str| {
            let asked = wanted(asked, "9780141439587");
            Memory::of(&asked, &record(title), &[], Time(5))
                .unwrap()
                .keys
        };
        let by_title = hash_of(&books::question_key(&wanted("Dune", "")).unwrap());
        assert!(keys("Dune", "Dune").contains(&by_title));
        assert!(!keys("Knitting", "Dune").contains(&by_title));
        assert_eq!(
            keys("Dune", "").len(),
            2,
            "the number, alone and as an edition's"
        );
    }

    fn dune() -> Record {
        let record = serde_json::from_value(serde_json::json!({
            "provider": "openlibrary",
            "work": {"title": "Dune"},
            "edition": {"isbns": ["9780141439587"]},
            "authors": [{"name": "Some Body"}],
            "matched": {"by": "isbn", "confidence": 1.0},
        }));
        record.unwrap()
    }

    /// Only what was asked in these words, and compared by these rules, need not be compared again.
    #[test]
    fn a_record_is_taken_as_it_is_for_the_very_question_it_was_taken_for() {
        let asked = wanted("Dune", "9780141439587");
        let found = Found::Record(Box::new(dune()));
        let mut memory = Memory::of(&asked, &found, &[], Time(5)).unwrap();
        let is_same =
            |memory: &Memory, asked: &Wanted| matches!(memory.known(asked), Known::Same(_));
        assert!(is_same(&memory, &asked));
        assert!(is_same(&memory, &wanted("Dune", "0141439580")));
        assert!(!is_same(&memory, &wanted("DUNE", "9780141439587")));
        assert!(!is_same(&memory, &wanted("Dune", "")), "without the number");
        let by_nobody = Wanted {
            author: String::new(),
            ..asked.clone()
        };
        assert!(!is_same(&memory, &by_nobody));
        let mut of_series = asked.clone();
        of_series.series = Some(books::Series::default());
        assert!(!is_same(&memory, &of_series));
        memory.seal = memory.seal.map(|seal| seal + 1);
        assert!(!is_same(&memory, &asked), "other rules");
        memory.seal = None;
        assert!(!is_same(&memory, &asked), "an earlier version");
    }

    /// Two questions may have one key and not one answer: a key has no border between title and
    /// subtitle, and does not say where a range of volumes stands.
    #[test]
    fn a_record_is_compared_with_who_asks_in_other_words_with_the_same_key() {
        for (title, taken_for, asked) in [
            (
                "Salt Sea",
                "Salt Sea (Salt Sea, #1-3)",
                "Salt Sea, Books 1-3",
            ),
            ("Dune", "Dune: Messiah", "Dune Messiah"),
        ] {
            let (taken_for, asked) = (wanted(taken_for, ""), wanted(asked, ""));
            let key = books::question_key(&asked);
            assert_eq!(books::question_key(&taken_for), key);
            let mut record = dune();
            record.work.title = title.to_owned();
            record.matched = Some(books::Match {
                by: MatchedBy::TitleAuthor,
                confidence: 0.75,
            });
            let record = books::accepted(&taken_for, &record).unwrap();
            assert_eq!(books::accepted(&asked, &record), None);
            let found = Found::Record(Box::new(record.clone()));
            let memory = Memory::of(&taken_for, &found, &[], Time(5)).unwrap();
            assert!(memory.keys.contains(&hash_of(&key.unwrap())));
            assert_eq!(memory.known(&taken_for), Known::Same(record.clone()));
            assert_eq!(memory.known(&asked), Known::Answer(record));
        }
    }

    #[test]
    fn an_index_is_what_was_written_or_nothing() {
        let page = |n: u64| Page {
            key: format!("books/page/{n}"),
            at: Time(n),
            bytes: 7,
            books: 3,
            hashes: vec![n, n + 5, u64::MAX],
        };
        let index = Index(vec![page(1), page(2)]);
        let bytes = index.encode();
        assert_eq!(Index::decode(&bytes), index);
        assert!(index.0[0].may_know(6) && !index.0[0].may_know(7));
        for length in 1..bytes.len() {
            let damaged = Index::decode(&bytes[..length]);
            assert!(damaged.0.len() < 2, "{length}");
        }
        assert_eq!(Index::decode(&[255; 40]), Index::default());
    }

    #[test]
    fn the_oldest_go_first() {
        let page = |n: u64| Page {
            key: n.to_string(),
            at: Time(n),
            bytes: 100,
            books: 10,
            hashes: vec![n],
        };
        let mut index = Index((0..5).map(page).collect());
        let out = index.cut(30, 1_000, Time(9));
        assert_eq!(out.len(), 2);
        assert_eq!(index.0[0].key, "2");
        assert_eq!(index.cut(30, 100, Time(9)).len(), 2);
        assert_eq!(index.cut(30, 100, Time(9).plus(FOUND_FOR * 2)).len(), 1);
    }

    #[test]
    fn pages_stay_small() {
        let memory = Memory {
            keys: vec![1, 2, 3],
            seal: None,
            at: Time(1),
            record: None,
            near: Vec::new(),
        };
        let pages = pages_of(&vec![memory; 20_000]).unwrap();
        assert!(pages.len() > 1);
        for (page, bytes) in &pages {
            assert!(bytes.len() <= PAGE_BYTES + 1_000);
            let read: Vec<Memory> = serde_json::from_slice(bytes).unwrap();
            assert_eq!(read.len(), page.books as usize);
        }
    }
}
