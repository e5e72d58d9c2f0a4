//! One process per file: an exclusive lock on `<database>.lock`, which names its holder.

use std::fs::{File, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};

use super::error::unavailable;
use crate::ports::store::StoreError;

/// How the last holder left the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LastStop {
    /// It took its name off the lock.
    Clean,
    /// Its name still stands there although it is gone: killed, or the power failed.
    Unclean,
}

/// The held lock; released, and the name taken off, when dropped.
#[derive(Debug)]
pub(super) struct Lock {
    file: File,
}

fn beside(database: &Path) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(".lock");
    PathBuf::from(name)
}

/// Takes the lock of a database, without waiting.
pub(super) fn take(database: &Path) -> Result<(Lock, LastStop), StoreError> {
    let path = beside(database);
    let mut file = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .map_err(|source| unavailable(format!("{} cannot be opened: {source}", path.display())))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let holder = read(&mut file);
            let holder = if holder.is_empty() {
                "another process".to_owned()
            } else {
                format!("the process with id {holder}")
            };
            return Err(StoreError::Locked(format!(
                "the database {} is in use by {holder}; stop it first, or give this one another \
                 file in [database] url (the lock is {})",
                database.display(),
                path.display(),
            )));
        }
        Err(TryLockError::Error(source)) => {
            return Err(unavailable(format!(
                "{} cannot be locked: {source}; a database must lie on a local disk",
                path.display()
            )));
        }
    }
    let last = if read(&mut file).is_empty() {
        LastStop::Clean
    } else {
        LastStop::Unclean
    };
    let mut lock = Lock { file };
    lock.write(&std::process::id().to_string())
        .map_err(|source| unavailable(format!("{} cannot be written: {source}", path.display())))?;
    Ok((lock, last))
}

fn read(file: &mut File) -> String {
    let mut text = String::new();
    // What cannot be read names nobody.
    match file.read_to_string(&mut text) {
        Ok(_) => text.trim().to_owned(),
        Err(_) => String::new(),
    }
}

impl Lock {
    fn write(&mut self, holder: &str) -> std::io::Result<()> {
        self.file.set_len(0)?;
        self.file.rewind()?;
        self.file.write_all(holder.as_bytes())?;
        self.file.sync_data()
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        if let Err(error) = self.write("") {
            tracing::warn!(%error, "the database's lock file could not be cleared; the next start checks the database");
        }
    }
}
