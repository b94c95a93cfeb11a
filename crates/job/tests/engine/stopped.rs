//! Jobs that were stopped before they had done everything: what their results have, and what can
//! be tried again.

use books::{Found, NearReason};
use futures::TryStreamExt;
use job::{ChosenBy, Pick, Remedy};

use super::*;

/// A worker whose job is over at once, with this outcome.
struct Stops(Stage);

impl<E: job::Effects> Worker<E> for Stops {
    fn handles(&self, _: &Root) -> bool {
        true
    }

    async fn work(&self, _: &mut Run<'_, E>) -> Result<StageOutcome, Stop> {
        let failure = job::Failure::internal("no more");
        Ok(StageOutcome::Finished(self.0, Some(failure)))
    }
}

fn book(number: u32, found: Option<&str>) -> Value {
    let mut item = json!({"wanted": {"title": format!("Book {number}"), "author": "An Author"}});
    if let Some(found) = found {
        item["found"] = json!(found);
    }
    item
}

fn put_part(world: &World, key: &str, items: &[Value]) -> Value {
    let value = json!(items);
    world.put(key, &value);
    json!({"key": key, "count": items.len(), "bytes": value.to_string().len()})
}

/// A job of five books in a plan of two parts, of which three are done, stopped with this outcome.
fn stopped(world: &World, stage: Stage) -> Root {
    let first: Vec<_> = (0..4).map(|number| book(number, None)).collect();
    let plan = [
        put_part(world, "job/a/plan/1-old.0", &first),
        put_part(world, "job/a/plan/1-old.1", &[book(4, None)]),
    ];
    let tried: Vec<_> = (0..3)
        .map(|number| book(number, Some("not_found")))
        .collect();
    let segments = [put_part(world, "job/a/seg/1-old.0", &tried)];
    let report = json!({"problems": [{"row": 9, "error": "no title", "rejected": true}]});
    world.put("job/a/report/1-old.0", &report);
    let bytes = report.to_string().len();
    let report = json!({"key": "job/a/report/1-old.0", "count": 1, "bytes": bytes});
    let more = json!({
        "pipeline": "csv_import", "route": "imports", "total": 5, "failed": 3,
        "plan": plan, "segments": segments, "report": report, "wave": 3,
    });
    world.put("job/a", &root("a", "enriching", 0, more));
    world.pass(Duration::from_secs(600));
    let (settings, keyring) = (Settings::local(), Keyring::new(b"secret"));
    let engine = Engine::new(world, &settings, &keyring);
    let id = JobId::parse("a").unwrap();
    done(engine.run(&id, None, &Stops(stage)));
    world.root("job/a")
}

fn titles(engine: Engine<'_, World>, root: &Root, from: u32, to: u32) -> Vec<String> {
    let items: Vec<Item> = done(engine.items(root, from..to).try_concat()).unwrap();
    items.into_iter().map(|item| item.wanted.title).collect()
}

#[test]
fn results_of_a_job_that_was_stopped_have_the_books_that_nobody_reached() {
    for stage in [Stage::Canceled, Stage::Error] {
        let world = World::default();
        let ended = stopped(&world, stage);
        assert_eq!(ended.stage, stage);
        let (settings, keyring) = (Settings::local(), Keyring::new(b"secret"));
        let engine = Engine::new(&world, &settings, &keyring);
        assert_eq!(ended.results(), 5, "{stage:?}");
        let all = ["Book 0", "Book 1", "Book 2", "Book 3", "Book 4"];
        assert_eq!(titles(engine, &ended, 0, u32::MAX), all);
        assert_eq!(titles(engine, &ended, 2, 4), all[2..4]);
        assert_eq!(titles(engine, &ended, 4, 5), all[4..]);
        let items: Vec<Item> = done(engine.items(&ended, 0..5).try_concat()).unwrap();
        assert_eq!(items[2].found, Some(Found::NotFound));
        assert_eq!(items[3].found, None);
        let counts = ended.counts();
        let counts = (
            counts.total,
            counts.succeeded,
            counts.failed,
            counts.unanswered,
        );
        assert_eq!(counts, (5, 0, 5, 2), "{stage:?}");
        let report = done(engine.report(&ended)).unwrap();
        assert_eq!(
            report.problems.len(),
            1,
            "what was wrong with its rows stays"
        );
        // It is kept as long as others that have results.
        let kept = ended.expires.since(ended.updated);
        assert_eq!(kept, settings.retention, "{stage:?}");
    }
}

