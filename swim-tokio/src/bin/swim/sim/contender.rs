//! Who is compared: a detector and its settings, or a model.

use swim_core::Config;
use swim_core::sim::experiment::{Arm, Profile};

use crate::span::Span;

/// One column of a table.
#[derive(Clone, Debug, PartialEq)]
pub struct Contender {
    /// How it is called in tables.
    pub label: String,
    /// The option that chooses it.
    pub flag: &'static str,
    /// Its name there.
    pub name: &'static str,
    /// `None`: a model, which has no nodes.
    pub arm: Option<Arm>,
    /// What was asked for; the profile's own otherwise.
    pub pause_tolerance: Option<Span>,
    /// The rule that is off, if one is.
    pub without: Option<&'static str>,
    pub config: Config,
}

impl Contender {
    pub fn new(arm: Arm, profile: Profile) -> Self {
        Self::model("detector", arm.name()).armed(arm, profile)
    }

    /// A model that is chosen by an option of its experiment.
    pub fn model(flag: &'static str, name: &'static str) -> Self {
        Self {
            label: name.to_owned(),
            flag,
            name,
            arm: None,
            pause_tolerance: None,
            without: None,
            config: Config::lan(),
        }
    }

    /// The same with nodes.
    pub fn armed(self, arm: Arm, profile: Profile) -> Self {
        Self { arm: Some(arm), config: arm.config(profile), ..self }
    }

    /// The same with another tolerance, which is in its name.
    pub fn tolerating(self, pause: Span) -> Self {
        let config = Config { pause_tolerance: pause.0, ..self.config };
        let label = format!("{} {pause}", self.label);
        Self { label, pause_tolerance: Some(pause), config, ..self }
    }
}
