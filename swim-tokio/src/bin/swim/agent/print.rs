//! What happened, as a line for people or as JSON.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::net::SocketAddr;

use swim_tokio::tags::Tags;
use swim_tokio::{Event, MemberInfo, NodeId, Sealing, Update};

use crate::clock::{Clock, Elapsed, unix_ms};
use crate::report::{News, Profile, Report};

/// Standard output, one line for each piece of news.
pub struct Printer {
    json: bool,
    clock: Clock,
}

impl Printer {
    pub fn new(json: bool, clock: Clock) -> Self {
        Self { json, clock }
    }

    /// Writes one line and flushes it.
    ///
    /// # Errors
    ///
    /// Standard output is closed or broken.
    pub fn print(&mut self, news: News) -> io::Result<()> {
        let mut line = Vec::new();
        let elapsed = self.clock.elapsed();
        if self.json {
            let report = Report { t_ms: elapsed.as_millis(), unix_ms: unix_ms(), news };
            serde_json::to_writer(&mut line, &report)?;
        } else {
            write!(line, "{}", in_words(elapsed, &news))?;
        }
        line.push(b'\n');
        let mut out = io::stdout().lock();
        out.write_all(&line)?;
        out.flush()
    }
}

/// The news in an update: several after a lag, at most one otherwise.
pub fn news_of(update: &Update) -> Vec<News> {
    match update {
        Update::Event { event, member } => {
            news_of_event(event, member.as_ref()).into_iter().collect()
        }
        Update::Lagged { missed, members } => {
            let known = members.iter().map(|member| News::MemberKnown {
                status: member.status,
                member: profile_of(member),
            });
            std::iter::once(News::Lagged { missed: *missed }).chain(known).collect()
        }
        unknown => {
            tracing::warn!(?unknown, "this update has no line yet");
            Vec::new()
        }
    }
}

fn news_of_event(event: &Event<SocketAddr>, member: Option<&MemberInfo>) -> Option<News> {
    let about = |id: &NodeId| member.map_or_else(|| stranger(*id), profile_of);
    Some(match event {
        Event::Joined { seed, by } => News::Joined { seed: *seed, by: about(by).name },
        Event::JoinRefused { seed, reason } => {
            News::JoinRefused { seed: *seed, reason: reason.to_string() }
        }
        Event::MemberJoined(id) => News::MemberJoined(about(id)),
        Event::MemberSuspected(id) => News::MemberSuspected(about(id)),
        Event::MemberRecovered(id) => News::MemberRecovered(about(id)),
        Event::MemberDead(id) => News::MemberDead(about(id)),
        Event::MemberHeldOut(id) => News::MemberHeldOut(about(id)),
        Event::MemberReadmitted(id) => News::MemberReadmitted(about(id)),
        Event::MemberLeft(id) => News::MemberLeft(about(id)),
        Event::MemberRestarted(id) => News::MemberRestarted(about(id)),
        Event::MemberUpdated(id) => News::MemberUpdated(about(id)),
        Event::MemberForgotten(id) => News::MemberForgotten(about(id)),
        Event::Conflict { rival, won } => News::Conflict { rival: *rival, won: *won },
        // Of the keys the agent has, an event knows nothing: `Keys` does.
        Event::UnknownKey { key_id, from } => News::UnknownKey {
            key_id: key_id.to_string(),
            from: *from,
            name: None,
            own_keys: Vec::new(),
        },
        Event::NotUnderstood { key_id, from } => News::NotUnderstood {
            key_id: key_id.to_string(),
            from: *from,
            name: None,
            own_key: None,
        },
        Event::Unsealed { from } => News::Unsealed { from: *from, name: None },
        Event::TableFull => News::TableFull,
        // The agent itself tells when it has left, never sleeps, and watches nobody.
        Event::Departed
        | Event::Asleep
        | Event::SuspicionRaised(_)
        | Event::SuspicionLowered(_) => return None,
        unknown => {
            tracing::warn!(?unknown, "this event has no line yet");
            return None;
        }
    })
}

/// A member that is already forgotten again.
fn stranger(id: NodeId) -> Profile {
    Profile {
        id: id.to_string(),
        name: id.to_string(),
        address: None,
        incarnation: 0,
        boot: 0,
        held_out: false,
        asleep: false,
        tags: BTreeMap::new(),
    }
}

