//! How soon an echo server answers beside tasks that compute: ../../../latency.hpp tells who they are.

use crate::{check, Measured};
use std::io::{Read, Write};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{spawn, spawn_blocking, yield_now};

pub struct Neighbourhood {
    echoing: usize,
    computing: usize,
    yielding: bool,
}

/// The neighbourhood of a workload, and the percentile that it prints.
pub fn named(workload: &str, workers: usize) -> Option<(Neighbourhood, usize)> {
    let (name, percent) = match workload.strip_suffix("_p99") {
        Some(name) => (name, 99),
        None => (workload, 100),
    };
    let (echoing, computing, yielding) = match name {
        "busy_neighbour" => (1, workers - 1, false),
        "busy_tenth" => (9, 1, true),
        "quiet_neighbour" => (1, 0, false),
        "quiet_tenth" => (9, 0, false),
        _ => return None,
    };
    let second = name != "busy_neighbour" || workers > 1;
    check(second, "a busy neighbour needs a second worker");
    Some((Neighbourhood { echoing, computing, yielding }, percent))
}

async fn echo(mut peer: TcpStream) {
    let mut buffer = [0; 64];
    loop {
        let count = peer.read(&mut buffer).await.unwrap();
        if count == 0 {
            return;
        }
        peer.write_all(&buffer[..count]).await.unwrap();
    }
}

async fn compute(wanted: Arc<AtomicBool>, yielding: bool) {
    while wanted.load(Relaxed) {
        if !yielding {
            continue;
        }
        let start = Instant::now();
        while start.elapsed() < Duration::from_millis(10) {}
        yield_now().await;
    }
}

/// The outside client, on a thread that is none of the workers.
fn ask(port: u16, connections: usize, n: u64, percent: usize) -> f64 {
    let connect = |_| {
        let socket = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
        socket.set_nodelay(true).unwrap();
        socket
    };
    let mut sockets: Vec<_> = (0..connections).map(connect).collect();
    let mut taken = Vec::with_capacity(n as usize);
    let mut word = *b"ping";
    for i in 0..n as usize {
        let socket = &mut sockets[i % connections];
        let start = Instant::now();
        socket.write_all(&word).unwrap();
        socket.read_exact(&mut word).unwrap();
        taken.push(start.elapsed().as_nanos() as f64 / 1e3);
        std::thread::sleep(Duration::from_millis(1)); // spreads the samples over time
    }
    taken.sort_by(f64::total_cmp);
    let at = |percent| taken[(taken.len() - 1) * percent / 100];
    eprintln!("us: p50 {:.1}, p99 {:.1}, max {:.1}", at(50), at(99), at(100));
    at(percent)
}

pub async fn neighbours(who: Neighbourhood, n: u64, percent: usize) -> Measured {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let client = spawn_blocking(move || ask(port, who.echoing, n, percent));
    let mut others = Vec::new();
    for _ in 0..who.echoing {
        others.push(spawn(echo(listener.accept().await.unwrap().0)));
    }
    let wanted = Arc::new(AtomicBool::new(true));
    for _ in 0..who.computing {
        others.push(spawn(compute(wanted.clone(), who.yielding)));
    }
    let found = client.await.unwrap();
    wanted.store(false, Relaxed);
    for other in others {
        other.await.unwrap();
    }
    (found, "us")
}
