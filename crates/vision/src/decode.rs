//! Decoding of an upload's bytes to pixels, within [`crate::MEMORY_BUDGET`].

use std::io::{BufReader, Cursor, ErrorKind, Read};

use crate::orientation::Orientation;
use crate::probe::{ImageError, ImageKind, Layout, Probe, probe};
use crate::raster::{Gray, Raster, Rgb};

/// Largest number of scans of a JPEG, more than any encoder writes; each costs a pass over the
/// whole photo.
const MAX_JPEG_SCANS: usize = 64;

/// A decoded photo.
pub(crate) struct Decoded {
    /// The photo's brightness as it is stored, in the resolution for barcodes.
    pub luma: Gray,
    /// The photo in colour as it is stored, in the resolution for vision models.
    pub color: Rgb,
    pub orientation: Orientation,
}

/// A reader of a JPEG that calls `pulse` as it goes, and fails when there are too many scans.
struct Pulsing<'a> {
    bytes: &'a [u8],
    pulse: &'a mut dyn FnMut(),
    last: u8,
    scans: usize,
}

/// Number of coded bytes that are read between two pulses: a flat photo of many pixels has few.
const PULSE_BYTES: usize = 4 << 10;

impl Read for Pulsing<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        (self.pulse)();
        let read = self.bytes.read(buffer)?;
        // A byte FF in coded data is followed by 00: this finds scan headers, and in metadata one
        // of 65,536. What is behind the picture, a short film say, is not read.
        for byte in &buffer[..read] {
            self.scans += usize::from([self.last, *byte] == [0xff, 0xda]);
            self.last = *byte;
        }
        match self.scans > MAX_JPEG_SCANS {
            true => Err(ErrorKind::InvalidData.into()),
            false => Ok(read),
        }
    }
}

/// Decodes a photo, and calls `pulse` every now and then.
pub(crate) fn decode(bytes: &[u8], pulse: &mut dyn FnMut()) -> Result<Decoded, ImageError> {
    let probe = probe(bytes)?;
    let (raster, orientation) = match probe.kind {
        ImageKind::Jpeg => jpeg(bytes, &probe, pulse)?,
        ImageKind::Png => png(bytes, &probe, pulse)?,
        ImageKind::WebP => webp(bytes, &probe, pulse)?,
    };
    let (luma, color) = raster.finish();
    Ok(Decoded {
        luma,
        color,
        orientation,
    })
}

fn jpeg(
    bytes: &[u8],
    probe: &Probe,
    pulse: &mut dyn FnMut(),
) -> Result<(Raster, Orientation), ImageError> {
    let reduction = probe.reduction().unwrap_or(8);
    let pulsing = Pulsing {
        bytes,
        pulse: &mut *pulse,
        last: 0,
        scans: 0,
    };
    let reader = BufReader::with_capacity(PULSE_BYTES, pulsing);
    let mut decoder = jpeg_decoder::Decoder::new(reader);
    let requested = |side: u32| (side.div_ceil(reduction)).min(u32::from(u16::MAX)) as u16;
    let (width, height) = decoder
        .scale(requested(probe.width), requested(probe.height))
        .map_err(jpeg_error)?;
    let pixels = decoder.decode().map_err(jpeg_error)?;
    let orientation = decoder
        .exif_data()
        .map_or_else(Orientation::default, Orientation::from_exif);
    let format = decoder.info().map(|info| info.pixel_format);
    drop(decoder);

    let width_bytes = usize::from(width);
    let mut raster = Raster::new(width.into(), height.into());
    match format {
        Some(jpeg_decoder::PixelFormat::RGB24) => {
            for row in pixels.chunks_exact(width_bytes * 3) {
                pulse();
                raster.push(row);
            }
        }
        Some(jpeg_decoder::PixelFormat::L8) => {
            push_rows(
                &mut raster,
                pixels.chunks_exact(width_bytes),
                1,
                pulse,
                |p| [p[0]; 3],
            );
        }
        Some(jpeg_decoder::PixelFormat::CMYK32) => {
            push_rows(
                &mut raster,
                pixels.chunks_exact(width_bytes * 4),
                4,
                pulse,
                |p| {
                    let ink = |c: u8| (u16::from(255 - c) * u16::from(255 - p[3]) / 255) as u8;
                    [ink(p[0]), ink(p[1]), ink(p[2])]
                },
            );
        }
        _ => {
            return Err(ImageError::Unsupported(
                "JPEG with more than 8 bits a sample",
            ));
        }
    }
    Ok((raster, orientation))
}

fn jpeg_error(error: jpeg_decoder::Error) -> ImageError {
    match error {
        jpeg_decoder::Error::Io(e) if e.kind() == ErrorKind::UnexpectedEof => {
            ImageError::Truncated("the JPEG ends before its last row".into())
        }
        jpeg_decoder::Error::Io(_) => {
            ImageError::Damaged("a JPEG with more scans than sense".into())
        }
        other => ImageError::Damaged(other.to_string()),
    }
}

