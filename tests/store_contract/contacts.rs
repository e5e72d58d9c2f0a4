//! The local register's table.

use budstikke::ports::store::ContactRow;

use super::make;
use super::world::World;

fn row(n: u16, text: &str) -> ContactRow {
    ContactRow {
        person: make::person(n),
        document: format!(r#"{{"epost":"{text}"}}"#),
    }
}

pub async fn a_person_put_in_again_is_replaced(w: World) {
    w.store
        .put_contacts(&[row(1, "a"), row(2, "b")])
        .await
        .unwrap();
    w.store
        .put_contacts(&[row(2, "c"), row(3, "d")])
        .await
        .unwrap();
    let asked = [make::person(3), make::person(2), make::person(9)];
    let mut found = w.store.contacts(&asked).await.unwrap();
    found.sort_by(|a, b| a.person.cmp(&b.person));
    assert_eq!(found, [row(2, "c"), row(3, "d")]);
    assert_eq!(w.store.contacts(&[]).await.unwrap(), []);
}

pub async fn all_persons_come_in_order_page_by_page(w: World) {
    let rows: Vec<_> = (0..25).map(|n| row(n, "x")).collect();
    w.store.put_contacts(&rows).await.unwrap();
    let mut seen = Vec::new();
    loop {
        let after = seen.last().map(|row: &ContactRow| row.person.clone());
        let page = w.store.contacts_after(after.as_ref(), 10).await.unwrap();
        if page.is_empty() {
            break;
        }
        seen.extend(page);
    }
    assert_eq!(seen.len(), 25);
    assert!(seen.is_sorted_by(|a, b| a.person < b.person));
}

async fn changes(w: &World, from: i64, limit: u32) -> (Vec<(i64, ContactRow)>, i64) {
    let page = w.store.contact_changes(from, limit).await.unwrap();
    (page.rows, page.latest)
}

pub async fn every_change_of_a_person_has_a_number_and_what_is_the_same_keeps_its_own(w: World) {
    assert_eq!(changes(&w, 0, 10).await, (Vec::new(), 0));
    let rows = [row(1, "a"), row(2, "b")];
    w.store.put_contacts(&rows).await.unwrap();
    let (first, latest) = changes(&w, 0, 10).await;
    let numbers: Vec<i64> = first.iter().map(|(number, _)| *number).collect();
    assert_eq!((numbers, latest), (vec![1, 2], 2));

    w.store.put_contacts(&rows).await.unwrap();
    assert_eq!(changes(&w, 0, 10).await, (first, 2));

    w.store
        .put_contacts(&[row(1, "a"), row(2, "c"), row(3, "d"), row(3, "e")])
        .await
        .unwrap();
    let (all, latest) = changes(&w, 0, 10).await;
    assert_eq!((all.len(), latest), (3, 4));
    assert_eq!(all[0], (1, row(1, "a")));
    assert!(all.is_sorted_by(|a, b| a.0 < b.0));
    assert!(all.iter().any(|(_, one)| *one == row(3, "e")));
}

pub async fn changes_come_from_a_number_on_page_by_page(w: World) {
    let rows: Vec<_> = (0..25).map(|n| row(n, "x")).collect();
    w.store.put_contacts(&rows).await.unwrap();
    let (page, latest) = changes(&w, 11, 10).await;
    let numbers: Vec<i64> = page.iter().map(|(number, _)| *number).collect();
    assert_eq!((numbers, latest), ((11..=20).collect(), 25));
    assert_eq!(changes(&w, 26, 10).await, (Vec::new(), 25));
}

pub async fn many_changing_at_once_share_no_number_and_leave_none_out(w: World) {
    let puts = (0..8_u16).map(|n| {
        let store = std::sync::Arc::clone(&w.store);
        async move {
            for round in 0..5 {
                let rows: Vec<_> = (0..5)
                    .map(|m| row(n * 5 + m, &format!("{round}")))
                    .collect();
                store.put_contacts(&rows).await.unwrap();
            }
        }
    });
    futures::future::join_all(puts).await;
    let (all, latest) = changes(&w, 0, 1_000).await;
    assert_eq!((all.len(), latest), (40, 200));
    assert!(all.is_sorted_by(|a, b| a.0 < b.0));
}
