//! One HTTP request to whoever wants a report, on a connection of its own. Plain `http://` only.

use std::io;
use std::time::Duration;

use axum::http::Uri;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// How long one request may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// More of an answer than its status line is not of interest.
const STATUS_LINE: usize = 12;

/// POSTs `json` to `url`, or GETs it; the status of the answer.
pub(super) async fn call(url: &str, json: Option<&str>) -> io::Result<u16> {
    tokio::time::timeout(PATIENCE, exchange(url, json))
        .await
        .map_err(io::Error::from)?
}

async fn exchange(url: &str, json: Option<&str>) -> io::Result<u16> {
    let uri: Uri = url.parse().map_err(io::Error::other)?;
    let host = uri
        .host()
        .filter(|_| uri.scheme_str() == Some("http"))
        .ok_or_else(|| io::Error::other("the sandbox reports to http:// addresses only"))?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let mut stream = TcpStream::connect((host, uri.port_u16().unwrap_or(80))).await?;
    stream.set_nodelay(true)?;
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let authority = uri.authority().map_or(host, |authority| authority.as_str());
    let request = match json {
        Some(body) => format!(
            "POST {path} HTTP/1.1\r\nhost: {authority}\r\nconnection: close\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        ),
        None => {
            format!("GET {path} HTTP/1.1\r\nhost: {authority}\r\nconnection: close\r\n\r\n")
        }
    };
    stream.write_all(request.as_bytes()).await?;
    let mut line = [0; STATUS_LINE];
    stream.read_exact(&mut line).await?;
    // "HTTP/1.1 204"
    std::str::from_utf8(&line[9..])
        .ok()
        .filter(|_| line.starts_with(b"HTTP/1."))
        .and_then(|code| code.parse().ok())
        .ok_or_else(|| io::ErrorKind::InvalidData.into())
}
