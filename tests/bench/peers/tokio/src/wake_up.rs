//! How soon a parked task runs after an outside thread has woken it: ../../../wake_up.hpp.

use crate::Measured;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

pub async fn wake_up(n: u64, percent: u64) -> Measured {
    let (bell, mut rung) = mpsc::channel::<Instant>(1);
    let (answer, answers) = std::sync::mpsc::channel::<f64>();
    let outside = std::thread::spawn(move || -> Vec<f64> {
        let ring = |_| {
            std::thread::sleep(Duration::from_millis(2));
            bell.blocking_send(Instant::now()).unwrap();
            answers.recv().unwrap()
        };
        (0..n).map(ring).collect()
    });
    while let Some(sent) = rung.recv().await {
        answer.send(sent.elapsed().as_nanos() as f64 / 1e3).unwrap();
    }
    let mut taken = outside.join().unwrap();
    taken.sort_by(f64::total_cmp);
    let at = |percent| taken[((n - 1) * percent / 100) as usize];
    eprintln!("us: p50 {:.1}, p99 {:.1}, max {:.1}", at(50), at(99), at(100));
    (at(percent), "us")
}
