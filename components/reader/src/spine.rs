//! Conversion of what the networks read to the engine's documents.

use books::{Lettering as Text, Shelf, Spine};
use job::{Lettering, ReadLine, SpineReader, SpineReading};
use spines::{Line, Progress, Raster, Reader};
use vision::BoundingBox;

/// Largest number of regions of text that are read, more than a bookcase has: of a photo of small
/// print only the largest are read, so that no job waits for minutes behind it.
const MAX_REGIONS: usize = 1_000;

/// Largest number of characters of a line that are kept.
const MAX_TEXT: usize = 200;

/// The reader of spines that is built in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spines;

/// The reading of one photo.
pub(crate) struct Photo {
    reader: Reader,
    width: usize,
    height: usize,
}

impl SpineReader for Spines {
    type Reading = Photo;

    fn begin(
        &self,
        width: usize,
        height: usize,
        rgb: Vec<u8>,
        paused: Option<&[u8]>,
    ) -> Result<Photo, String> {
        let raster = Raster::new(width, height, rgb).ok_or("the photo has no pixels")?;
        let reader = match paused {
            Some(paused) => Reader::resume(raster, paused),
            None => Reader::new(raster),
        };
        let reader = reader.map_err(|error| error.to_string())?;
        Ok(Photo {
            reader,
            width,
            height,
        })
    }
}

impl SpineReading for Photo {
    fn step(&mut self) -> Result<f32, String> {
        let progress = self.reader.step().map_err(|error| error.to_string())?;
        // Finding the regions takes about as long as reading them.
        let half = |done: usize, of: usize| 0.5 * done as f32 / of.max(1) as f32;
        Ok(match progress {
            Progress::Detecting { done, of } => half(done, of).min(0.5),
            Progress::Reading { done, .. } if done >= MAX_REGIONS => 1.0,
            Progress::Reading { done, of } => (0.5 + half(done, of)).min(0.99),
            Progress::Finished => 1.0,
        })
    }

    fn pause(&self) -> Option<Vec<u8>> {
        self.reader.pause()
    }

    fn finish(self) -> Lettering {
        let lines = self.reader.finish();
        let spines = spines::chains(&lines, self.width, self.height);
        let size = (self.width as f32, self.height as f32);
        Lettering {
            shelf: Shelf {
                lettering: lines.iter().map(text).collect(),
                spines: spines
                    .into_iter()
                    .map(|chain| Spine {
                        lines: chain.lines,
                        beside: chain.beside,
                    })
                    .collect(),
            },
            lines: lines.iter().map(|line| read_line(line, size)).collect(),
        }
    }
}

fn text(line: &Line) -> Text {
    Text {
        text: line.text.chars().take(MAX_TEXT).collect(),
        height: line.place.height,
    }
}

fn read_line(line: &Line, (width, height): (f32, f32)) -> ReadLine {
    let corners = line.place.corners().map(|(x, y)| (x / width, y / height));
    let [x, y] = [
        corners.map(|corner| corner.0),
        corners.map(|corner| corner.1),
    ];
    let least = |values: [f32; 4]| values.into_iter().fold(f32::INFINITY, f32::min);
    let most = |values: [f32; 4]| values.into_iter().fold(f32::NEG_INFINITY, f32::max);
    ReadLine {
        bounding_box: BoundingBox::new((least(x), least(y)), (most(x), most(y))),
        confidence: line.confidence,
    }
}
