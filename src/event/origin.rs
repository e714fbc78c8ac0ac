//! Where an event stands among all others: its event time, then its partition, then its place there.

/// The place of an event in the one order that no width, block size or timing changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Hash)]
pub struct Origin {
    /// Event time, microseconds.
    pub time: i64,
    /// The partition's number among those of all sources; where a window has several feeds, times their number, plus
    /// that of the feed.
    pub partition: u32,
    /// Where the event begins in the partition.
    pub position: u64,
}

impl Origin {
    /// Bytes that [`Origin::encode`] appends.
    pub const BYTES: usize = 20;

    /// Appends the origin as bytes.
    pub fn encode(self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.bytes());
    }

    /// The origin as bytes.
    pub fn bytes(self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        bytes[..8].copy_from_slice(&self.time.to_le_bytes());
        bytes[8..12].copy_from_slice(&self.partition.to_le_bytes());
        bytes[12..].copy_from_slice(&self.position.to_le_bytes());
        bytes
    }

    /// Reads what [`Origin::encode`] wrote, and gives the rest.
    pub fn decode(bytes: &[u8]) -> Option<(Origin, &[u8])> {
        let (time, rest) = bytes.split_first_chunk()?;
        let (partition, rest) = rest.split_first_chunk()?;
        let (position, rest) = rest.split_first_chunk()?;
        let origin = Origin {
            time: i64::from_le_bytes(*time),
            partition: u32::from_le_bytes(*partition),
            position: u64::from_le_bytes(*position),
        };
        Some((origin, rest))
    }
}

/// The origins of the rows of some columns.
#[derive(Debug, Clone, Copy)]
pub enum Origins<'a> {
    /// Nobody asks for them.
    None,
    /// Those of one block of a partition.
    Block {
        /// Event time of each row.
        time: &'a [i64],
        /// Where each row begins, from the start of the block.
        offset: &'a [u32],
        /// See [`Origin::partition`].
        partition: u32,
        /// Where the block begins in the partition.
        position: u64,
    },
    /// One for each row.
    List(&'a [Origin]),
}

impl Origins<'_> {
    /// The origin of a row.
    #[inline]
    pub fn of(&self, row: u32) -> Origin {
        let row = row as usize;
        match self {
            Origins::None => Origin::default(),
            Origins::Block { time, offset, partition, position } => {
                Origin { time: time[row], partition: *partition, position: *position + u64::from(offset[row]) }
            }
            Origins::List(list) => list[row],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_order_by_time_then_partition_then_position_and_survive_bytes() {
        let origin = |time, partition, position| Origin { time, partition, position };
        let mut list = [origin(1, 0, 0), origin(0, 1, 0), origin(0, 0, 9), origin(-1, 5, 5), origin(0, 0, 8)];
        list.sort_unstable();
        assert_eq!(list, [origin(-1, 5, 5), origin(0, 0, 8), origin(0, 0, 9), origin(0, 1, 0), origin(1, 0, 0)]);
        for o in list {
            let mut bytes = Vec::new();
            o.encode(&mut bytes);
            assert_eq!(bytes.len(), Origin::BYTES);
            assert_eq!(Origin::decode(&bytes), Some((o, &[][..])));
            assert_eq!(Origin::decode(&bytes[1..]), None);
        }
    }
}
