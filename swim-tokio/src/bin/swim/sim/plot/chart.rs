//! What all plots share: the page, the axes, and lines told apart by dash and marker as well as by
//! colour.

use std::error::Error;
use std::ops::Range;

use plotters::coord::Shift;
use plotters::coord::cartesian::Cartesian2d;
use plotters::coord::types::RangedCoordf64;
use plotters::element::DashedPathElement;
use plotters::prelude::*;
use plotters::series::DashedLineSeries;

const SIZE: (u32, u32) = (1_120, 600);
/// Where the legend begins.
const LEGEND_LEFT: u32 = 880;
/// From one line of the legend to the next.
const LEGEND_STEP: i32 = 26;
const FONT: &str = "sans-serif";
const GRID: RGBColor = RGBColor(225, 225, 225);
/// How long a line of the legend is.
const KEY_LEN: i32 = 48;

/// Dark enough on white, and distinct to most eyes (after Okabe and Ito).
const COLORS: [RGBColor; 7] = [
    RGBColor(0, 0, 0),
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 130, 95),
    RGBColor(170, 80, 140),
    RGBColor(110, 110, 110),
    RGBColor(150, 110, 0),
];
/// Drawn and left out, in pixels.
const DASHES: [(i32, i32); 7] = [(4, 4), (12, 4), (14, 5), (60, 0), (10, 10), (2, 6), (30, 6)];
/// Outlines around the point they mark, in pixels.
const MARKERS: [&[(i32, i32)]; 7] = [
    &[(-4, -4), (4, -4), (4, 4), (-4, 4)],
    &[(0, -6), (5, 4), (-5, 4)],
    &[(0, -6), (6, 0), (0, 6), (-6, 0)],
    &[(-2, -5), (2, -5), (5, -2), (5, 2), (2, 5), (-2, 5), (-5, 2), (-5, -2)],
    &[(0, 6), (5, -4), (-5, -4)],
    &[(-5, -5), (5, -5), (-5, 5), (5, 5)],
    &[
        (-1, -6),
        (1, -6),
        (1, -1),
        (6, -1),
        (6, 1),
        (1, 1),
        (1, 6),
        (-1, 6),
        (-1, 1),
        (-6, 1),
        (-6, -1),
        (-1, -1),
    ],
];

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Chart<'a> = ChartContext<'a, SVGBackend<'a>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

/// An axis.
pub struct Axis {
    pub name: &'static str,
    pub range: Range<f64>,
    /// About how many of its values are written.
    pub labels: usize,
    pub format: fn(f64) -> String,
}

/// One line of a plot.
pub struct Line {
    pub label: String,
    /// Which colour, dash and marker it has.
    pub style: usize,
    pub points: Vec<(f64, f64)>,
    /// Where it is marked.
    pub marks: Vec<(f64, f64)>,
    /// How broad it is, in pixels.
    pub width: u32,
}

/// Draws lines as SVG.
///
/// # Errors
///
/// What the drawing library says.
pub fn svg(title: &str, x: &Axis, y: &Axis, lines: &[Line]) -> Result<String, Box<dyn Error>> {
    let mut svg = String::new();
    {
        let page = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        page.fill(&WHITE)?;
        let (left, right) = page.split_horizontally(LEGEND_LEFT);
        let mut chart = ChartBuilder::on(&left)
            .caption(title, (FONT, 20))
            .margin(20)
            .x_label_area_size(50)
            .y_label_area_size(70)
            .build_cartesian_2d(x.range.clone(), y.range.clone())?;
        mesh(&mut chart, x, y)?;
        for line in lines {
            draw(&mut chart, line)?;
        }
        legend(&right, lines)?;
        page.present()?;
    }
    Ok(svg)
}

fn mesh(chart: &mut Chart<'_>, x: &Axis, y: &Axis) -> Result<(), Box<dyn Error>> {
    let (x_format, y_format) = (|value: &f64| (x.format)(*value), |value: &f64| (y.format)(*value));
    chart
        .configure_mesh()
        .x_desc(x.name)
        .y_desc(y.name)
        .x_labels(x.labels)
        .y_labels(y.labels)
        .x_label_formatter(&x_format)
        .y_label_formatter(&y_format)
        .label_style((FONT, 14))
        .axis_desc_style((FONT, 16))
        .light_line_style(WHITE)
        .bold_line_style(GRID)
        .draw()?;
    Ok(())
}

fn draw(chart: &mut Chart<'_>, line: &Line) -> Result<(), Box<dyn Error>> {
    let kind = line.style % COLORS.len();
    let (dash, gap) = DASHES[kind];
    let stroke = COLORS[kind].stroke_width(line.width);
    chart.draw_series(DashedLineSeries::new(line.points.clone(), dash, gap, stroke))?;
    chart.draw_series(line.marks.iter().map(|&point| {
        EmptyElement::at(point) + Polygon::new(MARKERS[kind], COLORS[kind].filled())
    }))?;
    Ok(())
}

/// Names the lines beside the chart, where none of them can be hidden by it.
fn legend(area: &Area<'_>, lines: &[Line]) -> Result<(), Box<dyn Error>> {
    for (place, line) in (2..).zip(lines) {
        let kind = line.style % COLORS.len();
        let (dash, gap) = DASHES[kind];
        let stroke = COLORS[kind].stroke_width(line.width);
        let path = vec![(0, 0), (KEY_LEN, 0)];
        let middle = MARKERS[kind].iter().map(|&(dx, dy)| (dx + KEY_LEN / 2, dy));
        let key = EmptyElement::at((0, place * LEGEND_STEP))
            + DashedPathElement::new(path, dash, gap, stroke)
            + Polygon::new(middle.collect::<Vec<_>>(), COLORS[kind].filled())
            + Text::new(line.label.clone(), (KEY_LEN + 12, -8), (FONT, 15));
        area.draw(&key)?;
    }
    Ok(())
}
