use super::*;
use crate::storage::{SYNC_SESSIONS_MAX as SESSIONS_MAX, Server};

type Small = Sync<u16, Server>;

const PEER: u16 = 7;
const LASTING: Duration = Duration::from_secs(2);
const PAUSES: Pauses = Pauses { timeout: milliseconds(100), least: milliseconds(20), most: MOST };
const MOST: Duration = Duration::from_secs(16);
const PULL: Work = Work::Pull { from: 10, last: 99, pages: 0 };
const RECONCILE: Work = Work::Reconcile { hop: 0 };

const fn milliseconds(count: u64) -> Duration {
    Duration::from_millis(count)
}

const fn at(millisecond: u64) -> Instant {
    Instant::ZERO.after(milliseconds(millisecond))
}

fn settled() -> Small {
    let mut sync = Sync::new(at(0), PAUSES.least, &Server);
    sync.agree(PAUSES.least);
    sync.stirred_at = None;
    sync
}

fn start(sync: &mut Small, number: u32, work: Work, now: Instant) -> Option<Session<u16>> {
    sync.start((number, PEER, 0), work, PAUSES.timeout, now)
}

/// A session that brought so many rows, from beginning to end at once.
fn session(sync: &mut Small, rows: usize, now: Instant) -> Ended {
    assert!(start(sync, 1, RECONCILE, now).is_some());
    sync.gain(rows, 0);
    sync.close(1, PAUSES, &mut Rng::new(1), now)
}

/// A session that never hears anything. Returns when it was given up.
fn lost_session(sync: &mut Small, rng: &mut Rng, mut now: Instant) -> Instant {
    assert!(start(sync, 1, RECONCILE, now).is_some());
    loop {
        now = now.after(PAUSES.timeout);
        match sync.step(PAUSES, rng, now) {
            Some(SyncStep::Repeat(session)) => assert_eq!(session.number, 1),
            other => {
                assert_eq!(other, Some(SyncStep::Lost));
                return now;
            }
        }
    }
}

/// How long a node waits after what has just ended at `now`, at least and at most by its jitter.
fn is_pause(sync: &Small, now: Instant, pause: Duration) -> bool {
    let free_at = |at: Duration| sync.is_free(now.after(at));
    !free_at(pause / 2 - Duration::from_micros(1)) && free_at(pause * 3 / 2)
}

#[test]
fn a_settled_node_waits_for_the_third_difference_and_for_two_seconds() {
    let mut sync = settled();
    assert!(!sync.differ(LASTING, at(0)));
    assert!(!sync.differ(LASTING, at(2_500)), "only the second");
    assert!(sync.differ(LASTING, at(2_600)));
    let mut sync = settled();
    assert!((0..10).all(|nth| !sync.differ(LASTING, at(nth * 100))), "not for long");
    assert!(sync.differ(LASTING, at(2_000)));
}

#[test]
fn one_equal_digest_begins_anew() {
    let mut sync = settled();
    assert!(!sync.differ(LASTING, at(0)) && !sync.differ(LASTING, at(1_000)));
    sync.agree(PAUSES.least);
    assert!(!sync.differ(LASTING, at(3_000)));
    assert!(!sync.differ(LASTING, at(4_000)));
    assert!(!sync.differ(LASTING, at(4_999)), "two seconds since the equal one are not over");
    assert!(sync.differ(LASTING, at(5_000)));
}

#[test]
fn an_unsettled_node_acts_on_the_first_difference() {
    let mut sync = Small::new(at(0), PAUSES.least, &Server);
    assert!(sync.differ(LASTING, at(0)), "it has just started");
    let mut sync = settled();
    assert_eq!(session(&mut sync, MOVED_MIN - 1, at(0)), Ended::Useful);
    assert!(!sync.differ(LASTING, at(60_000)), "few rows are no storm");
    assert_eq!(session(&mut sync, MOVED_MIN, at(60_000)), Ended::Useful);
    assert!(sync.differ(LASTING, at(60_030)));
}

#[test]
fn nothing_starts_while_a_session_runs_or_during_the_pause_after_it() {
    let mut sync = Small::new(at(0), PAUSES.least, &Server);
    assert!(start(&mut sync, 1, RECONCILE, at(0)).is_some());
    assert!(!sync.differ(LASTING, at(50)));
    assert_eq!(sync.close(1, PAUSES, &mut Rng::new(1), at(50)), Ended::Useless);
    assert!(!sync.differ(LASTING, at(51)));
    assert!(sync.differ(LASTING, at(50 + 60)), "unsettled as before");
}