/// What a member calls itself, or its id if it told no name.
pub fn name_of(member: &MemberInfo) -> String {
    Tags::decode(&member.metadata)
        .map_or_else(|| member.id.to_string(), |tags| tags.name().to_owned())
}

fn profile_of(member: &MemberInfo) -> Profile {
    let tags = Tags::decode(&member.metadata);
    Profile {
        name: name_of(member),
        id: member.id.to_string(),
        address: member.address,
        incarnation: member.incarnation.number(),
        boot: member.boot,
        held_out: member.held_out,
        asleep: member.asleep,
        tags: tags.iter().flat_map(Tags::iter).map(owned).collect(),
    }
}

fn owned((key, value): (&str, &str)) -> (String, String) {
    (key.to_owned(), value.to_owned())
}

/// `00:00:01.204  + db-2  10.0.0.2:7946  joined`
fn in_words(elapsed: Elapsed, news: &News) -> String {
    let member = |sign: char, member: &Profile, what: &str| {
        let address = member.address.map_or_else(|| "?".to_owned(), |address| address.to_string());
        let tag = |(key, value): (&String, &String)| format!("  {}={}", quoted(key), quoted(value));
        let tags: String = member.tags.iter().map(tag).collect();
        let held_out = if member.held_out { ", held out" } else { "" };
        let asleep = if member.asleep { ", asleep" } else { "" };
        let name = quoted(&member.name);
        format!("{elapsed}  {sign} {name}  {address}  {what}{held_out}{asleep}{tags}")
    };
    match news {
        News::Listening { id, name, address, pid } => {
            let name = quoted(name);
            format!("{elapsed}  = {name}  {address}  listening, id {id}, process {pid}")
        }
        News::Joined { seed, by } => format!("{elapsed}  = {}  {seed}  let us in", quoted(by)),
        News::JoinRefused { seed, reason } => {
            format!("{elapsed}  ! {seed}  refuses us: {reason}; asking again")
        }
        News::NoAnswer { seed } => format!("{elapsed}  ! {seed} has not answered, still asking"),
        News::Unresolved { seed, reason } => {
            format!("{elapsed}  ! {seed} {reason}; trying again and again")
        }
        News::NotAsked { seed, reason } => format!("{elapsed}  ! {seed} is not asked: {reason}"),
        News::MemberJoined(it) => member('+', it, "joined"),
        News::MemberSuspected(it) => member('?', it, "suspected"),
        News::MemberRecovered(it) => member('+', it, "recovered"),
        News::MemberDead(it) => member('x', it, "dead"),
        News::MemberHeldOut(it) => member('~', it, "flaps"),
        News::MemberReadmitted(it) => member('+', it, "readmitted"),
        News::MemberLeft(it) => member('-', it, "left"),
        News::MemberRestarted(it) => member('+', it, "restarted"),
        News::MemberUpdated(it) => member('*', it, "updated"),
        News::MemberForgotten(it) => member('~', it, "makes room for another"),
        News::Lagged { missed } => {
            format!("{elapsed}  ! {missed} events were not printed in time; all members follow")
        }
        News::MemberKnown { status, member: it } => member('*', it, &format!("is {status}")),
        News::Refuted { incarnation } => {
            let what = "this member was accused and refuted";
            format!("{elapsed}  ! {what} (incarnation {incarnation})")
        }
        News::Forgotten { members } => {
            format!("{elapsed}  = {members} dead or departed members forgotten")
        }
        News::Conflict { rival, won } => {
            let end = if *won { "we keep it" } else { "it keeps it" };
            format!("{elapsed}  ! {rival}  uses our name: {end}")
        }
        News::StateTrouble { reason } => format!("{elapsed}  ! state: {reason}"),
        News::TraceEnded { reason } => format!("{elapsed}  ! the trace ends here: {reason}"),
        News::Keys { .. }
        | News::KeyTrouble { .. }
        | News::KeyStepSkipped { .. }
        | News::UnknownKey { .. }
        | News::NotUnderstood { .. }
        | News::Unsealed { .. } => about_keys(elapsed, news),
        News::TableFull => format!("{elapsed}  ! the member table is full; some are not shown"),
        News::Leaving => format!("{elapsed}  = leaving"),
        News::Left => format!("{elapsed}  = left"),
    }
}

