//! Counts as stacked bars, with the sum above each where there is room.

use plotters::{
    prelude::*,
    style::text_anchor::{HPos, Pos, VPos},
};

use super::{
    Area, Bar, Failure, LETTERS, draw_axis, draw_labels, failure, font,
    look::{Anchor, ChartLook, LETTER},
};

/// Bars that leave room for their sums.
const SUMS_MAX: usize = 14;

/// The room of a bar from top to bottom of the plot, in pixels.
pub(super) struct BarSpan {
    pub(super) left: i32,
    pub(super) right: i32,
    pub(super) top: i32,
    pub(super) bottom: i32,
}

fn total(bar: &Bar) -> i64 {
    bar.parts.iter().fold(0, |sum, part| sum.saturating_add(*part))
}

/// `None` where all bars are empty.
pub(super) fn largest(bars: &[Bar]) -> Option<i64> {
    bars.iter().map(total).max().filter(|largest| *largest > 0)
}

/// Draws the bars and says where each stands.
pub(super) fn draw<B: DrawingBackend>(
    root: &Area<B>,
    look: &ChartLook,
    bars: &[Bar],
    largest: i64,
) -> Result<Vec<BarSpan>, Failure> {
    let numbers_width = if look.size.width > 500 { 52 } else { 46 };
    let mut chart = ChartBuilder::on(root)
        .margin_top(look.px(20))
        .margin_right(look.px(2))
        .x_label_area_size(look.px(26))
        .y_label_area_size(look.px(numbers_width))
        .build_cartesian_2d(0f64..bars.len() as f64, 0f64..largest as f64 * 1.02)
        .map_err(failure)?;
    draw_axis(&mut chart, look, &|value| (look.count)(*value as i64))?;

    let area = chart.plotting_area();
    let at = |x: f64, y: i64| area.map_coordinate(&(x, y as f64));
    let sum_style = look.text(root, Anchor::Below);
    let mut spans = Vec::new();
    for (index, bar) in bars.iter().enumerate() {
        let (left, right) = (index as f64 + 0.14, index as f64 + 0.86);
        let mut sum: i64 = 0;
        let mut top = at(left, 0).1;
        for (series, part) in bar.parts.iter().enumerate().filter(|(_, part)| **part > 0) {
            let (mut corner, opposite) = (at(left, sum.saturating_add(*part)), at(right, sum));
            // One failed session among thousands is still a bar one can see.
            corner.1 = corner.1.min(opposite.1 - look.px(1));
            top = corner.1;
            sum = sum.saturating_add(*part);
            let colour = look.bars[series % look.bars.len()];
            root.draw(&Rectangle::new([corner, opposite], colour.filled())).map_err(failure)?;
            if look.has_letters && opposite.1 - corner.1 >= look.px(16) && opposite.0 - corner.0 >= look.px(14) {
                draw_letter(root, look, series, (corner, opposite))?;
            }
        }
        if sum > 0 && bars.len() <= SUMS_MAX {
            let middle = at(index as f64 + 0.5, 0).0;
            root.draw(&Text::new((look.count)(sum), (middle, top - look.px(1)), sum_style.clone())).map_err(failure)?;
        }
        let (left, right) = (at(index as f64, 0).0, at(index as f64 + 1.0, 0).0);
        spans.push(BarSpan { left, right, top: look.px(16), bottom: at(0.0, 0).1 });
    }
    let labels: Vec<&str> = bars.iter().map(|bar| bar.label.as_str()).collect();
    draw_labels(root, look, &labels, |index| at(index as f64 + 0.5, 0).0)?;
    root.present().map_err(failure)?;
    Ok(spans)
}

fn draw_letter<B: DrawingBackend>(
    root: &Area<B>,
    look: &ChartLook,
    series: usize,
    (corner, opposite): ((i32, i32), (i32, i32)),
) -> Result<(), Failure> {
    let middle = ((corner.0 + opposite.0) / 2, (corner.1 + opposite.1) / 2 + look.px(8));
    let style =
        (font::SANS, look.font() - 1.0, &LETTER).into_text_style(root).pos(Pos::new(HPos::Center, VPos::Bottom));
    root.draw(&Text::new(LETTERS[series % LETTERS.len()], middle, style)).map_err(failure)
}
