//! The rows on disk against plain maps: opened again at any moment, together with memory, with files that are damaged or of others, and
//! with a disk that fails.
//!
//! These find rows that are lost, doubled, out of order or misread, and waits that never end. What a kill leaves is tested with the real
//! program.

use super::disk::{Applied, begin};
use super::testing::{add, plain, schema};
use super::*;
use crate::result::{Op, RowKind};
use crate::serve::results::search;
use crate::serve::store::{Bounds, Row, Scan};
use crate::serve::{Shelf, book, store};
use proptest::prelude::*;
use redb::backends::FileBackend;
use redb::{Database, StorageBackend};
use std::collections::BTreeMap;
use std::path::Path;

const WIDE: Limits = Limits { keep: i64::MAX / 2, bytes: 1 << 40 };
const ALL: Bounds = Bounds { history: i64::MAX, rows: 1000, bytes: 1 << 20, changes: 1000, change_bytes: 1 << 20 };
/// Some day, by the clock of the machine.
const NOW: i64 = 1_767_614_400_000_000;

fn schemas() -> Vec<RowSchema> {
    vec![schema("w", RowKind::Window), schema("m", RowKind::Match)]
}

fn open(path: &Path, schemas: &[RowSchema], limits: Limits) -> Result<Disk, Error> {
    Disk::open(&opener(path.to_owned()), "h.redb", schemas, limits, NOW)
}

/// All rows of a part.
fn all(disk: &Disk, part: u32) -> Vec<(i64, String, i64)> {
    let scan = Scan { limit: 9999, look: 9999, ..Scan::default() };
    let page = disk.reader().rows(part, &scan, (None, None), |_| true).unwrap();
    page.rows.iter().map(|row| plain(row.get())).collect()
}

fn batch(rows: &[(Op, u32, i64, &str, i64)]) -> RowBatch {
    let mut batch = RowBatch::default();
    for (op, part, end, group, n) in rows {
        add(&mut batch, *op, *part, (end - 10, *end), group, *n);
    }
    batch
}

/// Updates: assert or retract, the part, the end of the window, its length, the group and the value.
type Update = (bool, u32, i64, i64, u8, i64);
/// The rows that hold: part, end, start, group and, of matches, the value; and the value.
type Map = BTreeMap<(u32, i64, i64, String, i64), i64>;

fn updates(most: usize) -> impl Strategy<Value = Vec<Update>> {
    proptest::collection::vec((any::<bool>(), 0..2u32, 0..6i64, 1..3i64, 0..4u8, 0..3i64), 0..most)
}

fn take(map: &mut Map, batch: &mut RowBatch, (assert, part, end, length, group, n): Update) {
    // Groups of different lengths: their order is not that of their bytes with a length before them.
    let group = ["b", "aa", "", "ba"][group as usize];
    add(batch, if assert { Op::Assert } else { Op::Retract }, part, (end - length, end), group, n);
    let key = (part, end, end - length, group.to_owned(), if part == 1 { n } else { 0 });
    if assert {
        map.insert(key, n)
    } else {
        map.remove(&key)
    };
}

