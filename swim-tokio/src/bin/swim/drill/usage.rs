//! What processes take, as Linux tells it; nothing elsewhere.

use std::fs;
use std::iter::Sum;

/// What some processes have taken so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    pub cpu_us: u64,
    pub resident_bytes: u64,
}

impl Usage {
    /// Of one running process.
    pub fn of(pid: u32) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let (ticks, pages) = ticks_and_pages(&stat)?;
        let cpu_us = ticks * 1_000_000 / rustix::param::clock_ticks_per_second();
        let page_bytes = u64::try_from(rustix::param::page_size()).ok()?;
        Some(Self { cpu_us, resident_bytes: pages * page_bytes })
    }
}

impl Sum for Usage {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), |sum, one| Self {
            cpu_us: sum.cpu_us + one.cpu_us,
            resident_bytes: sum.resident_bytes + one.resident_bytes,
        })
    }
}

/// utime + stime and rss of proc_pid_stat(5): fields 14, 15 and 24, counted from 1. Field 2 is the
/// program's name in parentheses and may contain anything.
fn ticks_and_pages(stat: &str) -> Option<(u64, u64)> {
    let (_, after_name) = stat.rsplit_once(')')?;
    let fields: Vec<_> = after_name.split_ascii_whitespace().collect();
    let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
    Some((field(14)? + field(15)?, field(24)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_are_found_behind_a_name_with_spaces_and_parentheses() {
        let fields: Vec<_> = (4..=52).map(|field| field.to_string()).collect();
        let stat = format!("42 (a) b ) S {}", fields.join(" "));
        assert_eq!(ticks_and_pages(&stat), Some((14 + 15, 24)));
        assert_eq!(ticks_and_pages("42 (swim) S 1 2"), None);
    }
}
