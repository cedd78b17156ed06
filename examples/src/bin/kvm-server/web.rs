//! The HTTP side: who gets in, the page, pictures for programs, and downloads.

use std::convert::Infallible;
use std::fs::File;
use std::future::ready;
use std::io::{self, Read};
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Instant;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{Path, Request, State};
use axum::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use axum::http::{Method, StatusCode, Uri};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use clap::ValueEnum;
use futures_util::StreamExt;
use futures_util::stream::{Stream, once, unfold};
use kvm_examples::report::chain;
use kvm_stream::{FanOut, Packet};
use tokio::sync::oneshot;
use tokio::task::spawn_blocking;

use crate::app::{App, ended};
use crate::metrics;
use crate::options::PictureCodec;
use crate::origin::Site;
use crate::page;
use crate::picture;
use crate::session::{Door, Refusal};
use crate::snapshot::SnapshotFormat;
use crate::socket;
use crate::state::Line;

/// What the routes share.
#[derive(Debug, Clone)]
pub(crate) struct Web {
    pub(crate) app: Arc<App>,
    pub(crate) site: Arc<Site>,
}

/// All routes, behind the guard.
pub(crate) fn routes(web: Web) -> Router {
    let mut router = Router::new();
    for file in page::FILES {
        let serve = move || async move { ([(header::CONTENT_TYPE, file.mime)], file.text) };
        router = router.route(file.path, get(serve));
    }
    router
        .route(
            "/snapshot.jpg",
            get(async |State(web): State<Web>| {
                let quality = web.app.quality;
                snapshot(web, SnapshotFormat::Jpeg { quality }).await
            }),
        )
        .route("/snapshot.png", get(async |State(web): State<Web>| snapshot(web, SnapshotFormat::Png).await))
        .route("/stream.mjpeg", get(mjpeg))
        .route("/state", get(state))
        .route("/metrics", get(metrics))
        .route("/invite", post(invite))
        .route("/recordings/{name}", get(recording))
        .route("/target/text", get(target_text))
        .route("/stream", get(stream))
        .merge(by_webrtc())
        .layer(from_fn_with_state(web.clone(), guard))
        .with_state(web)
}

/// The way to pictures by WebRTC, in a build that has them.
fn by_webrtc() -> Router<Web> {
    #[cfg(feature = "webrtc")]
    return crate::whep::routes();
    #[cfg(not(feature = "webrtc"))]
    Router::new()
}

