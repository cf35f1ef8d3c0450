//! Charts as PNG, for mails: most mail programs show no SVG. Drawn at twice their size for dense screens, on white, because a mail
//! program that turns its page dark leaves pictures as they are.

use plotters::{
    coord::Shift,
    prelude::*,
    style::text_anchor::{HPos, Pos, VPos},
};

use super::font;
use crate::wording;

/// Pixels; shown at half of it, and on a telephone not much smaller, so that the letters can be read there.
const WIDTH: u32 = 840;
const HEIGHT: u32 = 280;
const LABEL: RGBColor = RGBColor(85, 85, 85);
const GRID: RGBColor = RGBColor(224, 224, 224);
/// Told apart without colour by the names that stand at their ends, and by their dashes.
const COLOURS: [RGBColor; 4] =
    [RGBColor(0, 98, 178), RGBColor(176, 84, 0), RGBColor(90, 90, 90), RGBColor(120, 60, 140)];
const FAILED: RGBColor = RGBColor(190, 60, 40);
const FAILED_BEFORE: RGBColor = RGBColor(200, 170, 163);

type Failure = Box<dyn std::error::Error + Send + Sync>;
type Area<'a> = DrawingArea<BitMapBackend<'a>, Shift>;

/// One line: a share from 0 to 1 for each period, oldest first; `None` where there were no sessions.
pub(crate) struct Line {
    pub(crate) name: String,
    pub(crate) shares: Vec<Option<f64>>,
}

/// Shares over periods, as lines with their names at the end. `None` where there is nothing to draw.
pub(crate) fn lines(lines: &[Line], periods: &[String]) -> Option<Vec<u8>> {
    let shown: Vec<&Line> = lines.iter().take(COLOURS.len()).collect();
    let lowest = shown.iter().flat_map(|line| line.shares.iter().flatten()).copied().reduce(f64::min)?;
    paint(|root| draw_lines(root, &shown, periods, lowest))
}

/// Counts over periods, as bars, the last one marked. `None` where all are zero.
pub(crate) fn bars(counts: &[i64], periods: &[String]) -> Option<Vec<u8>> {
    let largest = counts.iter().copied().max().filter(|largest| *largest > 0)?;
    paint(|root| draw_bars(root, counts, periods, largest))
}

fn paint(draw: impl FnOnce(&Area<'_>) -> Result<(), Failure>) -> Option<Vec<u8>> {
    font::register();
    let mut pixels = vec![255; (WIDTH * HEIGHT * 3) as usize];
    let drawn = {
        let root = BitMapBackend::with_buffer(&mut pixels, (WIDTH, HEIGHT)).into_drawing_area();
        draw(&root)
    };
    match drawn.and_then(|()| encode(&pixels)) {
        Ok(png) => Some(png),
        Err(error) => {
            tracing::warn!(%error, "a picture could not be drawn");
            None
        }
    }
}

fn draw_lines(root: &Area<'_>, lines: &[&Line], periods: &[String], lowest: f64) -> Result<(), Failure> {
    // The axis begins at a round share below the worst, so that small changes near 100 % can be seen.
    let bottom = [0.99, 0.98, 0.95, 0.9, 0.8, 0.5].into_iter().find(|bottom| lowest >= *bottom).unwrap_or(0.0);
    let width = periods.len().saturating_sub(1).max(1) as f64;
    let mut chart = ChartBuilder::on(root)
        .margin_top(18)
        .margin_right(190)
        .x_label_area_size(44)
        .y_label_area_size(96)
        .build_cartesian_2d(-0.2..width + 0.2, bottom..1.0 + (1.0 - bottom) * 0.02)
        .map_err(said)?;
    let decimals = if bottom >= 0.98 { 1 } else { 0 };
    chart
        .configure_mesh()
        .disable_x_mesh()
        .disable_x_axis()
        .axis_style(TRANSPARENT)
        .light_line_style(TRANSPARENT)
        .bold_line_style(GRID.stroke_width(2))
        .y_labels(4)
        .y_label_formatter(&|share| format!("{:.decimals$} %", share * 100.0))
        .label_style((font::SANS, 26, &LABEL))
        .draw()
        .map_err(said)?;
    let mut taken: Vec<i32> = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        let colour = COLOURS[index % COLOURS.len()];
        // A period without sessions is a gap, not a straight line across.
        let mut at = 0;
        for run in line.shares.split(Option::is_none) {
            let points: Vec<(f64, f64)> = run
                .iter()
                .enumerate()
                .filter_map(|(step, share)| share.map(|share| ((at + step) as f64, share)))
                .collect();
            at += run.len() + 1;
            match index % 2 {
                0 => chart.draw_series(LineSeries::new(points, colour.stroke_width(5))).map(drop),
                _ => chart.draw_series(DashedLineSeries::new(points, 14, 8, colour.stroke_width(5))).map(drop),
            }
            .map_err(said)?;
        }
        let last =
            line.shares.iter().enumerate().filter_map(|(at, share)| share.map(|share| (at as f64, share))).next_back();
        let Some(end) = last else { continue };
        chart.draw_series([Circle::new(end, 7, colour.filled())]).map_err(said)?;
        let (x, y) = chart.plotting_area().map_coordinate(&end);
        // Names that would lie over each other are moved apart.
        let mut y = y;
        while taken.iter().any(|other| (other - y).abs() < 28) {
            y += 14;
        }
        taken.push(y);
        let style = (font::SANS, 26, &colour).into_text_style(root).pos(Pos::new(HPos::Left, VPos::Center));
        root.draw(&Text::new(line.name.clone(), (x + 18, y), style)).map_err(said)?;
    }
    label(root, periods, |at| chart.plotting_area().map_coordinate(&(at as f64, bottom)).0)?;
    root.present().map_err(said)
}