#[test]
fn a_book_that_nobody_reached_can_be_chosen_and_is_not_tried_again_then() {
    for stage in [Stage::Canceled, Stage::Error] {
        let world = World::default();
        let ended = stopped(&world, stage);
        let (settings, keyring) = (Settings::local(), Keyring::new(b"secret"));
        let engine = Engine::new(&world, &settings, &keyring);
        let record = record("Chosen");
        let pick = Pick::Record(ChosenBy::Work, Box::new(record));
        let item = done(engine.choose(&ended, 4, pick)).unwrap();
        assert_eq!(item.wanted.title, "Book 4");
        assert!(item.succeeded());
        let counts = done(engine.with_choices(&ended)).unwrap().counts();
        assert_eq!(
            (counts.succeeded, counts.failed, counts.unanswered),
            (1, 4, 1)
        );

        let only = [Outcome::Error, Outcome::CircuitOpen];
        let retry = retry(&world, &ended, &only).unwrap();
        assert_eq!(retry.total, 1, "{stage:?}");
        let counts = retry.counts();
        assert_eq!((counts.total, counts.succeeded), (5, 1));
    }
}

#[test]
fn a_job_that_failed_is_tried_again_with_all_that_nobody_reached() {
    for stage in [Stage::Canceled, Stage::Error] {
        let world = World::default();
        let ended = stopped(&world, stage);
        let again = retry(&world, &ended, &[Outcome::Error]).unwrap();
        assert_eq!(again.total, 2, "{stage:?}");
        assert!(again.report.is_some());
        let settings = Settings::local();
        let keyring = Keyring::new(b"secret");
        let engine = Engine::new(&world, &settings, &keyring);
        // It is stopped, too, before it does anything.
        world.pass(Duration::from_secs(600));
        done(engine.run(&again.id, None, &Stops(stage)));
        let end = world.root(&format!("job/{}", again.id));
        assert_eq!(end.stage, stage);
        assert_eq!((end.results(), end.counts().unanswered), (5, 2));
        let items: Vec<Item> = done(engine.items(&end, 3..5).try_concat()).unwrap();
        assert!(
            items.iter().all(|item| item.found.is_none()),
            "nobody has looked them up"
        );
        let third = retry(&world, &end, &[Outcome::Error]).unwrap();
        assert_eq!(third.total, 2);
    }
}

/// Tries this job again; what can be done instead, if nothing can be tried.
fn retry(world: &World, ended: &Root, only: &[Outcome]) -> Result<Root, Remedy> {
    let (settings, keyring) = (Settings::local(), Keyring::new(b"secret"));
    let engine = Engine::new(world, &settings, &keyring);
    let name = Name::Contended(keyring.retry_id(ended, MadeBy::Imports));
    let new = new_job(name, Pipeline::CsvImport, MadeBy::Imports);
    match done(engine.retry(&new, ended, only)) {
        Ok(created) => Ok(created.root),
        Err(RetryError::Nothing(remedy)) => Err(remedy),
        Err(error) => panic!("{error}"),
    }
}

/// A complete job with these items.
fn complete(world: &World, items: &[Value]) -> Root {
    let segments = [put_part(world, "job/a/seg/1-old.0", items)];
    let counts = json!({
        "pipeline": "csv_import", "route": "imports", "total": items.len(),
        "failed": items.len(), "unanswered": items.len(), "segments": segments,
    });
    let ended = root("a", "complete", 0, counts);
    world.put("job/a", &ended);
    serde_json::from_value(ended).unwrap()
}

