//! All routes, and the OpenAPI document made from them.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::{from_fn, from_fn_with_state};
use tower_http::cors::CorsLayer;
use tower_http::timeout::TimeoutLayer;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::{Modify, OpenApi};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::problem::{Problem, in_one_form};
use super::state::Api;
use super::{assets, events, guard, health, plans, schedules, sql, tags, work};

/// No request needs a larger body.
const MOST_BODY: usize = 64 << 10;
/// No answer takes longer; a query takes as long as its own limit says.
const LONGEST: Duration = Duration::from_secs(30);

#[derive(OpenApi)]
#[openapi(
    info(
        title = "assetctl",
        description = "The HTTP API of `assetctl serve`: what `assetctl … --format json` prints, and actions for who has the token. \
                       Mistakes are answered as RFC 9457 has it."
    ),
    components(schemas(Problem)),
    modifiers(&Secured),
    tags(
        (name = "assets", description = "What there is, and how far it is"),
        (name = "plans", description = "What is stale, and why"),
        (name = "work", description = "Runs, requests in the queue, jobs"),
        (name = "schedules", description = "When jobs run"),
        (name = "actions", description = "What changes something; needs the token"),
        (name = "daemon", description = "The daemon itself"),
    )
)]
struct Document;

struct Secured;

impl Modify for Secured {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let token = Http::builder()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("The token that `api: { token: … }` in schedules.yaml names"))
            .build();
        if let Some(components) = &mut document.components {
            components.add_security_scheme("token", SecurityScheme::Http(token));
        }
    }
}

/// What is read.
fn reads() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(assets::list))
        .routes(routes!(assets::show))
        .routes(routes!(assets::partitions))
        .routes(routes!(assets::status))
        .routes(routes!(assets::lineage))
        .routes(routes!(assets::checks))
        .routes(routes!(plans::plan))
        .routes(routes!(plans::explain))
        .routes(routes!(plans::explain_newest))
        .routes(routes!(work::runs))
        .routes(routes!(work::run))
        .routes(routes!(work::run_log))
        .routes(routes!(work::queue))
        .routes(routes!(work::requests))
        .routes(routes!(work::request))
        .routes(routes!(work::jobs))
        .routes(routes!(work::job))
        .routes(routes!(work::statistics))
        .routes(routes!(schedules::list))
        .routes(routes!(schedules::next))
        .routes(routes!(schedules::preview))
        .routes(routes!(schedules::ticks))
        .routes(routes!(events::listen))
        .routes(routes!(sql::query))
}

/// What changes something.
fn acts() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new()
        .routes(routes!(work::ask))
        .routes(routes!(work::run_job))
        .routes(routes!(work::cancel))
        .routes(routes!(work::pause))
        .routes(routes!(work::resume))
        .routes(routes!(work::retry))
        .routes(routes!(schedules::pause))
        .routes(routes!(schedules::resume))
}

/// What anybody may know who can reach it: whether it is well, and what it could be asked.
fn open() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new()
        .routes(routes!(health::health))
        .routes(routes!(health::ready))
        .routes(routes!(health::document))
}

/// The OpenAPI document.
pub fn openapi() -> utoipa::openapi::OpenApi {
    reads().merge(acts()).merge(open()).into_openapi()
}

/// Everything, behind what watches over it.
pub fn router(api: Arc<Api>) -> Router {
    let reading = from_fn_with_state(api.clone(), guard::reading);
    let acting = from_fn_with_state(api.clone(), guard::acting);
    let reads = reads().route_layer(reading.clone());
    let acts = acts().route_layer(acting);
    let (router, _) = reads.merge(acts).merge(open()).split_for_parts();
    let mut router = router.with_state(api.clone());
    if api.more.has_routes() {
        router = router.merge(api.more.clone().route_layer(reading));
    }
    let longest = LONGEST.max(api.settings.sql.timeout + Duration::from_secs(5));
    router
        .layer(from_fn(tags::tag))
        .layer(TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, longest))
        .layer(DefaultBodyLimit::max(MOST_BODY))
        .layer(from_fn_with_state(api.clone(), guard::own_host))
        .layer(from_fn(in_one_form))
        .layer(cors(&api.settings.origins))
}

/// Pages of the configured origins may read, and act if they have the token; of others, none.
fn cors(origins: &[String]) -> CorsLayer {
    let origins: Vec<HeaderValue> = origins.iter().filter_map(|origin| HeaderValue::from_str(origin).ok()).collect();
    if origins.is_empty() {
        return CorsLayer::new();
    }
    CorsLayer::new()
        .allow_origin(origins)
        .allow_methods([Method::GET, Method::HEAD, Method::POST])
        .allow_headers([
            header::AUTHORIZATION,
            header::CONTENT_TYPE,
            header::IF_NONE_MATCH,
            HeaderName::from_static("last-event-id"),
        ])
        .expose_headers([header::ETAG])
}
