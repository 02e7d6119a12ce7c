//! Members that come and go under a flap policy: held out, and let in again.

mod common;

use std::net::SocketAddr;
use std::time::Duration;

use common::{Peer, ends, event, eventually, fast, options};
use swim_tokio::swim_core::wire::{Header, PacketWriter, Update as Record};
use swim_tokio::swim_core::{Claim, Voice, Voices};
use swim_tokio::{
    Config, Event, Events, FlapPolicy, Incarnation, Label, MemberInfo, NodeId, Options, Status,
    Update,
};
use tokio::net::UdpSocket;
use tokio::time;

/// Who is suspected once is held out for so long.
fn strict(penalty: Duration) -> Config {
    let half_life = Duration::from_secs(1);
    let flap = Some(FlapPolicy { points_max: 1, half_life, penalty, penalty_max: penalty });
    Config { flap, ..fast() }
}

/// A watcher with a policy, a victim, and a friend without.
async fn three(penalty: Duration) -> [Peer; 3] {
    let config = strict(penalty);
    let watcher = Peer::start(Options { config, ..options("watcher") }).await;
    let (victim, friend) = (Peer::named("victim").await, Peer::named("friend").await);
    victim.join(&watcher).await;
    friend.join(&watcher).await;
    friend.join(&victim).await;
    [watcher, victim, friend]
}

/// What a member at `accuser` would send that has failed to reach `member`.
fn suspicion(member: NodeId, incarnation: Incarnation, accuser: NodeId) -> Vec<u8> {
    let header = Header {
        label: Label::new(""),
        sender: accuser,
        incarnation: Incarnation::default(),
        round: 0,
    };
    let voices = Voices::one(Voice::from(accuser));
    let claim = Claim { voices, ..Claim::new(incarnation, Status::Suspect) };
    let mut packet = vec![0; 128];
    let mut writer = PacketWriter::new(&mut packet, &header).expect("room");
    assert!(writer.update(&Record::<SocketAddr>::claim(member, claim)));
    let len = writer.finish();
    packet.truncate(len);
    packet
}

/// The next event about this member, and the member as it was then.
async fn next_about(events: &mut Events, id: NodeId) -> (Event<SocketAddr>, MemberInfo) {
    let found = async {
        loop {
            match events.next().await.expect("the runner runs") {
                Update::Event { event, member: Some(member) } if member.id == id => {
                    return (event, member);
                }
                Update::Event { .. } => {}
                update => panic!("{update:?}"),
            }
        }
    };
    ends("an event", found).await
}

#[tokio::test]
async fn a_suspect_too_many_is_held_out_and_readmitted_when_it_has_behaved() {
    let [watcher, victim, friend] = three(Duration::from_secs(2)).await;
    let mut events = watcher.swim.events();
    let known = watcher.swim.member(victim.id()).expect("it has joined");
    assert!(known.is_in());
    let suspicion = suspicion(victim.id(), known.incarnation, friend.id());
    let socket = UdpSocket::bind("127.0.0.1:0").await.expect("loopback");
    socket.send_to(&suspicion, watcher.addr()).await.expect("sent");

    let (event, member) = next_about(&mut events, victim.id()).await;
    assert_eq!(event, Event::MemberHeldOut(victim.id()));
    assert!(member.held_out && member.status.is_live() && !member.is_in());
    assert_eq!(watcher.swim.live_count(), 3);
    assert!(!friend.swim.member(victim.id()).expect("a member").held_out, "it has no policy");

    let (event, member) = next_about(&mut events, victim.id()).await;
    assert_eq!(event, Event::MemberReadmitted(victim.id()), "nothing else is told before");
    assert!(member.is_in());
    assert!(watcher.swim.member(victim.id()).is_some_and(|it| it.is_in()));
}

#[tokio::test]
async fn the_return_of_a_member_that_is_held_out_shows_without_an_event() {
    let [watcher, victim, _friend] = three(Duration::from_secs(3_600)).await;
    let (id, address) = (victim.id(), victim.addr());
    let mut events = watcher.swim.events();
    ends("the crash", victim.swim.shutdown()).await;
    let dead = event(&mut events, Event::MemberDead(id)).await.expect("about a member");
    assert!(dead.held_out && !dead.is_in());

    let again = Peer::start(Options { bind: address, ..options("victim") }).await;
    again.swim.keep_joining(&[watcher.addr()]).await;
    eventually("it is back", || watcher.sees(id, Status::Alive)).await;
    assert!(watcher.swim.member(id).is_some_and(|it| it.held_out && !it.is_in()));
    while let Ok(Some(update)) = time::timeout(Duration::from_millis(1), events.next()).await {
        let Update::Event { event, .. } = update else { panic!("{update:?}") };
        assert_ne!(event, Event::MemberJoined(id));
    }
}
