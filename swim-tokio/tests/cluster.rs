//! What a cluster is for: members come, change, crash, return, and leave.

mod common;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use common::{Peer, cluster, ends, event, eventually, fast, options};
use swim_tokio::{CallError, Config, Event, Options, Status};

#[tokio::test]
async fn five_members_know_each_other() {
    let peers = cluster(5).await;
    for peer in &peers {
        for other in &peers {
            let member = peer.swim.member(other.id()).expect("known");
            assert_eq!(member.address, Some(other.addr()));
        }
        assert_eq!(peer.swim.members().len(), 5);
    }
}

#[tokio::test]
async fn a_crashed_member_is_declared_dead_by_all() {
    let mut peers = cluster(5).await;
    let crashed = peers.pop().expect("five");
    let mut events = peers[0].swim.events();
    crashed.swim.shutdown().await;
    let dead = event(&mut events, Event::MemberDead(crashed.id())).await.expect("about a member");
    assert_eq!((dead.id, dead.status), (crashed.id(), Status::Dead));
    eventually("all agree", || peers.iter().all(|peer| peer.sees(crashed.id(), Status::Dead)))
        .await;
    eventually("four live", || peers.iter().all(|peer| peer.swim.live_count() == 4)).await;
}

#[tokio::test]
async fn the_dead_are_forgotten_in_time() {
    let config = Config { tombstone_time: Duration::from_secs(1), ..fast() };
    let witness = Peer::start(Options { config, ..options("witness") }).await;
    let crashed = Peer::named("crashed").await;
    crashed.join(&witness).await;
    crashed.swim.shutdown().await;
    eventually("it is dead", || witness.sees(crashed.id(), Status::Dead)).await;
    eventually("it is forgotten", || witness.swim.member(crashed.id()).is_none()).await;
    assert_eq!(witness.swim.members().len(), 1);
}

#[tokio::test]
async fn a_member_that_returns_under_its_name_is_known_again() {
    let mut peers = cluster(3).await;
    let crashed = peers.pop().expect("three");
    let boot = peers[0].swim.member(crashed.id()).expect("known").boot;
    crashed.swim.shutdown().await;
    eventually("it is dead", || peers[0].sees(crashed.id(), Status::Dead)).await;

    let returned = Peer::named("peer-2").await;
    assert_eq!(returned.id(), crashed.id());
    returned.join(&peers[0]).await;
    eventually("all know the new life", || {
        peers.iter().all(|peer| {
            let member = peer.swim.member(returned.id());
            member.is_some_and(|it| it.status == Status::Alive && it.boot != boot)
        })
    })
    .await;
}

#[tokio::test]
async fn a_restart_nobody_missed_is_told() {
    let first = Peer::named("first").await;
    let second = Peer::named("second").await;
    second.join(&first).await;
    let mut events = first.swim.events();
    let address = second.swim.local_addr();
    second.swim.shutdown().await;
    let restarted = Peer::start(Options { bind: address, ..options("second") }).await;
    restarted.swim.keep_joining(&[first.addr()]).await;
    let told = event(&mut events, Event::MemberRestarted(restarted.id())).await;
    assert_eq!(told.expect("about a member").status, Status::Alive);
}

#[tokio::test]
async fn a_member_that_leaves_has_left_and_is_not_dead() {
    let mut peers = cluster(3).await;
    let leaving = peers.pop().expect("three");
    let mut events = peers[0].swim.events();
    ends("leave", leaving.swim.leave()).await.expect("it runs");
    event(&mut events, Event::MemberLeft(leaving.id())).await;
    eventually("all heard it", || peers.iter().all(|peer| peer.sees(leaving.id(), Status::Left)))
        .await;
    ends("leave again", leaving.swim.leave()).await.expect("it runs still");
}

#[tokio::test]
async fn a_member_that_left_can_be_one_again() {
    let peers = cluster(2).await;
    ends("leave", peers[1].swim.leave()).await.expect("it runs");
    eventually("it has left", || peers[0].sees(peers[1].id(), Status::Left)).await;
    peers[1].swim.rejoin().await.expect("it runs still");
    peers[1].swim.keep_joining(&[peers[0].addr()]).await;
    eventually("it is back", || peers[0].sees(peers[1].id(), Status::Alive)).await;
    ends("leave again", peers[1].swim.leave()).await.expect("it runs");
}

#[tokio::test]
async fn new_metadata_reaches_everybody() {
    let peers = cluster(3).await;
    let mut events = peers[2].swim.events();
    peers[0].swim.set_metadata(b"role=db".to_vec()).await.expect("it is short");
    let updated = event(&mut events, Event::MemberUpdated(peers[0].id())).await;
    assert_eq!(&*updated.expect("about a member").metadata, b"role=db");
    let has_it = |peer: &Peer| {
        peer.swim.member(peers[0].id()).is_some_and(|member| &*member.metadata == b"role=db")
    };
    eventually("all have it, itself included", || peers.iter().all(has_it)).await;
}

#[tokio::test]
async fn metadata_that_is_too_long_changes_nothing() {
    let peer = Peer::named("alone").await;
    peer.swim.set_metadata(b"old".to_vec()).await.expect("it is short");
    let error = peer.swim.set_metadata(vec![0; 100_000]).await.expect_err("it is long");
    assert!(matches!(error, CallError::Refused(_)), "{error}");
    assert_eq!(&*peer.swim.member(peer.id()).expect("itself").metadata, b"old");
}

#[tokio::test]
async fn a_member_knows_itself_before_it_runs() {
    let bind = SocketAddr::from(([127, 0, 0, 1], 0));
    let metadata = b"hello".to_vec();
    let (swim, _runner) =
        swim_tokio::bind(Options { metadata, ..Options::new(bind) }).await.expect("loopback");
    let me = swim.member(swim.id()).expect("itself");
    assert_eq!(me.address, Some(swim.advertised()));
    assert_eq!(&*me.metadata, b"hello");
    assert_eq!(swim.live_count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_sees_at_once_what_it_did_to_itself() {
    let peer = Peer::named("peer").await;
    let me = || peer.swim.member(peer.id()).expect("it knows itself");
    for round in 0..100_u8 {
        peer.swim.set_metadata(vec![round]).await.expect("it is short");
        assert_eq!(*me().metadata, [round]);
    }
    peer.swim.leave().await.expect("it runs");
    assert_eq!(me().status, Status::Left);
    peer.swim.rejoin().await.expect("it runs still");
    assert_eq!(me().status, Status::Alive);
}

#[tokio::test]
async fn a_member_that_said_it_would_sleep_is_missed_by_nobody_until_it_is_due() {
    let config = Config { sleep_margin: Duration::from_millis(100), ..fast() };
    let sleeper = Peer::start(Options { config, ..options("sleeper") }).await;
    let friend = Peer::start(Options { config, ..options("friend") }).await;
    sleeper.join(&friend).await;
    let mut events = sleeper.swim.events();
    let mut seen = friend.swim.events();
    let (began, nap) = (Instant::now(), Duration::from_secs(3));
    sleeper.swim.sleep(nap).await.expect("awake");
    event(&mut events, Event::Asleep).await;
    eventually("it is known to sleep", || {
        friend.swim.member(sleeper.id()).is_some_and(|member| member.asleep)
    })
    .await;
    sleeper.swim.shutdown().await;
    event(&mut seen, Event::MemberDead(sleeper.id())).await;
    assert!(began.elapsed() > nap, "{:?}", began.elapsed());
    assert!(!friend.swim.member(sleeper.id()).expect("remembered").asleep);
}
