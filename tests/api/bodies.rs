//! Bodies that no job is in.

use std::time::Duration;

use axum::body::Body;
use axum::http::header::{CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH};
use bytes::Bytes;
use futures::stream;

use crate::calls::Call;
use crate::support::{LIMITS, OSLO, job, start, start_with};

const JOB_ROUTES: [&str; 2] = ["/v1/jobs", "/v1/preview"];

#[tokio::test]
async fn a_body_above_the_limit_is_refused_whether_announced_or_not() {
    let api = start().await;
    let padded = |length: usize| {
        let mut body = job("a", 1).to_string();
        body.push_str(&" ".repeat(length - body.len()));
        body
    };
    let limit = LIMITS.body_bytes;
    for path in JOB_ROUTES {
        let post = || Call::post(path).key(OSLO);
        let fits = api
            .call(post().body("application/json", padded(limit)))
            .await;
        assert!(fits.status < 300, "{}", fits.text());
        let over = api
            .call(post().body("application/json", padded(limit + 1)))
            .await;
        over.problem(413);
        let announced = post().header(CONTENT_LENGTH, "99999999999");
        let refused = api.call(announced.body("application/json", "{}")).await;
        refused.problem(413);
        let chunk = Bytes::from(vec![b' '; 1 << 20]);
        let endless = stream::repeat_with(move || Ok::<_, std::io::Error>(chunk.clone()));
        let endless = api
            .call(post().body("application/json", Body::from_stream(endless)))
            .await;
        endless.problem(413);
    }
}

#[tokio::test]
async fn a_body_that_cannot_be_read_is_a_problem_with_the_whole_body() {
    let api = start().await;
    let deep = format!(r#"{{"job": {}1{}}}"#, "[".repeat(32), "]".repeat(32));
    let bodies: [(&str, Vec<u8>); 6] = [
        ("33 levels", deep.into_bytes()),
        ("not UTF-8", b"{\"job\": \"\xff\"}".to_vec()),
        ("nothing", Vec::new()),
        ("not JSON", b"job=1".to_vec()),
        ("a list", b"[]".to_vec()),
        ("cut off", b"{\"job\": \"a\"".to_vec()),
    ];
    for path in JOB_ROUTES {
        for (what, body) in &bodies {
            let call = Call::post(path)
                .key(OSLO)
                .body("application/json", body.clone());
            let problem = api.call(call).await.problem(422);
            assert_eq!(problem["problems"][0]["pointer"], "", "{what}: {problem}");
        }
    }
}

#[tokio::test]
async fn a_body_of_another_type_is_refused() {
    let api = start().await;
    let body = job("a", 1).to_string();
    for path in JOB_ROUTES {
        for kind in [
            "text/plain",
            "application/x-www-form-urlencoded",
            "application/jsonp",
            "",
        ] {
            let call = Call::post(path).key(OSLO).body(kind, body.clone());
            api.call(call).await.problem(415);
        }
        api.call(Call::post(path).key(OSLO)).await.problem(415);
        let packed = Call::post(path).key(OSLO).header(CONTENT_ENCODING, "gzip");
        api.call(packed.body("application/json", body.clone()))
            .await
            .problem(415);
        let named = Call::post(path).key(OSLO);
        let named = named.body("Application/JSON; charset=utf-8", body.clone());
        assert!(api.call(named).await.status < 300);
    }
}

#[tokio::test]
async fn a_body_that_does_not_arrive_is_given_up() {
    let api = start_with(budstikke::api::ApiLimits {
        request_timeout: Duration::from_millis(200),
        ..LIMITS
    })
    .await;
    let never = Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>());
    let answer = api
        .call(
            Call::post("/v1/jobs")
                .key(OSLO)
                .body("application/json", never),
        )
        .await;
    answer.problem(408);
    assert_eq!(answer.header(CONNECTION), Some("close"));
    let broken = Body::from_stream(stream::iter([Err::<Bytes, _>(std::io::Error::other(
        "gone",
    ))]));
    let answer = api
        .call(
            Call::post("/v1/jobs")
                .key(OSLO)
                .body("application/json", broken),
        )
        .await;
    answer.problem(400);
}
