//! C-34: the workers' wall clocks jump, by libfaketime. Their steady clocks do not.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Context as _;

use crate::chaos::world::World;

const OFFSET: &str = "wall-clock";

/// What workers whose wall clock can be set are started with.
///
/// # Errors
/// There is no libfaketime, or the folder cannot be written.
pub(in crate::chaos) fn surroundings(folder: &Path) -> anyhow::Result<Vec<(String, String)>> {
    let library = library().context("libfaketime is needed (Debian: libfaketime)")?;
    let file = folder.join(OFFSET);
    std::fs::write(&file, "+0")?;
    Ok([
        ("LD_PRELOAD", library.display().to_string()),
        ("FAKETIME_TIMESTAMP_FILE", file.display().to_string()),
        ("FAKETIME_NO_CACHE", "1".to_owned()),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
        ("DONT_FAKE_MONOTONIC", "1".to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .to_vec())
}

fn library() -> Option<PathBuf> {
    let folders = std::fs::read_dir("/usr/lib").ok()?;
    folders
        .flatten()
        .map(|folder| folder.path().join("faketime/libfaketimeMT.so.1"))
        .find(|path| path.is_file())
}

/// Seconds by which the wall clocks are off, in this order.
const OFFSETS: [&str; 6] = ["+3600", "-3600", "+90", "-86400", "+2", "+0"];

/// Hours and a day, forth and back; each at least once.
pub(super) async fn jump(world: &mut World, end: Instant) -> anyhow::Result<()> {
    let file = world.fleet.folder().join(OFFSET);
    let mut turn = 0;
    while Instant::now() < end || turn < OFFSETS.len() {
        world.pause(1_000, 2_500).await;
        let offset = OFFSETS[turn % OFFSETS.len()];
        // In one piece: a worker reads it at any moment.
        let next = file.with_extension("next");
        std::fs::write(&next, offset)?;
        std::fs::rename(&next, &file)?;
        world.hit("jumps");
        turn += 1;
    }
    Ok(())
}
