//! Stores that are full: who loses what to whom, and how much at once.

use super::*;

/// The results of one job.
const RESULTS: usize = 900_000;

/// Jobs of the client at this address, each with results, that have ended more than a minute ago.
fn ended_jobs(world: &World, engine: Engine<'_, World>, names: &[String], address: &str) {
    for name in names {
        let id = ask(engine, name, address).unwrap();
        end(world, &id, RESULTS);
        world.pass(Duration::from_secs(10));
    }
    world.pass(Duration::from_secs(60));
}

fn names(prefix: &str, count: usize) -> Vec<String> {
    (0..count).map(|n| format!("{prefix}-{n:02}")).collect()
}

fn left(world: &World, names: &[String]) -> usize {
    let is_left = |name: &&String| world.has(&format!("job/{name}/seg/1-x.0"));
    names.iter().filter(is_left).count()
}

/// Begins to receive a file of the client at this address.
fn upload<'a>(engine: Engine<'a, World>, id: &str, address: &str) -> Receiver<'a, World> {
    let client = Keyring::new(b"secret").client(address);
    receiving_a_library_of(engine, JobId::parse(id).unwrap(), Some(client))
}

/// Some of it is being received, some waits for a run.
#[test]
fn whoever_has_most_under_way_is_refused_and_nobody_loses_anything_for_it() {
    let world = World::default();
    let (settings, keyring) = (Settings::local(), Keyring::new(b"secret"));
    let engine = Engine::new(&world, &settings, &keyring);
    let modest = names("modest", 3);
    ended_jobs(&world, engine, &modest, "2.2.2.2");
    let mut receiving = upload(engine, "receiving", "1.1.1.1");
    done(receiving.write(&vec![b'x'; 2 * RESULTS])).unwrap();
    let mut queued = upload(engine, "queued", "1.1.1.1");
    done(queued.write(&vec![b'x'; 2 * RESULTS])).unwrap();
    done(queued.accept(String::new())).unwrap();
    world.most_bytes.set(world.bytes() + 2_000);

    assert!(done(receiving.write(&vec![b'x'; RESULTS])).is_err());
    assert_eq!(left(&world, &modest), 3);
    // Who has nothing gets in.
    let mut third = upload(engine, "third", "3.3.3.3");
    world.pass(Duration::from_secs(5));
    done(third.write(&vec![b'x'; RESULTS])).unwrap();
    assert!(left(&world, &modest) < 3);
}

#[test]
fn jobs_under_way_count_where_keys_are_scarce() {
    let world = World::default();
    let settings = Settings {
        max_keys: Some(100),
        ..Settings::local()
    };
    let keyring = Keyring::new(b"secret");
    let engine = Engine::new(&world, &settings, &keyring);
    let modest = names("modest", 6);
    ended_jobs(&world, engine, &modest, "2.2.2.2");
    for number in 0..3 {
        ask(engine, &format!("under-way-{number}"), "1.1.1.1").unwrap();
    }
    let refused = ask(engine, "one-more", "1.1.1.1");
    assert!(
        matches!(refused, Err(CreateError::StoreFull)),
        "{refused:?}"
    );
    assert_eq!(left(&world, &modest), 6);
}

/// As of a file that is made smaller after a while.
#[test]
fn room_that_comes_late_is_waited_for_and_made_once() {
    let world = World::default();
    let (settings, keyring) = (Settings::local(), Keyring::new(b"secret"));
    let engine = Engine::new(&world, &settings, &keyring);
    let greedy = names("greedy", 60);
    ended_jobs(&world, engine, &greedy, "1.1.1.1");
    world.most_bytes.set(world.bytes() + RESULTS / 2);
    world.lingers.set(Duration::from_secs(1));
    // As many as have 8 MB.
    let mut first = upload(engine, "first", "2.2.2.2");
    done(first.write(&vec![b'x'; 7 * RESULTS])).unwrap();
    assert_eq!(left(&world, &greedy), 50);
    // What was given is used up, and more is made at once.
    done(first.write(&vec![b'x'; 7 * RESULTS])).unwrap();
    assert_eq!(left(&world, &greedy), 40);
    done(first.accept(String::new())).unwrap();
}

