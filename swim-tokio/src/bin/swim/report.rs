//! What an agent reports, line by line: written by `swim agent`, read by `swim demo` and
//! `swim drill`.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};
use swim_tokio::{Sealing, Status};

/// One line of `swim agent --json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Milliseconds since the agent was started.
    pub t_ms: u64,
    /// When that was: milliseconds since 1970, by the clock of the agent's machine.
    pub unix_ms: u64,
    /// What happened.
    #[serde(flatten)]
    pub news: News,
}

/// What happened, with `event` as its name in JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum News {
    /// The first line: the agent's socket is open.
    Listening { id: String, name: String, address: SocketAddr, pid: u32 },
    /// A seed admitted this agent.
    Joined { seed: SocketAddr, by: String },
    /// A seed refuses this agent, which goes on asking.
    JoinRefused { seed: SocketAddr, reason: String },
    /// A seed has not answered for a while; this agent goes on asking.
    NoAnswer { seed: String },
    /// A seed has no address, or none that can be reached; it is looked up again.
    Unresolved { seed: String, reason: String },
    /// More seeds than can be known; this one is not used.
    NotAsked { seed: String, reason: String },
    /// A member is there that was not.
    MemberJoined(Profile),
    /// A member is suspected of having failed.
    MemberSuspected(Profile),
    /// A suspect refuted.
    MemberRecovered(Profile),
    /// A member was declared dead.
    MemberDead(Profile),
    /// A member flaps and is held out, alive or not.
    MemberHeldOut(Profile),
    /// A member that was held out is in again.
    MemberReadmitted(Profile),
    /// A member said goodbye.
    MemberLeft(Profile),
    /// A member's process was restarted before anybody missed it.
    MemberRestarted(Profile),
    /// A member has other tags or another address.
    MemberUpdated(Profile),
    /// The member table is smaller than the cluster, and a member made room for another.
    MemberForgotten(Profile),
    /// This agent was too slow to print some events; one `member_known` per member follows.
    Lagged { missed: u64 },
    /// The state of a member after `lagged`.
    MemberKnown {
        #[serde(with = "StatusInJson")]
        status: Status,
        #[serde(flatten)]
        member: Profile,
    },
    /// Somebody held this agent for failed, or for its own former life, and was told otherwise.
    Refuted { incarnation: u32 },
    /// So many of the dead and the departed were forgotten: their time was over.
    Forgotten { members: u64 },
    /// Another living node uses this agent's name.
    Conflict { rival: SocketAddr, won: bool },
    /// What should be kept across restarts was of no use, or cannot be written.
    StateTrouble { reason: String },
    /// The trace has ended, and the agent goes on.
    TraceEnded { reason: String },
    /// The keys this agent has, by their ids, the one it seals with first: at the start, and when
    /// the file was read again. And which packets are sealed.
    Keys {
        ids: Vec<String>,
        #[serde(with = "SealingInJson")]
        sealing: Sealing,
    },
    /// The file of keys was of no use: the agent keeps those it had.
    KeyTrouble { reason: String },
    /// The keys were changed in a way that leaves behind whoever has not changed them likewise.
    KeyStepSkipped { reason: String },
    /// Somebody sealed a packet with a key this agent does not have.
    UnknownKey {
        key_id: String,
        from: SocketAddr,
        /// The name of that member, if one is known there.
        name: Option<String>,
        /// The keys this agent has.
        own_keys: Vec<String>,
    },
    /// Somebody does not read this agent's packets as they are.
    NotUnderstood {
        /// The key it uses.
        key_id: String,
        from: SocketAddr,
        name: Option<String>,
        /// The key this agent seals with; null if it sends in clear.
        own_key: Option<String>,
    },
    /// Somebody sends in clear to this agent, which takes sealed packets only.
    Unsealed { from: SocketAddr, name: Option<String> },
    /// The member table is full: some members are not shown.
    TableFull,
    /// The goodbye is on its way.
    Leaving,
    /// The goodbye was said: the last line.
    Left,
}

