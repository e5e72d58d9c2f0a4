//! The description of the API, generated from the handlers and the words of the domain.

use utoipa::OpenApi as _;
use utoipa::openapi::path::{Operation, ParameterIn};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{
    ComponentsBuilder, Content, OpenApi, OpenApiVersion, Ref, RefOr, Response, ResponseBuilder,
};

use super::problem::MEDIA_TYPE;
use super::router;

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "budstikke",
        description = "Tells people by SMS and e-mail what public bodies must tell them. The same jobs and events \
                       go over RabbitMQ. Errors are RFC 9457 problems.",
        license(name = "EUPL-1.2", identifier = "EUPL-1.2"),
    ),
    tags(
        (name = "jobs", description = "One text, one or many recipients, one set of rules."),
        (name = "opt-outs", description = "Who wants no messages from your agency."),
        (name = "events", description = "What became of them."),
        (name = "gateways", description = "What gateways say later about a message they took."),
        (name = "operation", description = "For whoever runs it."),
    ),
)]
struct Base;

/// What the routes begin with.
pub(super) fn base() -> OpenApi {
    let mut base = Base::openapi();
    base.openapi = OpenApiVersion::Version31;
    let scheme = |description: &str| {
        let mut http = Http::new(HttpAuthScheme::Bearer);
        http.description = Some(description.to_owned());
        SecurityScheme::Http(http)
    };
    let in_query = ApiKeyValue::with_description("token", "The gateway's `receipt_token`.");
    let mut components = ComponentsBuilder::new()
        .security_scheme(
            "api_key",
            scheme(
                "The agency's API key, from `budstikke agency key`; or, if the worker is set up for it, a Maskinporten \
                 access token whose `consumer` is the agency.",
            ),
        )
        .security_scheme("receipt_token", scheme("The gateway's `receipt_token`."))
        .security_scheme(
            "receipt_token_in_query",
            SecurityScheme::ApiKey(ApiKey::Query(in_query)),
        );
    for (_, name, description) in COMMON {
        components = components.response(name, problem(description));
    }
    base.components = Some(components.build());
    base
}

/// Answers that any call may get: status, name, meaning.
const COMMON: [(&str, &str, &str); 9] = [
    ("400", "BadRequest", "The query or the body cannot be read."),
    (
        "401",
        "Unauthenticated",
        "No API key or access token, or not a valid one. Of an access token `detail` and the header \
         `WWW-Authenticate` say what is wrong with it.",
    ),
    (
        "404",
        "NotFound",
        "You have nothing of that name; what is another agency's looks the same.",
    ),
    (
        "408",
        "TooSlow",
        "The body did not arrive in time; nothing was done.",
    ),
    ("413", "TooLong", "The body is too long."),
    (
        "415",
        "NotJson",
        "The body is not `application/json`, or it is compressed.",
    ),
    (
        "429",
        "TooMany",
        "Too many requests; wait as long as `Retry-After` says.",
    ),
    (
        "503",
        "StoreAway",
        "The store, or for an access token its issuer, cannot be reached just now; sending the same again is safe.",
    ),
    (
        "504",
        "StoreSlow",
        "The store did not answer in time; sending the same again is safe.",
    ),
];

fn problem(description: &str) -> Response {
    ResponseBuilder::new()
        .description(description)
        .content(
            MEDIA_TYPE,
            Content::new(Some(Ref::from_schema_name("Problem"))),
        )
        .build()
}

/// Adds the common answers to the calls that can give them.
pub(super) fn complete(mut api: OpenApi) -> OpenApi {
    for (path, item) in &mut api.paths.paths {
        let of_job = path.contains("{job}");
        let calls = [&mut item.get, &mut item.post, &mut item.delete];
        for call in calls
            .into_iter()
            .flatten()
            .filter(|_| path.starts_with("/v1/"))
        {
            add_common(call, of_job);
        }
    }
    api
}

fn add_common(call: &mut Operation, of_job: bool) {
    let with_body = call.request_body.is_some();
    let parameters = call.parameters.iter().flatten();
    let with_query = parameters
        .filter_map(|parameter| match parameter {
            RefOr::T(parameter) => Some(parameter),
            RefOr::Ref(_) => None,
        })
        .any(|parameter| matches!(parameter.parameter_in, ParameterIn::Query));
    let is_report = call.tags.iter().flatten().any(|tag| tag == "gateways");
    for (status, name, _) in COMMON {
        let applies = match status {
            "400" => with_query || with_body,
            "404" => of_job,
            "408" | "413" => with_body,
            "415" => with_body && !is_report,
            _ => true,
        };
        if applies {
            call.responses
                .responses
                .entry(status.to_owned())
                .or_insert_with(|| RefOr::Ref(Ref::from_response_name(name)));
        }
    }
}

/// The OpenAPI 3.1 document as `/openapi.json` gives it: pretty JSON with a line end.
pub fn document() -> String {
    let api = complete(router::described().into_openapi());
    let mut text = serde_json::to_string_pretty(&api).unwrap_or_default();
    text.push('\n');
    text
}