#[test]
fn a_disk_that_stays_full_for_long_costs_little() {
    let world = World::default();
    let (settings, keyring) = (Settings::local(), Keyring::new(b"secret"));
    let engine = Engine::new(&world, &settings, &keyring);
    let greedy = names("greedy", 99);
    ended_jobs(&world, engine, &greedy, "1.1.1.1");
    world.most_bytes.set(world.bytes() + RESULTS / 2);
    world.lingers.set(Duration::from_secs(60));
    let began = world.monotonic();
    for number in 0..3 {
        let mut upload = upload(engine, &format!("upload-{number}"), "2.2.2.2");
        assert!(done(upload.write(&vec![b'x'; RESULTS])).is_err());
        done(upload.abandon());
    }
    let seconds = (world.monotonic() - began).as_secs() as usize;
    let gone = 99 - left(&world, &greedy);
    assert!(gone <= 10 * (seconds * 2 / 3 + 1), "{gone} in {seconds} s");
    assert!(gone < 80, "{gone}");
}

/// Somebody else's sweep has begun, whose room comes a moment later.
#[test]
fn a_job_waits_for_the_room_that_another_makes() {
    let world = World::default();
    let (settings, keyring) = (Settings::local(), Keyring::new(b"secret"));
    let engine = Engine::new(&world, &settings, &keyring);
    let greedy = names("greedy", 5);
    ended_jobs(&world, engine, &greedy, "1.1.1.1");
    world.put(
        "sweep",
        &json!({"at": world.now().0, "keys": 9, "claimed": world.now().0}),
    );
    world.most_bytes.set(world.bytes());
    world.lingers.set(Duration::from_millis(500));
    done(world.delete("job/greedy-00/seg/1-x.0")).unwrap();
    ask(engine, "late", "2.2.2.2").unwrap();
    assert_eq!(left(&world, &greedy), 4, "the others stay");
}

/// Two who hold as much ask in turn, ten times a second.
#[test]
fn clients_that_are_refused_in_turn_do_not_have_the_store_listed_each_time() {
    let world = World::default();
    let settings = Settings {
        max_keys: Some(60),
        ..Settings::local()
    };
    let keyring = Keyring::new(b"secret");
    let engine = Engine::new(&world, &settings, &keyring);
    for number in 0..18 {
        let address = ["1.1.1.1", "2.2.2.2"][number % 2];
        let id = ask(engine, &format!("job-{number:02}"), address).unwrap();
        end(&world, &id, 0);
    }
    let before = world.lists.get();
    for number in 0..40 {
        let address = ["1.1.1.1", "2.2.2.2"][number % 2];
        let refused = ask(engine, "one-more", address);
        assert!(
            matches!(refused, Err(CreateError::StoreFull)),
            "{refused:?}"
        );
        world.pass(Duration::from_millis(100));
    }
    let lists = world.lists.get() - before;
    assert!(lists <= 2, "{lists} in 4 s");
}

#[test]
fn a_job_that_goes_before_the_webhook_is_told_of_it_is_logged() {
    for hours in [1, 25] {
        let (world, settings) = full_of_untold(hours);
        // Of the two oldest the webhook has been told, of the others not: three must go.
        for told in ["job-00", "job-01"] {
            world
                .store
                .borrow_mut()
                .remove(&format!("job/{told}/webhook"));
        }
        let settings = Settings {
            max_keys: settings.max_keys.map(|keys| keys - 4),
            ..settings
        };
        let keyring = Keyring::new(b"secret");
        let engine = Engine::new(&world, &settings, &keyring);
        assert!(done(engine.store_has_capacity()).unwrap());
        let logged = world.logged.take().into_iter();
        let lost = logged.filter(|(event, _)| event == "webhook-given-up");
        let lost: Vec<Value> = lost.map(|(_, line)| line["jobId"].clone()).collect();
        let gone: Vec<String> = (0..20)
            .map(|number| format!("job-{number:02}"))
            .filter(|id| !world.has(&format!("job/{id}/end")))
            .collect();
        assert!(gone.len() > 2, "{gone:?}");
        assert_eq!(lost, gone[2..], "after {hours} h");
    }
}
