//! What uploads leave on the disk: nothing, soon after their job has ended.

use std::fs;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use stand_ins::Fault;

use crate::app::{App, Job, Setup, can_run, ended_of_greedy, eventually};
use crate::photos::{self, form, scan_barcodes};

/// How soon after a job's end nothing of its uploads may be left.
const ERASED_IN: Duration = Duration::from_secs(5);

/// A photo with so many bytes behind its picture, all of them this text.
fn marked(text: &str, bytes: usize) -> Vec<u8> {
    let mut photo = photos::spines(1);
    let end = photo.len() + bytes;
    while photo.len() < end {
        photo.extend_from_slice(text.as_bytes());
    }
    photo
}

fn finish(app: &App, job: &Job) {
    let began = Instant::now();
    while matches!(
        app.status(job)["status"].as_str(),
        Some("initialized" | "processing")
    ) {
        assert!(began.elapsed() < Duration::from_secs(300), "{job:?}");
        thread::sleep(Duration::from_millis(50));
    }
}

/// The files of the store.
fn files(app: &App) -> Vec<std::path::PathBuf> {
    let files = fs::read_dir(app.state()).unwrap();
    files
        .map(|file| file.unwrap().path())
        .filter(|path| path.is_file())
        .collect()
}

/// The names of the files that hold this text.
fn holding(app: &App, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for file in files(app) {
        // A log may have gone meanwhile.
        let bytes = fs::read(&file).unwrap_or_default();
        if String::from_utf8_lossy(&bytes).contains(text) {
            found.push(file.display().to_string());
        }
    }
    found
}

