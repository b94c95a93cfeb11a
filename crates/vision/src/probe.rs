//! The type and size of an upload, read from its first bytes and never from what it calls itself.

use thiserror::Error;

use crate::raster;

/// The largest photo that is accepted, in pixels. The biggest phone sensors that write JPEG by
/// default stay below.
pub const MAX_PIXELS: u64 = 64_000_000;

/// The smallest side, in pixels, on which anything could be read.
pub const MIN_SIDE: u32 = 16;

/// Memory that decoding may occupy at its peak, in bytes, beside the upload itself. Platforms give
/// a request 128 MiB; the upload (10 MB), the re-encoded photo and the program take the rest.
pub const MEMORY_BUDGET: u64 = 88 << 20;

/// The codecs that can be decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImageKind {
    /// Baseline, extended or progressive JPEG with 8 bits a sample.
    Jpeg,
    /// PNG of any colour type; of an animated one the still image.
    Png,
    /// Still WebP, lossy or lossless.
    WebP,
}

/// The facts that an image's header states.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probe {
    /// The codec.
    pub kind: ImageKind,
    /// Width in pixels as stored, before an EXIF orientation is applied.
    pub width: u32,
    /// Height in pixels as stored, before an EXIF orientation is applied.
    pub height: u32,
    pub(crate) layout: Layout,
}

/// The properties of an image on which the memory for decoding depends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    Jpeg {
        progressive: bool,
        /// Number of components: 1 (grey), 3 or 4.
        components: u8,
        /// Number of samples of all components for each 16 pixels: 48 without, 24 with 4:2:0
        /// subsampling.
        samples_per_16: u8,
    },
    Png {
        interlaced: bool,
    },
    WebP {
        /// Whether the image is lossless, or has an alpha plane.
        four_channels: bool,
    },
}

/// The reason why an upload cannot be used. `Display` is the technical message.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ImageError {
    /// The upload is empty.
    #[error("the upload is empty")]
    Empty,
    /// The upload is not JPEG, PNG or WebP; names the format when it is a known one.
    #[error("not a JPEG, PNG or WebP image{}", .0.map(|f| format!(" but {f}")).unwrap_or_default())]
    NotAnImage(Option<&'static str>),
    /// The data ends before the image does.
    #[error("the image is cut off: {0}")]
    Truncated(String),
    /// The data contradicts the format.
    #[error("the image is damaged: {0}")]
    Damaged(String),
    /// A valid image of a kind that is not decoded.
    #[error("unsupported image: {0}")]
    Unsupported(&'static str),
    /// The upload is a WebP animation.
    #[error("animated WebP")]
    Animated,
    /// The image has more than [`MAX_PIXELS`], or a decoded size beyond [`MEMORY_BUDGET`].
    #[error("{width} x {height} pixels are too many: {limit}")]
    TooLarge {
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
        /// Name of the exceeded limit.
        limit: &'static str,
    },
    /// The image has a side below [`MIN_SIDE`].
    #[error("{width} x {height} pixels are too few: each side needs {MIN_SIDE}")]
    TooSmall {
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
    },
}

impl ImageError {
    /// A sentence for the person who took the photo.
    pub fn user_message(&self) -> &'static str {
        match self {
            Self::Empty => "The photo arrived empty. Please send it again.",
            Self::NotAnImage(Some("HEIC" | "AVIF")) => {
                "This photo is in a format that we cannot read yet. Please send it as JPEG (on an iPhone: Settings, Camera, Formats, Most Compatible)."
            }
            Self::NotAnImage(_) => {
                "This file is not a photo that we can read. Please send a JPEG, PNG or WebP image."
            }
            Self::Truncated(_) => "The photo did not arrive completely. Please send it again.",
            Self::Damaged(_) => "The photo is damaged. Please take or send it again.",
            Self::Unsupported(_) => {
                "We cannot read this kind of image. Please send it as an ordinary JPEG."
            }
            Self::Animated => "This is an animation. Please send a still photo.",
            Self::TooLarge { .. } => {
                "The photo is too large. Please send it with at most 64 megapixels, or take it with a lower resolution."
            }
            Self::TooSmall { .. } => "The photo is too small to read anything on it.",
        }
    }
}

/// Reads an image's kind and size, and refuses what [`crate::prepare`] would refuse for them,
/// without decoding a pixel. `bytes` may be only the beginning of the image, as long as the
/// header is in it; of a JPEG that is everything before the first scan, at times 100 KB.
///
/// # Errors
/// `ImageError` says why it would not be decoded.
pub fn probe(bytes: &[u8]) -> Result<Probe, ImageError> {
    let probe = match bytes {
        [] => return Err(ImageError::Empty),
        [0xff, 0xd8, 0xff, ..] => jpeg(bytes)?,
        [0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a, ..] => png(bytes)?,
        [
            b'R',
            b'I',
            b'F',
            b'F',
            _,
            _,
            _,
            _,
            b'W',
            b'E',
            b'B',
            b'P',
            ..,
        ] => webp(bytes)?,
        _ => return Err(ImageError::NotAnImage(other_format(bytes))),
    };
    let Probe { width, height, .. } = probe;
    let too_large = |limit| {
        Err(ImageError::TooLarge {
            width,
            height,
            limit,
        })
    };
    if u64::from(width) * u64::from(height) > MAX_PIXELS {
        return too_large("the limit is 64 megapixels");
    }
    if width < MIN_SIDE || height < MIN_SIDE {
        return Err(ImageError::TooSmall { width, height });
    }
    if probe.reduction().is_none() {
        return too_large("decoded it does not fit the memory of a request");
    }
    Ok(probe)
}

