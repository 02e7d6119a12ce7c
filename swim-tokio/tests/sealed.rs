//! Members that share keys: how a cluster comes to them, changes them, and tells who missed it.

mod common;

use std::net::SocketAddr;
use std::time::Duration;

use common::{DEADLINE, Peer, cluster, ends, eventually, fast, options};
use swim_tokio::swim_core::KEY_LEN;
use swim_tokio::{
    CallError, Config, Event, Events, JoinFailure, Key, KeyError, KeyFailure, KeyId, KeyRing,
    Options, Sealing, Status, Update,
};
use tokio::time;

/// Longer than everybody is probed a few times, and than a suspicion would take to show.
const WHILE: Duration = Duration::from_millis(1_200);

fn key(number: u8) -> Key {
    Key::new([number; KEY_LEN])
}

fn sealed(name: &str, number: u8) -> Options {
    Options { keys: Some(KeyRing::new(key(number))), ..options(name) }
}

async fn sealed_cluster(count: usize, number: u8) -> Vec<Peer> {
    let mut peers = Vec::new();
    for place in 0..count {
        peers.push(Peer::start(sealed(&format!("peer-{place}"), number)).await);
    }
    for peer in &peers[1..] {
        peer.swim.keep_joining([peers[0].addr()]).await;
    }
    eventually("all know all", || peers.iter().all(|peer| peer.swim.live_count() == count)).await;
    peers
}

/// Everything that happens to these members from now on.
fn listen(peers: &[Peer]) -> Vec<Events> {
    peers.iter().map(|peer| peer.swim.events()).collect()
}

/// Nobody was suspected of anything so far.
async fn nobody_was_suspected(events: &mut [Events]) {
    for events in events {
        while let Ok(Some(update)) = time::timeout(Duration::from_millis(10), events.next()).await {
            let Update::Event { event, .. } = update else { panic!("{update:?}") };
            let is_bad = matches!(event, Event::MemberSuspected(_) | Event::MemberDead(_));
            assert!(!is_bad, "{event:?}");
        }
    }
}

/// Waits for a packet sealed with an unknown key from `from`.
async fn unknown_key(events: &mut Events, sender: SocketAddr) -> KeyId {
    let told = async {
        loop {
            match events.next().await.expect("the runner runs") {
                Update::Event { event: Event::UnknownKey { key_id, from }, .. }
                    if from == sender =>
                {
                    return key_id;
                }
                _ => {}
            }
        }
    };
    time::timeout(DEADLINE, told).await.expect("told of an unknown key")
}

#[tokio::test]
async fn a_running_cluster_becomes_sealed_in_three_steps() {
    let peers = cluster(4).await;
    let mut events = listen(&peers);
    for peer in &peers {
        peer.swim.seal(KeyRing::new(key(1)), Sealing::Accept).await.expect("room");
    }
    time::sleep(WHILE).await;
    for step in [Sealing::Send, Sealing::Require] {
        // One after the other, as an operator would: for a while they disagree.
        for peer in &peers {
            peer.swim.set_sealing(step).await.expect("keys");
            time::sleep(WHILE / 4).await;
        }
        time::sleep(WHILE).await;
    }
    nobody_was_suspected(&mut events).await;
    assert!(peers.iter().all(|peer| peer.swim.live_count() == peers.len()));

    // A straggler in clear is refused, and told by which key.
    let straggler = Peer::named("straggler").await;
    let mut told = straggler.swim.events();
    straggler.swim.keep_joining([peers[0].addr()]).await;
    assert_eq!(unknown_key(&mut told, peers[0].addr()).await, key(1).id());
    let stats = peers[0].swim.stats().await.expect("it runs");
    assert!(stats.rejected_unsealed > 0, "{stats:?}");
    assert!(peers[0].swim.member(straggler.id()).is_none());

    // With the key it is let in.
    straggler.swim.seal(KeyRing::new(key(1)), Sealing::Require).await.expect("room");
    eventually("it is let in", || peers[0].sees(straggler.id(), Status::Alive)).await;
}

