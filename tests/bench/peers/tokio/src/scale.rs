//! The workloads whose cost ../../../scale.py follows as n grows: as in ../../../ramie_bench.cpp.

use crate::{check, per_item, Measured};
use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::{mpsc, Barrier, Semaphore};
use tokio::task::{spawn, yield_now, JoinHandle};

const SCALE_TOTAL: u64 = 4_000_000; // as in ../../../bench.hpp

fn each(n: u64) -> u64 {
    (SCALE_TOTAL / n).max(1)
}

pub async fn spawn_join_all(n: u64) -> Measured {
    let ran = Arc::new(AtomicU64::new(0));
    let all = Arc::new(Barrier::new(n as usize));
    let start = Instant::now();
    let body = |_| {
        let (ran, all) = (ran.clone(), all.clone());
        spawn(async move {
            ran.fetch_add(1, Relaxed);
            all.wait().await;
        })
    };
    let handles: Vec<_> = (0..n).map(body).collect();
    for handle in handles {
        handle.await.unwrap();
    }
    let found = per_item(start, n);
    check(ran.load(Relaxed) == n, "every task runs");
    found
}

/// Tasks that start together, as many as there are bodies, and what they come to: the time until all
/// have ended, for each of so many items.
async fn start_together<F>(bodies: Vec<F>, items: u64) -> (Measured, Vec<u64>)
where
    F: Future<Output = u64> + Send + 'static,
{
    let (ready, begin) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let count = bodies.len();
    let task = |body: F| {
        let (ready, begin) = (ready.clone(), begin.clone());
        spawn(async move {
            ready.add_permits(1);
            begin.acquire().await.unwrap().forget();
            body.await
        })
    };
    let handles: Vec<JoinHandle<u64>> = bodies.into_iter().map(task).collect();
    ready.acquire_many(count as u32).await.unwrap().forget();
    let start = Instant::now();
    begin.add_permits(count);
    let mut values = Vec::with_capacity(count);
    for handle in handles {
        values.push(handle.await.unwrap());
    }
    (per_item(start, items), values)
}

pub async fn yield_round(n: u64) -> Measured {
    let yielder = |_| async move {
        let mut mine = 0;
        while mine < each(n) {
            yield_now().await;
            mine += 1;
        }
        mine
    };
    let (found, values) = start_together((0..n).map(yielder).collect(), each(n) * n).await;
    check(values.iter().sum::<u64>() == each(n) * n, "every yield returns");
    found
}

// There is no rendezvous: a channel of one is the smallest.
pub async fn ping_pong_pairs(n: u64) -> Measured {
    type Sender = mpsc::Sender<u64>;
    type Receiver = mpsc::Receiver<u64>;
    // Whoever has to begin is the client, and answers with the last ball.
    async fn player(begins: bool, n: u64, to: Sender, mut from: Receiver) -> u64 {
        let mut value = 0;
        if begins {
            for _ in 0..each(n) {
                to.send(value).await.unwrap();
                value = from.recv().await.unwrap();
            }
        } else {
            while let Some(ball) = from.recv().await {
                value = ball + 1;
                to.send(value).await.unwrap();
            }
        }
        value
    }
    let mut players = Vec::with_capacity(2 * n as usize);
    for _ in 0..n {
        let (ping, pinged) = mpsc::channel(1);
        let (pong, ponged) = mpsc::channel(1);
        players.push(player(false, n, pong, pinged));
        players.push(player(true, n, ping, ponged));
    }
    let (found, values) = start_together(players, each(n) * n).await;
    check(values.iter().all(|value| *value == each(n)), "every ball comes back");
    found
}

/// Resident memory and page tables of the process now, in bytes.
fn resident() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let wanted = |line: &&str| line.starts_with("VmRSS:") || line.starts_with("VmPTE:");
    let bytes = |line: &str| line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() * 1024.0;
    status.lines().filter(wanted).map(bytes).sum()
}

pub async fn idle_memory(n: u64) -> Measured {
    let (parked, release) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let mut handles = Vec::with_capacity(n as usize);
    let before = resident();
    for _ in 0..n {
        let (parked, release) = (parked.clone(), release.clone());
        handles.push(spawn(async move {
            parked.add_permits(1);
            release.acquire().await.unwrap().forget();
        }));
    }
    parked.acquire_many(n as u32).await.unwrap().forget();
    let used = resident() - before;
    release.add_permits(n as usize);
    for handle in handles {
        handle.await.unwrap();
    }
    (used / n as f64, "bytes")
}
