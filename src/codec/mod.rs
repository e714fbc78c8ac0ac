//! Bytes, turned into event batches.
//!
//! Three formats: lines of JSON ([`json`]), fields between delimiters ([`csv`]), and lines of any text ([`lines`]). What
//! the last two share (columns by name, typed values, rows) is in `fields`.

pub mod csv;
mod fields;
pub mod json;
pub mod lines;

pub use fields::scalar;

use crate::config::SourceFormat;
use crate::event::{EventBatch, FieldPath};
use crate::time::{TimeFormat, TimeUnit};
use csv::CsvDecoder;
use json::{JsonDecoder, Projection, Reject};
use lines::LinesDecoder;
use std::ops::Range;
use std::sync::Arc;

/// What is read of each event, for the formats that have columns.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Slot i is path i; dots stand between steps.
    pub paths: Vec<FieldPath>,
    /// Where the event time is; `None`: rows have the time 0, and whoever reads the block gives them one.
    pub time: Option<FieldPath>,
    /// How it is written.
    pub unit: TimeUnit,
    /// The format that holds instead of RFC 3339, where there is one.
    pub format: Option<TimeFormat>,
    /// Only rows whose slot is one of these texts are kept.
    pub prefilter: Option<(usize, Vec<String>)>,
}

/// The decoder of one source on one worker.
#[derive(Debug)]
pub enum Decoder {
    /// Lines of JSON.
    Json(Box<JsonDecoder>),
    /// Fields between delimiters.
    Csv(Box<CsvDecoder>),
    /// Lines of any text.
    Lines(Box<LinesDecoder>),
}

impl Decoder {
    /// The decoder of a format. `projection` is for JSON what `wanted` is for the other formats.
    pub fn new(format: &SourceFormat, projection: Projection, wanted: Wanted) -> Self {
        match format {
            SourceFormat::Json => Decoder::Json(Box::new(JsonDecoder::new(projection))),
            SourceFormat::Csv(config) => Decoder::Csv(Box::new(CsvDecoder::new(config, wanted))),
            SourceFormat::Lines(config) => Decoder::Lines(Box::new(LinesDecoder::new(config, wanted))),
        }
    }

    /// Decodes the complete lines in `batch.bytes[range]`: rows are appended to the batch, bad lines to `rejects`, both
    /// in the order of the block. `head`: the header of the file, where the format has one.
    pub fn decode(
        &mut self,
        batch: &mut EventBatch,
        range: Range<usize>,
        head: Option<&Arc<[u8]>>,
        rejects: &mut Vec<Reject>,
    ) {
        match self {
            Decoder::Json(decoder) => decoder.decode(batch, range, rejects),
            Decoder::Csv(decoder) => decoder.decode(batch, range, head, rejects),
            Decoder::Lines(decoder) => decoder.decode(batch, range, rejects),
        }
    }
}