/// What a question must give.
fn expected(map: &Map, part: u32, scan: &Scan, until: Option<i64>) -> Vec<(i64, String, i64)> {
    let rows = map.iter().filter(|((of, end, start, ..), _)| {
        *of == part && scan.ends_behind.is_none_or(|least| *end > least) && until.is_none_or(|until| *start < until)
    });
    let mut rows: Vec<_> = rows.map(|((_, end, _, group, _), n)| (*end, group.clone(), *n)).collect();
    if scan.newest_first {
        rows.reverse();
    }
    rows
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn rows_are_those_of_a_plain_map_whenever_the_file_is_opened_again(
        batches in proptest::collection::vec((updates(12), any::<bool>()), 1..5),
        limit in 1..5usize, look in 1..5usize, newest_first in any::<bool>(),
        ends_behind in proptest::option::of(-1..6i64), until in proptest::option::of(-2..6i64),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("h.redb");
        let mut map = Map::new();
        let mut disk = open(&path, &schemas(), WIDE).unwrap();
        for (updates, again) in batches {
            let mut batch = RowBatch::default();
            for update in updates {
                take(&mut map, &mut batch, update);
            }
            let applied = disk.apply(&batch, NOW).unwrap();
            prop_assert_eq!((applied.written, applied.rows), (batch.heads.len() as u64, map.len() as u64));
            if again {
                drop(disk);
                disk = open(&path, &schemas(), WIDE).unwrap();
            }
        }
        for part in 0..2 {
            let mut scan = Scan { newest_first, ends_behind, limit, look, ..Scan::default() };
            let mut rows = Vec::new();
            loop {
                let wanted = |row: crate::result::RowRef<'_>| until.is_none_or(|until| row.head.window_start < until);
                let page = disk.reader().rows(part, &scan, (None, until), wanted).unwrap();
                rows.extend(page.rows.iter().map(|row| plain(row.get())));
                let last = page.rows.last().map(|row| Store::new(&schemas(), ALL).spot(row));
                scan.behind = match page.stopped.or(last.filter(|_| page.rows.len() == limit)) {
                    Some(spot) => Some(spot),
                    None => break,
                };
            }
            prop_assert_eq!(rows, expected(&map, part, &scan, until));
        }
    }

    #[test]
    fn memory_and_disk_are_asked_as_one(
        batches in proptest::collection::vec(updates(12), 1..5), room in 1..6usize, again in 0..5usize,
        newest_first in any::<bool>(), limit in 1..5usize, ends_behind in proptest::option::of(-1..6i64),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("h.redb");
        let bounds = Bounds { rows: room, ..ALL };
        let mut map = Map::new();
        let mut run = Run::start(&path, bounds);
        for (i, updates) in batches.into_iter().enumerate() {
            let mut batch = RowBatch::default();
            for update in updates {
                take(&mut map, &mut batch, update);
            }
            run.take(&batch);
            if i == again {
                drop(run);
                run = Run::start(&path, bounds);
            }
        }
        for part in 0..2 {
            let mut scan = Scan { newest_first, ends_behind, ..Scan::default() };
            let mut rows = Vec::new();
            loop {
                let found = search((&run.shelf, Some(&run.history)), (part, None), scan.clone(), limit, |_| true);
                rows.extend(found.rows.iter().map(|row| plain(row.get())));
                prop_assert!(found.stopped.is_none());
                match found.rows.last().filter(|_| found.rows.len() == limit) {
                    Some(last) => scan.behind = Some(run.shelf.store().spot(last)),
                    None => break,
                }
            }
            prop_assert_eq!(rows, expected(&map, part, &scan, None));
        }
    }
}

/// The memory and the disk of a run.
struct Run {
    shelf: Shelf,
    history: History,
    counts: Arc<ServerMetrics>,
}

impl Run {
    fn start(path: &Path, bounds: Bounds) -> Self {
        Self::with(path, bounds, opener(path.to_owned()))
    }

    fn with(path: &Path, bounds: Bounds, opener: Opener) -> Self {
        let counts = Arc::new(ServerMetrics::new("http", &[]));
        let (mut store, mut book) = (store::Store::new(&schemas(), bounds), book::Book::new(&[], bounds));
        let settings = HistorySettings { path: path.to_owned(), keep: WIDE.keep, bytes: WIDE.bytes };
        let memory = (&mut store, &mut book);
        let history = History::start(&settings, opener, &schemas(), memory, &counts).unwrap();
        Self { shelf: Shelf::new(store, book), history, counts }
    }

    fn take(&self, batch: &RowBatch) {
        self.history.take(batch);
        self.shelf.store().take(batch);
    }
}

