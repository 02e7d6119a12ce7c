//! What the board prints: a word, and `key=value` pairs.

use embassy_time::Instant;
use swim_embassy::swim_core::Event;
use swim_embassy::{Endpoint, Lagged};

use crate::member::Swim;
use crate::stack;
use crate::uart::say;

/// That the board is up, and who it is.
pub fn started(swim: Swim) {
    let me = swim.me();
    let address = me.address.unwrap_or(Endpoint::UNREACHABLE);
    say!("started id={} address={address} boot={}", me.id, me.boot);
}

/// Prints all that happens, one line each.
pub async fn events(swim: Swim) {
    let Ok(mut events) = swim.events() else {
        return say!("error events=none");
    };
    loop {
        match events.next().await {
            Ok(event) => happened(swim, &event),
            Err(Lagged(missed)) => say!("event=lagged missed={missed} at_ms={}", at_ms()),
        }
    }
}

fn happened(swim: Swim, event: &Event<Endpoint>) {
    let (live, at_ms) = (swim.live_count(), at_ms());
    let about = |what| {
        let Some(id) = event.member() else { return };
        say!("event={what} id={id} live={live} at_ms={at_ms}");
    };
    match event {
        Event::Joined { seed, by } => {
            say!("event=admitted seed={seed} id={by} live={live} at_ms={at_ms}");
        }
        Event::JoinRefused { seed, reason } => {
            say!("event=refused seed={seed} reason={reason:?} at_ms={at_ms}");
        }
        Event::MemberJoined(_) => about("joined"),
        Event::MemberSuspected(_) => about("suspected"),
        Event::MemberRecovered(_) => about("recovered"),
        Event::MemberDead(_) => about("dead"),
        Event::MemberLeft(_) => about("left"),
        Event::MemberRestarted(_) => about("restarted"),
        Event::MemberUpdated(_) => about("updated"),
        Event::MemberForgotten(_) => about("forgotten"),
        Event::Asleep => say!("event=asleep at_ms={at_ms}"),
        Event::Departed => say!("event=departed at_ms={at_ms}"),
        Event::Conflict { rival, won } => say!("event=conflict rival={rival} won={won}"),
        Event::TableFull => say!("event=table-full live={live} at_ms={at_ms}"),
        other => say!("event=other what={other:?} at_ms={at_ms}"),
    }
}

/// A line for every member, and one that ends the list.
pub fn members(swim: Swim) {
    let mut known = 0;
    for member in swim.members() {
        let address = member.address.unwrap_or(Endpoint::UNREACHABLE);
        let (id, status, incarnation) = (member.id, member.status, member.incarnation.number());
        let (asleep, boot) = (member.asleep, member.boot);
        say!(
            "member id={id} status={status} asleep={asleep} incarnation={incarnation} boot={boot} \
             address={address}"
        );
        known += 1;
    }
    say!("members live={} known={known} at_ms={}", swim.live_count(), at_ms());
}

/// The counters that tell most, and how deep the stack ever was, in bytes.
pub fn counters(swim: Swim) {
    let stats = swim.stats();
    let (sent, received) = (stats.packets_sent, stats.packets_received);
    say!("packets sent={sent} received={received} malformed={}", stats.rejected_malformed);
    let (started, acked, failed) = (stats.probes, stats.probes_acked, stats.probes_failed);
    say!("probes started={started} acked={acked} failed={failed}");
    let socket = swim.counters();
    let (timed_out, yielded) = (socket.flushes_timed_out, socket.sends_yielded);
    say!("socket flushes_timed_out={timed_out} sends_yielded={yielded}");
    let depth = stack::depth();
    say!("stack starting={} running={} size={}", depth.starting, depth.running, depth.size);
}

fn at_ms() -> u64 {
    Instant::now().as_millis()
}
