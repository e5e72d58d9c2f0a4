//! An agency that comes with Maskinporten instead of an API key.

use budstikke::sandbox::maskinporten::{Clients, MaskinportenServer};
use serde_json::json;

use crate::support::Site;

const SCOPE: &str = "oslo:budstikke";

#[tokio::test]
async fn a_job_that_came_with_an_access_token_is_sent() {
    let fake = MaskinportenServer::start(Clients::Anybody).await.unwrap();
    let extra = format!(
        "[http.maskinporten]\nissuer = \"{}\"\nscope = \"{SCOPE}\"\n",
        fake.issuer()
    );
    let mut site = Site::new(&extra).await;
    let api = site.serve().await;
    let api = api.with_key(&fake.access_token("958935420", SCOPE).unwrap());
    let job = json!({
        "job": "a", "class": "service_message", "window": "anytime",
        "message": {"nb": {"sms": "Vannet er stengt"}},
        "recipients": [{"phone": "+4799999999"}],
    });
    api.submit(&job).await;
    api.until_finished("a").await;
    assert_eq!(site.sms.inbox().count(), 1);
    let bergen = api.with_key(&fake.access_token("964338531", SCOPE).unwrap());
    assert_eq!(bergen.call("GET", "/v1/jobs/a", None).await.0, 404);
    let stranger = api.with_key(&fake.access_token("991825827", SCOPE).unwrap());
    let (status, problem) = stranger.call("GET", "/v1/jobs/a", None).await;
    assert_eq!(status, 401);
    assert!(
        problem["detail"]
            .as_str()
            .unwrap()
            .contains("no agency here")
    );
    assert!(!site.log().contains("eyJ"), "a token is in the log");
    site.stop().await;
}