#[test]
fn what_cannot_succeed_is_not_tried_again() {
    let world = World::default();
    let alone = json!({"wanted": {"title": "It"}, "found": "error"});
    let ended = complete(&world, &[alone.clone(), book(1, Some("error"))]);
    let all = [Outcome::Error, Outcome::CircuitOpen, Outcome::NotFound];
    let again = retry(&world, &ended, &all).unwrap();
    assert_eq!(again.total, 1, "a title alone is not asked for");
    assert_eq!(again.retry.unwrap().unanswered, 1);

    let world = World::default();
    let ended = complete(&world, &[alone.clone(), alone]);
    let remedy = retry(&world, &ended, &all).unwrap_err();
    let unaskable = Remedy {
        unaskable: 2,
        ..Remedy::default()
    };
    assert_eq!(remedy, unaskable);
}

/// A retry that was begun before by an earlier version has all in its plan.
#[test]
fn a_retry_of_an_earlier_version_ends_as_it_has_begun() {
    let world = World::default();
    let alone = |found: &str| json!({"wanted": {"title": "It"}, "found": found});
    let items = [alone("error"), book(1, Some("error"))];
    let library = [put_part(&world, "job/b/lib/1-old.0", &items)];
    let tried = [alone("error"), book(1, Some("not_found"))];
    let segments = [put_part(&world, "job/b/seg/1-old.0", &tried)];
    let retry = json!({"of": "a", "only": ["error"], "library": library, "succeeded": 0});
    let more = json!({
        "pipeline": "csv_import", "route": "imports", "total": 2, "failed": 2, "unanswered": 1,
        "segments": segments, "retry": retry,
    });
    world.put("job/b", &root("b", "enriching", 0, more));
    world.pass(Duration::from_secs(600));
    let (settings, keyring) = (Settings::local(), Keyring::new(b"secret"));
    let engine = Engine::new(&world, &settings, &keyring);
    let id = JobId::parse("b").unwrap();
    done(engine.run(&id, None, &Finished));
    let end = world.root("job/b");
    let items: Vec<Item> = done(engine.items(&end, 0..2).try_concat()).unwrap();
    let found: Vec<_> = items
        .iter()
        .map(|item| item.found.clone().unwrap())
        .collect();
    assert_eq!(found, [Found::Error, Found::NotFound]);
}

#[test]
fn a_file_that_was_never_read_is_to_be_sent_again() {
    let world = World::default();
    for stage in ["error", "canceled"] {
        let more = json!({
            "pipeline": "csv_import", "route": "imports",
            "uploaded": {"name": "mine.csv", "files": 1, "bytes": 9},
        });
        let ended = root("a", stage, 0, more);
        world.put("job/a", &ended);
        let ended: Root = serde_json::from_value(ended).unwrap();
        let remedy = retry(&world, &ended, &[Outcome::Error]).unwrap_err();
        assert_eq!(remedy.file.as_deref(), Some("mine.csv"), "{stage}");
    }
}

/// What is no picture is not kept, and not looked at once more: it is to be sent anew.
#[test]
fn a_photo_that_is_broken_is_not_kept_for_a_retry() {
    let world = World::default();
    let photos: &[&[Option<&str>]] = &[&[Some("abc")], &[Some("abc")]];
    let mut ended = scan_with_kept_photos(&world, "complete", photos);
    ended.photos[1].code = Some(FailureCode::EImageInvalid);
    assert_eq!(ended.kept_photos().collect::<Vec<_>>(), [0]);
    assert_eq!(ended.lost_photos().collect::<Vec<_>>(), [1]);
    let (root, lost) = retry_photos(&world, &ended).unwrap();
    assert_eq!(root.retry.unwrap().photos, [0]);
    assert_eq!(lost, [1]);
}