#[test]
fn what_is_too_old_leaves_and_a_wrong_clock_does_not_empty_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("h.redb");
    let mut disk = open(&path, &schemas(), Limits { keep: 100, ..WIDE }).unwrap();
    let old = batch(&[(Op::Assert, 0, 10, "a", 1), (Op::Assert, 0, 60, "a", 2), (Op::Assert, 1, 10, "a", 3)]);
    disk.apply(&old, NOW).unwrap();
    let applied = disk.apply(&batch(&[(Op::Assert, 0, 111, "a", 4)]), NOW).unwrap();
    assert_eq!(applied, Applied { written: 1, dropped: 1, too_large: 0, rows: 3 });
    // Of the other part nothing newer was said.
    assert_eq!((all(&disk, 0).len(), all(&disk, 1).len()), (2, 1));
    let year = 365 * 86_400_000_000;
    disk.apply(&batch(&[(Op::Assert, 0, NOW, "a", 5), (Op::Assert, 0, NOW + year, "a", 6)]), NOW).unwrap();
    disk.apply(&batch(&[(Op::Assert, 0, NOW + 86_400_000_000, "a", 7)]), NOW).unwrap();
    assert_eq!(all(&disk, 0).iter().map(|(.., n)| *n).collect::<Vec<_>>(), [7, 6]);
    drop(disk);
    // What is asked for now holds for what was kept before.
    let disk = open(&path, &schemas(), Limits { keep: 10, ..WIDE }).unwrap();
    assert_eq!(all(&disk, 0).len(), 2);
}

#[test]
fn where_there_is_no_room_the_oldest_windows_of_all_parts_leave_first() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("h.redb");
    let most = 1 << 20;
    let mut disk = open(&path, &schemas(), Limits { bytes: most, ..WIDE }).unwrap();
    let long = "x".repeat(3000);
    let mut dropped = 0;
    for end in 0..400 {
        let applied =
            disk.apply(&batch(&[(Op::Assert, end as u32 % 2, end, &long, 0), (Op::Assert, 0, end, "a", 1)]), NOW);
        dropped += applied.unwrap().dropped;
    }
    let least = |part| all(&disk, part)[0].0;
    assert!(dropped > 100 && (least(0) - least(1)).abs() <= 1, "{dropped} {} {}", least(0), least(1));
    assert_eq!(all(&disk, 0).len() + all(&disk, 1).len() + dropped as usize, 800);
    assert_eq!(all(&disk, 0).last().unwrap().0, 399);
    drop(disk);
    // The pages of the file are not full, and some are free.
    assert!(writer::size(&path) < 2 * most, "{}", writer::size(&path));
}

#[test]
fn rows_of_a_part_that_looks_otherwise_are_left_out_and_leave_in_time() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("h.redb");
    let mut disk = open(&path, &schemas(), WIDE).unwrap();
    disk.apply(&batch(&[(Op::Assert, 0, 10, "a", 1), (Op::Assert, 1, 10, "a", 2)]), NOW).unwrap();
    drop(disk);
    let changed = vec![RowSchema { values: vec!["n".into(), "m".into()], ..schema("w", RowKind::Window) }];
    let mut disk = open(&path, &changed, WIDE).unwrap();
    assert_eq!(all(&disk, 0), []);
    assert_eq!(disk.left_out().unwrap(), [("m".to_owned(), 1), ("w".to_owned(), 1)]);
    disk.apply(&batch(&[(Op::Assert, 0, 20, "a", 7)]), NOW).unwrap();
    drop(disk);
    // They are there again for who asks for them as they were.
    let disk = open(&path, &schemas(), WIDE).unwrap();
    assert_eq!((all(&disk, 0), all(&disk, 1)), (vec![(10, "a".into(), 1)], vec![(10, "a".into(), 2)]));
    drop(disk);
    let mut disk = open(&path, &changed, Limits { keep: 5, ..WIDE }).unwrap();
    assert_eq!(disk.left_out().unwrap(), []);
    let applied = disk.apply(&RowBatch::default(), NOW).unwrap();
    assert_eq!((applied.rows, all(&disk, 0)), (1, vec![(20, "a".into(), 7)]));
}

