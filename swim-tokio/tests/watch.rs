//! A member that watches another: its level while it answers, and the events when it does not.

mod common;

use std::time::Duration;

use common::*;
use swim_tokio::swim_core::{Detector, Lifeguard, Watch, WatchError};
use swim_tokio::{CallError, Config, Event, Options, Status};

/// A member that takes nobody for dead because a packet is refused, before it is silent.
async fn suspicious(name: &str) -> Peer {
    let detector = Detector::Lifeguard(Lifeguard::Memberlist);
    let options = options(name);
    Peer::start(Options { config: Config { detector, ..options.config }, ..options }).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_silence_of_a_watched_member_is_told_and_its_answers_too() {
    let [watcher, watched] = [suspicious("watcher").await, suspicious("watched").await];
    watched.join(&watcher).await;
    assert_eq!(watcher.swim.suspicion_level(watched.id()).await, Ok(None), "nobody watches it");
    let mut events = watcher.swim.events();
    let interval = Duration::from_millis(50);
    watcher.swim.watch(watched.id(), Watch::every(interval)).await.expect("there is room");
    let heard = async {
        loop {
            if let Some(level) = watcher.swim.suspicion_level(watched.id()).await.expect("it runs")
            {
                return level;
            }
            tokio::time::sleep(interval).await;
        }
    };
    let level = ends("the first answer", heard).await;
    assert!(level.is_finite() && level >= 0.0, "{level}");

    watched.task.abort();
    event(&mut events, Event::SuspicionRaised(watched.id())).await;
    eventually("it is dead", || watcher.sees(watched.id(), Status::Dead)).await;
    let stats = watcher.swim.stats().await.expect("it runs");
    assert!(stats.watch_pings > stats.watch_acks && stats.watch_acks > 0, "{stats:?}");
    assert_eq!(watcher.swim.unwatch(watched.id()).await, Ok(true));
}

#[tokio::test]
async fn whom_one_cannot_watch() {
    let peer = Peer::named("alone").await;
    let refused = peer.swim.watch(peer.id(), Duration::from_secs(1)).await;
    assert_eq!(refused, Err(CallError::Refused(WatchError::Oneself)));
    let other = swim_tokio::NodeId::new(77);
    let refused = peer.swim.watch(other, Duration::from_millis(1)).await;
    assert_eq!(refused, Err(CallError::Refused(WatchError::Interval)));
    peer.swim.watch(other, Duration::from_secs(1)).await.expect("it may come yet");
}
