//! What is PostgreSQL's alone: the schema, lost connections, and callers that let go of a claim
//! while another writes an intent.

use std::time::Duration;

use budstikke::adapters::postgres::{PostgresSettings, PostgresStore, migrate};
use budstikke::domain::ids::{ClaimId, DeliveryId};
use budstikke::ports::store::{Claim, Refused, StoreError, Workers};

use super::make;
use super::on_postgres::{Database, world};
use super::world::{UNKNOWN_EMAIL, UNKNOWN_SMS, World, batch, entry, ids};

#[tokio::test]
#[ignore = "needs TEST_POSTGRES_URL"]
async fn a_database_without_our_schema_is_refused_with_what_to_do() {
    let database = Database::create().await;
    let refused = PostgresStore::connect(PostgresSettings::new(&database.url))
        .await
        .unwrap_err();
    assert!(
        matches!(
            refused,
            StoreError::Schema {
                found: 0,
                needed: 1
            }
        ),
        "{refused:?}"
    );
    assert!(refused.to_string().contains("budstikke migrate"));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs TEST_POSTGRES_URL"]
async fn several_who_migrate_at_once_apply_everything_once() {
    let database = Database::create().await;
    let names = futures::future::join_all((0..4).map(|_| migrate(&database.url))).await;
    let names: Vec<String> = names.into_iter().flat_map(Result::unwrap).collect();
    assert_eq!(names, ["0001_foundation"]);
    assert_eq!(migrate(&database.url).await.unwrap(), [] as [String; 0]);
    let store = PostgresStore::connect(PostgresSettings::new(&database.url)).await;
    store.unwrap().ping().await.unwrap();
}

#[tokio::test]
#[ignore = "needs TEST_POSTGRES_URL"]
async fn a_newer_schema_is_left_alone_and_worked_with() {
    let database = Database::create().await;
    migrate(&database.url).await.unwrap();
    database
        .execute(
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
             VALUES (99, 'of a newer program', TRUE, '', 0)",
        )
        .await;
    assert_eq!(migrate(&database.url).await.unwrap(), [] as [String; 0]);
    let store = PostgresStore::connect(PostgresSettings::new(&database.url)).await;
    store.unwrap().ping().await.unwrap();
}

#[tokio::test]
async fn a_server_that_cannot_be_reached_is_unavailable_and_its_password_is_not_told() {
    let mut settings = PostgresSettings::new("postgres://u:geheim@127.0.0.1:1/db");
    settings.acquire_timeout = Duration::from_millis(200);
    assert!(!format!("{settings:?}").contains("geheim"));
    let refused = PostgresStore::connect(settings).await.unwrap_err();
    assert!(matches!(refused, StoreError::Unavailable(_)), "{refused:?}");
    assert!(!format!("{refused:?}").contains("geheim"));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs TEST_POSTGRES_URL"]
async fn lost_connections_are_unavailable_and_soon_replaced() {
    let w = world().await;
    let (_, worker, _) = w.on_the_wire("a", 3).await;
    w.backend
        .execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
             WHERE datname = current_database() AND application_name = 'budstikke'",
        )
        .await
        .unwrap();
    let mut refusals = 0;
    while let Err(refused) = w.store.heartbeat(worker).await {
        assert!(matches!(refused, StoreError::Unavailable(_)), "{refused:?}");
        refusals += 1;
        assert!(refusals <= 16, "more refusals than connections");
    }
    let now = w.now().await;
    w.accept(make::job("b").by(w.oslo, now)).await;
}

/// How a worker, or the reaper, lets go.
#[derive(Clone, Copy)]
enum LetGo {
    HandBack,
    Abandon,
    End,
}

async fn let_go(w: &World, how: LetGo, claim: &Claim, worker: budstikke::domain::ids::WorkerId) {
    let held: Vec<(DeliveryId, ClaimId)> = ids(claim).iter().map(|id| (*id, claim.id)).collect();
    let (sms, email) = (UNKNOWN_SMS, UNKNOWN_EMAIL);
    match how {
        LetGo::HandBack => w.store.hand_back(&held, None).await,
        LetGo::Abandon => w.store.abandon(&held, sms, email).await,
        LetGo::End => w.store.end_worker(worker, sms, email).await,
    }
    .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs TEST_POSTGRES_URL"]
async fn an_intent_beside_somebody_who_lets_go_leaves_no_open_try_on_what_is_free() {
    const STRAY: &str = "SELECT count(*) FROM try t JOIN delivery d ON d.id = t.delivery
        WHERE t.outcome IS NULL AND d.state <> 6";
    const LOST: &str = "SELECT count(*) FROM delivery d WHERE d.state = 6
        AND NOT EXISTS (SELECT FROM try t WHERE t.delivery = d.id AND t.outcome IS NULL)";
    let w = world().await;
    for round in 0..30 {
        for how in [LetGo::HandBack, LetGo::Abandon, LetGo::End] {
            let now = w.now().await;
            let name = format!("j{round}-{}", how as u8);
            w.accept(make::job(&name).to(5).by(w.oslo, now)).await;
            let worker = w.worker().await;
            let claim = w.claim(worker, 5).await;
            let entries = claim.deliveries.iter().map(|c| entry(claim.id, c));
            let intents = w.store.intend(batch(entries.collect()));
            let (intents, ()) = tokio::join!(intents, let_go(&w, how, &claim, worker));
            let intents = intents.unwrap();
            let (granted, refused) = (intents.granted.len(), intents.refused.len());
            assert!((granted, refused) == (5, 0) || (granted, refused) == (0, 5));
            assert_eq!(w.backend.count(STRAY).await, 0, "round {round}");
            assert_eq!(w.backend.count(LOST).await, 0, "round {round}");
            w.store
                .cancel(w.oslo, &super::world::job_name(&name), now)
                .await
                .unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs TEST_POSTGRES_URL"]
async fn a_try_written_between_judging_and_writing_is_found_by_judging_again() {
    /// Writes a try that nobody sees until somebody waits for it, ten seconds at most.
    const WRITE: &str = "BEGIN;
        INSERT INTO try (delivery, slot, no, claim, gateway, intent_at)
            SELECT min(id), 0, 0, min(claim), 'other', 0 FROM delivery;
        DO $$ BEGIN
            FOR i IN 1..1000 LOOP
                PERFORM pg_sleep(0.01);
                EXIT WHEN EXISTS (SELECT FROM pg_locks l JOIN pg_stat_activity a USING (pid)
                    WHERE a.datname = current_database() AND NOT l.granted);
            END LOOP;
        END $$;
        COMMIT";
    const WRITTEN: &str = "SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND wait_event = 'PgSleep'";
    let w = world().await;
    let now = w.now().await;
    w.accept(make::job("a").to(3).by(w.oslo, now)).await;
    let worker = w.worker().await;
    let claim = w.claim(worker, 3).await;
    let intending = async {
        for _ in 0..1_000 {
            if w.backend.count(WRITTEN).await > 0 {
                break;
            }
        }
        let entries = claim.deliveries.iter().map(|c| entry(claim.id, c));
        w.store.intend(batch(entries.collect())).await.unwrap()
    };
    let (written, intents) = tokio::join!(w.backend.execute(WRITE), intending);
    written.unwrap();
    assert_eq!(intents.refused, [(0, Refused::LiveTry)]);
    assert_eq!(intents.granted.len(), 2);
    assert_eq!(w.backend.count("SELECT count(*) FROM try").await, 3);
}
