//! Shares over time as lines. A mark of its own shape, and its name at the end, double each colour.

use plotters::prelude::*;

use super::{
    Area, Failure, LINES_MAX, Line, draw_axis, draw_labels, failure,
    look::{Anchor, ChartLook, LINE},
};

/// Where the axis may begin. It begins a little below the lowest share, because a line that hugs the edge tells nothing.
const FLOORS: [f64; 6] = [0.995, 0.98, 0.95, 0.9, 0.75, 0.5];
const NAME_HEIGHT: i32 = 17;

/// The lowest share; `None` where there is nothing to draw.
pub(super) fn lowest(lines: &[Line]) -> Option<f64> {
    shown(lines).iter().flat_map(|line| line.shares.iter().flatten().copied()).reduce(f64::min)
}

fn shown(lines: &[Line]) -> &[Line] {
    &lines[..lines.len().min(LINES_MAX)]
}

fn floor(lowest: f64) -> f64 {
    FLOORS.into_iter().find(|floor| lowest >= floor + (1.0 - floor) * 0.1).unwrap_or(0.0)
}

pub(super) fn draw<B: DrawingBackend>(
    root: &Area<B>,
    look: &ChartLook,
    lines: &[Line],
    periods: &[String],
    lowest: f64,
) -> Result<(), Failure> {
    let floor = floor(lowest);
    let last = periods.len().saturating_sub(1).max(1);
    let mut chart = ChartBuilder::on(root)
        .margin_top(look.px(12))
        .margin_right(look.px(132))
        .x_label_area_size(look.px(26))
        .y_label_area_size(look.px(56))
        .build_cartesian_2d(-0.2f64..last as f64 + 0.1, floor..1.0 + (1.0 - floor) * 0.03)
        .map_err(failure)?;
    let decimals = if floor >= 0.98 { 1 } else { 0 };
    draw_axis(&mut chart, look, &|share| format!("{:.decimals$} %", share * 100.0))?;
    let area = chart.plotting_area();
    let at = |period: usize, share: f64| area.map_coordinate(&(period as f64, share));
    let mut ends: Vec<(i32, usize)> = Vec::new();
    // The most important line comes last, on top of the others.
    for (series, line) in shown(lines).iter().enumerate().rev() {
        let points: Vec<Option<(i32, i32)>> =
            line.shares.iter().enumerate().map(|(period, share)| share.map(|share| at(period, share))).collect();
        // A period without sessions is a gap, not a straight line across.
        for run in points.split(Option::is_none).filter(|run| run.len() > 1) {
            let run: Vec<(i32, i32)> = run.iter().flatten().copied().collect();
            root.draw(&PathElement::new(run, LINE[series].stroke_width(look.px(2) as u32))).map_err(failure)?;
        }
        for point in points.iter().flatten() {
            draw_mark(root, look, series, *point)?;
        }
        ends.extend(points.iter().flatten().next_back().map(|point| (point.1, series)));
    }
    let (left, bottom) = (at(last, floor).0 + look.px(17), look.size.height as i32 - look.px(34));
    for (y, series) in apart(ends, bottom, look.px(NAME_HEIGHT)) {
        draw_mark(root, look, series, (left, y))?;
        let name = Text::new(shortened(&lines[series].name), (left + look.px(10), y), look.text(root, Anchor::Right));
        root.draw(&name).map_err(failure)?;
    }
    let labels: Vec<&str> = periods.iter().map(String::as_str).collect();
    draw_labels(root, look, &labels, |period| at(period, floor).0)?;
    root.present().map_err(failure)
}

fn draw_mark<B: DrawingBackend>(
    root: &Area<B>,
    look: &ChartLook,
    series: usize,
    (x, y): (i32, i32),
) -> Result<(), Failure> {
    let style = LINE[series].filled();
    let (near, far) = (look.px(4), look.px(5));
    match series {
        0 => root.draw(&Circle::new((x, y), near, style)),
        1 => root.draw(&Rectangle::new([(x - near, y - near), (x + near, y + near)], style)),
        2 => root.draw(&Polygon::new(vec![(x, y - far), (x + far, y + near), (x - far, y + near)], style)),
        _ => root.draw(&Polygon::new(vec![(x, y - far), (x + far, y), (x, y + far), (x - far, y)], style)),
    }
    .map_err(failure)
}

/// Names from the top down, none on another.
fn apart(mut ends: Vec<(i32, usize)>, bottom: i32, height: i32) -> Vec<(i32, usize)> {
    ends.sort();
    let count = ends.len() as i32;
    let mut above = i32::MIN / 2;
    for (at, (y, _)) in ends.iter_mut().enumerate() {
        let highest = bottom - (count - 1 - at as i32) * height;
        *y = (*y).min(highest).max(above + height);
        above = *y;
    }
    ends
}

fn shortened(name: &str) -> String {
    if name.chars().count() <= 15 { name.to_owned() } else { name.chars().take(14).chain(['…']).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_do_not_cover_each_other() {
        assert_eq!(apart(vec![(10, 0), (10, 1), (12, 2)], 200, 17), [(10, 0), (27, 1), (44, 2)]);
        assert_eq!(apart(vec![(199, 0), (200, 1)], 200, 17), [(183, 0), (200, 1)]);
    }

    #[test]
    fn the_axis_begins_below_the_lowest_share() {
        assert_eq!([0.0, 0.4, 0.6, 0.93, 0.9999].map(floor), [0.0, 0.0, 0.5, 0.9, 0.995]);
    }
}
