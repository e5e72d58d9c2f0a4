use proptest::prelude::*;

use super::{LONGEST_BODY, ReceiptError, parse};
use crate::adapters::sms::GatewayKind;
use crate::domain::ids::{DeliveryId, JobNo};
use crate::domain::kinds::Channel;
use crate::domain::receipt::{Receipt, ReceiptKey, ReceiptStatus};
use crate::domain::status::Reason;

fn delivery() -> DeliveryId {
    DeliveryId::of(JobNo(7), 3, 0, Channel::Sms)
}

fn json(body: &str) -> Result<Vec<Receipt>, ReceiptError> {
    parse(
        GatewayKind::Json,
        Some("application/json"),
        "",
        body.as_bytes(),
    )
}

fn kannel(query: &str) -> Result<Vec<Receipt>, ReceiptError> {
    parse(GatewayKind::Kannel, None, query, b"")
}

#[test]
fn every_status_of_kind_json_is_read() {
    let reference = delivery().client_reference();
    for (word, expected) in [
        ("delivered", ReceiptStatus::Delivered),
        ("failed", ReceiptStatus::Failed(Reason::Unreachable)),
        ("expired", ReceiptStatus::Expired),
        ("accepted", ReceiptStatus::Accepted),
    ] {
        let receipts = json(&format!(
            r#"{{"reference":"{reference}","status":"{word}"}}"#
        ));
        let receipts = receipts.unwrap();
        assert_eq!(receipts.len(), 1);
        assert_eq!(receipts[0].key, ReceiptKey::Delivery(delivery()));
        assert_eq!(receipts[0].status, expected);
    }
}

#[test]
fn a_list_with_ids_times_and_codes_is_read() {
    let receipts = json(
        r#"[{"id":"m-1","status":"delivered","at":"2030-01-02T10:00:00+01:00","code":"000","x":1},
            {"id":42,"reference":"theirs","status":"failed","code":27}]"#,
    )
    .unwrap();
    assert_eq!(receipts[0].key, ReceiptKey::ProviderReference("m-1".into()));
    assert_eq!(
        receipts[0].at.unwrap().to_string(),
        "2030-01-02T09:00:00.000Z"
    );
    assert_eq!(receipts[0].code.as_deref(), Some("000"));
    assert_eq!(receipts[1].key, ReceiptKey::ProviderReference("42".into()));
    assert_eq!(receipts[1].code.as_deref(), Some("27"));
}

#[test]
fn our_reference_wins_over_the_gateways_id() {
    let reference = delivery().client_reference();
    let body = format!(r#"{{"id":"m-1","reference":"{reference}","status":"accepted"}}"#);
    assert_eq!(
        json(&body).unwrap()[0].key,
        ReceiptKey::Delivery(delivery())
    );
}

#[test]
fn a_reference_that_cannot_be_ours_is_left_out_silently() {
    assert_eq!(
        json(r#"{"reference":"alien","status":"delivered"}"#),
        Ok(vec![])
    );
    assert_eq!(kannel("type=1&ref=alien"), Ok(vec![]));
}

#[test]
fn a_wrong_report_is_told_what_would_be_right() {
    let unknown = json(r#"[{"id":"a","status":"delivered"},{"id":"b","status":"DELIVRD"}]"#);
    assert_eq!(
        unknown.unwrap_err().to_string(),
        "report 2: status must be delivered, failed, expired or accepted"
    );
    assert_eq!(
        json(r#"{"status":"delivered"}"#).unwrap_err().to_string(),
        "report 1: id or reference must be given"
    );
    assert!(json(r#"{"id":"a","status":"failed","at":"yesterday"}"#).is_err());
    for body in ["", "no", "7", "[1]", "{\"id\":"] {
        assert!(
            matches!(json(body), Err(ReceiptError::Format { .. })),
            "{body}"
        );
    }
    assert!(
        kannel("type=3&ref=bs1")
            .unwrap_err()
            .to_string()
            .contains("1 delivered")
    );
    assert!(kannel("ref=bs1").is_err());
    assert!(kannel("type=1").is_err());
}

#[test]
fn every_type_of_kind_kannel_is_read_from_query_and_form() {
    let reference = delivery().client_reference();
    for (kind, expected) in [
        (1, ReceiptStatus::Delivered),
        (2, ReceiptStatus::Failed(Reason::Unreachable)),
        (4, ReceiptStatus::Accepted),
        (8, ReceiptStatus::Accepted),
        (16, ReceiptStatus::Failed(Reason::RefusedByGateway)),
        (34, ReceiptStatus::Expired),
        (66, ReceiptStatus::Accepted),
    ] {
        let text = format!("token=a%2Fb&type={kind}&ref={reference}");
        let form = parse(
            GatewayKind::Kannel,
            Some("application/x-www-form-urlencoded; charset=UTF-8"),
            "token=x",
            text.as_bytes(),
        );
        for receipts in [kannel(&text), form] {
            let receipts = receipts.unwrap();
            assert_eq!(receipts[0].key, ReceiptKey::Delivery(delivery()));
            assert_eq!(receipts[0].status, expected, "type {kind}");
        }
    }
}

#[test]
fn more_than_64_kib_is_refused_unread() {
    let body = vec![b' '; LONGEST_BODY + 1];
    for kind in GatewayKind::ALL {
        assert_eq!(parse(*kind, None, "", &body), Err(ReceiptError::TooLong));
    }
}

proptest! {
    #[test]
    fn nothing_that_anybody_sends_makes_a_parser_panic(
        query in ".{0,80}",
        body in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        for kind in GatewayKind::ALL {
            for content_type in [None, Some("application/x-www-form-urlencoded")] {
                let receipts = parse(*kind, content_type, &query, &body).unwrap_or_default();
                prop_assert!(receipts.len() <= body.len().max(1));
            }
        }
    }
}