/// What there is to say about keys; nothing about anything else.
fn about_keys(elapsed: Elapsed, news: &News) -> String {
    match news {
        News::Keys { ids, sealing } => {
            format!("{elapsed}  = keys {}: {}", ids.join(" "), use_of(ids, *sealing))
        }
        News::KeyTrouble { reason } => format!("{elapsed}  ! keys stay as they are: {reason}"),
        News::KeyStepSkipped { reason } => {
            format!("{elapsed}  ! {reason}: members that have not taken the same step are cut off")
        }
        News::UnknownKey { key_id, from, name, own_keys } => {
            let why = unknown_to(own_keys);
            format!("{elapsed}  ! {}  seals with key {key_id}, {why}", sender(name, from))
        }
        News::NotUnderstood { key_id, from, name, own_key } => {
            let what = not_read(own_key.as_deref());
            format!("{elapsed}  ! {}  {what}; it uses key {key_id}", sender(name, from))
        }
        News::Unsealed { from, name } => {
            format!("{elapsed}  ! {}  sends in clear, which is refused here", sender(name, from))
        }
        _ => String::new(),
    }
}

fn use_of(ids: &[String], sealing: Sealing) -> String {
    let primary = ids.first().map_or("none", String::as_str);
    match sealing {
        Sealing::Accept => "sends in clear, accepts both (--sealing accept)".to_owned(),
        Sealing::Send => format!("seals with {primary}, still accepts clear (--sealing send)"),
        Sealing::Require => format!("seals with {primary}, accepts nothing else"),
    }
}

fn unknown_to(own_keys: &[String]) -> String {
    match own_keys {
        [] => "this agent has no keys: give it the cluster's --key-file".to_owned(),
        keys => {
            format!("this agent has {}: one of the two missed a change of keys", keys.join(" "))
        }
    }
}

fn not_read(own_key: Option<&str>) -> String {
    match own_key {
        None => "takes sealed packets only".to_owned(),
        Some(key) => format!("no longer reads key {key}, which this agent seals with"),
    }
}

/// Whom a packet came from, as far as that is known.
fn sender(name: &Option<String>, from: &SocketAddr) -> String {
    name.as_ref().map_or_else(|| from.to_string(), |name| format!("{}  {from}", quoted(name)))
}