fn assert_erased(app: &App, text: &str) {
    let ended = Instant::now();
    loop {
        let found = holding(app, text);
        if found.is_empty() {
            return;
        }
        assert!(ended.elapsed() < ERASED_IN, "{text} is in {found:?}");
        thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn a_deleted_photo_is_nowhere_on_the_disk() {
    let app = App::start();
    let marker = "a-mark-of-one-photo";
    let job = scan_barcodes(&app, &[&marked(marker, 3 << 20), &marked(marker, 1 << 20)]);
    finish(&app, &job);
    assert_erased(&app, marker);
}

#[test]
fn a_photo_that_a_killed_process_held_is_nowhere_on_the_disk() {
    let mut app = Setup::new()
        .variable("openai_model", "")
        .variable("vision_timeout_s", "120")
        .start();
    let marker = "a-mark-of-another-photo";
    app.sandbox.gemini().behave(Fault::Hang.always());
    let photo = marked(marker, 2 << 20);
    let request = app.request("POST", "/api/batch-scan");
    let job = Job::of(&form(request, &[&photo]).send().data(202));
    eventually("the model is asked", || app.sandbox.gemini().count() > 0);
    assert_ne!(holding(&app, marker), Vec::<String>::new());
    app.kill();
    assert_ne!(holding(&app, marker), Vec::<String>::new());
    app.sandbox.gemini().behave(stand_ins::Behaviour::default());
    app.start_again();
    finish(&app, &job);
    assert_erased(&app, marker);
}

/// The bytes of all files of the store.
fn size(app: &App) -> u64 {
    let sizes = files(app)
        .into_iter()
        .map(|file| fs::metadata(file).map_or(0, |file| file.len()));
    sizes.sum()
}

/// `DISK_GB` says how much is sent (10 if not set); the figures are printed:
/// `cargo test --release -p acceptance --test acceptance -- disk --ignored --nocapture`.
#[test]
#[ignore = "writes 10 GB"]
fn what_has_passed_through_a_store_leaves_it_small() {
    let gigabytes = std::env::var("DISK_GB")
        .ok()
        .and_then(|text| text.parse().ok());
    let to_send = gigabytes.unwrap_or(10) << 30u64;
    let app = Setup::new().start();
    // What is kept: about 100 MB of results.
    let library = stand_ins::library(9_000);
    while app.result_bytes() < 100 << 20 {
        let job = app.import(&library);
        finish(&app, &job);
    }
    thread::sleep(ERASED_IN);
    let (kept, before) = (app.result_bytes() >> 20, size(&app) >> 20);
    let (sent, done) = (AtomicU64::new(0), AtomicBool::new(false));
    let refused = AtomicU64::new(0);
    let began = Instant::now();
    let most = thread::scope(|scope| {
        let watching = scope.spawn(|| {
            let mut most = 0;
            while !done.load(Ordering::Relaxed) {
                most = most.max(size(&app));
                thread::sleep(Duration::from_millis(100));
            }
            most >> 20
        });
        let senders: Vec<_> = (0..3)
            .map(|sender| {
                let (app, sent, refused) = (&app, &sent, &refused);
                scope.spawn(move || {
                    let photo = marked(&format!("a-mark-of-sender-{sender}"), 9 << 20);
                    let photos = [photo.as_slice(); 5];
                    let bytes = photo.len() as u64 * 5;
                    while sent.fetch_add(bytes, Ordering::Relaxed) < to_send {
                        // A store that is asked for so much may be busy for a moment.
                        let job = loop {
                            let request = app.request("POST", "/api/batch-scan");
                            let request = request.header("x-ai-provider", "barcode");
                            match form(request, &photos).send() {
                                busy if busy.status() == 503 => {
                                    refused.fetch_add(1, Ordering::Relaxed);
                                    thread::sleep(Duration::from_secs(2));
                                }
                                answer => break Job::of(&answer.data(202)),
                            }
                        };
                        finish(app, &job);
                    }
                })
            })
            .collect();
        for sender in senders {
            sender.join().unwrap();
        }
        done.store(true, Ordering::Relaxed);
        watching.join().unwrap()
    });
    let took = began.elapsed();
    for sender in 0..3 {
        assert_erased(&app, &format!("a-mark-of-sender-{sender}"));
    }
    let after = size(&app) >> 20;
    println!(
        "{} MB sent in {took:?}, {} uploads told to come back; {kept} MB of results; the store had {before} MB before, {most} MB at most, {after} MB after",
        sent.load(Ordering::Relaxed) >> 20,
        refused.into_inner(),
    );
    assert!(
        after < before + before / 4 + 16,
        "{after} MB after {before} MB"
    );
    assert!(most < before + before / 4 + 400, "{most} MB at most");
}

/// A small disk below the files of an application, where that is allowed.
struct SmallDisk(std::path::PathBuf);

impl SmallDisk {
    fn of_megabytes(size: u32, folder: &std::path::Path) -> Option<Self> {
        let mounted = std::process::Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={size}m"), "tmpfs"])
            .arg(folder)
            .output();
        let is_there = mounted.is_ok_and(|output| output.status.success());
        can_run("right to mount a tmpfs", is_there, "DISK_TESTS").then(|| Self(folder.to_owned()))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount")
            .arg("-l")
            .arg(&self.0)
            .status();
    }
}

/// The file becomes smaller only a moment after something was deleted, and until then there is no
/// room for large values.
#[test]
fn what_is_uploaded_to_a_full_disk_costs_others_about_as_much() {
    const RESULTS: usize = 900_000;
    let mut app = App::start();
    app.kill();
    let compiled = fs::read_link(app.state().join("compiled")).unwrap();
    let Some(_disk) = SmallDisk::of_megabytes(110, app.state()) else {
        return;
    };
    std::os::unix::fs::symlink(compiled, app.state().join("compiled")).unwrap();
    app.start_again();
    app.kill();
    let store = rusqlite::Connection::open(app.state().join("sqlite_key_value.db")).unwrap();
    for number in 0..90 {
        for (key, value) in ended_of_greedy(number, RESULTS) {
            let put = "INSERT INTO spin_key_value (store, key, value) VALUES ('default', ?1, ?2)";
            store.execute(put, rusqlite::params![key, value]).unwrap();
        }
    }
    store.close().unwrap();
    app.start_again();
    let photo = marked("a-mark", 7 << 20);
    let send = || {
        let request = app.request("POST", "/api/batch-scan");
        let request = request.header("x-ai-provider", "barcode");
        form(request, &[photo.as_slice(); 5]).send()
    };
    let mut answers = vec![send()];
    // The file may need longer to become smaller than a client is kept waiting.
    while answers[answers.len() - 1].status() == 503 && answers.len() < 10 {
        thread::sleep(Duration::from_secs(2));
        answers.push(send());
    }
    let left = usize::try_from(app.result_bytes()).unwrap() / RESULTS;
    println!("{left} of 90 are left, asked {} times", answers.len());
    finish(&app, &Job::of(&answers.remove(answers.len() - 1).data(202)));
    let gone = (90 - left) * RESULTS;
    assert!(gone <= 35 * 1_100_000 + (16 << 20), "{gone} bytes");
    app.kill();
}
