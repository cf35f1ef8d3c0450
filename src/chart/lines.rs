//! Shares over time as lines, one for each policy type. A mark of its own shape and a label at the end double each colour.

use plotters::{
    coord::Shift,
    prelude::*,
    style::text_anchor::{HPos, Pos, VPos},
};

use super::{GRID, Size, TEXT, dress, font, series_colour};

/// One line: a share from 0 to 1 for each period, `None` where there were no sessions.
pub(crate) struct Line {
    pub(crate) name: String,
    pub(crate) shares: Vec<Option<f64>>,
}

/// Lines that fit into one picture.
pub(crate) const LINES_MAX: usize = 4;
const MARKS: [&str; LINES_MAX] = ["●", "■", "▲", "◆"];
/// Where the axis may begin, and what stands on it. A line that hugs the top tells nothing.
const FLOORS: [f64; 6] = [0.995, 0.98, 0.95, 0.9, 0.75, 0.5];
const LABEL_HEIGHT: i32 = 17;

/// The shape that stands for the line in legends.
pub(crate) fn mark(line: usize) -> &'static str {
    MARKS[line % MARKS.len()]
}

/// `None` where there is nothing to draw. `labels`: one for each period.
pub(crate) fn lines(lines: &[Line], labels: &[String], size: Size, title: &str, description: &str) -> Option<String> {
    let lines = &lines[..lines.len().min(LINES_MAX)];
    let lowest = lines.iter().flat_map(|line| line.shares.iter().flatten().copied()).reduce(f64::min)?;
    font::register();
    let mut svg = String::new();
    let drawn = {
        let root = SVGBackend::with_string(&mut svg, (size.width, size.height)).into_drawing_area();
        draw(&root, lines, labels, floor(lowest), size)
    };
    if let Err(error) = drawn {
        tracing::warn!(%error, "a chart could not be drawn");
        return None;
    }
    Some(dress(&svg, "", size, title, description))
}

fn floor(lowest: f64) -> f64 {
    FLOORS.into_iter().find(|floor| lowest >= floor + (1.0 - floor) * 0.1).unwrap_or(0.0)
}

fn draw(
    root: &DrawingArea<SVGBackend<'_>, Shift>,
    lines: &[Line],
    labels: &[String],
    floor: f64,
    size: Size,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let said = |error: DrawingAreaErrorKind<_>| error.to_string();
    let last = labels.len().saturating_sub(1).max(1);
    let mut chart = ChartBuilder::on(root)
        .margin_top(12)
        .margin_right(132)
        .x_label_area_size(26)
        .y_label_area_size(56)
        .build_cartesian_2d(-0.2f64..last as f64 + 0.1, floor..1.0 + (1.0 - floor) * 0.03)
        .map_err(said)?;
    let decimals = if floor >= 0.98 { 1 } else { 0 };
    chart
        .configure_mesh()
        .disable_x_mesh()
        .disable_x_axis()
        .axis_style(TRANSPARENT)
        .light_line_style(TRANSPARENT)
        .bold_line_style(GRID)
        .y_labels(5)
        .y_label_formatter(&|share| format!("{:.decimals$} %", share * 100.0))
        .label_style(("sans-serif", 15, &TEXT))
        .draw()
        .map_err(said)?;
    let area = chart.plotting_area();
    let at = |period: usize, share: f64| area.map_coordinate(&(period as f64, share));
    let every = if size.width > 500 { 1 } else { 3 };
    let below = ("sans-serif", 15.0, &TEXT).into_text_style(root).pos(Pos::new(HPos::Center, VPos::Bottom));
    for (period, label) in
        labels.iter().enumerate().filter(|(period, _)| (last - period.min(&last)).is_multiple_of(every))
    {
        let place = (at(period, floor).0, size.height as i32 - 6);
        root.draw(&Text::new(label.clone(), place, below.clone())).map_err(said)?;
    }
    let mut ends: Vec<(i32, usize)> = Vec::new();
    // The most important line comes last, on top of the others.
    for (series, line) in lines.iter().enumerate().rev() {
        let points: Vec<Option<(i32, i32)>> =
            line.shares.iter().enumerate().map(|(period, share)| share.map(|share| at(period, share))).collect();
        for run in points.split(Option::is_none).filter(|run| run.len() > 1) {
            let run: Vec<(i32, i32)> = run.iter().flatten().copied().collect();
            root.draw(&PathElement::new(run, series_colour(series).stroke_width(2))).map_err(said)?;
        }
        for point in points.iter().flatten() {
            draw_mark(root, series, *point).map_err(said)?;
        }
        ends.extend(points.iter().flatten().next_back().map(|point| (point.1, series)));
    }
    for (y, series) in apart(ends, size.height as i32 - 34) {
        let style = ("sans-serif", 15.0, &TEXT).into_text_style(root).pos(Pos::new(HPos::Left, VPos::Center));
        let text = format!("{} {}", mark(series), shortened(&lines[series].name));
        root.draw(&Text::new(text, (at(last, floor).0 + 12, y), style)).map_err(said)?;
    }
    root.present().map_err(said)?;
    Ok(())
}

