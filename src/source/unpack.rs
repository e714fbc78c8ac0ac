//! Compressed bytes, turned into plain ones as they are read: gzip with many members, zstd with many frames.
//!
//! Invariants: 1. what ends before its format says so is an error, never a quiet end. 2. Check-sums are compared where
//! the data has them. 3. Memory is that of one window: 32 KiB of gzip, what a frame asks for of zstd, at most 128 MiB.
//! Cost: zstd is decoded in Rust alone, without C.

use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};
use std::io::{BufRead, BufReader, Error, ErrorKind, Read};

/// What a frame of zstd in a file may ask for.
const LARGEST_WINDOW: u64 = 128 << 20;

/// How bytes are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    None,
    /// gzip.
    Gzip,
    /// zstd.
    Zstd,
}

impl Compression {
    /// What the ending of the name says: `.gz` and `.gzip`, `.zst` and `.zstd`.
    pub fn of_name(path: &str) -> Self {
        let lower = path.to_ascii_lowercase();
        let ends = |endings: [&str; 2]| endings.iter().any(|ending| lower.ends_with(ending));
        if ends([".gz", ".gzip"]) {
            Compression::Gzip
        } else if ends([".zst", ".zstd"]) {
            Compression::Zstd
        } else {
            Compression::None
        }
    }

    /// The plain bytes of `reader`.
    pub(super) fn unpack(self, reader: impl Read + Send + 'static) -> Box<dyn Read + Send> {
        self.within(BufReader::with_capacity(64 * 1024, reader), LARGEST_WINDOW)
    }

    /// The plain bytes of `packed`; a frame of zstd that asks for a window larger than `window` is refused.
    pub fn unpack_bytes(self, packed: &[u8], window: u64) -> Box<dyn Read + Send + '_> {
        self.within(packed, window)
    }

    fn within<'a>(self, reader: impl BufRead + Send + 'a, window: u64) -> Box<dyn Read + Send + 'a> {
        match self {
            Compression::None => Box::new(reader),
            Compression::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(reader)),
            Compression::Zstd => {
                let mut frame = FrameDecoder::new();
                frame.set_max_window_size(window);
                Box::new(Zstd { reader, frame, inside: false, any: false })
            }
        }
    }
}

/// The frames of a zstd file, one after the other.
struct Zstd<R> {
    reader: R,
    frame: FrameDecoder,
    /// Within a frame.
    inside: bool,
    /// A frame has begun.
    any: bool,
}

fn damaged(e: FrameDecoderError) -> Error {
    Error::new(ErrorKind::InvalidData, e)
}

impl<R: BufRead> Zstd<R> {
    /// Goes on to the next frame; false at the end of the file.
    fn begin(&mut self) -> Result<bool, Error> {
        loop {
            if self.reader.fill_buf()?.is_empty() {
                return if self.any { Ok(false) } else { Err(ErrorKind::UnexpectedEof.into()) };
            }
            self.any = true;
            match self.frame.init(&mut self.reader) {
                Ok(()) => {
                    self.inside = true;
                    return Ok(true);
                }
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame { length, .. })) => {
                    let length = u64::from(length);
                    if std::io::copy(&mut (&mut self.reader).take(length), &mut std::io::sink())? < length {
                        return Err(ErrorKind::UnexpectedEof.into());
                    }
                }
                Err(e) => return Err(damaged(e)),
            }
        }
    }
}

impl<R: BufRead> Read for Zstd<R> {
    fn read(&mut self, out: &mut [u8]) -> Result<usize, Error> {
        if out.is_empty() {
            return Ok(0);
        }
        loop {
            if !self.inside && !self.begin()? {
                return Ok(0);
            }
            while self.frame.can_collect() == 0 && !self.frame.is_finished() {
                let some = BlockDecodingStrategy::UptoBytes(out.len());
                self.frame.decode_blocks(&mut self.reader, some).map_err(damaged)?;
            }
            let n = self.frame.read(out)?;
            if n > 0 {
                return Ok(n);
            }
            let said = self.frame.get_checksum_from_data();
            if said.is_some() && said != self.frame.get_calculated_checksum() {
                return Err(Error::new(ErrorKind::InvalidData, "the check-sum is another"));
            }
            self.inside = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        out.write_all(text).unwrap();
        out.finish().unwrap()
    }

    fn zstd(text: &[u8]) -> Vec<u8> {
        ruzstd::encoding::compress_to_vec(text, ruzstd::encoding::CompressionLevel::Fastest)
    }

    fn read(kind: Compression, packed: &[u8], piece: usize) -> Result<Vec<u8>, Error> {
        let mut reader = kind.unpack(std::io::Cursor::new(packed.to_vec()));
        let (mut out, mut buffer) = (Vec::new(), vec![0; piece]);
        loop {
            match reader.read(&mut buffer)? {
                0 => return Ok(out),
                n => out.extend_from_slice(&buffer[..n]),
            }
        }
    }

    fn text(n: usize) -> Vec<u8> {
        (0..n).flat_map(|i| format!("line {} of {}\n", i * 7919 % 1000, n).into_bytes()).collect()
    }

    #[test]
    fn many_members_and_frames_are_read_as_one() {
        let parts = [text(1), Vec::new(), text(3000), text(50_000)];
        let all = parts.concat();
        let gz: Vec<u8> = parts.iter().flat_map(|p| gzip(p)).collect();
        let mut zst: Vec<u8> = parts.iter().flat_map(|p| zstd(p)).collect();
        // A frame to be skipped.
        zst.extend_from_slice(&[0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3]);
        for piece in [17, 4096, 1 << 20] {
            assert!(read(Compression::Gzip, &gz, piece).unwrap() == all);
            assert!(read(Compression::Zstd, &zst, piece).unwrap() == all);
        }
    }

    #[test]
    fn an_archive_cut_anywhere_is_an_error() {
        let all = text(300);
        for (kind, packed) in [(Compression::Gzip, gzip(&all)), (Compression::Zstd, zstd(&all))] {
            assert_eq!(read(kind, &packed, 1000).unwrap(), all);
            for cut in 0..packed.len() {
                assert!(read(kind, &packed[..cut], 1000).is_err(), "{kind:?} cut at {cut} of {}", packed.len());
            }
            // A whole member, and a beginning of another.
            let twice = [&packed[..], &packed[..packed.len() / 2]].concat();
            assert!(read(kind, &twice, 1000).is_err(), "{kind:?}");
        }
    }

    #[test]
    fn a_damaged_archive_never_gives_other_text() {
        let all = text(300);
        for (kind, packed) in [(Compression::Gzip, gzip(&all)), (Compression::Zstd, zstd(&all))] {
            for at in packed.len() / 3..packed.len() {
                let mut bad = packed.clone();
                bad[at] ^= 0x10;
                // Some bits of the formats say nothing; text that differs is what must not be.
                let same = read(kind, &bad, 1000).is_ok_and(|text| text == all);
                assert!(same || read(kind, &bad, 1000).is_err(), "{kind:?} at {at} of {}", packed.len());
            }
            assert!(read(kind, &all, 1000).is_err());
        }
    }

    #[test]
    fn endings_tell_the_compression() {
        let of = Compression::of_name;
        assert_eq!([of("a.GZ"), of("a.gzip")], [Compression::Gzip; 2]);
        assert_eq!([of("a.zst"), of("a.ZSTD")], [Compression::Zstd; 2]);
        assert_eq!([of("gz"), of("a.gz.log")], [Compression::None; 2]);
    }
}
