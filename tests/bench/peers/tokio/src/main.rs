//! The workloads on tokio: its current_thread runtime for one worker, which is the faster one there,
//! and its multi_thread runtime for more. For what tokio has no part of its own, the usual one:
//! async_channel, for several receivers.
//!
//!     bench_tokio WORKLOAD --workers W --n N    prints    WORKLOAD tokio W VALUE UNIT
//!
//! As ../../../bench.hpp: exit 1 for a wrong result, 2 for a command that it does not know.

mod neighbours;
mod scale;
mod wake_up;

use neighbours::named;
use std::future::Future;
use std::pin::Pin;
use std::process::exit;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::{mpsc, Mutex};
use tokio::task::{spawn, yield_now};

// As in ../../../bench.hpp.
const BATCH: u64 = 1000;
const FIB_CUTOFF: u64 = 2;
const SKYNET_WAYS: u64 = 10;
const MUTEX_FIBERS: u64 = 64;
const MUTEX_YIELD_EVERY: u64 = 16;
const MPMC_ENDS: u64 = 4;
const MPMC_CAPACITY: usize = 128;

type Measured = (f64, &'static str);

fn check(holds: bool, what: &str) {
    if !holds {
        eprintln!("wrong result: {what}");
        exit(1);
    }
}

fn per_item(start: Instant, items: u64) -> Measured {
    (start.elapsed().as_nanos() as f64 / items as f64, "ns")
}

fn in_all(start: Instant) -> Measured {
    (start.elapsed().as_nanos() as f64 / 1e6, "ms")
}

/// The process's CPU time, in microseconds.
fn cpu_us() -> f64 {
    let mut used: libc::rusage = unsafe { std::mem::zeroed() };
    check(unsafe { libc::getrusage(libc::RUSAGE_SELF, &mut used) } == 0, "getrusage");
    let us = |t: libc::timeval| t.tv_sec as f64 * 1e6 + t.tv_usec as f64;
    us(used.ru_utime) + us(used.ru_stime)
}

async fn yields(n: u64) -> Measured {
    async fn yielder(n: u64) -> u64 {
        let mut mine = 0;
        while mine < n / 2 {
            yield_now().await;
            mine += 1;
        }
        mine
    }
    let start = Instant::now();
    let (a, b) = (spawn(yielder(n)), spawn(yielder(n)));
    let switches = a.await.unwrap() + b.await.unwrap();
    let found = per_item(start, n);
    check(switches == n / 2 * 2, "every yield returns");
    found
}

async fn spawn_join(n: u64) -> Measured {
    let ran = Arc::new(AtomicU64::new(0));
    let mut handles = Vec::with_capacity(BATCH as usize);
    let start = Instant::now();
    for _ in 0..n / BATCH {
        for _ in 0..BATCH {
            let ran = ran.clone();
            handles.push(spawn(async move {
                ran.fetch_add(1, Relaxed);
            }));
        }
        for handle in handles.drain(..) {
            handle.await.unwrap();
        }
    }
    let found = per_item(start, n);
    check(ran.load(Relaxed) == n / BATCH * BATCH, "every task runs");
    found
}

async fn spawn_join_one(n: u64) -> Measured {
    let mut sum = 0;
    let start = Instant::now();
    for i in 0..n {
        sum += spawn(async move { i }).await.unwrap();
    }
    let found = per_item(start, n);
    check(sum == n * (n - 1) / 2, "every result arrives");
    found
}

fn fib(n: u64) -> u64 {
    (0..n).fold((0, 1), |(here, next), _| (next, here + next)).0
}

type Tree = Pin<Box<dyn Future<Output = u64> + Send>>;

fn fork_fib(n: u64) -> Tree {
    Box::pin(async move {
        if n < FIB_CUTOFF {
            return n;
        }
        let left = spawn(fork_fib(n - 1));
        let right = fork_fib(n - 2).await;
        left.await.unwrap() + right
    })
}

async fn fork_join(n: u64) -> Measured {
    let start = Instant::now();
    let value = fork_fib(n).await;
    let found = in_all(start);
    check(value == fib(n), "fib");
    found
}

fn skynet_node(first: u64, leaves: u64) -> Tree {
    Box::pin(async move {
        if leaves == 1 {
            return first;
        }
        let each = leaves / SKYNET_WAYS;
        let child = |i| spawn(skynet_node(first + i * each, each));
        let children: Vec<_> = (0..SKYNET_WAYS).map(child).collect();
        let mut sum = 0;
        for child in children {
            sum += child.await.unwrap();
        }
        sum
    })
}

async fn skynet(n: u64) -> Measured {
    let start = Instant::now();
    let sum = skynet_node(0, n).await;
    let found = in_all(start);
    check(sum == n * (n - 1) / 2, "every leaf counts");
    found
}

async fn hand_in(n: u64) -> Measured {
    let ran = Arc::new(AtomicU64::new(0));
    let start = Instant::now();
    let (runtime, counter) = (Handle::current(), ran.clone());
    let outside = std::thread::spawn(move || {
        for _ in 0..n {
            let counter = counter.clone();
            runtime.spawn(async move {
                counter.fetch_add(1, Relaxed);
            });
        }
    });
    while ran.load(Relaxed) < n {
        yield_now().await;
    }
    let found = per_item(start, n);
    check(outside.join().is_ok() && ran.load(Relaxed) == n, "every task runs");
    found
}

// There is no rendezvous: a channel of one is the smallest.
async fn ping_pong(n: u64) -> Measured {
    let (ping, mut pinged) = mpsc::channel::<u64>(1);
    let (pong, mut ponged) = mpsc::channel::<u64>(1);
    let start = Instant::now();
    let server = spawn(async move {
        while let Some(value) = pinged.recv().await {
            pong.send(value + 1).await.unwrap();
        }
    });
    let mut value = 0;
    for _ in 0..n {
        ping.send(value).await.unwrap();
        value = ponged.recv().await.unwrap();
    }
    drop(ping);
    server.await.unwrap();
    let found = per_item(start, n);
    check(value == n, "every ball comes back");
    found
}

async fn mpmc(n: u64) -> Measured {
    let (to, from) = async_channel::bounded::<u64>(MPMC_CAPACITY);
    let each = n / MPMC_ENDS;
    let start = Instant::now();
    let (mut producers, mut consumers) = (Vec::new(), Vec::new());
    for who in 0..MPMC_ENDS {
        let (to, from) = (to.clone(), from.clone());
        producers.push(spawn(async move {
            for i in 0..each {
                to.send(who * each + i).await.unwrap();
            }
        }));
        consumers.push(spawn(async move {
            let mut mine = 0;
            while let Ok(value) = from.recv().await {
                mine += value;
            }
            mine
        }));
    }
    drop(to);
    for producer in producers {
        producer.await.unwrap();
    }
    let mut sum = 0;
    for consumer in consumers {
        sum += consumer.await.unwrap();
    }
    let found = per_item(start, n);
    let all = each * MPMC_ENDS;
    check(sum == all * (all - 1) / 2, "every value arrives once");
    found
}

async fn lock_and_add(n: u64, yield_every: Option<u64>) -> Measured {
    let sum = Arc::new(Mutex::new(0));
    let each = n / MUTEX_FIBERS;
    let start = Instant::now();
    let add = |_| {
        let sum = sum.clone();
        spawn(async move {
            for i in 0..each {
                let mut held = sum.lock().await;
                *held += 1;
                if yield_every.map_or(false, |every| i % every == 0) {
                    yield_now().await;
                }
            }
        })
    };
    let handles: Vec<_> = (0..MUTEX_FIBERS).map(add).collect();
    for handle in handles {
        handle.await.unwrap();
    }
    let found = per_item(start, n);
    check(*sum.lock().await == each * MUTEX_FIBERS, "no increment is lost");
    found
}

/// As in ../../../timers.hpp: the CPU time of a sleeper, and how late they were, sorted.
async fn sleepers(n: u64) -> (f64, Vec<f64>) {
    let before = cpu_us();
    let sleeper = |i| {
        spawn(async move {
            let due = Instant::now() + Duration::from_nanos(i * 1_000_000_000 / n);
            tokio::time::sleep_until(due.into()).await;
            check(Instant::now() >= due, "nobody wakes early");
            due.elapsed().as_nanos() as f64 / 1e6
        })
    };
    let handles: Vec<_> = (0..n).map(sleeper).collect();
    let mut late = Vec::with_capacity(handles.len());
    for handle in handles {
        late.push(handle.await.unwrap());
    }
    let cpu = (cpu_us() - before) / n as f64;
    late.sort_by(f64::total_cmp);
    (cpu, late)
}

async fn timers_cold(n: u64) -> Measured {
    (sleepers(n).await.0, "us")
}

async fn warm_round(n: u64) -> (f64, Vec<f64>) {
    sleepers(n).await;
    sleepers(n).await;
    sleepers(n).await
}

async fn timers(n: u64) -> Measured {
    (warm_round(n).await.0, "us")
}

async fn timers_late(n: u64, percent: u64) -> Measured {
    (warm_round(n).await.1[(n * percent / 100) as usize], "ms")
}

async fn run(workload: String, workers: usize, n: u64) -> Option<Measured> {
    if let Some((who, percent)) = named(&workload, workers) {
        return Some(neighbours::neighbours(who, n, percent).await);
    }
    Some(match workload.as_str() {
        "yield" => yields(n).await,
        "spawn_join" => spawn_join(n).await,
        "spawn_join_one" => spawn_join_one(n).await,
        "fork_join" => fork_join(n).await,
        "skynet" => skynet(n).await,
        "hand_in" => hand_in(n).await,
        "ping_pong" => ping_pong(n).await,
        "mpmc" => mpmc(n).await,
        "mutex" => lock_and_add(n, None).await,
        "mutex_yield" => lock_and_add(n, Some(MUTEX_YIELD_EVERY)).await,
        "timers_cold" => timers_cold(n).await,
        "timers" => timers(n).await,
        "timers_p50" => timers_late(n, 50).await,
        "timers_p99" => timers_late(n, 99).await,
        "spawn_join_all" => scale::spawn_join_all(n).await,
        "yield_round" => scale::yield_round(n).await,
        "ping_pong_pairs" => scale::ping_pong_pairs(n).await,
        "idle_memory" => scale::idle_memory(n).await,
        "wake_up" => wake_up::wake_up(n, 50).await,
        "wake_up_p99" => wake_up::wake_up(n, 99).await,
        _ => return None,
    })
}

fn runtime(workers: usize, with_io: bool) -> Runtime {
    let mut builder = if workers == 1 {
        Builder::new_current_thread()
    } else {
        Builder::new_multi_thread()
    };
    if workers > 1 {
        builder.worker_threads(workers);
    }
    if with_io {
        builder.enable_io();
    }
    builder.enable_time().build().unwrap()
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let number = |i: usize, name: &str| -> u64 {
        let given = arguments.get(i).filter(|option| *option == name);
        let value = given.and(arguments.get(i + 1)).and_then(|text| text.parse().ok());
        value.filter(|number| *number > 0).unwrap_or_else(|| {
            eprintln!("usage: bench_tokio WORKLOAD --workers W --n N");
            exit(2)
        })
    };
    let (workers, n) = (number(2, "--workers") as usize, number(4, "--n"));
    let workload = arguments[1].clone();
    let runtime = runtime(workers, named(&workload, workers).is_some());
    // On a worker: block_on's own future would run beside them.
    let found = runtime.block_on(async { spawn(run(workload, workers, n)).await.unwrap() });
    match found {
        Some((value, unit)) => println!("{} tokio {} {:.2} {}", arguments[1], workers, value, unit),
        None => {
            eprintln!("unknown workload {}", arguments[1]);
            exit(2)
        }
    }
}