fn png(
    bytes: &[u8],
    probe: &Probe,
    pulse: &mut dyn FnMut(),
) -> Result<(Raster, Orientation), ImageError> {
    let mut decoder =
        png::Decoder::new_with_limits(Cursor::new(bytes), png::Limits { bytes: 8 << 20 });
    decoder.set_ignore_text_chunk(true);
    decoder.set_ignore_iccp_chunk(true);
    decoder.set_transformations(png::Transformations::EXPAND | png::Transformations::STRIP_16);
    let mut reader = decoder.read_info().map_err(png_error)?;
    let (color, _) = reader.output_color_type();
    let samples = color.samples();
    let mut raster = Raster::new(probe.width, probe.height);
    let to_rgb = |p: &[u8]| match color {
        png::ColorType::Grayscale => [p[0]; 3],
        png::ColorType::GrayscaleAlpha => [on_white(p[0], p[1]); 3],
        png::ColorType::Rgb | png::ColorType::Indexed => [p[0], p[1], p[2]],
        png::ColorType::Rgba => [p[0], p[1], p[2]].map(|c| on_white(c, p[3])),
    };
    if probe.layout == (Layout::Png { interlaced: true }) {
        let size = reader
            .output_buffer_size()
            .ok_or(ImageError::Unsupported("PNG of impossible size"))?;
        let mut pixels = vec![0; size];
        reader.next_frame(&mut pixels).map_err(png_error)?;
        let row = probe.width as usize * samples;
        push_rows(
            &mut raster,
            pixels.chunks_exact(row),
            samples,
            pulse,
            to_rgb,
        );
    } else {
        let mut rgb = Vec::with_capacity(probe.width as usize * 3);
        while let Some(row) = reader.next_row().map_err(png_error)? {
            rgb.clear();
            rgb.extend(row.data().chunks_exact(samples).flat_map(to_rgb));
            pulse();
            raster.push(&rgb);
        }
    }
    let orientation = reader
        .info()
        .exif_metadata
        .as_deref()
        .map_or_else(Orientation::default, Orientation::from_exif);
    Ok((raster, orientation))
}

fn png_error(error: png::DecodingError) -> ImageError {
    match error {
        png::DecodingError::IoError(e) if e.kind() == ErrorKind::UnexpectedEof => {
            ImageError::Truncated("the PNG ends before its last row".into())
        }
        other => ImageError::Damaged(other.to_string()),
    }
}

fn webp(
    bytes: &[u8],
    probe: &Probe,
    pulse: &mut dyn FnMut(),
) -> Result<(Raster, Orientation), ImageError> {
    let mut decoder = image_webp::WebPDecoder::new(Cursor::new(bytes)).map_err(webp_error)?;
    decoder.set_memory_limit(1 << 20);
    if decoder.dimensions() != (probe.width, probe.height) {
        return Err(ImageError::Damaged("a WebP with two sizes".into()));
    }
    let channels = if decoder.has_alpha() { 4 } else { 3 };
    let row = probe.width as usize * channels;
    let mut pixels = vec![0; row * probe.height as usize];
    decoder.read_image(&mut pixels).map_err(webp_error)?;
    let exif = decoder.exif_metadata().ok().flatten();
    drop(decoder);
    let orientation = exif.map_or_else(Orientation::default, |e| {
        // Some writers put JPEG's marker before the TIFF header.
        Orientation::from_exif(e.strip_prefix(b"Exif\0\0").unwrap_or(&e))
    });
    let mut raster = Raster::new(probe.width, probe.height);
    push_rows(
        &mut raster,
        pixels.chunks_exact(row),
        channels,
        pulse,
        |p| match p {
            [r, g, b, a] => [*r, *g, *b].map(|c| on_white(c, *a)),
            _ => [p[0], p[1], p[2]],
        },
    );
    Ok((raster, orientation))
}

fn webp_error(error: image_webp::DecodingError) -> ImageError {
    match error {
        image_webp::DecodingError::IoError(e) if e.kind() == ErrorKind::UnexpectedEof => {
            ImageError::Truncated("the WebP ends before its last row".into())
        }
        other => ImageError::Damaged(other.to_string()),
    }
}

fn push_rows<'a>(
    raster: &mut Raster,
    rows: impl Iterator<Item = &'a [u8]>,
    samples: usize,
    pulse: &mut dyn FnMut(),
    to_rgb: impl Fn(&[u8]) -> [u8; 3],
) {
    let mut rgb = Vec::new();
    for row in rows {
        rgb.clear();
        rgb.extend(row.chunks_exact(samples).flat_map(&to_rgb));
        pulse();
        raster.push(&rgb);
    }
}

fn on_white(color: u8, alpha: u8) -> u8 {
    let alpha = u16::from(alpha);
    ((u16::from(color) * alpha + 255 * (255 - alpha)) / 255) as u8
}