impl News {
    /// The member this is about and what is now believed of it, if anything was said of that.
    pub fn belief(&self) -> Option<(&Profile, Status)> {
        match self {
            Self::MemberJoined(member)
            | Self::MemberRecovered(member)
            | Self::MemberRestarted(member) => Some((member, Status::Alive)),
            Self::MemberSuspected(member) => Some((member, Status::Suspect)),
            Self::MemberDead(member) => Some((member, Status::Dead)),
            Self::MemberLeft(member) => Some((member, Status::Left)),
            Self::MemberKnown { status, member } => Some((member, *status)),
            Self::Listening { .. }
            | Self::Joined { .. }
            | Self::JoinRefused { .. }
            | Self::NoAnswer { .. }
            | Self::Unresolved { .. }
            | Self::NotAsked { .. }
            | Self::MemberHeldOut(_)
            | Self::MemberReadmitted(_)
            | Self::MemberUpdated(_)
            | Self::MemberForgotten(_)
            | Self::Lagged { .. }
            | Self::Refuted { .. }
            | Self::Forgotten { .. }
            | Self::Conflict { .. }
            | Self::StateTrouble { .. }
            | Self::TraceEnded { .. }
            | Self::Keys { .. }
            | Self::KeyTrouble { .. }
            | Self::KeyStepSkipped { .. }
            | Self::UnknownKey { .. }
            | Self::NotUnderstood { .. }
            | Self::Unsealed { .. }
            | Self::TableFull
            | Self::Leaving
            | Self::Left => None,
        }
    }
}

/// One member as an agent knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    /// Its id, in hexadecimal.
    pub id: String,
    /// Its name, or its id if it told none.
    pub name: String,
    /// Where it listens; null for a member known only by the news of its death.
    pub address: Option<SocketAddr>,
    /// How often it has refuted its failure.
    pub incarnation: u32,
    /// Which life of its process this is.
    pub boot: u16,
    /// Whether it flaps and is held out; also of one that died, whose return is not told then.
    pub held_out: bool,
    /// Whether it has said that it would be silent for a while.
    pub asleep: bool,
    /// Its tags.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
}

/// [`Status`], as JSON has it.
#[derive(Serialize, Deserialize)]
#[serde(remote = "Status", rename_all = "snake_case")]
enum StatusInJson {
    Alive,
    Suspect,
    Dead,
    Left,
}

/// [`Sealing`], as JSON and the command line have it.
#[derive(Serialize, Deserialize)]
#[serde(remote = "Sealing", rename_all = "snake_case")]
enum SealingInJson {
    Accept,
    Send,
    Require,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn db_1() -> Profile {
        Profile {
            id: "c0ffee".into(),
            name: "db-1".into(),
            address: Some("10.0.0.1:7946".parse().unwrap()),
            incarnation: 2,
            boot: 7,
            held_out: false,
            asleep: false,
            tags: BTreeMap::new(),
        }
    }

    #[test]
    fn a_report_is_one_flat_json_object() {
        let report = Report { t_ms: 42, unix_ms: 1_000, news: News::MemberDead(db_1()) };
        let member = r#""id":"c0ffee","name":"db-1","address":"10.0.0.1:7946""#;
        let head = r#""t_ms":42,"unix_ms":1000,"event":"member_dead""#;
        let expected = format!(
            r#"{{{head},{member},"incarnation":2,"boot":7,"held_out":false,"asleep":false}}"#
        );
        assert_eq!(serde_json::to_string(&report).unwrap(), expected);
    }

    #[test]
    fn flapping_has_names_in_json() {
        for (news, name) in [
            (News::MemberHeldOut(db_1()), "member_held_out"),
            (News::MemberReadmitted(db_1()), "member_readmitted"),
        ] {
            assert_eq!(serde_json::to_value(&news).unwrap()["event"], name);
            assert_eq!(news.belief(), None, "it says nothing of whether it lives");
        }
    }

    #[test]
    fn reports_read_back_the_same() {
        let known = News::MemberKnown { status: Status::Suspect, member: db_1() };
        let held_out = News::MemberHeldOut(Profile { held_out: true, ..db_1() });
        let no_answer = News::NoAnswer { seed: "db-2:7946".into() };
        let lagged = News::Lagged { missed: 3 };
        let keys = News::Keys { ids: vec!["c0ffee00".into()], sealing: Sealing::Send };
        let joined = News::MemberJoined(db_1());
        for news in [joined, held_out, known, no_answer, lagged, keys, News::Left] {
            let report = Report { t_ms: 1, unix_ms: 2, news };
            let text = serde_json::to_string(&report).unwrap();
            assert_eq!(serde_json::from_str::<Report>(&text).unwrap(), report, "{text}");
        }
    }
}
