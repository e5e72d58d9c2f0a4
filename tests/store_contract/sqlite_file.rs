//! What is SQLite's alone: the file, its lock, its schema.

use std::path::Path;
use std::sync::Arc;

use budstikke::adapters::sqlite::{SqliteSettings, SqliteStore};
use budstikke::domain::event::EventFilter;
use budstikke::ports::store::{Jobs, Keys, StoreError, Workers};
use sqlx::{Connection, SqliteConnection};

use super::on_sqlite::StillClock;
use super::world::agency;

fn settings(folder: &Path) -> SqliteSettings {
    SqliteSettings {
        url: format!("sqlite://{}", folder.join("b.db").display()),
        clock: StillClock::new(),
    }
}

#[tokio::test]
async fn a_second_process_is_told_who_holds_the_file_and_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let first = SqliteStore::open(settings(folder.path())).await.unwrap();
    let refused = SqliteStore::open(settings(folder.path()))
        .await
        .unwrap_err();
    let StoreError::Locked(text) = &refused else {
        panic!("{refused:?}")
    };
    assert!(text.contains(&std::process::id().to_string()), "{text}");
    assert!(text.contains("b.db") && text.contains("stop it"), "{text}");
    first.close().await;
    drop(first);
    SqliteStore::open(settings(folder.path())).await.unwrap();
}

#[tokio::test]
async fn short_writes_go_through_beside_the_process_that_holds_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let held = SqliteStore::open(settings(folder.path())).await.unwrap();
    let beside = SqliteStore::open_shared(settings(folder.path()))
        .await
        .unwrap();
    let oslo = [agency("oslo", EventFilter::ALL)];
    let numbers = beside.sync_agencies(&oslo).await.unwrap();
    let at = budstikke::domain::time::Timestamp(1);
    beside.add_key(numbers[0], [9; 32], at).await.unwrap();
    assert_eq!(held.key_owner([9; 32]).await.unwrap(), Some(numbers[0]));
    held.start_worker("still writing").await.unwrap();
}

#[tokio::test]
async fn a_short_write_may_come_before_the_first_start() {
    let folder = tempfile::tempdir().unwrap();
    let first = SqliteStore::open_shared(settings(folder.path()))
        .await
        .unwrap();
    first.ping().await.unwrap();
    SqliteStore::open(settings(folder.path())).await.unwrap();
}

#[tokio::test]
async fn what_was_committed_is_there_after_an_unclean_stop() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(settings(folder.path())).await.unwrap();
    let worker = store.start_worker("first").await.unwrap();
    drop(store);
    let lock = folder.path().join("b.db.lock");
    // The name that a killed process leaves behind; the drop above is not awaited by anybody.
    for _ in 0..1_000 {
        if std::fs::read_to_string(&lock).unwrap().is_empty() {
            break;
        }
        tokio::task::yield_now().await;
    }
    std::fs::write(&lock, "999999999").unwrap();
    let store = SqliteStore::open(settings(folder.path())).await.unwrap();
    assert!(store.heartbeat(worker).await.unwrap().is_some());
}

#[tokio::test]
async fn a_damaged_file_is_refused_after_an_unclean_stop() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(settings(folder.path())).await.unwrap();
    store.start_worker("first").await.unwrap();
    store.close().await;
    drop(store);
    let file = folder.path().join("b.db");
    let mut bytes = std::fs::read(&file).unwrap();
    let from = bytes.len() / 2;
    bytes[from..].fill(0x5a);
    std::fs::write(&file, bytes).unwrap();
    std::fs::write(folder.path().join("b.db.lock"), "999999999").unwrap();
    let refused = SqliteStore::open(settings(folder.path()))
        .await
        .unwrap_err();
    let understood = matches!(
        refused,
        StoreError::Corrupt { .. } | StoreError::Unavailable(_)
    );
    assert!(understood, "{refused:?}");
}

#[tokio::test]
async fn the_schema_of_a_newer_program_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(settings(folder.path())).await.unwrap();
    store.close().await;
    drop(store);
    let url = settings(folder.path()).url;
    let mut connection = SqliteConnection::connect(&url).await.unwrap();
    let newer = "UPDATE _sqlx_migrations SET version = 99";
    sqlx::query(newer).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    let refused = SqliteStore::open(settings(folder.path()))
        .await
        .unwrap_err();
    assert!(
        matches!(refused, StoreError::Schema { found: 99, .. }),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_url_that_keeps_nothing_is_refused_with_what_to_write_instead() {
    for url in ["sqlite::memory:", "sqlite://x?mode=memory"] {
        let settings = SqliteSettings {
            url: url.to_owned(),
            clock: StillClock::new(),
        };
        let refused = SqliteStore::open(settings).await.unwrap_err();
        let source = std::error::Error::source(&refused).unwrap().to_string();
        assert!(source.contains("[database] url"), "{source}");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn only_the_owner_may_read_the_files() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(settings(folder.path())).await.unwrap();
    store.start_worker("first").await.unwrap();
    let mut seen = 0;
    for name in ["b.db", "b.db-wal", "b.db-shm"] {
        let rights = std::fs::metadata(folder.path().join(name))
            .unwrap()
            .permissions();
        assert_eq!(rights.mode() & 0o077, 0, "{name}");
        seen += 1;
    }
    assert_eq!(seen, 3);
    let store = Arc::new(store);
    store.ping().await.unwrap();
}
