//! Photos: preparation and the barcode pass, in the component and natively.

use std::time::Instant;

use super::sample;
use crate::app::{CompiledApp, Setup};
use crate::client::{Work, ms};
use crate::figures::{Figure, Report, Statistic};

/// A busy shelf, as hard to compress as a photo.
fn photo(width: u16, height: u16) -> anyhow::Result<Vec<u8>> {
    let (w, h) = (usize::from(width), usize::from(height));
    let mut pixels = Vec::with_capacity(w * h * 3);
    let mut noise = 0x9e37_79b9_u32;
    for y in 0..h {
        for x in 0..w {
            noise ^= noise << 13;
            noise ^= noise >> 17;
            noise ^= noise << 5;
            let spine = u8::try_from((x / 90) * 37 % 200)?;
            let line = if (y / 30) % 7 == 0 { 40 } else { 0 };
            let grain = u8::try_from(noise % 12)?;
            let level = spine + line + grain;
            pixels.extend([level, level / 2 + grain, 255 - level]);
        }
    }
    let mut jpeg = Vec::new();
    let encoder = jpeg_encoder::Encoder::new(&mut jpeg, 85);
    encoder.encode(&pixels, width, height, jpeg_encoder::ColorType::Rgb)?;
    Ok(jpeg)
}

/// Measures photos of 12 and 48 megapixels.
pub(super) async fn run(
    compiled: &CompiledApp,
    rounds: u32,
    report: &mut Report,
) -> anyhow::Result<()> {
    let app = compiled.start(Setup::default()).await?;
    for (megapixels, width, height) in [(12, 4_000, 3_000), (48, 8_000, 6_000)] {
        let jpeg = photo(width, height)?;
        let (mut component, mut native) = (vec![], vec![]);
        let work = Work {
            path: "/api/batch-scan",
            kind: "image/jpeg",
            body: jpeg.clone().into(),
        };
        for _ in 0..rounds {
            let start = Instant::now();
            std::hint::black_box(vision::prepare(&jpeg)?);
            native.push(ms(start.elapsed()));
            let start = Instant::now();
            app.client.read_barcodes(&work).await?;
            component.push(ms(start.elapsed()));
        }
        let size = sample(jpeg.len()) / 1e6;
        let what = format!("{megapixels} megapixels, {size:.1} MB, POST to outcome");
        let figure = Figure::of("prepare", what, "ms", &component);
        report.add(figure.against(&native).goal(Statistic::Ratio, 3.0));
    }
    Ok(())
}
