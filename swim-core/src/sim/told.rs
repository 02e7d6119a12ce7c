//! What an application may be told of a member, step by step.

use crate::Event;
use crate::member::Status;

/// What an application has been told of a member.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Told {
    /// Nothing, or that it was forgotten.
    #[default]
    Nothing,
    /// That it lives, with this status.
    Lives(Status),
    /// That it lives; whether it is suspect was not told while it was held out.
    LivesAgain,
    /// That it is held out.
    HeldOut,
    /// That it is dead, or has left.
    Gone(Status),
    /// It is not known what: somebody did not listen.
    Unheard,
}

impl Told {
    /// What it has been told after an event about this member; `None` when that does not follow.
    pub fn then<A>(self, event: &Event<A>) -> Option<Self> {
        use Status::{Alive, Dead, Left, Suspect};
        let lives = matches!(self, Self::Lives(_) | Self::LivesAgain | Self::Unheard);
        let is_in = lives || self == Self::HeldOut;
        let known = self != Self::Nothing;
        let (follows, after) = match event {
            Event::MemberJoined(_) => (!is_in || self == Self::Unheard, Self::Lives(Alive)),
            Event::MemberSuspected(_) => {
                (lives && self != Self::Lives(Suspect), Self::Lives(Suspect))
            }
            Event::MemberRecovered(_) => (lives && self != Self::Lives(Alive), Self::Lives(Alive)),
            // Between two ends there may have been a return that nobody was told of.
            Event::MemberDead(_) => (known && self != Self::Gone(Dead), Self::Gone(Dead)),
            Event::MemberLeft(_) => (known && self != Self::Gone(Left), Self::Gone(Left)),
            Event::MemberRestarted(_) | Event::MemberUpdated(_) => (lives, self),
            Event::MemberHeldOut(_) => (lives, Self::HeldOut),
            Event::MemberReadmitted(_) => {
                (matches!(self, Self::HeldOut | Self::Unheard), Self::LivesAgain)
            }
            Event::MemberForgotten(_) => (is_in, Self::Nothing),
            Event::Joined { .. }
            | Event::JoinRefused { .. }
            | Event::Conflict { .. }
            | Event::UnknownKey { .. }
            | Event::NotUnderstood { .. }
            | Event::Unsealed { .. }
            | Event::SuspicionRaised(_)
            | Event::SuspicionLowered(_)
            | Event::TableFull
            | Event::Asleep
            | Event::Departed => (true, self),
        };
        follows.then_some(after)
    }

    /// Whether an application that was told so, and of everything since, would know this of a
    /// member: its status, or that there is none.
    pub fn agrees(self, status: Option<Status>) -> bool {
        let live = status.filter(|status| status.is_live());
        match self {
            Self::Lives(told) => live == Some(told),
            Self::LivesAgain | Self::HeldOut => live.is_some(),
            Self::Nothing | Self::Gone(_) => live.is_none(),
            Self::Unheard => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::NodeId;

    fn after(events: &[fn(NodeId) -> Event<u16>]) -> Option<Told> {
        let id = NodeId::new(1);
        events.iter().try_fold(Told::Nothing, |told, event| told.then(&event(id)))
    }

    #[test]
    fn what_does_not_follow_is_noticed() {
        use Event::*;
        let lives = Some(Told::Lives(Status::Alive));
        assert_eq!(after(&[MemberJoined, MemberSuspected, MemberRecovered]), lives);
        assert_eq!(after(&[MemberJoined, MemberDead, MemberJoined, MemberRestarted]), lives);
        assert_eq!(after(&[MemberJoined, MemberForgotten, MemberJoined]), lives);
        assert_eq!(after(&[MemberSuspected]), None);
        assert_eq!(after(&[MemberJoined, MemberJoined]), None);
        assert_eq!(after(&[MemberJoined, MemberRecovered]), None);
        assert_eq!(after(&[MemberJoined, MemberDead, MemberDead]), None);
        assert_eq!(after(&[MemberJoined, MemberLeft, MemberUpdated]), None);
        assert_eq!(after(&[MemberJoined, MemberHeldOut, MemberSuspected]), None);
    }

    #[test]
    fn what_was_told_is_compared_with_what_is() {
        let suspect = Some(Status::Suspect);
        assert!(Told::Lives(Status::Suspect).agrees(suspect));
        assert!(!Told::Lives(Status::Alive).agrees(suspect));
        assert!(Told::Gone(Status::Dead).agrees(None) && Told::Nothing.agrees(Some(Status::Left)));
        assert!(!Told::Nothing.agrees(suspect));
    }
}
