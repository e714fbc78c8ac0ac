//! Rows, turned into what is arranged: a key, a string of bytes, from when on it counts and until when it lives.

use super::project::{Project, Projector};
use super::row::{ordered, write_head};
use crate::event::key;
use crate::result::{Op, RowRef, RowSchema};
use crate::time::EventTime;

/// How the key of a row is made, and how long it lives. All spans are microseconds behind the row's `window_end`.
#[derive(Debug, Clone)]
pub enum Route {
    /// By its window and some columns. Rows of one key are in `shards` places.
    Window {
        /// The columns.
        cells: Vec<usize>,
        /// All windows that begin together are one: those of rows over all of time.
        whole: bool,
        /// In how many places.
        shards: u64,
        /// The row itself is not needed, only that it is there.
        bare: bool,
        /// How long it lives.
        life: i64,
    },
    /// By its group.
    Group {
        /// How long it lives.
        life: i64,
    },
    /// By the columns that are equal in a join.
    Partner {
        /// The columns.
        cells: Vec<usize>,
        /// Partners are of the same window.
        window: bool,
        /// 0 for rows that look for partners, 1 for those that are some.
        side: u8,
        /// It is needed though it has no partner.
        stays: bool,
        /// How long it lives.
        life: i64,
    },
    /// By the windows over windows that it is in, and some columns.
    Outer {
        /// The columns.
        cells: Vec<usize>,
        /// How long these windows are.
        size: i64,
        /// How far apart they begin.
        slide: i64,
        /// Its own time is needed.
        timed: bool,
        /// How long it lives, from the end of the outer window on.
        life: i64,
    },
}

impl Route {
    fn reads_cells(&self) -> bool {
        match self {
            Self::Group { .. } => false,
            Self::Window { cells, .. } | Self::Partner { cells, .. } | Self::Outer { cells, .. } => !cells.is_empty(),
        }
    }
}

/// What is arranged of a row.
#[derive(Debug, Clone, Copy)]
pub struct Sent<'a> {
    /// What it is arranged by.
    pub key: &'a [u8],
    /// What is arranged.
    pub value: &'a [u8],
    /// When it was stated.
    pub time: i64,
    /// Asserted or taken back.
    pub op: Op,
    /// It does not count before this time.
    pub from: i64,
    /// It is not needed from this time on.
    pub until: i64,
}

/// Rows on their way to where they are arranged.
#[derive(Debug)]
pub struct Feed {
    rows: Projector,
    route: Route,
    said: Vec<(i64, Op)>,
    key: Vec<u8>,
    value: Vec<u8>,
}

impl Feed {
    /// Rows as `project` makes them, by `route`.
    pub fn new(project: &Project, route: &Route) -> Self {
        let rows = Projector::new(project, route.reads_cells());
        Self { rows, route: route.clone(), said: Vec::new(), key: Vec::new(), value: Vec::new() }
    }

    /// Adds a row.
    pub fn push(&mut self, row: RowRef<'_>) {
        self.said.push((row.head.time, row.head.op));
        self.rows.push(row);
    }

    /// Values that could not be computed so far.
    pub fn failures(&self) -> u64 {
        self.rows.failures()
    }

    /// Sends what was added.
    pub fn flush(&mut self, send: &mut dyn FnMut(Sent<'_>)) {
        self.rows.run(i64::MIN);
        for i in self.rows.selected().to_vec() {
            let (time, op) = self.said[i as usize];
            let (start, end) = self.rows.window(i);
            self.key.clear();
            self.value.clear();
            let (key, value) = (&mut self.key, &mut self.value);
            match &self.route {
                Route::Window { cells, whole, shards, bare, life } => {
                    key.extend_from_slice(&ordered(start));
                    key.extend_from_slice(&ordered(if *whole { 0 } else { end }));
                    self.rows.cells(i, cells, key);
                    if *shards > 1 {
                        // Any function of the group does; which one shows in no answer.
                        self.rows.group(i, value);
                        let shard = key::hash(value) % shards;
                        value.clear();
                        key.extend_from_slice(&shard.to_le_bytes());
                    }
                    if !bare {
                        self.rows.stored(i, value);
                    }
                    send(Sent { key, value, time, op, from: i64::MIN, until: end.saturating_add(*life) });
                }
                Route::Group { life } => {
                    self.rows.group(i, key);
                    self.rows.stored(i, value);
                    send(Sent { key, value, time, op, from: i64::MIN, until: end.saturating_add(*life) });
                }
                Route::Partner { cells, window, side, stays, life } => {
                    key.push(0);
                    if *window {
                        key.extend_from_slice(&ordered(start));
                        key.extend_from_slice(&ordered(end));
                    }
                    if !self.rows.cells(i, cells, key) {
                        // It meets none, so it need not be where others are.
                        if !stays {
                            continue;
                        }
                        key[0] = 1;
                        self.rows.group(i, key);
                    }
                    value.push(*side);
                    self.rows.stored(i, value);
                    // What holds for all time stays.
                    let until = if end < EventTime::LATEST.0 { end.saturating_add(*life) } else { RowSchema::FOREVER };
                    send(Sent { key, value, time, op, from: i64::MIN, until });
                }
                Route::Outer { cells, size, slide, timed, life } => {
                    write_head((0, if *timed { end } else { 0 }), self.rows.approximate(i), 0, value);
                    self.rows.values(i, value);
                    // The row's last moment is in the window.
                    let last = end - 1;
                    let mut begin = last.div_euclid(*slide) * slide;
                    while begin + size > last {
                        key.clear();
                        key.extend_from_slice(&ordered(begin));
                        key.extend_from_slice(&ordered(begin + size));
                        self.rows.cells(i, cells, key);
                        let (from, until) = (begin + size, (begin + size).saturating_add(*life));
                        send(Sent { key, value, time, op, from, until });
                        begin -= slide;
                    }
                }
            }
        }
        self.rows.clear();
        self.said.clear();
    }
}