#[test]
fn rows_over_all_of_time_are_of_one_run() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("h.redb");
    let mut disk = open(&path, &schemas(), WIDE).unwrap();
    disk.apply(&batch(&[(Op::Assert, 0, 10, "a", 1), (Op::Assert, 1, 10, "a", 2)]), NOW).unwrap();
    drop(disk);
    let mut lasting = schemas();
    lasting[0].keep = RowSchema::FOREVER;
    let mut disk = open(&path, &lasting, WIDE).unwrap();
    assert_eq!(disk.left_out().unwrap(), [("w".to_owned(), 1)]);
    let applied = disk.apply(&batch(&[(Op::Assert, 0, 20, "a", 3), (Op::Assert, 1, 20, "a", 4)]), NOW).unwrap();
    assert_eq!((applied.written, disk.reader().has(0), disk.reader().has(1)), (1, false, true));
    assert_eq!((all(&disk, 0), all(&disk, 1)), (vec![], vec![(10, "a".into(), 2), (20, "a".into(), 4)]));
}

#[test]
fn files_that_are_of_others_damaged_or_in_use_are_refused_and_left_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("h.redb");
    let mut disk = open(&path, &schemas(), WIDE).unwrap();
    disk.apply(&batch(&[(Op::Assert, 0, 10, "a", 1)]), NOW).unwrap();
    let refused = |path: &Path| open(path, &schemas(), WIDE).unwrap_err();
    let locked = refused(&path);
    assert_eq!((locked.code, locked.place.as_deref()), ("history.locked", Some("h.redb")));
    drop(disk);
    let good = std::fs::read(&path).unwrap();
    let other = folder.path().join("other");
    for (bytes, says) in [
        (b"name,n\na,1\n".to_vec(), "no file of a history"),
        (vec![0; 5000], "no file of a history"),
        (good[..good.len() / 2].to_vec(), "damaged"),
        ([&good[..64], &vec![0xff; 200][..], &good[264..]].concat(), ""),
        ([&good[..4096], &vec![0x5a; 60_000][..], &good[64_096..]].concat(), "damaged"),
    ] {
        std::fs::write(&other, &bytes).unwrap();
        let error = refused(&other);
        assert_eq!(error.code, "history.format", "{error:?}");
        assert!(error.message.contains(says), "{says}: {error:?}");
        assert!(error.help.unwrap().contains("move the file away"));
    }
    std::fs::remove_file(&other).unwrap();
    let db = Database::create(&other).unwrap();
    assert!(refused(&other).message.contains("another run"));
    drop(db);
    assert!(refused(&other).message.contains("another program"));
    let db = Database::create(&other).unwrap();
    begin(&db).unwrap();
    let txn = db.begin_write().unwrap();
    txn.open_table(disk::META).unwrap().insert("form", &b"2"[..]).unwrap();
    txn.commit().unwrap();
    drop(db);
    assert!(refused(&other).message.contains("another version"));
    let none = refused(&path.join("inside/a.file"));
    assert_eq!((none.code, none.kind), ("history.open", crate::error::Kind::Outside));
    // It is made with the folders before it.
    open(&folder.path().join("new/folder/h.redb"), &schemas(), WIDE).unwrap();
    assert_eq!(std::fs::read_dir(folder.path().join("new/folder")).unwrap().count(), 1);
}

