//! Offer and answer, in the manner of WHEP (draft-ietf-wish-whep): who posts an offer gets pictures by WebRTC.

use axum::Router;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::header::{self, HeaderMap};
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, post};
use kvm_examples::report::chain;
use kvm_stream::webrtc::WebRtcViewer;

use crate::web::{VIEWERS, Web, query, too_many};

/// `POST /whep` and `DELETE /whep/NAME`.
pub(crate) fn routes() -> Router<Web> {
    Router::new()
        .route("/whep", post(offer).layer(DefaultBodyLimit::max(WebRtcViewer::MAX_OFFER_BYTES)))
        .route("/whep/{name}", delete(leave))
}

async fn offer(State(web): State<Web>, headers: HeaderMap, uri: Uri, offer: String) -> Response {
    let Some(peers) = &web.app.peers else { return not_asked_for() };
    let is_offer = headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes() == SDP.as_bytes());
    if !is_offer {
        return (StatusCode::UNSUPPORTED_MEDIA_TYPE, "An offer is application/sdp.\n").into_response();
    }
    if web.app.channels.viewers() >= VIEWERS {
        return too_many();
    }
    let page = query(&uri, "line").and_then(|name| peers.page(name));
    match peers.join(web.app.next_holder(), &offer, page).await {
        Ok(Some((name, answer))) => {
            let headers =
                [(header::CONTENT_TYPE, SDP.to_owned()), (header::LOCATION, format!("/whep/{name}"))];
            (StatusCode::CREATED, headers, answer).into_response()
        }
        Ok(None) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        Err(error) => (StatusCode::BAD_REQUEST, format!("{}.\n", chain(&error))).into_response(),
    }
}

async fn leave(State(web): State<Web>, Path(name): Path<String>) -> Response {
    let Some(peers) = &web.app.peers else { return not_asked_for() };
    if peers.leave(name).await {
        StatusCode::OK.into_response()
    } else {
        (StatusCode::NOT_FOUND, "Nobody watches by that name.\n").into_response()
    }
}

fn not_asked_for() -> Response {
    (StatusCode::NOT_FOUND, "There are no pictures by WebRTC: start kvm-server with --webrtc.\n")
        .into_response()
}

const SDP: &str = "application/sdp";