#[test]
fn a_doubtful_match_is_confirmed_by_the_number_behind_its_candidates() {
    let world = World::default();
    let near = json!({"record": record("Another"), "reason": "unsure"});
    let mut item = book(0, None);
    item["found"] = json!({"record": record("Mine")});
    item["candidates"] = json!([near]);
    let ended = complete(&world, &[item]);
    let (settings, keyring) = (Settings::local(), Keyring::new(b"secret"));
    let engine = Engine::new(&world, &settings, &keyring);
    let found: Vec<Item> = done(engine.items(&ended, 0..1).try_concat()).unwrap();
    let own = found[0].own_match().unwrap();
    assert_eq!(
        (own.record.title(), own.reason),
        ("Mine", NearReason::Unsure)
    );
    let item = done(engine.choose(&ended, 0, Pick::Candidate(1))).unwrap();
    assert_eq!(item.choice, Some(ChosenBy::Candidate));
    assert_eq!(item.record().unwrap().title(), "Mine");
    assert_eq!(item.own_match(), None);
}

fn record(title: &str) -> books::Record {
    let record =
        json!({"provider": "openlibrary", "work": {"title": title}, "edition": {}, "authors": []});
    serde_json::from_value(record).unwrap()
}

/// A store that is busy for a moment while somebody chooses, or tries again.
#[test]
fn a_choice_and_a_retry_outlast_a_store_that_fails_for_a_moment() {
    let world = World::default();
    let ended = complete(&world, &[book(0, Some("error")), book(1, Some("error"))]);
    let (settings, keyring) = (Settings::local(), Keyring::new(b"secret"));
    let engine = Engine::new(&world, &settings, &keyring);
    world.failing.set(2);
    let pick = Pick::Record(ChosenBy::Work, Box::new(record("Chosen")));
    assert!(done(engine.choose(&ended, 0, pick)).unwrap().succeeded());
    for failing in 1..6 {
        let world = World::default();
        let ended = complete(&world, &[book(0, Some("error"))]);
        world.failing.set(failing);
        assert_eq!(
            retry(&world, &ended, &[Outcome::Error]).unwrap().total,
            1,
            "{failing}"
        );
    }
    // One that does not answer at all is an answer, too.
    world.failing.set(u32::MAX);
    let refused = done(engine.choose(&ended, 1, Pick::Nothing));
    assert!(
        matches!(refused, Err(job::ChooseError::Stop(_))),
        "{refused:?}"
    );
}

/// Parts of the library that the end of a retry has replaced, though nobody looks at it any more.
#[test]
fn nothing_is_left_of_the_library_that_an_ended_retry_has_replaced() {
    let world = World::default();
    let ended = complete(&world, &[book(0, Some("error")), book(1, Some("error"))]);
    let again = retry(&world, &ended, &[Outcome::Error]).unwrap();
    let id = again.id.clone();
    let tried = [book(0, Some("not_found")), book(1, Some("not_found"))];
    let segment = put_part(&world, &format!("job/{id}/seg/1-x.0"), &tried);
    let mut root = serde_json::to_value(&again).unwrap();
    root["stage"] = "enriching".into();
    root["failed"] = 2.into();
    root["segments"] = json!([segment]);
    world.put(&format!("job/{id}"), &root);
    world.pass(Duration::from_secs(600));
    let (settings, keyring) = (Settings::local(), Keyring::new(b"secret"));
    let engine = Engine::new(&world, &settings, &keyring);
    done(engine.run(&id, None, &Finished));
    let end = world.root(&format!("job/{id}"));
    assert_eq!((end.stage, end.leftovers.len()), (Stage::Complete, 0));
    let mut named: Vec<String> = end
        .retry
        .unwrap()
        .library
        .iter()
        .map(|part| part.key.clone())
        .collect();
    named.extend(end.segments.iter().map(|part| part.key.clone()));
    named.extend([format!("job/{id}"), format!("job/{id}/end")]);
    let store = world.store.borrow();
    let mut keys = store
        .keys()
        .filter(|key| key.starts_with(&format!("job/{id}")));
    assert_eq!(keys.find(|key| !named.contains(*key)), None);
}

