//! The main job's HTTP server on tokio: a task per connection, on its current_thread runtime for one
//! worker and on its multi_thread runtime for more. It reads requests as strictly as the others
//! (examples/http_server/http.cpp), and answers with the same bytes.
//!
//!     http_tokio_server --port N --workers W

use std::io;
use std::process::exit;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{signal, SignalKind};

// As in http.hpp.
const MAX_HEAD_SIZE: usize = 4096;

const HELLO: &[u8] =
    b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 14\r\n\r\nHello, world!\n";
const GOODBYE: &[u8] =
    b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 14\r\nConnection: close\r\n\r\n\
    Hello, world!\n";
const BAD_REQUEST: &[u8] =
    b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
const NOT_ALLOWED: &[u8] =
    b"HTTP/1.1 405 Method Not Allowed\r\nAllow: GET\r\nContent-Length: 0\r\n\
    Connection: close\r\n\r\n";
const HEAD_TOO_LARGE: &[u8] =
    b"HTTP/1.1 431 Request Header Fields Too Large\r\nContent-Length: 0\r\n\
    Connection: close\r\n\r\n";

enum Parsed {
    Incomplete,
    /// The head's bytes, its empty line included, and whether another request may follow.
    Request(usize, bool),
    /// What it is answered with.
    Refused(&'static [u8]),
}

/// What stands before the separator, and what behind it.
fn cut<'a>(text: &'a [u8], separator: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let at = text.windows(separator.len()).position(|here| here == separator)?;
    Some((&text[..at], &text[at + separator.len()..]))
}

fn trimmed(mut text: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = text {
        text = rest;
    }
    text
}

/// "GET /target HTTP/1.1": whether another request may follow.
fn read_request_line(line: &[u8]) -> Result<bool, &'static [u8]> {
    let (method, rest) = cut(line, b" ").ok_or(BAD_REQUEST)?;
    let (target, version) = cut(rest, b" ").ok_or(BAD_REQUEST)?;
    let known = version == b"HTTP/1.1" || version == b"HTTP/1.0";
    if !target.starts_with(b"/") || !known {
        return Err(BAD_REQUEST);
    }
    if method != b"GET" {
        return Err(NOT_ALLOWED);
    }
    Ok(version == b"HTTP/1.1")
}

/// "Name: value"
fn read_field(line: &[u8], keep_alive: &mut bool) -> Result<(), &'static [u8]> {
    let (name, value) = cut(line, b":").ok_or(BAD_REQUEST)?;
    if name.is_empty() || name.iter().any(|c| matches!(c, b' ' | b'\t')) {
        return Err(BAD_REQUEST);
    }
    let value = trimmed(value);
    if name.eq_ignore_ascii_case(b"connection") {
        if value.eq_ignore_ascii_case(b"close") {
            *keep_alive = false;
        } else if value.eq_ignore_ascii_case(b"keep-alive") {
            *keep_alive = true;
        }
    }
    let has_body = name.eq_ignore_ascii_case(b"transfer-encoding")
        || name.eq_ignore_ascii_case(b"content-length") && value != b"0";
    if has_body {
        return Err(BAD_REQUEST);
    }
    Ok(())
}

fn read_head(head: &[u8]) -> Result<bool, &'static [u8]> {
    let (line, mut fields) = cut(head, b"\r\n").ok_or(BAD_REQUEST)?;
    let mut keep_alive = read_request_line(line)?;
    while let Some((line, rest)) = cut(fields, b"\r\n") {
        read_field(line, &mut keep_alive)?;
        fields = rest;
    }
    Ok(keep_alive)
}

fn parse_request(input: &[u8]) -> Parsed {
    let end = match input.windows(4).position(|here| here == b"\r\n\r\n") {
        Some(end) => end,
        None if input.len() >= MAX_HEAD_SIZE => return Parsed::Refused(HEAD_TOO_LARGE),
        None => return Parsed::Incomplete,
    };
    match read_head(&input[..end + 2]) {
        Ok(keep_alive) => Parsed::Request(end + 4, keep_alive),
        Err(reply) => Parsed::Refused(reply),
    }
}

async fn serve(mut client: TcpStream) -> io::Result<()> {
    client.set_nodelay(true)?;
    let mut input = [0; MAX_HEAD_SIZE];
    let mut filled = 0;
    let mut replies = Vec::new();
    let mut finished = false;
    while !finished {
        let count = client.read(&mut input[filled..]).await?;
        if count == 0 {
            return Ok(());
        }
        filled += count;
        let mut used = 0;
        while !finished {
            match parse_request(&input[used..filled]) {
                Parsed::Incomplete => break,
                Parsed::Request(size, keep_alive) => {
                    used += size;
                    replies.extend_from_slice(if keep_alive { HELLO } else { GOODBYE });
                    finished = !keep_alive;
                }
                Parsed::Refused(reply) => {
                    replies.extend_from_slice(reply);
                    finished = true;
                }
            }
        }
        input.copy_within(used..filled, 0);
        filled -= used;
        if !replies.is_empty() {
            client.write_all(&replies).await?;
            replies.clear();
        }
    }
    Ok(())
}

async fn accept(listener: TcpListener) {
    loop {
        match listener.accept().await {
            // A connection's error has ended it: its peer is gone.
            Ok((client, _)) => drop(tokio::spawn(serve(client))),
            Err(error) => {
                eprintln!("accept: {error}");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn run(port: u16) -> io::Result<()> {
    let mut stopped = signal(SignalKind::terminate())?;
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(([127, 0, 0, 1], port).into())?;
    let listener = socket.listen(4096)?;
    println!("listening on {}", listener.local_addr()?.port());
    tokio::spawn(accept(listener));
    stopped.recv().await;
    Ok(())
}

fn runtime(workers: usize) -> io::Result<Runtime> {
    if workers == 1 {
        return Builder::new_current_thread().enable_all().build();
    }
    Builder::new_multi_thread().worker_threads(workers).enable_all().build()
}

fn main() -> io::Result<()> {
    let (mut port, mut workers) = (8080, 1);
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let value = arguments.next().and_then(|text| text.parse::<u16>().ok());
        match (name.as_str(), value) {
            ("--port", Some(value)) => port = value,
            ("--workers", Some(value)) if value > 0 => workers = value.into(),
            _ => {
                eprintln!("usage: http_tokio_server --port N --workers W");
                exit(2)
            }
        }
    }
    runtime(workers)?.block_on(run(port))
}
