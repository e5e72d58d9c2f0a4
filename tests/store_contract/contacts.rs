//! The local register's table.

use std::sync::Arc;

use budstikke::domain::email::EmailAddress;
use budstikke::domain::kinds::{Channel, Language};
use budstikke::domain::phone::PhoneNumber;
use budstikke::domain::register_edit::{Change, Mailbox};
use budstikke::domain::time::Timestamp;
use budstikke::pipeline::own_entry::{self, ChangeError};
use budstikke::ports::store::ContactRow;
use futures::future::join_all;
use serde_json::Value;

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
        let store = Arc::clone(&w.store);
        async move {
            for round in 0..5 {
                let rows: Vec<_> = (0..5)
                    .map(|m| row(n * 5 + m, &format!("{round}")))
                    .collect();
                store.put_contacts(&rows).await.unwrap();
            }
        }
    });
    join_all(puts).await;
    let (all, latest) = changes(&w, 0, 1_000).await;
    assert_eq!((all.len(), latest), (40, 200));
    assert!(all.is_sorted_by(|a, b| a.0 < b.0));
}

pub async fn a_person_is_replaced_only_by_who_saw_the_last_change(w: World) {
    let person = make::person(1);
    assert_eq!(w.store.contact(&person).await.unwrap(), None);
    let replace = async |text: &str, last| w.store.replace_contact(&row(1, text), last).await;
    assert!(!replace("a", Some(1)).await.unwrap(), "nobody is there");
    assert!(replace("a", None).await.unwrap());
    assert!(!replace("b", None).await.unwrap(), "somebody is there");
    w.store.put_contacts(&[row(2, "x")]).await.unwrap();
    assert!(replace("b", Some(1)).await.unwrap());
    assert!(
        !replace("c", Some(1)).await.unwrap(),
        "it is another by now"
    );
    let now = w.store.contact(&person).await.unwrap();
    assert_eq!(now, Some((3, row(1, "b"))));
    // What is the same keeps its number.
    assert!(replace("b", Some(3)).await.unwrap());
    let (all, latest) = changes(&w, 0, 10).await;
    assert_eq!((all, latest), (vec![(2, row(2, "x")), (3, row(1, "b"))], 3));
}

pub async fn of_many_who_change_one_person_at_once_nobody_loses_anything(w: World) {
    let person = make::person(1);
    let add = async |n: u32| {
        loop {
            let (last, before) = w.store.contact(&person).await.unwrap().unzip();
            let document = before.map_or_else(|| "{}".to_owned(), |row| row.document);
            let mut document: Value = serde_json::from_str(&document).unwrap();
            document[n.to_string()] = n.into();
            let row = ContactRow {
                person: person.clone(),
                document: document.to_string(),
            };
            if w.store.replace_contact(&row, last).await.unwrap() {
                return;
            }
        }
    };
    join_all((0..16).map(add)).await;
    let (last, after) = w.store.contact(&person).await.unwrap().unwrap();
    let after: Value = serde_json::from_str(&after.document).unwrap();
    assert_eq!((last, after.as_object().unwrap().len()), (16, 16));
}

pub async fn whatever_a_person_changes_at_once_is_kept_and_nothing_unseen_is_confirmed(w: World) {
    let now = Timestamp(1_900_000_000_000_000);
    let changes = [
        Change::Mobile(PhoneNumber::parse("41234567").unwrap()),
        Change::Email(EmailAddress::parse("ny@example.no").unwrap()),
        Change::Language(Language::Nn),
        Change::Reservation(true),
        Change::Mailbox(Some(
            Mailbox::parse("984661185", "ola.nordmann#9YDT").unwrap(),
        )),
    ];
    for n in 0..5 {
        let person = make::person(n);
        let made = changes
            .iter()
            .map(|change| own_entry::change(&*w.store, &person, change, now));
        for made in join_all(made).await {
            made.unwrap();
        }
        let (_, after) = w.store.contact(&person).await.unwrap().unwrap();
        let after: Value = serde_json::from_str(&after.document).unwrap();
        let contact = &after["kontaktinformasjon"];
        assert_eq!(contact["mobiltelefonnummer"], "+4741234567", "{after}");
        assert_eq!(contact["epostadresse"], "ny@example.no", "{after}");
        assert_eq!(after["spraak"], "nn", "{after}");
        assert_eq!(after["reservasjon"], "JA", "{after}");
        let mailbox = &after["digital_post"]["postkasseadresse"];
        assert_eq!(mailbox, "ola.nordmann#9YDT", "{after}");
    }

    // Either she confirmed the number that she saw, or nothing.
    let person = make::person(0);
    let (other, later) = (
        PhoneNumber::parse("98765432").unwrap(),
        Timestamp(now.0 + 1),
    );
    let (other, confirm) = (Change::Mobile(other), Change::Confirm(Channel::Sms));
    let (changed, confirmed) = tokio::join!(
        own_entry::change(&*w.store, &person, &other, now),
        own_entry::change(&*w.store, &person, &confirm, later),
    );
    changed.unwrap();
    let (_, after) = w.store.contact(&person).await.unwrap().unwrap();
    let after: Value = serde_json::from_str(&after.document).unwrap();
    let contact = &after["kontaktinformasjon"];
    assert_eq!(contact["mobiltelefonnummer"], "+4798765432", "{after}");
    let verified = &contact["mobiltelefonnummer_sist_verifisert"];
    match confirmed {
        Ok(()) => {}
        Err(ChangeError::Overtaken) => assert_eq!(*verified, now.to_string(), "{after}"),
        Err(error) => panic!("{error}"),
    }
}
