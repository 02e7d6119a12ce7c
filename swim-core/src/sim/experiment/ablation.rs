//! What each rule is worth: Witness with one of them off.

use crate::{Config, Detector, Rules};

/// A rule and how it is switched off.
#[derive(Clone, Copy, Debug)]
pub struct Ablation {
    /// What is off.
    pub name: &'static str,
    switch_off: fn(&mut Rules),
}

/// Every rule that can be switched off alone.
pub const ABLATIONS: &[Ablation] = &[
    Ablation { name: "r1-rotation", switch_off: |rules| rules.rotation = false },
    Ablation { name: "r2-measured-timeout", switch_off: |rules| rules.timeout_measured = false },
    Ablation { name: "r3-three-stages", switch_off: |rules| rules.stages = 1 },
    Ablation { name: "r4-witness", switch_off: |rules| rules.witness_needed = false },
    Ablation { name: "r5-nack-voices", switch_off: |rules| rules.nacks_are_voices = false },
    Ablation { name: "r6-accusers-first", switch_off: |rules| rules.accusers_first = false },
    Ablation { name: "r7-told-directly", switch_off: |rules| rules.told_directly = false },
    Ablation { name: "r8-verification", switch_off: |rules| rules.verification = false },
    Ablation { name: "r9-no-sudden-death", switch_off: |rules| rules.no_sudden_death = false },
    Ablation { name: "r11-refusal", switch_off: |rules| rules.refusal = false },
    Ablation { name: "r12-stall", switch_off: |rules| rules.stall = false },
    Ablation { name: "r12-patience", switch_off: |rules| rules.patience = false },
    Ablation { name: "local-health", switch_off: |rules| rules.health_max = 0 },
    Ablation { name: "buddy", switch_off: |rules| rules.buddy = false },
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
