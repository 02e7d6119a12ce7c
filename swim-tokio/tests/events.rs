//! Subscribers: each its own stream, and slowness that harms nobody else.

mod common;

use common::{Peer, ends, event, eventually, options};
use swim_tokio::{Event, Options, Status, Update};

const UPDATES_MAX: usize = 4;
const CHANGES: u8 = 12;

/// A member with a small buffer, and another that keeps changing its metadata.
async fn pair() -> (Peer, Peer) {
    let watcher = Peer::start(Options { updates_max: UPDATES_MAX, ..options("watcher") }).await;
    let restless = Peer::named("restless").await;
    restless.join(&watcher).await;
    (watcher, restless)
}

async fn change(restless: &Peer, watcher: &Peer, metadata: u8) {
    restless.swim.set_metadata(vec![metadata]).await.expect("it is short");
    let seen = || watcher.swim.member(restless.id()).is_some_and(|it| *it.metadata == [metadata]);
    eventually("the change is seen", seen).await;
}

#[tokio::test]
async fn a_slow_subscriber_is_told_and_gets_a_snapshot() {
    let (watcher, restless) = pair().await;
    let mut slow = watcher.swim.events();
    let mut prompt = watcher.swim.events();
    for metadata in 0..CHANGES {
        change(&restless, &watcher, metadata).await;
        let told = event(&mut prompt, Event::MemberUpdated(restless.id())).await;
        assert_eq!(*told.expect("about a member").metadata, [metadata]);
    }

    let update = ends("next", slow.next()).await.expect("the runner runs");
    let Update::Lagged { missed, members } = update else { panic!("{update:?}") };
    assert!(missed >= u64::from(CHANGES) - UPDATES_MAX as u64, "{missed}");
    let latest = members.iter().find(|member| member.id == restless.id()).expect("it lives");
    assert_eq!(*latest.metadata, [CHANGES - 1]);

    // And it goes on from there, with what is still in the buffer.
    let update = ends("next", slow.next()).await.expect("the runner runs");
    assert!(matches!(update, Update::Event { .. }), "{update:?}");
}

#[tokio::test]
async fn a_subscriber_that_never_reads_delays_nobody() {
    let (watcher, restless) = pair().await;
    let _forgotten = watcher.swim.events();
    for metadata in 0..CHANGES {
        change(&restless, &watcher, metadata).await;
    }
    assert!(watcher.sees(restless.id(), Status::Alive));
}

#[tokio::test]
async fn the_view_holds_at_least_what_an_event_has_told() {
    let first = Peer::named("first").await;
    let mut events = first.swim.events();
    let second = Peer::named("second").await;
    second.swim.keep_joining(&[first.addr()]).await;
    let told = event(&mut events, Event::MemberJoined(second.id())).await;
    assert_eq!(told.expect("about a member").address, Some(second.addr()));
    assert!(first.swim.member(second.id()).is_some());
}

#[tokio::test]
async fn events_end_with_the_runner() {
    let peer = Peer::named("alone").await;
    let mut before = peer.swim.events();
    peer.swim.shutdown().await;
    assert_eq!(ends("the old stream", before.next()).await, None);
    assert_eq!(ends("a new stream", peer.swim.events().next()).await, None);
}
