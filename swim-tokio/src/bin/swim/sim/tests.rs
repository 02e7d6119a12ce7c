//! Whole experiments, small.

use clap::Parser;

use super::record::{Record, write_csv};
use super::*;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    args: Args,
}

/// Every experiment, made short.
const SHORT: [&str; 31] = [
    "crash --loss 0,20 --wan",
    "process-crash",
    "mass-crash --crashed 2,3",
    "scale --nodes 5,7",
    "loss --duration 20s --no-streams",
    "starve --starved 2 --duration 30s --crash",
    "freeze-grid --anomalous 1,2 --blocked 4s --normal 64ms,1s --duration 10s",
    "deaf --bad 1 --settling 5s --duration 5s",
    "one-way --bad 2 --settling 5s --duration 5s",
    "flip-flop --bad 1 --period 5s --settling 5s --duration 10s",
    "bad-nodes --settling 5s --duration 10s",
    "partition --minority 2 --cut 4s",
    "pause-curve --pause 1s,12s",
    "repeated-pauses --paused 2 --pause 2s --duration 20s",
    "ablation --under crash --without buddy,r4-witness",
    "join --loss 0,50 --datagram-len-max 127",
    "idle --changes 0,0.5 --duration 20s",
    "mass-restart --within 1s --gone 0,200 --limit 60s",
    "snapshot-restart --within 1s --gone 0,200",
    "split --minority 300 --cut 60s --tombstone-time 20s --limit 60s",
    "repair --rows 1,3 --limit 60s",
    "leaves --leaves 2 --rows 4 --failures 1 --duration 20s",
    "direct --nodes 3,6 --probing one,all,often",
    "bound --fewest 6 --loss 0,50",
    "tune --loss 50 --rtt 20ms --pause 1s --budget 90",
    "radio --crashes 3 --loss 0,200 --duration 60s",
    "spread --fanout 2,4",
    "demers --k 1,2",
    "families --rounds 20 --fanout 2 --loss 10",
    "swim-paper --joins --removed declared,returns",
    "phi --threshold 1,8 --pings 2000",
];

fn parse(line: &str) -> Result<Args, clap::Error> {
    let words = ["sim"].into_iter().chain(line.split_whitespace());
    Line::try_parse_from(words).map(|line| line.args)
}

/// The rows of a command line, pooled ones last.
fn rows(line: &str) -> Vec<Row> {
    let Args { choice, options } = parse(line).unwrap_or_else(|error| panic!("{line}: {error}"));
    let study = choice.study();
    study.check(&options).unwrap();
    let mut rows = run::all(study, &options).unwrap();
    let pools = study.pool_by().map(|by| row::pooled(&rows, by, &options));
    rows.extend(pools.into_iter().flatten());
    rows
}

fn small(experiment: &str) -> String {
    let nodes = if experiment.contains("--nodes") { "" } else { " --nodes 8" };
    format!("{experiment}{nodes} --seeds 2 --first-seed 5")
}

fn records(rows: &[Row]) -> Vec<String> {
    rows.iter().map(|row| serde_json::to_string(&Record::of(row)).unwrap()).collect()
}

#[test]
fn every_experiment_is_short_here_once() {
    let subcommands = <Line as clap::CommandFactory>::command();
    let names: Vec<_> = subcommands.get_subcommands().map(|command| command.get_name()).collect();
    let short: Vec<_> = SHORT.iter().filter_map(|line| line.split(' ').next()).collect();
    assert_eq!(names.len(), short.len());
    assert!(names.iter().all(|name| short.contains(name)), "{names:?}");
}

#[test]
fn every_row_is_computed_again_by_the_command_it_names() {
    for experiment in SHORT {
        let rows = rows(&small(experiment));
        assert!(!rows.is_empty(), "{experiment}");
        for row in &rows {
            let again = self::rows(row.command.trim_start_matches("swim sim "));
            let expected = records(std::slice::from_ref(row));
            let found = records(&again).contains(&expected[0]);
            assert!(found, "{}\nis not among\n{:#?}", expected[0], records(&again));
        }
    }
}

#[test]
fn times_are_in_order_and_a_detection_by_all_is_no_sooner_than_by_the_first() {
    for row in rows("crash --nodes 6,9 --seeds 6") {
        let (first, all) = (row.summary.first.unwrap(), row.summary.all.unwrap());
        for times in [first, all] {
            assert!(times.p50.low <= times.p50.value && times.p50.value <= times.p50.high);
            assert!(times.p50.value <= times.p99.value && times.p99.value <= times.max);
            assert_eq!((times.samples, times.missed), (6, 0), "{}", row.command);
        }
        assert!(first.max <= all.max && first.max > 0.1);
        assert!(row.summary.byte_rate.value > row.summary.message_rate.value);
    }
}

#[test]
fn csv_has_a_header_and_the_same_fields_in_every_row() {
    let rows = rows(&small("ablation --nodes 12 --under crash,deaf --without buddy"));
    let mut file = Vec::new();
    write_csv(&rows, &mut file).unwrap();
    let mut reader = csv::Reader::from_reader(&file[..]);
    let header = reader.headers().unwrap().clone();
    for name in ["experiment", "detector", "first_p50_s", "fp", "bad_gone_at_the_end", "command"] {
        assert!(header.iter().any(|field| field == name), "{name}: {header:?}");
    }
    assert!(reader.records().all(|record| record.is_ok()));
    let lines = String::from_utf8(file).unwrap().lines().count();
    assert_eq!(lines, 1 + rows.len());
}

