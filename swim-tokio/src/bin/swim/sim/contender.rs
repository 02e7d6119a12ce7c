//! Who is compared: a detector and its settings.

use swim_core::Config;
use swim_core::sim::experiment::{Arm, Profile};

use crate::span::Span;

/// One column of a table.
#[derive(Clone, Debug, PartialEq)]
pub struct Contender {
    /// How it is called in tables.
    pub label: String,
    pub arm: Arm,
    /// What was asked for; the profile's own otherwise.
    pub pause_tolerance: Option<Span>,
    /// The rule that is off, if one is.
    pub without: Option<&'static str>,
    pub config: Config,
}

impl Contender {
    pub fn new(arm: Arm, profile: Profile) -> Self {
        let config = arm.config(profile);
        Self { label: arm.name().to_owned(), arm, pause_tolerance: None, without: None, config }
    }

    /// The same with another tolerance, which is in its name.
    pub fn tolerating(self, pause: Span) -> Self {
        let config = Config { pause_tolerance: pause.0, ..self.config };
        let label = format!("{} {pause}", self.label);
        Self { label, pause_tolerance: Some(pause), config, ..self }
    }
}