/// A file of the first form, written by the first version that had one.
#[test]
fn a_file_of_form_1_is_read() {
    const FORM_1: &[u8] = include_bytes!("form1.redb.gz");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("h.redb");
    let mut file = std::fs::File::create(&path).unwrap();
    std::io::copy(&mut flate2::read::GzDecoder::new(FORM_1), &mut file).unwrap();
    drop(file);
    let disk = open(&path, &schemas(), WIDE).unwrap();
    assert_eq!(all(&disk, 0), [(20, "a".into(), 2), (20, "b".into(), 3)]);
    assert_eq!(all(&disk, 1), [(10, "a".into(), 4), (10, "a".into(), 5)]);
    let scan = Scan { limit: 1, look: 9, ..Scan::default() };
    let page = disk.reader().rows(0, &scan, (None, None), |_| true).unwrap();
    let head = page.rows[0].get().head;
    assert_eq!((head.time, head.window_start, head.revision, head.early, head.approximate), (20, 10, 3, 7, 1 << 40));
    assert_eq!(disk.about(0).map(|about| (about.newest, about.longest)), Some((30, 10)));
}

/// Writes the fixture anew: only where there is a new form, under its own name.
#[test]
#[ignore = "writes into the sources"]
fn write_the_fixture() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("h.redb");
    let mut disk = open(&path, &schemas(), WIDE).unwrap();
    let rows = [
        (Op::Assert, 0, 20, "a", 1),
        (Op::Assert, 0, 20, "b", 3),
        (Op::Assert, 0, 30, "b", 3),
        (Op::Assert, 1, 10, "a", 5),
        (Op::Assert, 1, 10, "a", 4),
        (Op::Retract, 0, 30, "b", 3),
        (Op::Retract, 0, 20, "a", 1),
        (Op::Assert, 0, 20, "a", 2),
    ];
    let mut batch = batch(&rows);
    let last = batch.heads.last_mut().unwrap();
    (last.revision, last.early, last.approximate) = (3, 7, 1 << 40);
    disk.apply(&batch, NOW).unwrap();
    drop(disk);
    let name = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/serve/history/form1.redb.gz");
    let mut packed = flate2::write::GzEncoder::new(std::fs::File::create(name).unwrap(), flate2::Compression::best());
    std::io::copy(&mut std::fs::File::open(&path).unwrap(), &mut packed).unwrap();
    packed.finish().unwrap();
}

#[test]
fn who_brings_rows_waits_where_there_is_no_room_and_only_there() {
    let queue = Arc::new(Queue::default());
    let large = "x".repeat(9 << 20);
    let one = |n: i64| batch(&[(Op::Assert, 0, n, &large, n)]);
    assert_eq!(queue.push(&one(1)), 0);
    let (says, hears) = std::sync::mpsc::channel();
    let (theirs, second) = (Arc::clone(&queue), one(2));
    let brings = std::thread::spawn(move || {
        says.send(()).unwrap();
        theirs.push(&second)
    });
    hears.recv().unwrap();
    let mut taken = RowBatch::default();
    let mut ends = Vec::new();
    for number in 1..=2 {
        // Half a queue is due at once; the second finds room when the first is taken.
        assert_eq!(queue.take(&mut taken), Some(number));
        ends.extend(taken.heads.iter().map(|head| head.window_end));
        assert_eq!(taken.heads.len(), 1);
        assert!(!queue.done(number, false));
    }
    assert_eq!((brings.join().unwrap(), ends), (0, vec![1, 2]));
    queue.close();
    assert_eq!(queue.take(&mut taken), None);
}

/// A file whose writes fail while it is said.
#[derive(Debug)]
struct Failing(FileBackend, Arc<AtomicBool>);

