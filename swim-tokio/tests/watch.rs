//! A member that watches another: its level while it answers, and the events when it does not.

mod common;

use std::time::Duration;

use common::*;
use swim_tokio::swim_core::{Watch, WatchError};
use swim_tokio::{CallError, Event, Status};

#[tokio::test(flavor = "multi_thread")]
async fn the_silence_of_a_watched_member_is_told_and_its_answers_too() {
    let peers = cluster(3).await;
    let (watcher, watched) = (&peers[0], &peers[1]);
    assert_eq!(watcher.swim.suspicion_level(watched.id()).await, Ok(None), "nobody watches it");
    let mut events = watcher.swim.events();
    // Patient with a machine that is slow for a moment.
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
