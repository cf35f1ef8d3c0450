//! Charts: stacked bars, lines over time, and rows of tiny bars. Each kind is drawn by one function, for pages as SVG and for
//! mails as PNG. In SVG a colour is a class of the style sheet, which knows light, dark and print.

mod bars;
mod font;
mod lines;
mod look;
mod png;
pub mod spark;
mod svg;

use plotters::{coord::Shift, prelude::*};

pub(crate) use look::Size;
use look::{ChartLook, GRID, LABEL};

/// One bar of a chart.
pub(crate) struct Bar {
    /// Below the bar, where there is room.
    pub(crate) label: String,
    /// One number for each series, the first at the bottom.
    pub(crate) parts: Vec<i64>,
}

/// Where a bar leads on a page.
pub(crate) struct BarLink {
    /// What it says when pointed at.
    pub(crate) title: String,
    pub(crate) href: String,
}

/// One line: a share from 0 to 1 for each period, oldest first; `None` where there were no sessions.
pub(crate) struct Line {
    pub(crate) name: String,
    pub(crate) shares: Vec<Option<f64>>,
}

/// Lines that fit into one chart.
pub(crate) const LINES_MAX: usize = 4;
const MARKS: [&str; LINES_MAX] = ["●", "■", "▲", "◆"];
/// What tells stacked parts apart without colour, bottom series first.
pub(crate) const LETTERS: [&str; 8] = ["A", "B", "C", "D", "E", "F", "G", "H"];

/// The shape that stands for a line in legends.
pub(crate) fn mark(line: usize) -> &'static str {
    MARKS[line % MARKS.len()]
}

/// Counts as stacked bars, each with its link. `None` where there is nothing to draw.
pub(crate) fn bars_svg(bars: &[Bar], links: &[BarLink], size: Size, title: &str, description: &str) -> Option<String> {
    let largest = bars::largest(bars)?;
    let look = ChartLook::page(size);
    svg::draw(&look, &look::BARS, title, description, |root| {
        let spans = bars::draw(root, &look, bars, largest)?;
        Ok(svg::links(&spans, links))
    })
}

/// Counts over periods as bars, the last one marked. `None` where all are zero.
pub(crate) fn bars_png(counts: &[i64], periods: &[String]) -> Option<Vec<u8>> {
    let last = counts.len().saturating_sub(1);
    let parts = |at: usize, count: i64| if at == last { vec![count] } else { vec![0, count] };
    let bars: Vec<Bar> = periods
        .iter()
        .zip(counts)
        .enumerate()
        .map(|(at, (period, count))| Bar { label: period.clone(), parts: parts(at, *count) })
        .collect();
    let largest = bars::largest(&bars)?;
    let look = ChartLook::mail(look::PAST_AND_NOW);
    png::draw(&look, |root| bars::draw(root, &look, &bars, largest).map(drop))
}

/// Shares over periods as lines. `None` where there is nothing to draw. `periods`: one label for each.
pub(crate) fn lines_svg(
    lines: &[Line],
    periods: &[String],
    size: Size,
    title: &str,
    description: &str,
) -> Option<String> {
    let lowest = lines::lowest(lines)?;
    let look = ChartLook::page(size);
    svg::draw(&look, &look::LINES, title, description, |root| {
        lines::draw(root, &look, lines, periods, lowest).map(|()| String::new())
    })
}

/// As [`lines_svg`], for mails.
pub(crate) fn lines_png(lines: &[Line], periods: &[String]) -> Option<Vec<u8>> {
    let lowest = lines::lowest(lines)?;
    let look = ChartLook::mail(&look::SERIES);
    png::draw(&look, |root| lines::draw(root, &look, lines, periods, lowest))
}

type Failure = Box<dyn std::error::Error + Send + Sync>;
type Area<B> = DrawingArea<B, Shift>;
type Chart<'a, B> =
    ChartContext<'a, B, Cartesian2d<plotters::coord::types::RangedCoordf64, plotters::coord::types::RangedCoordf64>>;

fn failure<E: std::error::Error + Send + Sync>(error: DrawingAreaErrorKind<E>) -> Failure {
    error.to_string().into()
}

/// The axis of values: a few numbers with a line behind each, the same in all charts.
fn draw_axis<B: DrawingBackend>(
    chart: &mut Chart<'_, B>,
    look: &ChartLook,
    format: &dyn Fn(&f64) -> String,
) -> Result<(), Failure> {
    chart
        .configure_mesh()
        .disable_x_mesh()
        .disable_x_axis()
        .axis_style(TRANSPARENT)
        .light_line_style(TRANSPARENT)
        .bold_line_style(GRID)
        .y_labels(5)
        .y_label_formatter(&format)
        .label_style((font::SANS, look.font(), &LABEL))
        .draw()
        .map_err(failure)
}

/// Writes labels below the plot: as many as there is room for, counted from the last. `x`: where each stands, in pixels.
fn draw_labels<B: DrawingBackend>(
    root: &Area<B>,
    look: &ChartLook,
    labels: &[&str],
    x: impl Fn(usize) -> i32,
) -> Result<(), Failure> {
    let Some(last) = labels.len().checked_sub(1) else { return Ok(()) };
    let longest = labels.iter().map(|label| label.chars().count()).max().unwrap_or(0) as i32;
    let needed = look.px(7) * longest + look.px(6);
    let between = if last == 0 { needed } else { (x(last) - x(0)) / last as i32 };
    let every = (needed / between.max(1) + i32::from(needed % between.max(1) > 0)).max(1) as usize;
    let style = look.text(root, look::Anchor::Below);
    for (at, label) in labels.iter().enumerate().filter(|(at, _)| (last - at).is_multiple_of(every)) {
        let place = (x(at), look.size.height as i32 - look.px(6));
        root.draw(&Text::new(*label, place, style.clone())).map_err(failure)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
