//! What each rule is worth: Witness with one of them off.

use crate::{Config, Confirmations, Detector, Rules};

/// A rule and how it is switched off.
#[derive(Clone, Copy, Debug)]
pub struct Ablation {
    /// What is off.
    pub name: &'static str,
    switch_off: fn(&mut Rules),
}

/// Every rule that can be switched off alone.
pub const ABLATIONS: &[Ablation] = &[
    Ablation { name: "local-health", switch_off: |rules| rules.health_max = 0 },
    Ablation { name: "nacks", switch_off: |rules| rules.nack_percent = 0 },
    Ablation {
        name: "confirmations",
        switch_off: |rules| rules.confirmations = Confirmations::Unused,
    },
    Ablation { name: "buddy", switch_off: |rules| rules.buddy = false },
    Ablation { name: "stream-ping", switch_off: |rules| rules.stream_ping = false },
];

impl Ablation {
    /// The same settings without the rule.
    pub fn applied_to(&self, config: Config) -> Config {
        let mut rules = config.detector.rules();
        (self.switch_off)(&mut rules);
        Config { detector: Detector::Custom(rules), ..config }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_ablation_has_its_own_name_and_changes_a_rule() {
        let names: BTreeSet<_> = ABLATIONS.iter().map(|ablation| ablation.name).collect();
        assert_eq!(names.len(), ABLATIONS.len());
        let whole = Config { detector: Detector::Witness, ..Config::lan() };
        for ablation in ABLATIONS {
            let without = ablation.applied_to(whole);
            assert_ne!(without.detector.rules(), whole.detector.rules(), "{}", ablation.name);
            assert!(without.validate().is_ok(), "{}", ablation.name);
        }
    }
}