/// Lets through what comes from this site's own pages with an open session, and spends tokens.
async fn guard(State(web): State<Web>, request: Request, next: Next) -> Response {
    let mut response = match admit(&web, &request) {
        Ok(()) => next.run(request).await,
        Err(answer) => answer,
    };
    for (name, value) in ALWAYS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Whether a request may go on; if not, the answer to it.
#[expect(clippy::result_large_err, reason = "the error is the answer, and is sent at once")]
fn admit(web: &Web, request: &Request) -> Result<(), Response> {
    let headers = request.headers();
    // A page from elsewhere whose name was made to point here asks with its own name.
    if !text(headers, header::HOST).is_some_and(|host| web.site.is_host(host)) {
        return Err(
            (StatusCode::MISDIRECTED_REQUEST, "This server does not go by that name.\n").into_response()
        );
    }
    let is_from_here = || {
        let (origin, host) = (text(headers, header::ORIGIN), text(headers, header::HOST));
        origin.zip(host).is_some_and(|(origin, host)| web.site.is_own(origin, host))
    };
    if request.uri().path() == "/" {
        if let Some(token) = query(request.uri(), "token") {
            return Err(spend(web, token));
        }
    }
    if !cookie(headers, COOKIE).is_some_and(|session| door(&web.app).admits(session)) {
        return Err((StatusCode::UNAUTHORIZED, NO_SESSION).into_response());
    }
    let acts = request.method() != Method::GET && request.method() != Method::HEAD;
    if (acts || request.uri().path() == "/stream") && !is_from_here() {
        return Err((StatusCode::FORBIDDEN, "Only this server's own pages may do that.\n").into_response());
    }
    Ok(())
}

/// Turns a token into a session.
fn spend(web: &Web, token: &str) -> Response {
    match door(&web.app).spend(token, Instant::now()) {
        Ok(session) => {
            let secure = if web.site.is_https() { "; Secure" } else { "" };
            let cookie = format!("{COOKIE}={}; HttpOnly; SameSite=Strict; Path=/{secure}", session.reveal());
            (StatusCode::SEE_OTHER, [(header::SET_COOKIE, cookie), (header::LOCATION, "/".to_owned())])
                .into_response()
        }
        Err(Refusal::Unknown) => (StatusCode::UNAUTHORIZED, NO_SESSION).into_response(),
        Err(Refusal::TooMany { wait }) => {
            let seconds = wait.as_secs() + 1;
            (
                StatusCode::TOO_MANY_REQUESTS,
                [(header::RETRY_AFTER, seconds.to_string())],
                format!("Too many wrong tokens. Try again in {seconds} seconds.\n"),
            )
                .into_response()
        }
        Err(Refusal::NoRandomness) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

async fn stream(State(web): State<Web>, uri: Uri, upgrade: WebSocketUpgrade) -> Response {
    let channels = &web.app.channels;
    if channels.viewers() >= VIEWERS {
        return too_many();
    }
    let codec = match query(&uri, "codec") {
        // Such a page shows `/stream.mjpeg` itself.
        Some("mjpeg") => None,
        #[cfg(feature = "webrtc")]
        Some("webrtc") if web.app.peers.is_some() => None,
        Some(name) => match PictureCodec::from_str(name, false) {
            Ok(codec) => Some(codec),
            Err(_) => {
                return (StatusCode::BAD_REQUEST, "There are no pictures of that codec.\n").into_response();
            }
        },
        None => Some(channels.preferred()),
    };
    upgrade
        .read_buffer_size(READ_BYTES)
        .max_message_size(MESSAGE_BYTES)
        .max_frame_size(MESSAGE_BYTES)
        .on_upgrade(move |socket| socket::serve(socket, web.app, codec))
}

/// The answer to one viewer too many.
pub(crate) fn too_many() -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, "There are too many viewers.\n").into_response()
}

async fn state(State(web): State<Web>) -> Response {
    json(&web.app.state(None, &Line::default()))
}

async fn metrics(State(web): State<Web>) -> Response {
    ([(header::CONTENT_TYPE, metrics::CONTENT_TYPE)], metrics::of(&web.app)).into_response()
}

async fn invite(State(web): State<Web>, headers: HeaderMap) -> Response {
    let host = text(&headers, header::HOST).unwrap_or_default();
    match door(&web.app).invite(Instant::now()) {
        Ok(token) => json(&serde_json::json!({ "url": web.site.link(host, &token) })),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

async fn snapshot(web: Web, format: SnapshotFormat) -> Response {
    let (answer, frame) = oneshot::channel();
    web.app.picture.send(picture::Command::Frame(answer));
    let Ok(frame) = frame.await else {
        return (StatusCode::SERVICE_UNAVAILABLE, "There is no picture.\n").into_response();
    };
    let headers = [
        (header::CONTENT_TYPE, format.mime().to_owned()),
        (SEQUENCE, frame.sequence().to_string()),
        (TIMESTAMP, frame.timestamp().as_micros().to_string()),
    ];
    match spawn_blocking(move || format.of(&frame)).await {
        Ok(Ok(file)) => (headers, file).into_response(),
        Ok(Err(error)) => (StatusCode::NOT_ACCEPTABLE, format!("{}.\n", chain(&error))).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

async fn mjpeg(State(web): State<Web>, uri: Uri) -> Response {
    let Some(viewer) = web.app.channels.of(PictureCodec::Jpeg).map(FanOut::join) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    web.app.picture.send(picture::Command::Look);
    let header = if query(&uri, "headers") == Some("early") { PartHeader::Early } else { PartHeader::Full };
    let first = Bytes::from_static(header.ahead().as_bytes());
    let parts = unfold((viewer, web.app.end.clone()), move |(mut viewer, mut end)| async move {
        let packet = tokio::select! {
            () = ended(&mut end) => return None,
            packet = std::future::poll_fn(|context| viewer.poll_packet(context)) => packet?,
        };
        let part = header.part(&packet);
        Some((Ok(Bytes::from(part)), (viewer, end)))
    });
    let parts = once(ready(Ok::<_, Infallible>(first))).chain(parts);
    ([(header::CONTENT_TYPE, "multipart/x-mixed-replace; boundary=picture")], Body::from_stream(parts))
        .into_response()
}

/// How the parts of a multipart answer (RFC 2046, section 5.1) are headed.
#[derive(Debug, Clone, Copy)]
enum PartHeader {
    /// With length, number and time of the picture.
    Full,
    /// Right behind the picture before, and so without anything that is known later: browsers show a picture when the
    /// header of the next part has come.
    Early,
}

impl PartHeader {
    /// What goes ahead of the part to come.
    fn ahead(self) -> &'static str {
        match self {
            Self::Full => "--picture\r\n",
            Self::Early => "--picture\r\nContent-Type: image/jpeg\r\n\r\n",
        }
    }

    /// A picture, behind what went ahead of it and with what goes ahead of the next.
    fn part(self, packet: &Packet) -> Vec<u8> {
        let jpeg = &packet.payload;
        let mut part = match self {
            Self::Full => format!(
                "Content-Type: image/jpeg\r\nContent-Length: {}\r\n{SEQUENCE}: {}\r\n{TIMESTAMP}: {}\r\n\r\n",
                jpeg.len(),
                packet.sequence,
                packet.timestamp.as_micros(),
            )
            .into_bytes(),
            Self::Early => Vec::new(),
        };
        part.extend_from_slice(jpeg);
        part.extend_from_slice(b"\r\n");
        part.extend_from_slice(self.ahead().as_bytes());
        part
    }
}

async fn recording(State(web): State<Web>, Path(name): Path<String>) -> Response {
    let Some(path) = web.app.recordings.path(&name) else {
        return (StatusCode::NOT_FOUND, "There is no recording of that name.\n").into_response();
    };
    let opened = spawn_blocking(move || {
        let file = File::open(path)?;
        let bytes = file.metadata()?.len();
        Ok::<_, io::Error>((file, bytes))
    });
    let Ok(Ok((file, bytes))) = opened.await else {
        return (StatusCode::NOT_FOUND, "The recording is not there any more.\n").into_response();
    };
    let headers = [
        (header::CONTENT_TYPE, "video/mp4".to_owned()),
        (header::CONTENT_LENGTH, bytes.to_string()),
        (header::CONTENT_DISPOSITION, "attachment".to_owned()),
    ];
    (headers, Body::from_stream(chunks(file, bytes))).into_response()
}

/// The first bytes of a file, which may be growing, in pieces.
fn chunks(file: File, bytes: u64) -> impl Stream<Item = io::Result<Vec<u8>>> {
    unfold(Some(file.take(bytes)), |file| async move {
        let mut file = file?;
        let read = spawn_blocking(move || {
            let mut piece = Vec::new();
            Read::by_ref(&mut file).take(PIECE).read_to_end(&mut piece)?;
            Ok((piece, file))
        });
        match read.await.map_err(io::Error::other).and_then(|read| read) {
            Ok((piece, _)) if piece.is_empty() => None,
            Ok((piece, file)) => Some((Ok(piece), Some(file))),
            Err(error) => Some((Err(error), None)),
        }
    })
}

async fn target_text(State(web): State<Web>) -> Response {
    match &web.app.target_text {
        Some(text) => text().into_response(),
        None => (StatusCode::NOT_FOUND, "Only the embedded target tells its text.\n").into_response(),
    }
}

fn json(value: &impl serde::Serialize) -> Response {
    match serde_json::to_string(value) {
        Ok(text) => ([(header::CONTENT_TYPE, "application/json")], text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

fn door(app: &App) -> MutexGuard<'_, Door> {
    // Tokens and sessions are added and removed whole.
    app.door.lock().unwrap_or_else(PoisonError::into_inner)
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    cookies
        .flat_map(|value| value.split(';'))
        .find_map(|pair| pair.trim().strip_prefix(name)?.strip_prefix('='))
}

pub(crate) fn query<'a>(uri: &'a Uri, name: &str) -> Option<&'a str> {
    uri.query()?.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
}

const COOKIE: &str = "kvm_session";
const SEQUENCE: HeaderName = HeaderName::from_static("x-kvm-sequence");
const TIMESTAMP: HeaderName = HeaderName::from_static("x-kvm-timestamp-us");

/// Sent with every answer.
const ALWAYS: [(HeaderName, &str); 4] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'self'; img-src 'self' blob:; media-src 'self' blob:; connect-src 'self'; \
         frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CACHE_CONTROL, "no-store"),
];

const NO_SESSION: &str = "Open the link that kvm-server printed when it started. It works once; for one more browser, \
                          make an invitation on a page that is open, or start kvm-server again.\n";

/// The longest message of a page: a text to type.
const MESSAGE_BYTES: usize = 64 * 1024;
/// What is read of a page at once. The library clears so much before each read, and a page says little at a time, but
/// as often as it paints.
const READ_BYTES: usize = 4 * 1024;
/// Those who may watch at a time.
pub(crate) const VIEWERS: usize = 64;
/// Bytes of a recording that are read at once.
const PIECE: u64 = 256 * 1024;
