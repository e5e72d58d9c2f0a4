//! What a person's page needs: sessions, one-time codes, and messages by person.

use std::time::Duration;

use budstikke::domain::job::To;
use budstikke::domain::kinds::{Channel, Class};
use budstikke::domain::status::Status;
use budstikke::domain::time::Timestamp;
use budstikke::ports::store::{
    CODE_LIFE, CODE_WINDOW, Guess, NewCode, NewSession, SESSION_AT_MOST, SESSION_IDLE,
};

use super::make;
use super::world::World;

const SECOND: Duration = Duration::from_secs(1);

fn session(id: u8, provider: Option<u8>, at: Timestamp) -> NewSession {
    NewSession {
        id: [id; 32],
        provider_session: provider.map(|provider| [provider; 32]),
        person: make::person(u16::from(id)),
        id_token: format!("token-{id}"),
        at,
    }
}

async fn lives(w: &World, id: u8, at: Timestamp) -> bool {
    let found = w.store.session([id; 32], at).await.unwrap();
    if let Some(found) = &found {
        assert_eq!(found.person, make::person(u16::from(id)));
        assert_eq!(found.id_token, format!("token-{id}"));
    }
    found.is_some()
}

pub async fn a_session_lives_while_it_is_used_and_never_beyond_its_limit(w: World) {
    let began = w.now().await;
    w.store.put_session(session(1, None, began)).await.unwrap();
    assert!(!lives(&w, 2, began).await);
    let mut at = began;
    while at.plus(SESSION_IDLE) < began.plus(SESSION_AT_MOST) {
        at = at.plus(SESSION_IDLE).minus(SECOND);
        assert!(lives(&w, 1, at).await);
    }
    assert!(!lives(&w, 1, began.plus(SESSION_AT_MOST)).await);
    w.store.put_session(session(3, None, began)).await.unwrap();
    assert!(!lives(&w, 3, began.plus(SESSION_IDLE)).await);
    // What was not used in time does not come back to life.
    assert!(!lives(&w, 3, began.plus(SESSION_IDLE).plus(SECOND)).await);
}

pub async fn a_session_ends_by_its_id_and_all_of_a_provider_by_its(w: World) {
    let now = w.now().await;
    for (id, provider) in [
        (1, Some(7)),
        (2, Some(7)),
        (3, Some(8)),
        (4, None),
        (5, None),
    ] {
        let new = session(id, provider, now);
        w.store.put_session(new).await.unwrap();
    }
    assert!(w.store.put_code(code(1, 1, 1, now)).await.unwrap());
    w.store.end_session([4; 32]).await.unwrap();
    w.store.end_session([4; 32]).await.unwrap();
    assert_eq!(w.store.end_provider_session([7; 32]).await.unwrap(), 2);
    assert_eq!(w.store.end_provider_session([7; 32]).await.unwrap(), 0);
    let mut living = Vec::new();
    for id in 1..=5 {
        if lives(&w, id, now).await {
            living.push(id);
        }
    }
    assert_eq!(living, [3, 5]);
    let codes = "SELECT count(*) FROM page_code";
    assert_eq!(w.backend.count(codes).await, 0);
}

/// A code of a session, to its person, to an address; four an hour each.
fn code(session: u8, person: u8, address: u8, at: Timestamp) -> NewCode {
    NewCode {
        session: [session; 32],
        channel: Channel::Sms,
        address: format!("+4790000{address:03}"),
        digest: [100 + address; 32],
        at,
        person: ([person; 32], 4),
        to: ([200 + address; 32], 4),
    }
}

async fn guess(w: &World, session: u8, digest: u8, at: Timestamp) -> Guess {
    let guess = w
        .store
        .guess_code([session; 32], Channel::Sms, [digest; 32], at);
    guess.await.unwrap()
}

pub async fn a_code_is_right_once_and_good_for_five_guesses(w: World) {
    let now = w.now().await;
    assert!(w.store.put_code(code(1, 1, 1, now)).await.unwrap());
    assert_eq!(guess(&w, 2, 101, now).await, Guess::Gone);
    assert_eq!(guess(&w, 1, 9, now).await, Guess::Wrong(4));
    let right = Guess::Right("+4790000001".to_owned());
    assert_eq!(guess(&w, 1, 101, now).await, right);
    assert_eq!(guess(&w, 1, 101, now).await, Guess::Gone);

    assert!(w.store.put_code(code(1, 1, 2, now)).await.unwrap());
    for left in (0..5).rev() {
        assert_eq!(guess(&w, 1, 9, now).await, Guess::Wrong(left));
    }
    assert_eq!(guess(&w, 1, 102, now).await, Guess::Gone);
    let address = w.store.code_address([1; 32], Channel::Sms, now).await;
    assert_eq!(address.unwrap(), None);

    // A new one takes the old one's place; after ten minutes it is gone.
    assert!(w.store.put_code(code(1, 1, 3, now)).await.unwrap());
    assert!(w.store.put_code(code(1, 1, 4, now)).await.unwrap());
    let address = w.store.code_address([1; 32], Channel::Sms, now).await;
    assert_eq!(address.unwrap().as_deref(), Some("+4790000004"));
    assert_eq!(guess(&w, 1, 103, now).await, Guess::Wrong(4));
    assert_eq!(guess(&w, 1, 104, now.plus(CODE_LIFE)).await, Guess::Gone);
}

