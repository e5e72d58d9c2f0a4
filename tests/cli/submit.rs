//! Submitting to an API that answers as the contract says, and one that does not.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use insta::assert_snapshot;
use parking_lot::Mutex;
use serde_json::{Value, json};

use super::run::{Place, person};

/// The jobs taken, and how often each was looked at.
#[derive(Default)]
struct Api {
    jobs: Mutex<BTreeMap<String, (Value, u32)>>,
    busy: Mutex<u32>,
}

/// A fake of `/v1/jobs` whose jobs are settled at the third look.
async fn api(busy: u32) -> (String, Arc<Api>) {
    let api = Arc::new(Api {
        busy: Mutex::new(busy),
        ..Api::default()
    });
    let router = Router::new()
        .route("/v1/jobs", post(enqueue))
        .route("/v1/jobs/{job}", get(look))
        .route("/v1/jobs/{job}/notifications", get(notifications))
        .with_state(Arc::clone(&api));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (address, api)
}

async fn enqueue(State(api): State<Arc<Api>>, headers: HeaderMap, body: Bytes) -> Response {
    if headers["authorization"] != "Bearer bs_key" {
        let said = json!({"title": "Unauthorized", "detail": "the API key is not valid, or it is no longer"});
        return (StatusCode::UNAUTHORIZED, Json(said)).into_response();
    }
    {
        let mut busy = api.busy.lock();
        if *busy > 0 {
            *busy -= 1;
            return (StatusCode::TOO_MANY_REQUESTS, [("retry-after", "0")], "").into_response();
        }
    }
    let job: Value = serde_json::from_slice(&body).unwrap();
    let name = job["job"].as_str().unwrap().to_owned();
    let mut jobs = api.jobs.lock();
    let status = match jobs.get(&name) {
        None => StatusCode::ACCEPTED,
        Some((known, _)) if *known == job => StatusCode::OK,
        Some(_) => return (StatusCode::CONFLICT, Json(json!({"detail": "taken"}))).into_response(),
    };
    let answer = answer(&name, &job, 0);
    jobs.entry(name).or_insert((job, 0));
    (status, Json(answer)).into_response()
}

fn answer(name: &str, job: &Value, looks: u32) -> Value {
    let all = job["recipients"].as_array().unwrap().len();
    let (state, totals) = match looks {
        0..3 => ("open", json!({"waiting": all})),
        _settled => ("finished", json!({"sent": all - 1, "not_sent": 1})),
    };
    json!({"job": name, "class": "service_message", "lane": "normal", "state": state,
        "accepted_at": "2030-01-01T00:00:00.000Z", "recipients": all, "totals": totals})
}

async fn look(State(api): State<Arc<Api>>, Path(name): Path<String>) -> Response {
    match api.jobs.lock().get_mut(&name) {
        None => (
            StatusCode::NOT_FOUND,
            Json(json!({"detail": "you have no job of that id"})),
        )
            .into_response(),
        Some((job, looks)) => {
            *looks += 1;
            Json(answer(&name, job, *looks)).into_response()
        }
    }
}

async fn notifications(Path(name): Path<String>) -> Json<Value> {
    Json(json!({"items": [
        {"job": name, "ref": "1", "occasion": 0, "channel": "sms", "status": "sent", "version": 1},
        {"job": name, "ref": "2", "occasion": 0, "status": "not_sent", "reason": "no_address", "version": 1},
    ], "next": null}))
}

fn place(rows: &str) -> Place {
    let place = Place::new().with("BUDSTIKKE_API_KEY", "bs_key");
    place.file("people.csv", rows);
    let template = json!({"job": "snow", "class": "service_message", "purpose": "Snow clearing",
        "channel": "sms", "message": {"nb": {"sms": "Flytt bilen {{ time }}."}}});
    place.file("job.json", template.to_string());
    place
}

const SUBMIT: [&str; 4] = ["submit", "people.csv", "--template", "job.json"];

fn submit<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&SUBMIT, more].concat()
}

