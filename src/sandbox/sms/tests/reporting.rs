use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::routing::any;
use parking_lot::Mutex;
use tokio::net::TcpListener;

use super::support::{PATIENT, any_time, gateway, message, number, start};
use crate::adapters::sms::{GatewayKind, receipts};
use crate::domain::ids::DeliveryId;
use crate::domain::receipt::{Receipt, ReceiptKey, ReceiptStatus, merge};
use crate::domain::status::Status;
use crate::sandbox::sms::{Fate, FateOf, Knobs, Reports, SmsServer, Span};

type Receipts = Arc<Mutex<Vec<Receipt>>>;

/// Reads reports with our own parser, as the API does; refuses the first `failures` with 503.
struct Receiver {
    url: String,
    receipts: Receipts,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Receiver {
    async fn start(kind: GatewayKind, failures: usize) -> Self {
        let receipts = Receipts::default();
        let seen = Arc::clone(&receipts);
        let left = Arc::new(Mutex::new(failures));
        let take = move |State(seen): State<Receipts>, RawQuery(query): RawQuery, body: Bytes| {
            let left = Arc::clone(&left);
            async move {
                if *left.lock() > 0 {
                    *left.lock() -= 1;
                    return StatusCode::SERVICE_UNAVAILABLE;
                }
                let query = query.unwrap_or_default();
                assert!(query.starts_with("token=a%2Fb"), "{query}");
                let read = receipts::parse(kind, None, &query, &body).unwrap();
                seen.lock().extend(read);
                StatusCode::NO_CONTENT
            }
        };
        let router = Router::new()
            .route("/v1/receipts/sandbox", any(take))
            .with_state(seen);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self {
            url: format!("http://{address}/v1/receipts/sandbox?token=a%2Fb"),
            receipts,
            task,
        }
    }

    async fn wait_for(&self, count: usize) -> Vec<Receipt> {
        let limit = Instant::now() + PATIENT;
        while self.receipts.lock().len() < count {
            assert!(Instant::now() < limit, "{:?}", self.receipts.lock());
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        self.receipts.lock().clone()
    }
}

async fn set_up(kind: GatewayKind, failures: usize, reports: Reports) -> (SmsServer, Receiver) {
    let receiver = Receiver::start(kind, failures).await;
    let knobs = Knobs {
        reports: Some(Reports {
            url: Some(receiver.url.clone()),
            ..reports
        }),
        ..Knobs::default()
    };
    (start(knobs).await, receiver)
}

fn of(receipt: &Receipt) -> DeliveryId {
    match receipt.key {
        ReceiptKey::Delivery(delivery) => delivery,
        ReceiptKey::ProviderReference(_) => panic!("our reference is in every report"),
    }
}

#[tokio::test]
async fn a_report_finds_its_delivery_in_both_kinds() {
    for kind in GatewayKind::ALL {
        let (server, receiver) = set_up(*kind, 0, Reports::to("")).await;
        let gateway = gateway(*kind, &server, Some(&receiver.url));
        gateway.submit(&message(9), any_time(), PATIENT).await;
        let receipts = receiver.wait_for(1).await;
        assert_eq!(of(&receipts[0]), message(9).delivery, "{kind:?}");
        assert_eq!(receipts[0].status, ReceiptStatus::Delivered, "{kind:?}");
    }
}

#[tokio::test]
async fn a_report_can_be_there_before_the_answer() {
    for kind in GatewayKind::ALL {
        let reports = Reports {
            early: 1.0,
            ..Reports::to("")
        };
        let (server, receiver) = set_up(*kind, 0, reports).await;
        let gateway = gateway(*kind, &server, Some(&receiver.url));
        let outcome = gateway.submit(&message(1), any_time(), PATIENT).await;
        assert_eq!(receiver.receipts.lock().len(), 1, "{kind:?}");
        assert_eq!(outcome.as_str(), "accepted", "{kind:?}");
    }
}

#[tokio::test]
async fn a_report_that_is_not_taken_comes_again() {
    let (server, receiver) = set_up(GatewayKind::Json, 3, Reports::to("")).await;
    let gateway = gateway(GatewayKind::Json, &server, None);
    gateway.submit(&message(1), any_time(), PATIENT).await;
    assert_eq!(receiver.wait_for(1).await.len(), 1);
    assert_eq!(server.counters().reports_lost(), 0);
}

/// Twice, backwards, early and late, for phones of every fate: merged, each ends as it must.
#[tokio::test]
async fn whatever_the_order_every_delivery_ends_in_its_fate() {
    for kind in GatewayKind::ALL {
        let fate = |to: &str| match to.as_bytes()[to.len() - 1] % 4 {
            0 => Fate::Delivered,
            1 => Fate::Failed,
            2 => Fate::Expired,
            _ => Fate::Silent,
        };
        let reports = Reports {
            after: Span::millis(0, 30),
            twice: 0.5,
            reversed: 0.5,
            early: 0.3,
            fate: Some(FateOf::new(move |message| Some(fate(&message.to)))),
            ..Reports::to("")
        };
        let (server, receiver) = set_up(*kind, 2, reports).await;
        let gateway = gateway(*kind, &server, Some(&receiver.url));
        for position in 0..80 {
            gateway
                .submit(&message(position), any_time(), PATIENT)
                .await;
        }
        let expected = (0..80)
            .filter(|position| fate(&number(*position)) != Fate::Silent)
            .count();
        let limit = Instant::now() + PATIENT;
        let spoken = |receipts: &Receipts| {
            let last: HashMap<_, _> = receipts
                .lock()
                .iter()
                .map(|receipt| (of(receipt), receipt.status))
                .collect();
            last.len()
        };
        while spoken(&receiver.receipts) < expected {
            assert!(
                Instant::now() < limit,
                "{} of {expected}",
                spoken(&receiver.receipts)
            );
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        let mut status: HashMap<DeliveryId, Status> = HashMap::new();
        for receipt in receiver.receipts.lock().iter() {
            let now = status.entry(of(receipt)).or_insert(Status::Sending);
            if let Some((next, _)) = merge(*now, receipt.status) {
                *now = next;
            }
        }
        for taken in server.inbox().snapshot() {
            let reference = taken.reference.as_deref().unwrap();
            let delivery = DeliveryId::from_client_reference(reference).unwrap();
            let expected = match fate(&taken.to) {
                Fate::Delivered => Some(Status::Delivered),
                Fate::Failed | Fate::Expired => Some(Status::Failed),
                Fate::Silent => None,
            };
            assert_eq!(
                status.get(&delivery).copied(),
                expected,
                "{kind:?} {reference}"
            );
        }
    }
}

#[tokio::test]
async fn without_a_knob_for_reports_none_comes() {
    let server = start(Knobs::default()).await;
    let receiver = Receiver::start(GatewayKind::Kannel, 0).await;
    let gateway = gateway(GatewayKind::Kannel, &server, Some(&receiver.url));
    gateway.submit(&message(1), any_time(), PATIENT).await;
    server.stop().await;
    assert!(receiver.receipts.lock().is_empty());
}