impl Probe {
    /// The factor by which the decoder has to reduce each side (1, 2, 4 or 8) to stay within
    /// [`MEMORY_BUDGET`]; `None` when it cannot.
    pub(crate) fn reduction(&self) -> Option<u32> {
        let reductions: &[u32] = match self.layout {
            Layout::Jpeg { .. } => &[1, 2, 4, 8],
            _ => &[1],
        };
        let fits = |r: &&u32| self.decoding_memory(**r) <= MEMORY_BUDGET;
        reductions.iter().find(fits).copied()
    }

    /// An upper estimate of what decoding with this reduction occupies at its peak, in bytes;
    /// `examples/measure.rs` compares it with what is allocated.
    fn decoding_memory(&self, reduction: u32) -> u64 {
        let full = u64::from(self.width) * u64::from(self.height);
        let side = |length: u32| u64::from(length.div_ceil(reduction));
        let pixels = side(self.width) * side(self.height);
        // Inside the decoder, and what it hands over.
        let (inside, pixel_bytes) = match self.layout {
            Layout::Jpeg {
                progressive,
                components,
                samples_per_16,
            } => {
                let samples = u64::from(samples_per_16);
                let coefficients = if progressive { full * samples / 8 } else { 0 };
                (coefficients + pixels * samples / 16, u64::from(components))
            }
            // Rows are consumed as they are decoded.
            Layout::Png { interlaced: false } => (0, 0),
            Layout::Png { interlaced: true } => (0, 4),
            Layout::WebP {
                four_channels: false,
            } => (pixels * 2, 3),
            Layout::WebP {
                four_channels: true,
            } => (pixels * 5, 4),
        };
        inside.max(raster::bytes(
            self.width / reduction,
            self.height / reduction,
        )) + pixels * pixel_bytes
    }
}

fn other_format(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [_, _, _, _, b'f', b't', b'y', b'p', brand @ ..] => match brand.get(..4)? {
            b"heic" | b"heix" | b"mif1" | b"msf1" | b"hevc" => Some("HEIC"),
            b"avif" | b"avis" => Some("AVIF"),
            _ => Some("a video"),
        },
        [b'G', b'I', b'F', b'8', ..] => Some("GIF"),
        [b'B', b'M', ..] => Some("BMP"),
        [b'I', b'I', 42, 0, ..] | [b'M', b'M', 0, 42, ..] => Some("TIFF"),
        [b'%', b'P', b'D', b'F', ..] => Some("PDF"),
        _ => None,
    }
}

/// Probes a JPEG: walks the marker segments up to the frame header (ITU-T T.81, annex B).
fn jpeg(bytes: &[u8]) -> Result<Probe, ImageError> {
    let cut = || ImageError::Truncated("the JPEG ends before its frame header".into());
    let mut rest = &bytes[2..];
    loop {
        let [0xff, marker, after @ ..] = rest else {
            return Err(match rest {
                [] | [0xff] => cut(),
                _ => ImageError::Damaged("a JPEG marker is missing".into()),
            });
        };
        match marker {
            0xff => {
                rest = &rest[1..];
                continue;
            }
            0x01 | 0xd0..=0xd7 => {
                rest = after;
                continue;
            }
            0xd9 | 0xda => {
                return Err(ImageError::Damaged("a JPEG without frame header".into()));
            }
            _ => {}
        }
        let [high, low, ..] = after else {
            return Err(cut());
        };
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        if length < 2 {
            return Err(ImageError::Damaged("a JPEG segment without length".into()));
        }
        let body = after.get(2..length).ok_or_else(cut)?;
        match marker {
            0xc0..=0xc2 => return jpeg_frame(body, *marker == 0xc2),
            0xc3 => return Err(ImageError::Unsupported("lossless JPEG")),
            0xc5..=0xc7 => return Err(ImageError::Unsupported("hierarchical JPEG")),
            0xc9..=0xcf if *marker != 0xcc => {
                return Err(ImageError::Unsupported("arithmetic-coded JPEG"));
            }
            _ => rest = &after[length..],
        }
    }
}

