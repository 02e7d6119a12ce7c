//! One picture of the board, as lines of coloured text. Knows no terminal.

use crossterm::style::Color;
use swim_tokio::Status;

use crate::board::{Board, Standing};
use crate::clock::Elapsed;

/// Lines above the matrix and below it that are not the log.
const FURNITURE: usize = 7;
/// Log lines for which the matrix makes room.
const LOG_LINES_MIN: usize = 4;
/// Members listed in the compact picture.
const NOTABLE_MAX: usize = 10;
/// Width of the observers' names.
const NAME_WIDTH: usize = 12;

/// A piece of text in one colour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    pub text: String,
    pub colour: Option<Color>,
}

pub type Line = Vec<Span>;

/// Columns and rows.
#[derive(Clone, Copy)]
pub struct Size {
    pub columns: usize,
    pub rows: usize,
}

/// The board and the latest steps, never more than `size` less one row for the cursor.
pub fn frame(board: &Board, log: &[String], elapsed: Elapsed, size: Size) -> Vec<Line> {
    let mut lines = vec![vec![
        plain(format!("  swim demo: {} agents, profile local", board.len())),
        dim(format!("   {elapsed}")),
    ]];
    lines.push(Line::new());
    match cell_width(board.len(), size) {
        Some(width) => matrix(board, width, &mut lines),
        None => overview(board, &mut lines),
    }
    lines.push(Line::new());
    lines.push(legend());
    lines.push(Line::new());
    let room = size.rows.saturating_sub(lines.len() + 1);
    let latest = log.len().saturating_sub(room);
    lines.extend(log[latest..].iter().map(|text| vec![plain(format!("  {text}"))]));
    lines.truncate(size.rows.saturating_sub(1));
    lines.into_iter().map(|line| cut(line, size.columns.saturating_sub(1))).collect()
}

/// The widest cells with which the whole matrix fits, if any do.
fn cell_width(nodes: usize, size: Size) -> Option<usize> {
    if nodes + FURNITURE + LOG_LINES_MIN > size.rows {
        return None;
    }
    [8, 4, 3].into_iter().find(|width| NAME_WIDTH + nodes * width < size.columns)
}

fn matrix(board: &Board, width: usize, lines: &mut Vec<Line>) {
    let mut head = vec![dim(format!("  {:<1$}", "observer", NAME_WIDTH - 2))];
    for member in 0..board.len() {
        let name =
            if width >= 8 { board.name(member).to_owned() } else { (member + 1).to_string() };
        head.push(Span { text: format!("{name:>width$}"), colour: colour_of(board, member) });
    }
    lines.push(head);
    for observer in 0..board.len() {
        let name = format!("  {:<1$}", board.name(observer), NAME_WIDTH - 2);
        let mut row = vec![Span { text: name, colour: colour_of(board, observer) }];
        row.extend((0..board.len()).map(|member| cell(board, observer, member, width)));
        lines.push(row);
    }
}

fn cell(board: &Board, observer: usize, member: usize, width: usize) -> Span {
    if board.standing(observer) != Standing::Running {
        return dim(format!("{:>width$}", ""));
    }
    if observer == member {
        return dim(format!("{:>width$}", "\\"));
    }
    match board.belief(observer, member) {
        Some(state) => {
            Span { text: format!("{:>width$}", letter(state)), colour: Some(colour(state)) }
        }
        None => dim(format!("{:>width$}", ".")),
    }
}

/// For clusters too large for a matrix: totals, and the members not all agree to be alive.
fn overview(board: &Board, lines: &mut Vec<Line>) {
    let total = |state| (0..board.len()).map(|member| board.tally(member).of(state)).sum::<usize>();
    let mut totals = vec![plain(format!("  {} running, beliefs:", board.running().count()))];
    for state in [Status::Alive, Status::Suspect, Status::Dead, Status::Left] {
        totals.push(Span {
            text: format!("  {} {state}", total(state)),
            colour: Some(colour(state)),
        });
    }
    lines.push(totals);
    lines.push(Line::new());
    let notable: Vec<_> =
        (0..board.len()).filter(|&member| !board.agreed(member, Status::Alive)).collect();
    for &member in notable.iter().take(NOTABLE_MAX) {
        lines.push(tally_line(board, member));
    }
    if notable.len() > NOTABLE_MAX {
        lines.push(vec![dim(format!("  and {} more", notable.len() - NOTABLE_MAX))]);
    }
}