fn draw_bars(root: &Area<'_>, counts: &[i64], periods: &[String], largest: i64) -> Result<(), Failure> {
    let chart = ChartBuilder::on(root)
        .margin_top(34)
        .margin_right(10)
        .x_label_area_size(44)
        .y_label_area_size(10)
        .build_cartesian_2d(-0.5..counts.len() as f64 - 0.5, 0f64..largest as f64)
        .map_err(said)?;
    let area = chart.plotting_area();
    let style = (font::SANS, 24, &LABEL).into_text_style(root).pos(Pos::new(HPos::Center, VPos::Bottom));
    for (at, count) in counts.iter().enumerate() {
        let (left, right) = (at as f64 - 0.36, at as f64 + 0.36);
        let (mut top, bottom) = (area.map_coordinate(&(left, *count as f64)), area.map_coordinate(&(right, 0.0)));
        // One failed session among thousands is still a bar one can see.
        top.1 = top.1.min(bottom.1 - if *count > 0 { 4 } else { 1 });
        let colour = if at + 1 == counts.len() { FAILED } else { FAILED_BEFORE };
        root.draw(&Rectangle::new([top, bottom], colour.filled())).map_err(said)?;
        if *count > 0 {
            let middle = (top.0 + bottom.0) / 2;
            root.draw(&Text::new(wording::short(*count), (middle, top.1 - 4), style.clone())).map_err(said)?;
        }
    }
    label(root, periods, |at| area.map_coordinate(&(at as f64, 0.0)).0)?;
    root.present().map_err(said)
}

/// Writes the periods below: all of them where there is room, else every second, counted from the last.
fn label(root: &Area<'_>, periods: &[String], x: impl Fn(usize) -> i32) -> Result<(), Failure> {
    let every = periods.len().div_ceil(7).max(1);
    let style = (font::SANS, 24, &LABEL).into_text_style(root).pos(Pos::new(HPos::Center, VPos::Bottom));
    for (at, period) in periods.iter().enumerate() {
        if (periods.len() - 1 - at).is_multiple_of(every) {
            root.draw(&Text::new(period.clone(), (x(at), HEIGHT as i32 - 6), style.clone())).map_err(said)?;
        }
    }
    Ok(())
}

fn encode(pixels: &[u8]) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, WIDTH, HEIGHT);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::High);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(pixels)?;
    writer.finish()?;
    Ok(bytes)
}

fn said<E: std::error::Error + Send + Sync>(error: DrawingAreaErrorKind<E>) -> Failure {
    error.to_string().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weeks() -> Vec<String> {
        (36..48).map(|week| format!("W{week}")).collect()
    }

    fn decode(png: &[u8]) -> (u32, u32, usize) {
        let mut reader = png::Decoder::new(std::io::Cursor::new(png)).read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut pixels).unwrap();
        let coloured = pixels.chunks(3).filter(|pixel| *pixel != [255, 255, 255]).count();
        (info.width, info.height, coloured)
    }

    #[test]
    fn shares_are_drawn_with_gaps_and_names() {
        let shares = (0..12).map(|at| (at != 3).then_some(0.99 - 0.001 * f64::from(at))).collect();
        let sts = Line { name: "sts".to_owned(), shares };
        let tlsa = Line { name: "tlsa".to_owned(), shares: vec![Some(1.0); 12] };
        let png = lines(&[sts, tlsa], &weeks()).expect("a picture");
        let (width, height, coloured) = decode(&png);
        assert_eq!((width, height), (WIDTH, HEIGHT));
        assert!(coloured > 10_000, "{coloured}");
        assert!(png.len() < 40_000, "{} bytes go out with each mail", png.len());
        if let Ok(path) = std::env::var("TLSIGHT_PICTURES") {
            std::fs::write(format!("{path}/lines.png"), &png).unwrap();
        }
    }

    #[test]
    fn counts_are_drawn_also_the_extreme_ones() {
        let counts = [0, 3, 12, 812, 14, 0, 9, 2, 44_120, 90, 7, 1_204];
        let png = bars(&counts, &weeks()).expect("a picture");
        assert!(decode(&png).2 > 10_000);
        if let Ok(path) = std::env::var("TLSIGHT_PICTURES") {
            std::fs::write(format!("{path}/bars.png"), &png).unwrap();
        }
        assert!(bars(&[i64::MAX, 1], &["a".to_owned(), "b".to_owned()]).is_some());
    }

    #[test]
    fn nothing_is_not_drawn() {
        assert!(lines(&[], &[]).is_none());
        assert!(lines(&[Line { name: "sts".to_owned(), shares: vec![None; 12] }], &weeks()).is_none());
        assert!(bars(&[0; 12], &weeks()).is_none());
        assert!(lines(&[Line { name: "sts".to_owned(), shares: vec![Some(0.5)] }], &["W1".to_owned()]).is_some());
    }
}
