//! The experiment of the SWIM paper.

use clap::builder::PossibleValuesParser;
use swim_core::sim::experiment::{self, Arm, Removal, SequentialJoins, as_in_the_swim_paper};

use crate::sim::contender::Contender;
use crate::sim::options::Options;
use crate::sim::study::{Point, Setting, Shown, Study};
use crate::span::Span;

/// What the SWIM paper measured, with nodes of this library: load, first detection, joins under
/// loss.
///
/// Das, Gupta, Motivala, "SWIM: Scalable Weakly-consistent Infection-style Process Group Membership
/// Protocol", DSN 2002, section 5. Set up as there: a period of 2 s, one relay, updates sent and
/// suspicions lasting 3 ceil(ln(N + 1)) times and periods, packets of 135 bytes, members probed in
/// turn; healing and anti-entropy, which the paper has not, are off. Figures 2 and 3a: messages of
/// a member in a period, and periods until a crash is detected. With --joins Figure 4: members that
/// join one after another while datagrams are lost, and how large the group stays.
#[derive(clap::Args)]
pub struct SwimPaper {
    /// Messages are counted for so many periods.
    #[arg(long, value_name = "N", default_value_t = 40,
        value_parser = clap::value_parser!(u32).range(1..=100_000), conflicts_with = "joins")]
    periods: u32,

    /// Figure 4 instead.
    #[arg(long)]
    joins: bool,

    /// Who leaves the group for good: nobody, since members return in this library; those that
    /// anybody holds dead, as in the paper; or those that anybody suspects, which is the paper's
    /// SWIM without suspicion.
    #[arg(long, value_name = "WHO,...", value_delimiter = ',', requires = "joins",
        default_values = Removal::ALL.map(Removal::name),
        value_parser = PossibleValuesParser::new(Removal::ALL.map(Removal::name)))]
    removed: Vec<String>,

    /// From one join to the next.
    #[arg(long, value_name = "TIME", default_value_t = Span::secs(5), requires = "joins")]
    every: Span,

    /// Datagrams lost, of a thousand, while nodes join.
    #[arg(long, value_name = "PERMILLE", default_value_t = 100, requires = "joins",
        value_parser = clap::value_parser!(u16).range(..=1000))]
    loss: u16,
}

impl Study for SwimPaper {
    fn name(&self) -> &'static str {
        "swim-paper"
    }

    fn nodes(&self) -> Vec<u64> {
        if self.joins { vec![SequentialJoins::MEMBERS as u64] } else { vec![8, 16, 28, 40, 55] }
    }

    fn seeds(&self) -> u64 {
        100
    }

    fn contenders(&self, options: &Options) -> Vec<Contender> {
        let plain = match options.detector_is_default() {
            true => vec![options.plain(Arm::Swim)],
            false => options.contenders(),
        };
        let as_there = |contender: Contender| {
            let config = as_in_the_swim_paper(contender.config);
            Contender { config, ..contender }
        };
        plain.into_iter().map(as_there).collect()
    }

    fn points(&self, _contender: &Contender) -> Vec<Point> {
        if !self.joins {
            let settings = vec![Setting::new("periods", self.periods)];
            return vec![Point::new(settings, experiment::SwimPaper { periods: self.periods })];
        }
        let asked = |removal: &Removal| self.removed.iter().any(|name| name == removal.name());
        let point = |removal: Removal| {
            let mut settings: Vec<_> = Setting::switch("joins", true).into_iter().collect();
            settings.extend([
                Setting::new("removed", removal.name()),
                Setting::new("every", self.every),
                super::loss(self.loss),
            ]);
            let joins = SequentialJoins {
                every: self.every.0,
                loss_permille: self.loss,
                ..SequentialJoins::new(removal)
            };
            Point::new(settings, joins)
        };
        Removal::ALL.into_iter().filter(asked).map(point).collect()
    }

    fn shown(&self) -> &'static [Shown] {
        match self.joins {
            true => &[Shown::Readings],
            false => &[Shown::Readings, Shown::Detection],
        }
    }

    fn notes(&self) -> Vec<String> {
        let notes: &[&str] = match self.joins {
            true => &[
                "stable: mean from 100 s to 175 s. The paper's SWIM with multicast instead of \
                 infection, whose group",
                "stayed at 2, cannot be set up. Joins are repeated until they succeed here, so \
                 all 17 come in; the",
                "paper's group was 14 at most. Why it lost more of them under suspicion is not \
                 known",
            ],
            false => &[
                "periods begun: in which period after the crash somebody first probes the member, \
                 as the paper's model",
                "counts; whoever does suspects it a period later, at the end of its own",
            ],
        };
        notes.iter().map(|&note| note.to_owned()).collect()
    }
}
