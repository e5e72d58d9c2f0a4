//! The agencies' own opt-out lists.

use std::time::Duration;

use budstikke::domain::kinds::Class;
use budstikke::domain::opt_out::{Classes, OptOutHash, OptOutKind};
use budstikke::ports::store::OptOutEntry;

use super::world::World;

fn entry(n: u8, classes: Classes) -> OptOutEntry {
    OptOutEntry {
        kind: OptOutKind::Phone,
        hash: OptOutHash([n; 16]),
        classes,
    }
}

async fn put(w: &World, entries: &[OptOutEntry]) -> u64 {
    let now = w.now().await;
    w.store.put_opt_outs(w.oslo, entries, now).await.unwrap()
}

async fn listed(w: &World) -> Vec<OptOutEntry> {
    let rows = w.store.opt_outs(w.oslo, None, 100).await.unwrap();
    rows.into_iter().map(|row| row.entry).collect()
}

pub async fn what_is_put_on_a_list_stands_there_until_it_is_taken_off(w: World) {
    let both = Classes::of(Class::ALL);
    let entries = [entry(2, Classes::SERVICE), entry(1, both)];
    assert_eq!(put(&w, &entries).await, 2);
    assert_eq!(put(&w, &entries).await, 0, "it is so already");
    assert_eq!(listed(&w).await, [entries[1], entries[0]]);
    assert_eq!(put(&w, &[entry(1, Classes::SERVICE)]).await, 1);
    let off = [entry(1, Classes::default()), entry(9, Classes::default())];
    assert_eq!(put(&w, &off).await, 1);
    assert_eq!(put(&w, &off).await, 0);
    assert_eq!(listed(&w).await, [entries[0]]);
    assert_eq!(w.store.opt_outs(w.bergen, None, 100).await.unwrap(), []);
    let after = w.store.opt_outs(w.oslo, Some(OptOutHash([2; 16])), 9).await;
    assert_eq!(after.unwrap(), []);
    assert_eq!(put(&w, &[]).await, 0);
}

pub async fn changes_are_followed_in_their_order_also_what_was_taken_off(w: World) {
    put(
        &w,
        &[entry(1, Classes::SERVICE), entry(2, Classes::SERVICE)],
    )
    .await;
    let first = w.store.opt_out_changes(0, 1).await.unwrap();
    let rest = w
        .store
        .opt_out_changes(first[0].sequence, 100)
        .await
        .unwrap();
    assert_eq!((first.len(), rest.len()), (1, 1));
    let seen = rest[0].sequence;
    assert_eq!(w.store.opt_out_changes(seen, 100).await.unwrap(), []);
    put(&w, &[entry(1, Classes::default())]).await;
    let off = w.store.opt_out_changes(seen, 100).await.unwrap();
    assert_eq!(off.len(), 1);
    assert!(off[0].entry.classes.is_none() && off[0].entry.hash == OptOutHash([1; 16]));
    assert_eq!(off[0].agency, w.oslo);
}

pub async fn changes_made_at_once_are_all_followed(w: World) {
    let now = w.now().await;
    let writing = async {
        let puts = (0..40).map(|n| {
            let entries = [entry(n, Classes::SERVICE)];
            let store = &w.store;
            async move { store.put_opt_outs(w.oslo, &entries, now).await }
        });
        futures::future::try_join_all(puts).await.unwrap();
    };
    let following = async {
        let (mut seen, mut count) = (0, 0);
        while count < 40 {
            let page = w.store.opt_out_changes(seen, 7).await.unwrap();
            count += page.len();
            seen = page.last().map_or(seen, |row| row.sequence);
            w.pass(Duration::from_millis(1)).await;
        }
    };
    let both = futures::future::join(writing, following);
    let limit = Duration::from_secs(30);
    tokio::time::timeout(limit, both).await.unwrap();
}
