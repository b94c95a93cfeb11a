//! Measures detection rate (`rates`), time and peak memory (`costs`, or `files PATH...`), all
//! when nothing is named, or draws a photo of 12 megapixels with three codes (`draw PATH`):
//! `cargo run --release -p vision --example measure`.

#![allow(
    clippy::unwrap_used,
    reason = "a measurement that cannot go on has failed"
)]

#[allow(dead_code, reason = "tests use the rest")]
#[path = "../tests/scene/mod.rs"]
mod scene;

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use scene::{Placed, Scene};

/// An allocator that counts what is allocated, and keeps the peak.
struct Counting;

static NOW: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call is passed on unchanged.
#[allow(unsafe_code, reason = "an allocator is unsafe by definition")]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let now = NOW.fetch_add(layout.size(), Relaxed) + layout.size();
        PEAK.fetch_max(now, Relaxed);
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), Relaxed);
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const ISBNS: [&str; 3] = ["9780743273565", "9780063021426", "9791032305690"];

fn main() {
    let only = std::env::args().nth(1);
    let wanted = |name: &str| only.as_deref().is_none_or(|only| only == name);
    if wanted("rates") {
        rates();
    }
    if wanted("costs") {
        costs();
    }
    if only.as_deref() == Some("draw") {
        for path in std::env::args().skip(2) {
            std::fs::write(path, three_codes(4032, 3024).jpeg(80)).unwrap();
        }
    }
    if wanted("files") {
        for path in std::env::args().skip(2) {
            cost(&path, &std::fs::read(&path).unwrap());
        }
    }
}

/// Measures the detection rate of one code on a busy shelf, at every module size, blur and angle;
/// noise and JPEG always.
fn rates() {
    let angles: Vec<f32> = (0..24).map(|i| i as f32 * 15.0 + i as f32 * 0.7).collect();
    for (label, height, perspective) in [
        ("60 modules high", 60.0, 0.15),
        ("20 modules high", 20.0, 0.1),
    ] {
        println!(
            "barcodes {label}, noise 5, JPEG 80: read of {} angles",
            angles.len()
        );
        println!("module px   blur 0.5  blur 1.0  blur 1.5  blur 2.5");
        for module in [1.3f32, 1.6, 2.0, 2.5, 3.0, 4.0, 6.0, 9.0] {
            let side = ((130.0 * module) as usize).max(300);
            let cells = [0.5, 1.0, 1.5, 2.5].map(|blur| {
                let read = angles.iter().enumerate().filter(|(i, angle)| {
                    let mut scene = Scene::shelf(side, side, *i as u64 + 7);
                    let middle = side as f32 / 2.0;
                    let placed = Placed {
                        at: (middle, middle),
                        module,
                        angle: **angle,
                        perspective,
                        height,
                    };
                    let isbn = ISBNS[i % 3];
                    scene.barcode(isbn, placed);
                    scene.degrade(blur, 5.0);
                    let found = vision::Photo::decode(&scene.jpeg(80)).unwrap().barcodes();
                    if found.iter().any(|d| d.isbn.unwrap().as_str() != isbn) {
                        println!("MISREAD {found:?}");
                    }
                    found.iter().any(|d| d.isbn.unwrap().as_str() == isbn)
                });
                format!("{:>8}%", read.count() * 100 / angles.len())
            });
            println!("{module:>9}  {}", cells.join(" "));
        }
    }
}

/// A shelf with three codes at three angles.
fn three_codes(width: usize, height: usize) -> Scene {
    let mut scene = Scene::shelf(width, height, 3);
    for (i, angle) in [0.0, 37.0, 200.0].into_iter().enumerate() {
        let placed = Placed {
            at: (width as f32 * (0.25 + 0.25 * i as f32), height as f32 / 2.0),
            module: width as f32 / 1300.0,
            angle,
            perspective: 0.1,
            height: 60.0,
        };
        scene.barcode(ISBNS[i], placed);
    }
    scene.degrade(0.8, 3.0);
    scene
}

fn costs() {
    for (label, width, height) in [
        ("12 MP", 4032, 3024),
        ("24 MP", 5712, 4284),
        ("64 MP", 9248, 6920),
    ] {
        let scene = three_codes(width, height);
        cost(&format!("{label} JPEG 4:2:0"), &scene.jpeg(80));
        let full = scene.jpeg_with(80, |e| {
            e.set_sampling_factor(jpeg_encoder::SamplingFactor::F_1_1)
        });
        cost(&format!("{label} JPEG 4:4:4"), &full);
        cost(
            &format!("{label} progressive"),
            &scene.jpeg_with(80, |e| e.set_progressive(true)),
        );
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, width as u32, height as u32);
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_compression(png::Compression::Fast);
        encoder
            .write_header()
            .unwrap()
            .write_image_data(&scene.rgb)
            .unwrap();
        cost(&format!("{label} PNG"), &bytes);
    }
}

/// Processor time of this process, where Linux tells, so that other programs on the machine do not
/// count; else the time of the clock.
fn processor_time() -> Duration {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    // Fields 14 and 15, after a name that may contain anything; in hundredths of a second.
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default().split(' ');
    let ticks: u64 = fields
        .skip(12)
        .take(2)
        .filter_map(|field| field.parse::<u64>().ok())
        .sum();
    match ticks {
        0 => START.elapsed(),
        _ => Duration::from_millis(ticks * 10),
    }
}

fn cost(label: &str, bytes: &[u8]) {
    let before = NOW.load(Relaxed);
    PEAK.store(before, Relaxed);
    let start = processor_time();
    let decoded = match vision::Photo::decode(bytes) {
        Ok(photo) => photo,
        Err(e) => return println!("{label}: {e}"),
    };
    let decode = processor_time() - start;
    let start = processor_time();
    let barcodes = decoded.barcodes().len();
    let reading = processor_time() - start;
    drop(decoded);
    let start = processor_time();
    let prepared = vision::prepare(bytes).unwrap();
    let all = processor_time() - start;
    let peak = (PEAK.load(Relaxed) - before) as f64 / f64::from(1 << 20);
    println!(
        "{label}: {:.1} MB in, {barcodes} barcodes; decode {decode:.0?}, barcodes {reading:.0?}, all {all:.0?}; peak {peak:.0} MiB; {} x {}, {} KB out; {:?}",
        bytes.len() as f64 / 1e6,
        prepared.width,
        prepared.height,
        prepared.jpeg.len() / 1000,
        prepared.quality,
    );
    println!(
        "  {:?} {:?} {:?} {:?}",
        prepared.quality.image_quality(),
        prepared.quality.lighting(),
        prepared.quality.sharpness(),
        prepared
            .quality
            .suggestions()
            .iter()
            .map(|s| (s.kind, s.severity, s.affected_count))
            .collect::<Vec<_>>()
    );
}