fn rows(count: u32) -> String {
    let rows = (0..count).map(|n| format!("{},tirsdag\n", person(n)));
    format!("person,time\n{}", rows.collect::<String>())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_is_enqueued_and_followed_until_all_is_settled() {
    let (address, api) = api(0).await;
    let place = place(&rows(1_200));
    let said = place.run(&submit(&["--api", &address])).await;
    assert_eq!(said.code, 0, "{said:?}");
    assert_snapshot!(said.out, @r"
    2 jobs with 1,200 recipients accepted; all settled
     status    notifications
     sent              1,198
     not_sent              2
    ");
    assert_eq!(
        api.jobs.lock().keys().collect::<Vec<_>>(),
        ["snow.1", "snow.2"]
    );

    let again = place
        .run(&submit(&["--api", &address, "--json"]))
        .await
        .json();
    assert_eq!(again["repeated"], 2);
    assert_eq!(again["settled"], true);
    assert_eq!(again["totals"], json!({"not_sent": 2, "sent": 1_198}));

    let status = place.run(&["status", "snow.2", "--api", &address]).await;
    assert_snapshot!(status.out, @r"
    job          snow.2
    class        service_message
    lane         normal
    state        finished
    accepted at  2030-01-01T00:00:00.000Z
    recipients   200

     status    notifications
     sent                199
     not_sent              1

    The first that were not told:
     ref  occasion  channel  status    reason
     2    0                  not_sent  no_address
    ");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_sent_of_a_file_with_a_bad_row_unless_it_may_be_left_out() {
    let (address, api) = api(0).await;
    let place = place(&format!("{}99,onsdag\n", rows(2)));
    let said = place.run(&submit(&["--api", &address])).await;
    assert_eq!((said.code, said.out.as_str()), (1, ""));
    assert_snapshot!(said.err, @r"
    line 4: person must be 11 digits, without spaces
    nothing was sent; put it right, or send the rest with --skip-invalid
    ");
    assert!(api.jobs.lock().is_empty());

    let said = place
        .run(&submit(&[
            "--api",
            &address,
            "--skip-invalid",
            "--no-wait",
            "--job",
            "ice",
            "--lane",
            "urgent",
        ]))
        .await;
    assert_eq!(
        (said.code, said.out.as_str()),
        (0, "1 job with 2 recipients accepted\n"),
        "{said:?}"
    );
    assert_eq!(api.jobs.lock()["ice.1"].0["lane"], "urgent");
    assert_eq!(
        place.text("people.csv.invalid.csv"),
        "person,time,problem\n99,onsdag,\"person must be 11 digits, without spaces\"\n"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_api_is_asked_again() {
    let (address, api) = api(3).await;
    let said = place(&rows(2))
        .run(&submit(&["--api", &address, "--no-wait"]))
        .await;
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(*api.busy.lock(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_say_what_to_do() {
    let (address, _api) = api(0).await;
    let place = place(&rows(2));
    place.run(&submit(&["--api", &address, "--no-wait"])).await;
    let template = place.text("job.json").replace("bilen", "bilene");
    place.file("job.json", template);
    let conflict = place.run(&submit(&["--api", &address])).await;
    assert_eq!(conflict.code, 1);
    let wrong_key = Place::new().with("BUDSTIKKE_API_KEY", "other");
    for file in ["people.csv", "job.json"] {
        wrong_key.file(file, place.text(file));
    }
    let unauthorized = wrong_key.run(&submit(&["--api", &address])).await;
    let unknown = place.run(&["status", "none", "--api", &address]).await;
    let strange = place
        .run(&["watch", "--api", "ftp://x", "--count", "1"])
        .await;
    let no_key = Place::new().run(&["status", "none"]).await;
    let all = [conflict, unauthorized, unknown, strange, no_key]
        .map(|said| said.err)
        .concat();
    assert_snapshot!(all, @r"
    error: job snow.1: the id is taken by a job with other content (409), which stays as it is; give this one another id (--job NAME)
    error: job snow.1: the API does not let us in (401): the API key is not valid, or it is no longer. `budstikke agency key AGENCY` creates a key, the environment variable BUDSTIKKE_API_KEY carries it
    error: this agency has no job of that id (404); BUDSTIKKE_API_KEY says which agency asks
    error: --api ftp://x: must be http://host:port or https://host
    error: there is no API key: set the environment variable BUDSTIKKE_API_KEY; `budstikke agency key AGENCY` creates one
    ");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_where_nobody_listens_is_named() {
    // A port that was free a moment ago.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let said = place(&rows(1)).run(&submit(&["--api", &address])).await;
    assert_eq!(said.code, 1);
    let wanted = format!(
        "error: job snow.1: nobody answers at {address} (connection refused): is `budstikke serve` running there?"
    );
    assert!(said.err.starts_with(&wanted), "{}", said.err);
}