#[test]
fn pauses_double_while_nothing_comes_of_sessions_and_are_short_again_when_much_does() {
    let mut sync = settled();
    let (mut now, mut pause) = (at(0), PAUSES.least);
    for _ in 0..20 {
        assert_eq!(session(&mut sync, 0, now), Ended::Useless);
        pause = (pause * 2).min(MOST);
        assert!(is_pause(&sync, now, pause), "{pause:?}");
        assert_eq!(sync.deadline(), None, "the next one takes a digest");
        now = now.after(MOST * 2);
    }
    assert_eq!(pause, MOST);
    session(&mut sync, MOVED_MIN, now);
    assert!(is_pause(&sync, now, PAUSES.least));
    let next = sync.deadline().expect("the next starts by itself");
    assert_eq!(sync.step(PAUSES, &mut Rng::new(1), next), Some(SyncStep::Start));
    assert_eq!(sync.step(PAUSES, &mut Rng::new(1), next), None, "once");
}

#[test]
fn an_equal_table_makes_the_next_pause_short() {
    let mut sync = settled();
    (0..10).for_each(|nth| _ = session(&mut sync, 0, at(nth * 60_000)));
    sync.agree(PAUSES.least);
    session(&mut sync, 0, at(999_000));
    assert!(is_pause(&sync, at(999_000), PAUSES.least * 2));
}

#[test]
fn a_question_is_asked_six_times_and_then_lost() {
    let mut sync = settled();
    start(&mut sync, 1, RECONCILE, at(0));
    let mut rng = Rng::new(1);
    for nth in 1..u64::from(TRIES_MAX) {
        assert_eq!(sync.deadline(), Some(at(100 * nth)));
        assert_eq!(sync.step(PAUSES, &mut rng, at(100 * nth - 1)), None, "not yet");
        let step = sync.step(PAUSES, &mut rng, at(100 * nth));
        assert!(matches!(step, Some(SyncStep::Repeat(session)) if session.number == 1));
    }
    let lost_at = at(100 * u64::from(TRIES_MAX));
    assert_eq!(sync.step(PAUSES, &mut rng, lost_at), Some(SyncStep::Lost));
    assert_eq!(sync.find(1), None);
}

#[test]
fn an_answer_starts_the_count_anew() {
    let mut sync = settled();
    start(&mut sync, 1, RECONCILE, at(0));
    let mut rng = Rng::new(1);
    let mut now = at(0);
    for _ in 0..50 {
        now = now.after(PAUSES.timeout);
        assert!(matches!(sync.step(PAUSES, &mut rng, now), Some(SyncStep::Repeat(_))));
        assert!(sync.answered(1, PAUSES.timeout, now).is_some());
    }
    assert_eq!(sync.answered(2, PAUSES.timeout, now), None);
}

#[test]
fn lost_sessions_are_tried_again_by_themselves_and_soon_but_not_for_ever() {
    let mut sync = settled();
    let mut rng = Rng::new(1);
    let mut now = at(0);
    for nth in 1..=LOST_IN_A_ROW_MAX {
        now = lost_session(&mut sync, &mut rng, now);
        let pause = (PAUSES.least * 2u32.pow(nth.min(10).into())).min(milliseconds(400));
        assert!(is_pause(&sync, now, pause), "{nth}");
        let next = sync.deadline().expect("another try");
        assert_eq!(sync.step(PAUSES, &mut rng, next), Some(SyncStep::Start));
        now = next;
    }
    now = lost_session(&mut sync, &mut rng, now);
    assert_eq!(sync.deadline(), None, "now it takes a digest");
    session(&mut sync, 0, now.after(MOST));
    lost_session(&mut sync, &mut rng, now.after(MOST * 9));
    assert!(sync.deadline().is_some(), "somebody answered meanwhile");
}

#[test]
fn lost_is_not_useless() {
    let mut sync = settled();
    let mut rng = Rng::new(1);
    let now = lost_session(&mut sync, &mut rng, at(0));
    start(&mut sync, 2, RECONCILE, now);
    sync.lose();
    sync.close(2, PAUSES, &mut rng, now);
    assert!(is_pause(&sync, now, PAUSES.least * 4));
    assert!(sync.deadline().is_some(), "another try");
}

#[test]
fn only_so_many_sessions_run_and_the_last_one_to_end_counts_for_all() {
    let mut sync = settled();
    for number in 0..SESSIONS_MAX as u32 {
        assert!(start(&mut sync, number, PULL, at(0)).is_some());
    }
    assert_eq!(start(&mut sync, 99, PULL, at(0)), None);
    let mut rng = Rng::new(1);
    for number in 1..SESSIONS_MAX as u32 {
        sync.gain(MOVED_MIN / 2, 0);
        assert_eq!(sync.close(number, PAUSES, &mut rng, at(10)), Ended::NotYet);
    }
    assert_eq!(sync.close(0, PAUSES, &mut rng, at(10)), Ended::Useful);
    assert!(sync.deadline().is_some(), "together they brought much");
}

