//! Failed sessions by day as stacked bars. Drawn by plotters, then recoloured: every colour becomes a class, so that the style sheet
//! decides it for light, dark and print. A letter in each part doubles its colour.

pub mod font;
mod lines;
pub mod png;
pub mod spark;

use std::fmt::Write;

use plotters::{
    coord::Shift,
    prelude::*,
    style::text_anchor::{HPos, Pos, VPos},
};

use crate::{text::escape_html, wording};
pub(super) use lines::{LINES_MAX, Line, lines, mark};

/// One bar: a day, or a week where the range is long.
pub(crate) struct Bar {
    /// Below the bar; empty for none.
    pub(crate) label: String,
    /// What it says when pointed at.
    pub(crate) title: String,
    pub(crate) href: String,
    /// One number for each series, the first at the bottom.
    pub(crate) parts: Vec<i64>,
}

/// Size of a drawing, in pixels.
#[derive(Clone, Copy)]
pub(crate) struct Size {
    pub(crate) width: u32,
    pub(crate) height: u32,
}

/// What the letters stand for, bottom series first.
pub(crate) const LETTERS: [&str; 8] = ["A", "B", "C", "D", "E", "F", "G", "H"];

const TEXT: RGBColor = RGBColor(254, 1, 0);
const GRID: RGBColor = RGBColor(254, 2, 0);

fn series_colour(series: usize) -> RGBColor {
    RGBColor(253, series as u8, 0)
}

fn letter_colour(series: usize) -> RGBColor {
    RGBColor(252, series as u8, 0)
}

/// `None` where there is nothing to draw.
pub(crate) fn stacked_bars(bars: &[Bar], size: Size, title: &str, description: &str) -> Option<String> {
    let largest = bars.iter().map(total).max().unwrap_or(0);
    if largest <= 0 {
        return None;
    }
    font::register();
    let mut svg = String::new();
    let hits = {
        let root = SVGBackend::with_string(&mut svg, (size.width, size.height)).into_drawing_area();
        match draw(&root, bars, largest, size) {
            Ok(hits) => hits,
            Err(error) => {
                tracing::warn!(%error, "a chart could not be drawn");
                return None;
            }
        }
    };
    Some(dress(&svg, &hits, size, title, description))
}

fn total(bar: &Bar) -> i64 {
    bar.parts.iter().fold(0, |sum, part| sum.saturating_add(*part))
}

fn draw(
    root: &DrawingArea<SVGBackend<'_>, Shift>,
    bars: &[Bar],
    largest: i64,
    size: Size,
) -> Result<String, Box<dyn std::error::Error + Send + Sync>> {
    let said = |error: DrawingAreaErrorKind<_>| error.to_string();
    let mut chart = ChartBuilder::on(root)
        .margin_top(20)
        .margin_right(2)
        .x_label_area_size(26)
        .y_label_area_size(if size.width > 500 { 52 } else { 40 })
        .build_cartesian_2d(0f64..bars.len() as f64, 0f64..largest as f64 * 1.02)
        .map_err(said)?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .disable_x_axis()
        .axis_style(TRANSPARENT)
        .light_line_style(TRANSPARENT)
        .bold_line_style(GRID)
        .y_labels(4)
        .y_label_formatter(&|value| wording::thousands(*value as i64))
        .label_style(("sans-serif", 15, &TEXT))
        .draw()
        .map_err(said)?;

    let area = chart.plotting_area();
    let at = |x: f64, y: i64| area.map_coordinate(&(x, y as f64));
    let middle_below = Pos::new(HPos::Center, VPos::Bottom);
    let label = ("sans-serif", 15.0, &TEXT).into_text_style(root).pos(middle_below);
    let mut hits = String::new();
    for (index, bar) in bars.iter().enumerate() {
        let (left, right) = (index as f64 + 0.14, index as f64 + 0.86);
        let middle = at(index as f64 + 0.5, 0).0;
        let mut sum: i64 = 0;
        for (series, part) in bar.parts.iter().enumerate().filter(|(_, part)| **part > 0) {
            let (mut corner, opposite) = (at(left, sum.saturating_add(*part)), at(right, sum));
            // One failed session among thousands is still a bar one can see.
            corner.1 = corner.1.min(opposite.1 - 1);
            sum = sum.saturating_add(*part);
            root.draw(&Rectangle::new([corner, opposite], series_colour(series).filled())).map_err(said)?;
            if opposite.1 - corner.1 >= 16 && opposite.0 - corner.0 >= 14 {
                let below = (corner.1 + opposite.1) / 2 + 8;
                let colour = letter_colour(series);
                let letter = ("sans-serif", 14.0, &colour).into_text_style(root).pos(middle_below);
                root.draw(&Text::new(LETTERS[series % LETTERS.len()], (middle, below), letter)).map_err(said)?;
            }
        }
        let (top, bottom) = (at(left, sum), at(right, 0));
        if sum > 0 && bars.len() <= 14 {
            root.draw(&Text::new(wording::thousands(sum), (middle, top.1 - 1), label.clone())).map_err(said)?;
        }
        if !bar.label.is_empty() {
            root.draw(&Text::new(bar.label.clone(), (middle, size.height as i32 - 6), label.clone())).map_err(said)?;
        }
        let (from, to) = (at(index as f64, 0).0, at(index as f64 + 1.0, 0).0);
        write!(
            hits,
            "<a href=\"{}\" aria-label=\"{title}\"><rect class=\"hit\" x=\"{from}\" y=\"16\" width=\"{}\" height=\"{}\"/><title>{title}</title></a>",
            escape_html(&bar.href),
            to - from,
            bottom.1 - 16,
            title = escape_html(&bar.title),
        )?;
    }
    root.present().map_err(said)?;
    Ok(hits)
}

/// Takes out what belongs into the style sheet and puts in what makes the picture readable without eyes.
fn dress(svg: &str, hits: &str, size: Size, title: &str, description: &str) -> String {
    let colour = |colour: RGBColor| format!("#{:02X}{:02X}{:02X}", colour.0, colour.1, colour.2);
    let mut svg =
        svg.replace(" opacity=\"1\"", "").replace(" font-family=\"sans-serif\"", "").replace(" stroke=\"none\"", "");
    for series in 0..LETTERS.len() {
        svg = svg.replace(&format!("fill=\"{}\"", colour(series_colour(series))), &format!("class=\"s{series}\""));
        svg = svg.replace(&format!("stroke=\"{}\"", colour(series_colour(series))), &format!("class=\"t{series}\""));
        svg = svg.replace(&format!("fill=\"{}\"", colour(letter_colour(series))), &format!("class=\"l{series}\""));
    }
    for (drawn, class) in [(TEXT, "label"), (GRID, "grid")] {
        for attribute in ["fill", "stroke"] {
            svg = svg.replace(&format!("{attribute}=\"{}\"", colour(drawn)), &format!("class=\"{class}\""));
        }
    }
    let body = svg.split_once('>').map_or("", |(_, body)| body).trim_end().trim_end_matches("</svg>");
    format!(
        "<svg viewBox=\"0 0 {} {}\" role=\"group\" aria-label=\"{title}\"><title>{title}</title><desc>{}</desc>{}{hits}</svg>",
        size.width,
        size.height,
        escape_html(description),
        body.replace('\n', ""),
        title = escape_html(title),
    )
}