fn tally_line(board: &Board, member: usize) -> Line {
    let name = format!("  {:<1$}", board.name(member), NAME_WIDTH - 2);
    let mut line = vec![Span { text: name, colour: colour_of(board, member) }];
    let tally = board.tally(member);
    for state in [Status::Alive, Status::Suspect, Status::Dead, Status::Left] {
        let (text, count) = (format!("{:>5} {state}", tally.of(state)), tally.of(state));
        let colour = if count == 0 { Color::DarkGrey } else { colour(state) };
        line.push(Span { text, colour: Some(colour) });
    }
    line.push(dim(format!("   of {}", board.observer_count(member))));
    line
}

fn legend() -> Line {
    let mut line = vec![plain("  ".to_owned())];
    for state in [Status::Alive, Status::Suspect, Status::Dead, Status::Left] {
        line.push(Span { text: letter(state).to_string(), colour: Some(colour(state)) });
        line.push(dim(format!(" {state}   ")));
    }
    line.push(dim(". not known".to_owned()));
    line
}

fn cut(line: Line, columns: usize) -> Line {
    let mut room = columns;
    let mut kept = Line::new();
    for Span { text, colour } in line {
        let text: String = text.chars().take(room).collect();
        room -= text.chars().count();
        kept.push(Span { text, colour });
    }
    kept
}

const fn letter(state: Status) -> char {
    match state {
        Status::Alive => 'A',
        Status::Suspect => 'S',
        Status::Dead => 'D',
        Status::Left => 'L',
    }
}

const fn colour(state: Status) -> Color {
    match state {
        Status::Alive => Color::Green,
        Status::Suspect => Color::Yellow,
        Status::Dead => Color::Red,
        Status::Left => Color::Blue,
    }
}

/// The truth about an agent, as the colour of its name.
fn colour_of(board: &Board, node: usize) -> Option<Color> {
    match board.standing(node) {
        Standing::NotStarted => Some(Color::DarkGrey),
        Standing::Running => None,
        Standing::Killed => Some(Color::Red),
        Standing::Leaving => Some(Color::Blue),
    }
}

fn plain(text: String) -> Span {
    Span { text, colour: None }
}

fn dim(text: String) -> Span {
    Span { text, colour: Some(Color::DarkGrey) }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const SMALL: Size = Size { columns: 80, rows: 24 };

    fn picture(board: &Board, log: &[String], size: Size) -> Vec<String> {
        let lines = frame(board, log, Duration::from_millis(1_500).into(), size);
        let text = |line: &Line| line.iter().map(|span| span.text.as_str()).collect::<String>();
        lines.iter().map(|line| text(line).trim_end().to_owned()).collect()
    }

    fn running(nodes: usize) -> Board {
        let mut board = Board::new(nodes);
        (0..nodes).for_each(|node| board.set_standing(node, Standing::Running));
        board
    }

    #[test]
    fn three_agents_make_a_matrix() {
        let mut board = running(3);
        board.believe(0, 1, Status::Alive);
        board.believe(2, 1, Status::Suspect);
        let picture = picture(&board, &["hello".to_owned()], SMALL);
        assert_eq!(
            picture,
            [
                "  swim demo: 3 agents, profile local   00:00:01.500",
                "",
                "  observer    node-1  node-2  node-3",
                "  node-1           \\       A       .",
                "  node-2           .       \\       .",
                "  node-3           .       S       \\",
                "",
                "  A alive   S suspect   D dead   L left   . not known",
                "",
                "  hello",
            ]
        );
    }

    #[test]
    fn any_number_of_agents_fits_any_terminal() {
        let log = vec!["a very long line ".repeat(20); 50];
        for nodes in [3, 5, 9, 17, 22, 40, 200] {
            for (columns, rows) in [(80, 24), (200, 60), (20, 5), (0, 0)] {
                let picture = picture(&running(nodes), &log, Size { columns, rows });
                assert!(picture.len() <= rows.saturating_sub(1), "{nodes} {columns}x{rows}");
                assert!(picture.iter().all(|line| line.chars().count() <= columns));
            }
        }
    }

    #[test]
    fn large_clusters_show_only_those_not_agreed_upon() {
        let mut board = running(40);
        for (observer, member) in (0..40).flat_map(|a| (0..40).map(move |b| (a, b))) {
            board.believe(observer, member, Status::Alive);
        }
        board.believe(7, 1, Status::Dead);
        let picture = picture(&board, &[], SMALL);
        assert_eq!(picture[2], "  40 running, beliefs:  1559 alive  0 suspect  1 dead  0 left");
        assert_eq!(picture[4], "  node-2       38 alive    0 suspect    1 dead    0 left   of 39");
        assert_eq!(picture[5], "");
    }
}