#[test]
fn rows_that_were_only_given_are_of_use_but_unsettle_nobody() {
    let mut sync = settled();
    start(&mut sync, 1, RECONCILE, at(0));
    sync.gain(0, 99);
    assert_eq!(sync.close(1, PAUSES, &mut Rng::new(1), at(0)), Ended::Useful);
    assert_eq!(sync.deadline(), None);
    assert!(!sync.differ(LASTING, at(1_000)));
}

#[test]
fn pages_move_forward_only() {
    let mut sync = settled();
    start(&mut sync, 1, PULL, at(0));
    assert_eq!(sync.page(2, 50), PageStep::Stale, "of no session");
    assert_eq!(sync.page(1, 50), PageStep::More);
    assert_eq!(sync.page(1, 50), PageStep::Stale, "once more");
    assert_eq!(sync.page(1, 20), PageStep::Stale);
    let Some(Session { work: Work::Pull { from, last, pages }, .. }) = sync.find(1) else {
        panic!("a pull");
    };
    assert_eq!((from, last, pages), (50, 99, 1));
    assert_eq!(sync.page(1, 99), PageStep::More);
    assert_eq!(sync.page(1, 100), PageStep::Last, "beyond the slice");
    assert_eq!(sync.page(1, 0), PageStep::Last);
    start(&mut sync, 3, RECONCILE, at(0));
    assert_eq!(sync.page(3, 50), PageStep::Stale, "not a pull");
}

#[test]
fn a_peer_with_ever_more_pages_is_left_in_the_end() {
    let mut sync = settled();
    start(&mut sync, 1, Work::Pull { from: 0, last: u64::MAX, pages: 0 }, at(0));
    let pages = (1..).take_while(|&next| sync.page(1, next) == PageStep::More).count();
    assert_eq!(pages, usize::from(PAGES_MAX));
}

#[test]
fn a_pull_that_brought_little_is_followed_by_reconciliation_until_tables_agree() {
    let mut sync = settled();
    let mut rng = Rng::new(1);
    assert!(sync.pulls());
    start(&mut sync, 1, PULL, at(0));
    sync.gain(MOVED_MIN - 1, 0);
    sync.close(1, PAUSES, &mut rng, at(0));
    assert!(!sync.pulls());
    sync.agree(PAUSES.least);
    assert!(sync.pulls());
    start(&mut sync, 2, PULL, at(0));
    sync.lose();
    sync.close(2, PAUSES, &mut rng, at(0));
    assert!(sync.pulls(), "a lost one says nothing");
}

#[test]
fn a_session_that_was_lost_is_not_called_useless() {
    let mut sync = settled();
    start(&mut sync, 1, RECONCILE, at(0));
    sync.lose();
    assert_ne!(sync.close(1, PAUSES, &mut Rng::new(1), at(0)), Ended::Useless);
}

#[test]
fn whoever_is_always_sent_away_gives_up() {
    let mut sync = settled();
    start(&mut sync, 1, PULL, at(0));
    for _ in 1..TRIES_MAX {
        assert!(sync.turned_away(1).is_some());
    }
    assert_eq!(sync.turned_away(1), None);
    assert_eq!(sync.turned_away(2), None, "of no session");
}

#[test]
fn much_learnt_from_somebody_who_asked_starts_a_session_of_ones_own() {
    let mut sync = settled();
    let mut rng = Rng::new(1);
    sync.unsettle(MOVED_MIN - 1, PAUSES, &mut rng, at(0));
    assert_eq!(sync.deadline(), None);
    sync.unsettle(MOVED_MIN, PAUSES, &mut rng, at(0));
    let next = sync.deadline().expect("a session");
    assert!(next >= at(10) && next < at(30), "{next:?}");
    sync.unsettle(MOVED_MIN, PAUSES, &mut rng, at(5));
    assert_eq!(sync.deadline(), Some(next), "not put off");
    assert!(sync.differ(LASTING, at(6)), "and the first difference is enough");
}

#[test]
fn what_is_given_up_leaves_nothing_behind() {
    let mut sync = settled();
    start(&mut sync, 1, PULL, at(0));
    sync.gain(MOVED_MIN, 0);
    sync.clear();
    assert_eq!((sync.deadline(), sync.find(1)), (None, None));
    assert_eq!(session(&mut sync, 0, at(0)), Ended::Useless, "not what was brought before");
}