#[test]
fn the_table_has_the_detectors_side_by_side_and_the_command_below() {
    let line = small("crash --detector swim,witness");
    let Args { choice, options } = parse(&line).unwrap();
    let text = table::text(choice.study(), &options, &rows(&line));
    let header = text.lines().nth(2).unwrap();
    assert!(header.contains("swim") && header.contains("witness"), "{text}");
    let command = "swim sim crash --loss 10 --nodes 8 --detector swim,witness --seeds 2";
    assert!(text.contains(command), "{text}");
    assert!(text.lines().any(|line| line.trim_start().starts_with("first p50, s")), "{text}");
}

/// Only two of the detectors have a bound.
#[test]
fn the_table_has_a_gap_where_a_detector_has_no_such_figure() {
    let line = small("bound --fewest 6 --loss 0 --detector memberlist,swim,witness");
    let Args { choice, options } = parse(&line).unwrap();
    let text = table::text(choice.study(), &options, &rows(&line));
    let gap = text.lines().find(|line| line.contains("first / bound, mean")).expect("a line");
    assert_eq!(gap.split_whitespace().filter(|cell| *cell == "-").count(), 1, "{text}");
    let deaths = text.lines().find(|line| line.contains("FP / run")).expect("a line");
    assert!(!deaths.contains(" - "), "{text}");
}

#[test]
fn detectors_that_were_asked_for_are_compared_whichever_they_are() {
    let all =
        rows(&small("bound --fewest 6 --loss 0 --detector swim,lifeguard,memberlist,witness"));
    assert_eq!(all.len(), 4);
    assert_eq!(rows(&small("bound --fewest 6 --loss 0")).len(), 1);
}

#[test]
fn the_freeze_grid_is_pooled_by_the_number_of_anomalous_members() {
    let line = small("freeze-grid --anomalous 1,2 --blocked 4s --normal 64ms,1s --duration 10s");
    let rows = rows(&(line + " --detector memberlist,witness"));
    let cells = 2 * 2 * 2;
    assert_eq!(rows.len(), cells + 3 * 2);
    let last = rows.last().unwrap();
    assert_eq!((last.setting("anomalous"), last.outcomes.len()), (Some("1,2"), 4 * 2));
    let one =
        self::rows(&small("freeze-grid --anomalous 1 --blocked 4s --normal 1s --duration 5s"));
    assert_eq!(one.len(), 4 + 4, "pooled over one value is pooled over all");
}

#[test]
fn plots_name_their_axes_and_lines() {
    let detectors = ["memberlist", "lifeguard"];
    for (line, axis, labels) in [
        ("crash --detector memberlist,lifeguard", "time since the crash, s", detectors),
        ("scale --nodes 5,8 --detector memberlist,lifeguard", "nodes in the cluster", detectors),
        (
            "pause-curve --pause 2s,12s --detector memberlist,lifeguard",
            "length of the pause, s",
            detectors,
        ),
        (
            "spread --fanout 2,3 --nodes 8,16",
            "nodes in the cluster",
            ["push-pull, fanout 3", "s formula, 2"],
        ),
        (
            "families --rounds 5 --nodes 8,16",
            "bytes sent by one node in a round",
            ["all-pairs", "push-gossip"],
        ),
    ] {
        let line = small(line);
        let plot = parse(&line).unwrap().choice.study().plot().unwrap();
        let svg = plot::svg(plot, &rows(&line)).unwrap();
        for text in ["<svg", axis, labels[0], labels[1], "runs each"] {
            assert!(svg.contains(text), "{line}: {text}");
        }
    }
}

#[test]
fn the_published_figure_stands_beside_ours_where_there_is_one() {
    let line = "demers --nodes 1000 --k 1,9 --seeds 2";
    let Args { choice, options } = parse(line).unwrap();
    let rows = rows(line);
    let text = table::text(choice.study(), &options, &rows);
    let published = text.lines().find(|line| line.contains("traffic m, paper")).unwrap();
    let published: Vec<_> = published.split_whitespace().skip(3).collect();
    assert_eq!(published, ["1.70", "0.040", "2.70"]);
    assert!(
        text.lines().any(|line| line.split_whitespace().eq(["residue,", "paper", "-", "-", "-"]))
    );
    let record = serde_json::to_value(Record::of(&rows[0])).unwrap();
    assert_eq!(record["epidemic"], "push-counter");
    assert_eq!((&record["t_last_paper"], &record["fp"]), (&16.8.into(), &serde_json::Value::Null));
}

#[test]
fn wrong_command_lines_are_refused() {
    for line in [
        "",
        "dance",
        "crash --seeds 0",
        "crash --seeds 99999999999",
        "crash --csv /nowhere/at/all.csv",
        "crash --plot /nowhere/at/all.svg",
        "crash --nodes 2",
        "crash --loss 1001",
        "crash --detector gossip",
        "crash --profile warp",
        "loss --duration 5",
        "freeze-grid --full --anomalous 4",
        "ablation --without everything",
        "crash --plot crash.pdf",
        "spread --style shout",
    ] {
        assert!(parse(line).is_err(), "{line}");
    }
    for line in [
        "mass-crash --crashed 8 --nodes 8",
        "partition --minority 20 --nodes 16",
        "repeated-pauses --pause 1s,2s --every 9s",
        "ablation --detector swim",
        "direct --detector memberlist",
        "direct --probing all --nodes 256",
        "families --nodes 10001",
        "spread --detector swim",
        "demers --profile wan",
    ] {
        let Args { choice, options } = parse(line).unwrap();
        assert!(choice.study().check(&options).is_err(), "{line}");
    }
}