#[tokio::test]
async fn the_key_of_a_running_cluster_is_changed_in_three_steps() {
    let peers = sealed_cluster(4, 1).await;
    let mut events = listen(&peers);
    let (old, new) = (key(1).id(), key(2).id());
    for step in 0..3 {
        for peer in &peers {
            match step {
                0 => peer.swim.add_key(key(2)).await,
                1 => peer.swim.use_key(new).await,
                _ => peer.swim.remove_key(old).await,
            }
            .expect("the ring takes it");
            time::sleep(WHILE / 4).await;
        }
        time::sleep(WHILE).await;
    }
    nobody_was_suspected(&mut events).await;
    for peer in &peers {
        assert_eq!(peer.swim.key_ids().await.expect("it runs"), [new]);
        let stats = peer.swim.stats().await.expect("it runs");
        let rejected = stats.rejected_unsealed + stats.rejected_unknown_key + stats.rejected_forged;
        assert_eq!(rejected, 0, "{stats:?}");
    }
}

/// It was off while the others changed their key, and comes back with the one it had.
#[tokio::test]
async fn a_member_that_missed_a_change_of_keys_hears_which_key_it_lacks() {
    let mut peers = sealed_cluster(3, 1).await;
    let late = peers.pop().expect("three");
    let bind = late.swim.local_addr();
    late.swim.shutdown().await;
    for peer in &peers {
        peer.swim.seal(KeyRing::new(key(2)), Sealing::Require).await.expect("room");
    }
    let late = Peer::start(Options { bind, ..sealed("peer-2", 1) }).await;
    let (mut told, mut told_there) = (late.swim.events(), peers[0].swim.events());
    late.swim.keep_joining([peers[0].addr()]).await;
    assert_eq!(unknown_key(&mut told, peers[0].addr()).await, key(2).id());
    let failure = JoinFailure::UnknownKey(key(2).id());
    let is_known = || late.swim.seeds().iter().any(|seed| seed.trouble == Some(failure.clone()));
    eventually("it knows what is wrong with its seed", is_known).await;
    assert_eq!(unknown_key(&mut told_there, late.addr()).await, key(1).id());

    late.swim.add_key(key(2)).await.expect("room");
    late.swim.use_key(key(2).id()).await.expect("it was added");
    eventually("it is back", || {
        peers.iter().all(|peer| peer.sees(late.id(), Status::Alive)) && late.swim.live_count() == 3
    })
    .await;
}

#[tokio::test]
async fn changes_a_ring_does_not_take_are_told() {
    let plain = Peer::named("plain").await;
    let refused = CallError::Refused;
    assert_eq!(plain.swim.key_ids().await, Ok(vec![]));
    assert_eq!(plain.swim.add_key(key(1)).await, Err(refused(KeyFailure::NoKeys)));
    let without = plain.swim.set_sealing(Sealing::Send).await;
    assert_eq!(without, Err(refused(KeyFailure::NoKeys)));

    let peer = Peer::start(sealed("sealed", 1)).await;
    let [first, other] = [key(1).id(), key(2).id()];
    let ring = |error| Err(refused(KeyFailure::Ring(error)));
    assert_eq!(peer.swim.use_key(other).await, ring(KeyError::Unknown(other)));
    assert_eq!(peer.swim.remove_key(first).await, ring(KeyError::Primary(first)));
    assert_eq!(peer.swim.key_ids().await, Ok(vec![first]));
}

/// Tables too long for one datagram travel over TCP, sealed like everything else.
#[tokio::test]
async fn tables_over_streams_are_sealed() {
    let config = Config { sync_over_streams: true, ..fast() };
    let start = |name: &'static str| Peer::start(Options { config, ..sealed(name, 1) });
    let (first, second) = (start("first").await, start("second").await);
    second.join(&first).await;
    let third = start("third").await;
    third.join(&second).await;
    eventually("all know all", || first.swim.live_count() == 3 && third.swim.live_count() == 3)
        .await;
    let streams = async {
        while third.swim.socket_stats().streams_dialed == 0 {
            time::sleep(Duration::from_millis(50)).await;
        }
    };
    ends("a stream", streams).await;
    for peer in [&first, &second, &third] {
        let stats = peer.swim.stats().await.expect("it runs");
        assert_eq!(stats.rejected_unsealed + stats.rejected_forged, 0, "{stats:?}");
        assert_eq!(peer.swim.socket_stats().stream_errors, 0);
    }
}