fn draw_mark(
    root: &DrawingArea<SVGBackend<'_>, Shift>,
    series: usize,
    (x, y): (i32, i32),
) -> Result<(), DrawingAreaErrorKind<<SVGBackend<'static> as DrawingBackend>::ErrorType>> {
    let style = series_colour(series).filled();
    match series % MARKS.len() {
        0 => root.draw(&Circle::new((x, y), 4, style)),
        1 => root.draw(&Rectangle::new([(x - 4, y - 4), (x + 4, y + 4)], style)),
        2 => root.draw(&Polygon::new(vec![(x, y - 5), (x + 5, y + 4), (x - 5, y + 4)], style)),
        _ => root.draw(&Polygon::new(vec![(x, y - 5), (x + 5, y), (x, y + 5), (x - 5, y)], style)),
    }
}

/// Labels from the top down, none on another.
fn apart(mut ends: Vec<(i32, usize)>, bottom: i32) -> Vec<(i32, usize)> {
    ends.sort();
    let count = ends.len() as i32;
    let mut above = i32::MIN / 2;
    for (at, (y, _)) in ends.iter_mut().enumerate() {
        let highest = bottom - (count - 1 - at as i32) * LABEL_HEIGHT;
        *y = (*y).min(highest).max(above + LABEL_HEIGHT);
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

    const SIZE: Size = Size { width: 760, height: 220 };

    fn line(name: &str, shares: &[Option<f64>]) -> Line {
        Line { name: name.to_owned(), shares: shares.to_vec() }
    }

    fn labels(count: usize) -> Vec<String> {
        (0..count).map(|at| format!("W{at}")).collect()
    }

    #[test]
    fn each_line_has_a_class_a_mark_and_a_name() {
        let drawn = [line("sts", &[Some(0.98), None, Some(1.0), Some(0.99)]), line("<tlsa>", &[Some(1.0); 4])];
        let svg = lines(&drawn, &labels(4), SIZE, "Shares", "sts: 98 %").expect("a picture");
        assert!(svg.contains("● sts") && svg.contains("■ &lt;tlsa&gt;"), "{svg}");
        assert!(svg.contains("class=\"t0\"") && svg.contains("class=\"s1\""), "{svg}");
        assert!(!svg.contains("#FD"), "colours are for the style sheet: {svg}");
        // A gap stays a gap: the first share stands alone.
        assert_eq!((svg.matches("class=\"t0\"").count(), svg.matches("class=\"t1\"").count()), (1, 1), "{svg}");
    }

    #[test]
    fn nothing_and_everything_can_be_drawn() {
        assert_eq!(lines(&[], &labels(12), SIZE, "", ""), None);
        assert_eq!(lines(&[line("sts", &[None; 12])], &labels(12), SIZE, "", ""), None);
        for share in [0.0, 0.5, 0.99999, 1.0] {
            let many: Vec<Line> = (0..9).map(|_| line("a very long policy type", &[Some(share)])).collect();
            assert!(lines(&many, &labels(1), SIZE, "", "").is_some());
        }
    }

    #[test]
    fn labels_do_not_cover_each_other() {
        assert_eq!(apart(vec![(10, 0), (10, 1), (12, 2)], 200), [(10, 0), (27, 1), (44, 2)]);
        assert_eq!(apart(vec![(199, 0), (200, 1)], 200), [(183, 0), (200, 1)]);
    }

    #[test]
    fn the_axis_begins_below_the_lowest_share() {
        assert_eq!([0.0, 0.4, 0.6, 0.93, 0.9999].map(floor), [0.0, 0.0, 0.5, 0.9, 0.995]);
    }
}
