//! The agencies' own opt-out lists, from the API and the command line to the wire.

use serde_json::{Value, json};

use crate::support::{Api, Site, appointment, register};

async fn outcomes(api: &Api, job: &str) -> Vec<(String, String)> {
    let page = api.get(&format!("/v1/jobs/{job}/notifications")).await;
    let text = |item: &Value, name: &str| item[name].as_str().unwrap_or_default().to_owned();
    let items = page["items"].as_array().unwrap();
    items
        .iter()
        .map(|item| (text(item, "ref"), text(item, "reason")))
        .collect()
}

#[tokio::test]
async fn nothing_goes_to_those_on_the_list_and_everything_to_the_others() {
    let mut site = Site::new("").await;
    let people = register(site.folder.path());
    site.run(&["register", "import", people.to_str().unwrap()]);
    let (oslo, bergen) = (site.key("oslo"), site.key("bergen"));
    let api = site.serve().await.with_key(&oslo);
    let list = json!({"opt_outs": [
        {"person": "20914695016"}, {"phone": "99999999"}, {"email": "KARI@example.no"},
    ]});
    let put = |method, body: Value| {
        let api = api.clone();
        async move { api.call(method, "/v1/opt-outs", Some(&body)).await }
    };
    assert_eq!(
        put("POST", list.clone()).await,
        (200, json!({"changed": 3}))
    );
    assert_eq!(
        put("POST", list.clone()).await,
        (200, json!({"changed": 0}))
    );
    api.submit(&appointment("a")).await;
    api.until_finished("a").await;
    for (reference, reason) in outcomes(&api, "a").await {
        assert_eq!(reason, "opted_out", "{reference}");
    }
    let other = api.with_key(&bergen);
    other.submit(&appointment("a")).await;
    other.until_finished("a").await;
    for (reference, reason) in outcomes(&other, "a").await {
        assert_eq!(reason, "", "{reference}: another agency's list");
    }
    // Of a letter the law says that people must be told.
    let mut letter = appointment("b");
    letter["class"] = "letter".into();
    letter["recipients"] = json!([{"ref": "x", "person": "20914695016", "values": {"time": "nå"}}]);
    api.submit(&letter).await;
    api.until_finished("b").await;
    assert_eq!(outcomes(&api, "b").await, [("x".to_owned(), String::new())]);
    let everything = json!({"opt_outs": [
        {"person": "20914695016", "classes": ["letter", "service_message"]},
    ]});
    assert_eq!(put("POST", everything).await, (200, json!({"changed": 1})));
    letter["job"] = "c".into();
    api.submit(&letter).await;
    api.until_finished("c").await;
    assert_eq!(outcomes(&api, "c").await[0].1, "opted_out");
    let page = api.get("/v1/jobs/c/notifications").await;
    assert_eq!(page["items"][0]["paper"], true);
    let shown = api.get("/v1/opt-outs").await;
    assert_eq!(shown["items"].as_array().unwrap().len(), 3);
    assert!(!shown.to_string().contains("99999999"));
    assert_eq!(put("DELETE", list).await, (200, json!({"changed": 3})));
    api.submit(&appointment("d")).await;
    api.until_finished("d").await;
    assert!(
        outcomes(&api, "d")
            .await
            .iter()
            .all(|(_, reason)| reason.is_empty())
    );
    site.stop().await;
}

#[tokio::test]
async fn a_list_that_is_not_valid_changes_nothing_and_a_file_is_imported() {
    let mut site = Site::new("").await;
    let file = site.path("out.csv");
    std::fs::write(&file, "name;phone\nKari;99999999\nOla;99999998\n").unwrap();
    let args = [
        "optout",
        "import",
        file.to_str().unwrap(),
        "--agency",
        "oslo",
    ];
    assert!(site.run(&args).starts_with("2 changed of 2 read"));
    assert!(site.run(&args).starts_with("0 changed of 2 read"));
    let oslo = site.key("oslo");
    let api = site.serve().await.with_key(&oslo);
    for (body, pointer) in [
        (json!([]), ""),
        (json!({"opt_outs": []}), "/opt_outs"),
        (json!({"opt_outs": [{}]}), "/opt_outs/0"),
        (
            json!({"opt_outs": [{"phone": "99999997"}, {"phone": "12"}]}),
            "/opt_outs/1/phone",
        ),
        (
            json!({"opt_outs": [{"phone": "99999997", "email": "a@b.no"}]}),
            "/opt_outs/0",
        ),
        (
            json!({"opt_outs": [{"person": "20914695017"}]}),
            "/opt_outs/0/person",
        ),
        (
            json!({"opt_outs": [{"phone": "99999997", "classes": []}]}),
            "/opt_outs/0/classes",
        ),
        (
            json!({"opt_outs": [{"phone": "99999997", "kind": "x"}]}),
            "/opt_outs/0",
        ),
        (
            json!({"opt_outs": [{"phone": "99999997"}], "more": 1}),
            "/more",
        ),
    ] {
        let (status, problem) = api.call("POST", "/v1/opt-outs", Some(&body)).await;
        assert_eq!(
            (status, &problem["problems"][0]["pointer"]),
            (422, &json!(pointer)),
            "{problem}"
        );
        assert_eq!(problem["type"], "/problems/invalid-opt-outs");
        assert!(!problem.to_string().contains("99999997"));
    }
    let first = api.get("/v1/opt-outs?limit=1").await;
    let next = first["next"].as_str().unwrap();
    let second = api
        .get(&format!("/v1/opt-outs?limit=1&cursor={next}"))
        .await;
    assert_eq!(second["next"], Value::Null);
    assert_ne!(first["items"], second["items"]);
    site.stop().await;
}