/// What a run that died has left of an ended job goes with a sweep.
#[test]
fn a_sweep_deletes_what_is_left_of_ended_jobs() {
    let world = World::default();
    let more = json!({"leftovers": ["job/a/seg/1-old.9"]});
    world.put("job/a", &root("a", "complete", 0, more.clone()));
    world.put("job/a/end", &root("a", "complete", 0, more));
    world.put("job/a/seg/1-old.9", &json!([]));
    world.pass(Duration::from_secs(3_600));
    run_to_the_end(&world, "other");
    assert!(!world.has("job/a/seg/1-old.9"));
    assert!(world.root("job/a").leftovers.is_empty());
    assert!(world.has("job/a/end"));
}

/// What a person should look at is one number: of books, of counts, and after choices.
#[test]
fn what_is_to_be_reviewed_is_counted_by_one_rule() {
    let world = World::default();
    let mut doubtful = book(1, None);
    let mut unsure = record("Another");
    unsure.matched = Some(books::Match {
        by: books::MatchedBy::Isbn,
        confidence: 0.5,
    });
    doubtful["found"] = json!({"record": unsure});
    let mut dim = book(2, None);
    dim["found"] = json!({"record": record("Seen")});
    dim["detection"] = json!({
        "title": "Seen", "author": "", "confidence": 0.2, "photo": 0,
        "bounding_box": {"x1": 0.0, "y1": 0.0, "x2": 1.0, "y2": 1.0},
    });
    let items = [
        book(0, Some("not_found")),
        doubtful,
        dim,
        book(3, Some("error")),
        book(4, None),
    ];
    let mut ended = complete(&world, &items);
    ended.scan =
        serde_json::from_value(json!({"detected": 1, "approved": 0, "threshold": 0.6})).unwrap();
    ended.to_review = Some(3);
    let (settings, keyring) = (Settings::local(), Keyring::new(b"secret"));
    let engine = Engine::new(&world, &settings, &keyring);
    let to_review = |root: &Root| {
        let items: Vec<Item> = done(engine.items(root, 0..5).try_concat()).unwrap();
        items
            .iter()
            .map(|item| root.is_to_review(item))
            .collect::<Vec<_>>()
    };
    assert_eq!(to_review(&ended), [true, true, true, false, false]);
    done(engine.choose(&ended, 1, Pick::Candidate(0))).unwrap();
    done(engine.choose(&ended, 0, Pick::Nothing)).unwrap();
    done(engine.choose(&ended, 3, Pick::Nothing)).unwrap();
    assert_eq!(to_review(&ended), [false, false, true, false, false]);
    let counted = done(engine.with_choices(&ended)).unwrap();
    assert_eq!(counted.to_review, Some(1));
}

/// Of a job that was stopped, a lost part is looked up in the plan: its books are those that nobody
/// reached, for results, counts, exports and retries.
#[test]
fn books_whose_results_are_lost_are_asked_for_again() {
    for (stage, damaged) in [
        (Stage::Canceled, None),
        (Stage::Error, None),
        (Stage::Error, Some("[{\"wan")),
        (Stage::Error, Some("[]")),
    ] {
        let world = World::default();
        let ended = stopped(&world, stage);
        let part = ended.segments[0].key.clone();
        world.pass(Duration::from_secs(60));
        match damaged {
            None => world.store.borrow_mut().remove(&part),
            Some(bytes) => (world.store.borrow_mut()).insert(part, bytes.as_bytes().to_vec()),
        };
        let (settings, keyring) = (Settings::local(), Keyring::new(b"secret"));
        let engine = Engine::new(&world, &settings, &keyring);
        let all = ["Book 0", "Book 1", "Book 2", "Book 3", "Book 4"];
        assert_eq!(titles(engine, &ended, 0, 9), all, "{damaged:?}");
        assert_eq!(titles(engine, &ended, 2, 4), all[2..4]);
        let items: Vec<Item> = done(engine.items(&ended, 0..9).try_concat()).unwrap();
        assert!(items.iter().all(|item| item.found.is_none()));
        let counts = done(engine.with_choices(&ended)).unwrap().counts();
        assert_eq!((counts.total, counts.failed, counts.unanswered), (5, 5, 5));
        let again = retry(&world, &ended, &[Outcome::Error]).unwrap();
        assert_eq!(again.total, 5, "all that is not known any more");
        // One of them can be chosen.
        let pick = Pick::Record(ChosenBy::Work, Box::new(record("Chosen")));
        let item = done(engine.choose(&ended, 1, pick)).unwrap();
        assert_eq!(item.wanted.title, "Book 1");
    }
}