pub async fn of_two_who_guess_right_at_once_one_is_right(w: World) {
    let now = w.now().await;
    assert!(w.store.put_code(code(1, 1, 1, now)).await.unwrap());
    let guesses = (0..8).map(|_| guess(&w, 1, 101, now));
    let guesses = futures::future::join_all(guesses).await;
    let right = |guess: &&Guess| matches!(guess, Guess::Right(_));
    assert_eq!(guesses.iter().filter(right).count(), 1, "{guesses:?}");
}

pub async fn person_and_address_have_their_limit_of_codes_within_any_hour(w: World) {
    let now = w.now().await;
    let later = |seconds| now.plus(SECOND * seconds);
    for n in 0..4 {
        assert!(w.store.put_code(code(1, 1, 1, later(n))).await.unwrap());
    }
    // The person to another address, and another person to this one.
    assert!(!w.store.put_code(code(1, 1, 2, later(5))).await.unwrap());
    assert!(!w.store.put_code(code(2, 2, 1, later(5))).await.unwrap());
    // What was refused counts for nobody.
    for n in 6..10 {
        assert!(w.store.put_code(code(2, 2, 2, later(n))).await.unwrap());
    }
    // The first is an hour old: one more, not two.
    let hour = now.plus(CODE_WINDOW);
    assert!(w.store.put_code(code(1, 1, 1, hour)).await.unwrap());
    assert!(!w.store.put_code(code(1, 1, 1, hour)).await.unwrap());
    // However many ask at once.
    let many = (10..30).map(|n| w.store.put_code(code(n, n, 9, hour)));
    let many = futures::future::join_all(many).await;
    let taken = many.into_iter().filter(|one| *one.as_ref().unwrap());
    assert_eq!(taken.count(), 4);
}

pub async fn what_is_over_is_erased(w: World) {
    let now = w.now().await;
    let before = now.minus(SESSION_AT_MOST).minus(SECOND);
    w.store.put_session(session(1, None, before)).await.unwrap();
    w.store.put_session(session(2, None, now)).await.unwrap();
    assert!(w.store.put_code(code(1, 1, 1, before)).await.unwrap());
    assert!(w.store.put_code(code(2, 2, 2, now)).await.unwrap());
    let never = Timestamp(0);
    let erased = w.store.erase(never, never, never, never, 10).await;
    assert!(erased.unwrap().is_nothing());
    for (rows, left) in [
        ("SELECT count(*) FROM page_session", 1),
        ("SELECT count(*) FROM page_code", 1),
        ("SELECT count(*) FROM page_sent", 2),
    ] {
        assert_eq!(w.backend.count(rows).await, left, "{rows}");
    }
}

pub async fn a_person_finds_what_was_sent_to_them_until_the_numbers_go(w: World) {
    let now = w.now().await;
    let to = |n| {
        let recipients = [3, n].map(|n| make::recipient(n, To::Person(make::person(n))));
        recipients.to_vec()
    };
    let silent = make::job("before").recipients(to(1)).by(w.oslo, now);
    w.accept(silent).await;
    w.store.keep_history();
    let first = make::job("first").recipients(to(1)).by(w.oslo, now);
    w.accept(first).await;
    let mut letter = make::job("letter").to(2).letter(1);
    letter = letter.content(2);
    w.accept(letter.by(w.bergen, now)).await;
    w.accept(make::job("phone").to(3).by(w.oslo, now)).await;

    let found = async |n: u16| w.store.messages_to(&make::person(n), 10).await;
    let hers = found(1).await.unwrap();
    let told: Vec<_> = hers
        .iter()
        .map(|m| (m.agency, m.fact.job.as_str().to_owned(), m.fact.occasion))
        .collect();
    let expected = [
        (w.bergen, "letter".to_owned(), 0),
        (w.bergen, "letter".to_owned(), 1),
        (w.oslo, "first".to_owned(), 0),
    ];
    assert_eq!(told, expected);
    assert_eq!(hers[0].fact.class, Class::Letter);
    assert_eq!(hers[2].fact.reference, make::reference(1));
    assert_eq!(hers[2].fact.status, Status::Accepted);
    assert_eq!(found(3).await.unwrap().len(), 1);
    assert_eq!(found(9).await.unwrap(), []);
    let one = w.store.messages_to(&make::person(1), 1).await.unwrap();
    assert!(one.iter().all(|m| m.fact.job.as_str() == "letter"));

    w.store
        .cancel(w.oslo, &super::world::job_name("first"), now)
        .await
        .unwrap();
    let at = w.now().await.plus(SECOND);
    let never = Timestamp(0);
    w.store.erase(at, at, never, never, 10).await.unwrap();
    assert_eq!(found(3).await.unwrap(), []);
    assert_eq!(found(1).await.unwrap().len(), 2);
}
