//! How often and how long to stop an agent, as a person writes it: `50x2`, `5x0.5`.

use std::iter::repeat_n;
use std::str::FromStr;
use std::time::Duration;

use super::TRIALS_MAX;

/// The longest pause: an hour.
const SECONDS_MAX: f64 = 3_600.0;

/// Pauses of one length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pauses {
    count: u16,
    length: Duration,
}

impl Pauses {
    pub fn each(self) -> impl Iterator<Item = Duration> {
        repeat_n(self.length, self.count.into())
    }
}

impl FromStr for Pauses {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let form = "expected COUNTxSECONDS, such as 50x2";
        let (count, seconds) = text.split_once('x').ok_or(form)?;
        let count = count.parse().map_err(|_| form)?;
        let seconds: f64 = seconds.parse().map_err(|_| form)?;
        if count > TRIALS_MAX {
            return Err("at most 10000 pauses of one length");
        }
        if !(0.0..=SECONDS_MAX).contains(&seconds) {
            return Err("a pause lasts between 0 and 3600 seconds");
        }
        Ok(Self { count, length: Duration::from_secs_f64(seconds) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_and_a_length_make_pauses() {
        let pauses: Pauses = "2x0.5".parse().unwrap();
        assert_eq!(pauses.each().collect::<Vec<_>>(), [Duration::from_millis(500); 2]);
        assert_eq!("0x20".parse::<Pauses>().unwrap().each().count(), 0);
    }

    #[test]
    fn what_is_no_count_or_no_length_is_refused() {
        for bad in ["", "2", "x2", "2x", "-1x2", "2x-1", "2xNaN", "2x3601", "10001x1", "2 x 2"] {
            assert!(bad.parse::<Pauses>().is_err(), "{bad}");
        }
    }
}