/// In quotation marks where a reader could not tell where it ends.
fn quoted(text: &str) -> Cow<'_, str> {
    let ends_early = |letter: char| letter.is_whitespace() || matches!(letter, '"' | '=');
    match text.is_empty() || text.contains(ends_early) {
        true => format!("{text:?}").into(),
        false => text.into(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use swim_tokio::{Incarnation, Status};

    use super::*;

    fn millis(millis: u64) -> Elapsed {
        Duration::from_millis(millis).into()
    }

    #[test]
    fn a_line_for_people_tells_when_who_where_and_what() {
        let db_2 = Profile {
            id: "c0ffee".into(),
            name: "db-2".into(),
            address: Some("10.0.0.2:7946".parse().unwrap()),
            incarnation: 0,
            boot: 7,
            held_out: false,
            asleep: false,
            tags: [("zone".to_owned(), "b".to_owned())].into(),
        };
        assert_eq!(
            in_words(millis(1_204), &News::MemberJoined(db_2.clone())),
            "00:00:01.204  + db-2  10.0.0.2:7946  joined  zone=b"
        );
        let nameless = Profile { address: None, tags: Default::default(), ..db_2 };
        assert_eq!(
            in_words(millis(61_000), &News::MemberDead(nameless)),
            "00:01:01.000  x db-2  ?  dead"
        );
    }

    #[test]
    fn a_member_that_flaps_has_its_lines() {
        let id = NodeId::new(0xc0ffee);
        let member = MemberInfo {
            id,
            address: "10.0.0.2:7946".parse().ok(),
            status: Status::Alive,
            incarnation: Incarnation::new(3),
            boot: 7,
            metadata: Tags::new("db-2").unwrap().encode().into(),
            held_out: true,
            asleep: false,
        };
        let told = |event, held_out| {
            let member = MemberInfo { held_out, ..member.clone() };
            let update = Update::Event { event, member: Some(member) };
            news_of(&update).iter().map(|news| in_words(millis(0), news)).collect::<Vec<_>>()
        };
        let line = |rest| [format!("00:00:00.000  {rest}")];
        let held_out = told(Event::MemberHeldOut(id), true);
        assert_eq!(held_out, line("~ db-2  10.0.0.2:7946  flaps, held out"));
        let dead = told(Event::MemberDead(id), true);
        assert_eq!(dead, line("x db-2  10.0.0.2:7946  dead, held out"));
        let readmitted = told(Event::MemberReadmitted(id), false);
        assert_eq!(readmitted, line("+ db-2  10.0.0.2:7946  readmitted"));
        let lagged = Update::Lagged { missed: 1, members: vec![member.clone()] };
        let listed = in_words(millis(0), &news_of(&lagged)[1]);
        assert_eq!([listed], line("* db-2  10.0.0.2:7946  is alive, held out"));
    }

    #[test]
    fn tags_are_quoted_where_they_would_run_into_each_other() {
        let texts = ["plain", "a b=c", "", "say \"hi\"", "rôle"].map(quoted);
        assert_eq!(texts, ["plain", "\"a b=c\"", "\"\"", "\"say \\\"hi\\\"\"", "rôle"]);
    }

    #[test]
    fn keys_are_told_with_what_is_done_with_them() {
        let line = |news: &News| in_words(millis(0), news)[14..].to_owned();
        let keys = |sealing| News::Keys { ids: vec!["aa".into(), "bb".into()], sealing };
        for (sealing, told) in [
            (Sealing::Accept, "= keys aa bb: sends in clear, accepts both (--sealing accept)"),
            (Sealing::Send, "= keys aa bb: seals with aa, still accepts clear (--sealing send)"),
            (Sealing::Require, "= keys aa bb: seals with aa, accepts nothing else"),
        ] {
            assert_eq!(line(&keys(sealing)), told);
        }
    }

    #[test]
    fn who_is_not_understood_is_told_what_to_do() {
        let line = |news: &News| in_words(millis(0), news)[14..].to_owned();
        let (from, name) = ("10.0.0.2:7946".parse().unwrap(), || Some("db 2".to_owned()));
        let unknown = |name, keys: &[&str]| News::UnknownKey {
            key_id: "cc".into(),
            from,
            name,
            own_keys: keys.iter().map(|key| (*key).to_owned()).collect(),
        };
        let not_understood = |own_key: Option<&str>| News::NotUnderstood {
            key_id: "cc".into(),
            from,
            name: name(),
            own_key: own_key.map(str::to_owned),
        };
        for (news, told) in [
            (
                unknown(None, &[]),
                "! 10.0.0.2:7946  seals with key cc, this agent has no keys: give it the \
                 cluster's --key-file",
            ),
            (
                unknown(name(), &["aa", "bb"]),
                "! \"db 2\"  10.0.0.2:7946  seals with key cc, this agent has aa bb: one of the \
                 two missed a change of keys",
            ),
            (
                not_understood(None),
                "! \"db 2\"  10.0.0.2:7946  takes sealed packets only; it uses key cc",
            ),
            (
                not_understood(Some("aa")),
                "! \"db 2\"  10.0.0.2:7946  no longer reads key aa, which this agent seals with; \
                 it uses key cc",
            ),
            (
                News::Unsealed { from, name: None },
                "! 10.0.0.2:7946  sends in clear, which is refused here",
            ),
        ] {
            assert_eq!(line(&news), told);
        }
    }

    #[test]
    fn trouble_is_told_in_one_line() {
        let seed = || "127.0.0.1:9999".to_owned();
        assert_eq!(
            in_words(millis(5_000), &News::NoAnswer { seed: seed() }),
            "00:00:05.000  ! 127.0.0.1:9999 has not answered, still asking"
        );
        let reason = "cannot resolve: no such host".to_owned();
        assert_eq!(
            in_words(millis(0), &News::Unresolved { seed: seed(), reason }),
            "00:00:00.000  ! 127.0.0.1:9999 cannot resolve: no such host; trying again and again"
        );
        assert_eq!(
            in_words(millis(0), &News::Refuted { incarnation: 3 }),
            "00:00:00.000  ! this member was accused and refuted (incarnation 3)"
        );
    }
}