/// Where nothing says any more what was asked for, the other books keep their numbers.
#[test]
fn books_of_which_all_is_lost_leave_their_numbers_to_no_other() {
    let world = World::default();
    let segments = [
        put_part(
            &world,
            "job/a/seg/1-old.0",
            &[book(0, Some("error")), book(1, Some("error"))],
        ),
        put_part(&world, "job/a/seg/1-old.1", &[book(2, Some("error"))]),
    ];
    let report = json!({"key": "job/a/report/1-old.0", "count": 1, "bytes": 9});
    let more = json!({
        "pipeline": "csv_import", "route": "imports", "total": 3, "failed": 3, "unanswered": 3,
        "segments": segments, "report": report,
    });
    world.put("job/a", &root("a", "complete", 0, more));
    world.pass(Duration::from_secs(60));
    world.store.borrow_mut().remove("job/a/seg/1-old.0");
    let ended = world.root("job/a");
    let (settings, keyring) = (Settings::local(), Keyring::new(b"secret"));
    let engine = Engine::new(&world, &settings, &keyring);
    let items: Vec<Item> = done(engine.items(&ended, 0..9).try_concat()).unwrap();
    let lost: Vec<bool> = items.iter().map(Item::is_lost).collect();
    assert_eq!(lost, [true, true, false]);
    assert_eq!(items[2].wanted.title, "Book 2");
    assert!(done(engine.report(&ended)).unwrap().is_lost);
    // Nobody can be asked about them: a retry keeps their places.
    let again = retry(&world, &ended, &[Outcome::Error]).unwrap();
    assert_eq!((again.total, again.counts().total), (1, 3));
    // Somebody may know what it was.
    let pick = Pick::Record(ChosenBy::Work, Box::new(record("Chosen")));
    assert!(done(engine.choose(&ended, 1, pick)).unwrap().succeeded());
    let lost = done(engine.items(&ended, 0..9).try_concat()).unwrap();
    let lost: Vec<bool> = lost.iter().map(Item::is_lost).collect();
    assert_eq!(lost, [true, false, false]);
    // What is gone with its job is not lost.
    world.store.borrow_mut().remove("job/a");
    assert!(done(engine.items(&ended, 0..1).try_concat()).is_err());
}

/// A store that is behind shows the end of a job before its parts.
#[test]
fn what_a_store_does_not_show_yet_is_not_lost() {
    let world = World::default();
    let ended = stopped(&world, Stage::Canceled);
    let part = ended.segments[0].key.clone();
    let value = world.store.borrow_mut().remove(&part).unwrap();
    *world.late.borrow_mut() = Some((part, value));
    let (settings, keyring) = (Settings::local(), Keyring::new(b"secret"));
    let engine = Engine::new(&world, &settings, &keyring);
    let items: Vec<Item> = done(engine.items(&ended, 0..3).try_concat()).unwrap();
    assert!(items.iter().all(|item| item.found == Some(Found::NotFound)));
}

