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