impl Failing {
    fn may(&self) -> std::io::Result<()> {
        let full = self.1.load(Ordering::Relaxed);
        if full { Err(std::io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }
}

impl StorageBackend for Failing {
    fn len(&self) -> std::io::Result<u64> {
        self.0.len()
    }
    fn read(&self, offset: u64, out: &mut [u8]) -> std::io::Result<()> {
        self.0.read(offset, out)
    }
    fn set_len(&self, len: u64) -> std::io::Result<()> {
        self.may()?;
        self.0.set_len(len)
    }
    fn sync_data(&self) -> std::io::Result<()> {
        self.may()?;
        self.0.sync_data()
    }
    fn write(&self, offset: u64, data: &[u8]) -> std::io::Result<()> {
        self.may()?;
        self.0.write(offset, data)
    }
    fn close(&self) -> std::io::Result<()> {
        self.0.close()
    }
}

#[test]
fn a_disk_that_is_full_loses_nothing_that_finds_room_to_wait_and_holds_nobody_up() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("h.redb");
    drop(open(&path, &schemas(), WIDE).unwrap());
    let full = Arc::new(AtomicBool::new(false));
    let (file, said) = (path.clone(), Arc::clone(&full));
    let opener: Opener = Box::new(move || {
        let file = std::fs::File::options().read(true).write(true).open(&file)?;
        Database::builder().create_with_backend(Failing(FileBackend::new(file)?, Arc::clone(&said)))
    });
    let run = Run::with(&path, Bounds { rows: 2, ..ALL }, opener);
    run.take(&batch(&[(Op::Assert, 0, 10, "a", 1)]));
    run.history.settle();
    full.store(true, Ordering::Relaxed);
    for end in 11..15 {
        run.take(&batch(&[(Op::Assert, 0, end, "a", end)]));
        // It does not wait for a disk that fails.
        run.history.settle();
    }
    assert!(run.counts.history_failures.get() > 0);
    let scan = || Scan { newest_first: true, ..Scan::default() };
    let rows = |run: &Run| {
        let found = search((&run.shelf, Some(&run.history)), (0, None), scan(), 99, |_| true);
        found.rows.iter().map(|row: &Arc<Row>| row.get().head.window_end).collect::<Vec<_>>()
    };
    // Memory serves on.
    assert_eq!(rows(&run), [14, 13]);
    // Those for which there is no room are let go, and it is told.
    let large = "x".repeat(9 << 20);
    for end in 15..20 {
        run.take(&batch(&[(Op::Assert, 0, end, &large, end)]));
    }
    let lost = run.counts.history_lost.get();
    assert_eq!(lost, 4);
    full.store(false, Ordering::Relaxed);
    let goes_on = std::time::Instant::now();
    // They are too large for memory too: what is there now is on the disk.
    while rows(&run) != [15, 14, 13, 12, 11, 10] {
        assert!(goes_on.elapsed().as_secs() < 60, "it never was written again: {:?}", rows(&run));
        std::thread::yield_now();
    }
    run.history.close();
    assert_eq!(run.counts.history_lost.get(), lost);
    // After its end nobody waits.
    run.history.take(&batch(&[(Op::Assert, 0, 99, "a", 1)]));
    run.history.settle();
    assert_eq!(run.counts.history_lost.get(), lost + 1);
    assert_eq!(open(&path, &schemas(), WIDE).unwrap().about(0).map(|about| about.newest >= 15), Some(true));
}

#[test]
fn whatever_byte_is_damaged_a_file_is_refused_or_read_as_it_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("h.redb");
    let mut disk = open(&path, &schemas(), WIDE).unwrap();
    let rows: Vec<_> = (0..300).map(|end| (Op::Assert, 0, end, "some group of a window", end)).collect();
    for rows in rows.chunks(10) {
        disk.apply(&batch(rows), NOW).unwrap();
    }
    let written = all(&disk, 0);
    drop(disk);
    let good = std::fs::read(&path).unwrap();
    let seed = std::time::UNIX_EPOCH.elapsed().unwrap().as_nanos() as u64;
    eprintln!("seed {seed}");
    let mut random = seed;
    for length in [1, 8, 64, 4096].repeat(15) {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let at = (random >> 20) as usize % good.len();
        let mut bad = good.clone();
        bad.iter_mut().skip(at).take(length).for_each(|byte| *byte ^= 0x55);
        std::fs::write(&path, &bad).unwrap();
        match open(&path, &schemas(), WIDE) {
            Ok(disk) => assert_eq!(all(&disk, 0), written, "{length} bytes at {at}"),
            Err(error) => assert_eq!(error.code, "history.format", "{length} bytes at {at}"),
        }
    }
}
