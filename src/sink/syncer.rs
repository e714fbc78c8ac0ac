//! Files on their way to the disk while they are written, so that there is little left to wait for at the finish.
//!
//! A thread of its own, which is there once a file is large, syncs what has come; whoever writes never waits for it. What
//! it was told while it was busy it does in one. An error is kept for the finish: a later sync would not tell it again.

use std::fs::File;
use std::io;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::thread::{Builder, JoinHandle};

/// Bytes of a file between two syncs.
const EACH: u64 = 8 << 20;

/// The thread of one file, once there is one.
#[derive(Debug, Default)]
pub(super) struct Syncer {
    synced: u64,
    thread: Option<(SyncSender<()>, JoinHandle<io::Result<()>>)>,
}

impl Syncer {
    /// The file has so many bytes now.
    #[inline]
    pub(super) fn written(&mut self, file: &File, bytes: u64) {
        if bytes - self.synced >= EACH {
            self.tell(file, bytes);
        }
    }

    #[cold]
    fn tell(&mut self, file: &File, bytes: u64) {
        if self.thread.is_none() {
            self.thread = start(file).ok();
        }
        // Where it is still busy the next bytes will tell it again; where it has ended, the finish says why.
        if let Some((ask, _)) = &self.thread
            && !matches!(ask.try_send(()), Err(TrySendError::Full(())))
        {
            self.synced = bytes;
        }
    }

    /// Waits for the thread; gives the first error there was.
    pub(super) fn finish(&mut self) -> io::Result<()> {
        let Some((ask, thread)) = self.thread.take() else { return Ok(()) };
        drop(ask);
        thread.join().unwrap_or_else(|_| Err(io::Error::other("the thread that syncs the file has panicked")))
    }
}

fn start(file: &File) -> io::Result<(SyncSender<()>, JoinHandle<io::Result<()>>)> {
    let file = file.try_clone()?;
    let (ask, asked) = sync_channel(1);
    let sync = move || asked.iter().try_for_each(|()| file.sync_data());
    Ok((ask, Builder::new().name("sync file".to_owned()).spawn(sync)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Seek, SeekFrom, Write};

    #[test]
    fn files_when_they_grow_then_are_synced_beside_and_small_ones_need_no_thread() {
        let mut file = tempfile::tempfile().unwrap();
        let mut syncer = Syncer::default();
        let text = vec![b'x'; 1 << 20];
        for n in 1..=20u64 {
            file.write_all(&text).unwrap();
            syncer.written(&file, n << 20);
            assert_eq!(syncer.thread.is_some(), n >= 8, "after {n} MiB");
        }
        assert!(syncer.synced >= 8 << 20);
        syncer.finish().unwrap();
        assert!(syncer.thread.is_none() && syncer.finish().is_ok());
        file.seek(SeekFrom::Start(0)).unwrap();
        let mut all = Vec::new();
        file.read_to_end(&mut all).unwrap();
        assert_eq!(all.len(), 20 << 20);
    }

    #[test]
    fn a_file_that_cannot_be_synced_is_told_at_the_finish() {
        // A pipe cannot be synced.
        let (_reader, writer) = io::pipe().unwrap();
        let file = File::from(std::os::fd::OwnedFd::from(writer));
        let mut syncer = Syncer::default();
        syncer.written(&file, EACH);
        let error = syncer.finish().unwrap_err();
        assert!(error.raw_os_error().is_some(), "{error}");
    }
}