fn jpeg_frame(body: &[u8], progressive: bool) -> Result<Probe, ImageError> {
    let damaged = || ImageError::Damaged("a JPEG frame header that contradicts itself".into());
    let [precision, h1, h0, w1, w0, components, specs @ ..] = body else {
        return Err(damaged());
    };
    if *precision != 8 {
        return Err(ImageError::Unsupported(
            "JPEG with other than 8 bits a sample",
        ));
    }
    if !matches!(components, 1 | 3 | 4) {
        return Err(ImageError::Unsupported(
            "JPEG with an odd number of components",
        ));
    }
    let sampling: Vec<(u32, u32)> = specs
        .chunks_exact(3)
        .take(usize::from(*components))
        .map(|spec| (u32::from(spec[1] >> 4), u32::from(spec[1] & 15)))
        .collect();
    let valid = |&(h, v): &(u32, u32)| (1..=4).contains(&h) && (1..=4).contains(&v);
    if sampling.len() != usize::from(*components) || !sampling.iter().all(valid) {
        return Err(damaged());
    }
    let most = sampling.iter().map(|s| s.0).max().unwrap_or(1)
        * sampling.iter().map(|s| s.1).max().unwrap_or(1);
    let samples: u32 = sampling.iter().map(|s| s.0 * s.1).sum();
    let (width, height) = (
        u16::from_be_bytes([*w1, *w0]),
        u16::from_be_bytes([*h1, *h0]),
    );
    Ok(Probe {
        kind: ImageKind::Jpeg,
        width: width.into(),
        height: height.into(),
        layout: Layout::Jpeg {
            progressive,
            components: *components,
            // At most 4 components that are each sampled fully.
            samples_per_16: (samples * 16).div_ceil(most).min(64) as u8,
        },
    })
}

/// Probes a PNG by the IHDR chunk, which the specification puts first.
fn png(bytes: &[u8]) -> Result<Probe, ImageError> {
    let header = bytes
        .get(8..33)
        .ok_or_else(|| ImageError::Truncated("the PNG ends in its header".into()))?;
    let number = |at: usize| {
        u32::from_be_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
    };
    if &header[4..8] != b"IHDR" || number(0) != 13 {
        return Err(ImageError::Damaged("a PNG without header chunk".into()));
    }
    Ok(Probe {
        kind: ImageKind::Png,
        width: number(8),
        height: number(12),
        layout: Layout::Png {
            interlaced: header[20] != 0,
        },
    })
}

/// Probes a WebP by the image chunk (RFC 9649): `VP8L` or `VP8 `, after a `VP8X` the first of them
/// that follows. The canvas that `VP8X` claims must be the size of the image inside, or the sizes
/// that were checked would not be the sizes that are decoded.
fn webp(bytes: &[u8]) -> Result<Probe, ImageError> {
    let cut = || ImageError::Truncated("the WebP ends in its header".into());
    let damaged = || ImageError::Damaged("a WebP header that contradicts itself".into());
    let mut canvas = None;
    let mut alpha = false;
    let mut rest = &bytes[12..];
    loop {
        let [a, b, c, d, l0, l1, l2, l3, body @ ..] = rest else {
            return Err(cut());
        };
        let (width, height, lossless) = match (&[*a, *b, *c, *d], canvas) {
            (b"VP8X", None) => {
                let [flags, _, _, _, w0, w1, w2, h0, h1, h2, ..] = body else {
                    return Err(cut());
                };
                if flags & 0x02 != 0 {
                    return Err(ImageError::Animated);
                }
                let extent = |a: &u8, b: &u8, c: &u8| 1 + u32::from_le_bytes([*a, *b, *c, 0]);
                canvas = Some((extent(w0, w1, w2), extent(h0, h1, h2)));
                alpha = flags & 0x10 != 0;
                let length = u32::from_le_bytes([*l0, *l1, *l2, *l3]) as usize;
                rest = padded(body, length).ok_or_else(cut)?;
                continue;
            }
            (b"VP8L", _) => {
                let [0x2f, a, b, c, d, ..] = body else {
                    return Err(if body.len() < 5 { cut() } else { damaged() });
                };
                let bits = u32::from_le_bytes([*a, *b, *c, *d]);
                (1 + (bits & 0x3fff), 1 + (bits >> 14 & 0x3fff), true)
            }
            (b"VP8 ", _) => {
                let [_, _, _, 0x9d, 0x01, 0x2a, w0, w1, h0, h1, ..] = body else {
                    return Err(if body.len() < 10 { cut() } else { damaged() });
                };
                let extent =
                    |low: &u8, high: &u8| u32::from(u16::from_le_bytes([*low, *high]) & 0x3fff);
                (extent(w0, w1), extent(h0, h1), false)
            }
            (_, Some(_)) => {
                let length = u32::from_le_bytes([*l0, *l1, *l2, *l3]) as usize;
                rest = padded(body, length).ok_or_else(cut)?;
                continue;
            }
            _ => return Err(damaged()),
        };
        if canvas.is_some_and(|canvas| canvas != (width, height)) {
            return Err(damaged());
        }
        return Ok(Probe {
            kind: ImageKind::WebP,
            width,
            height,
            layout: Layout::WebP {
                four_channels: alpha || lossless,
            },
        });
    }
}

/// Returns the bytes after a chunk's body; chunks of odd length are padded.
fn padded(body: &[u8], length: usize) -> Option<&[u8]> {
    body.get(length.checked_add(length & 1)?..)
}