/// The choices of this job as an earlier version has written them: without candidates' records.
fn without_records(world: &World) {
    let key = "job/a/choices";
    let mut choices: Value = serde_json::from_slice(&world.store.borrow()[key]).unwrap();
    for choice in choices["books"].as_object_mut().unwrap().values_mut() {
        choice.as_object_mut().unwrap().remove("record");
    }
    world.put(key, &choices);
}

/// A candidate that was chosen stays chosen when the part that offered it is lost. Where nothing
/// says any more which record it was, the book is lost, and not one that nobody knows.
#[test]
fn a_candidate_that_was_chosen_outlasts_the_part_that_offered_it() {
    let near = json!({"record": record("Another"), "reason": "unsure"});
    let mut doubtful = book(0, Some("not_found"));
    doubtful["candidates"] = json!([near]);
    for is_of_before in [false, true] {
        let world = World::default();
        let ended = complete(&world, &[doubtful.clone(), book(1, Some("error"))]);
        let (settings, keyring) = (Settings::local(), Keyring::new(b"secret"));
        let engine = Engine::new(&world, &settings, &keyring);
        done(engine.choose(&ended, 0, Pick::Candidate(0))).unwrap();
        if is_of_before {
            without_records(&world);
        }
        world.pass(Duration::from_secs(60));
        world.store.borrow_mut().remove("job/a/seg/1-old.0");
        let items: Vec<Item> = done(engine.items(&ended, 0..9).try_concat()).unwrap();
        let titles: Vec<_> = items
            .iter()
            .map(|item| item.record().map(books::Record::title))
            .collect();
        let lost: Vec<bool> = items.iter().map(Item::is_lost).collect();
        assert_eq!(lost, [is_of_before, true]);
        assert_eq!(titles, [(!is_of_before).then_some("Another"), None]);
        // Somebody may know what it was.
        let pick = Pick::Record(ChosenBy::Work, Box::new(record("Chosen")));
        assert!(done(engine.choose(&ended, 0, pick)).unwrap().succeeded());
    }
}

/// The same of a job that was stopped: what was asked for is in its plan, and is tried again.
#[test]
fn a_choice_whose_candidate_is_lost_is_a_book_to_be_tried_again() {
    let world = World::default();
    let mut ended = stopped(&world, Stage::Canceled);
    let near = json!({"record": record("Another"), "reason": "unsure"});
    let mut tried: Vec<_> = (0..3)
        .map(|number| book(number, Some("not_found")))
        .collect();
    tried[1]["candidates"] = json!([near]);
    let (settings, keyring) = (Settings::local(), Keyring::new(b"secret"));
    let engine = Engine::new(&world, &settings, &keyring);
    let part = ended.segments[0].key.clone();
    let bytes = json!(tried).to_string().len();
    world.put(&part, &json!(tried));
    ended.segments[0].bytes = u32::try_from(bytes).unwrap();
    world.put("job/a", &serde_json::to_value(&ended).unwrap());
    done(engine.choose(&ended, 1, Pick::Candidate(0))).unwrap();
    let pick = Pick::Record(ChosenBy::Isbn, Box::new(record("Chosen")));
    done(engine.choose(&ended, 2, pick)).unwrap();
    let counts = || {
        let counts = done(engine.with_choices(&ended)).unwrap().counts();
        (counts.succeeded, counts.failed, counts.unanswered)
    };
    assert_eq!(counts(), (2, 3, 2));
    world.pass(Duration::from_secs(60));
    let whole = world.store.borrow_mut().remove(&part);
    assert!(whole.is_some());
    assert_eq!(
        counts(),
        (2, 3, 3),
        "both stay chosen, the third is not known any more"
    );
    without_records(&world);
    let items: Vec<Item> = done(engine.items(&ended, 0..9).try_concat()).unwrap();
    assert!(
        items
            .iter()
            .all(|item| item.found.is_none() && item.choice.is_none())
    );
    assert_eq!(counts(), (0, 5, 5));
    let again = retry(&world, &ended, &[Outcome::Error]).unwrap();
    assert_eq!((again.total, again.counts().total), (5, 5));
}
