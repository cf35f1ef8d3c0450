//! What drawings look like: sizes and colours. The colours are those of the light style sheet; a test compares them.

use plotters::{
    prelude::*,
    style::text_anchor::{HPos, Pos, VPos},
};

use super::{Area, font};
use crate::wording;

/// Size of a drawing, in pixels.
#[derive(Clone, Copy)]
pub(crate) struct Size {
    pub(crate) width: u32,
    pub(crate) height: u32,
}

pub(super) const LABEL: RGBColor = RGBColor(0x5c, 0x61, 0x64);
pub(super) const GRID: RGBColor = RGBColor(0xe2, 0xe2, 0xde);
/// The letter on a part of a bar. The style sheet chooses it by the part that it stands on.
pub(super) const LETTER: RGBColor = RGBColor(0x1d, 0x1f, 0x20);
pub(super) const SERIES: [RGBColor; 8] = [
    RGBColor(0xb3, 0x38, 0x0b),
    RGBColor(0xd9, 0x71, 0x3f),
    RGBColor(0xe9, 0xa3, 0x7c),
    RGBColor(0x6b, 0x71, 0x74),
    RGBColor(0x8e, 0x94, 0x96),
    RGBColor(0xb4, 0xb8, 0xb9),
    RGBColor(0xd3, 0xd5, 0xd5),
    RGBColor(0xe6, 0xe7, 0xe7),
];
/// The period in question, and those before it.
pub(super) const PAST_AND_NOW: &[RGBColor] = &[SERIES[0], SERIES[5]];
pub(super) const LINE: [RGBColor; super::LINES_MAX] = [RGBColor(0x0b, 0x6b, 0x57), LETTER, SERIES[4], SERIES[5]];

/// The class of the style sheet that stands for each colour of a kind of chart.
pub(super) type Classes = [(RGBColor, &'static str)];
pub(super) const BARS: [(RGBColor, &str); 11] = [
    (LABEL, "label"),
    (GRID, "grid"),
    (LETTER, "letter"),
    (SERIES[0], "s0"),
    (SERIES[1], "s1"),
    (SERIES[2], "s2"),
    (SERIES[3], "s3"),
    (SERIES[4], "s4"),
    (SERIES[5], "s5"),
    (SERIES[6], "s6"),
    (SERIES[7], "s7"),
];
pub(super) const LINES: [(RGBColor, &str); 6] =
    [(LABEL, "label"), (GRID, "grid"), (LINE[0], "t0"), (LINE[1], "t1"), (LINE[2], "t2"), (LINE[3], "t3")];

/// Where a text stands about its point.
pub(super) enum Anchor {
    /// Centred; the point is its bottom.
    Below,
    /// To the right of the point.
    Right,
}

/// How large everything is, and what is drawn beside the data.
pub(super) struct ChartLook {
    pub(super) size: Size,
    /// Colours of the parts of a bar.
    pub(super) bars: &'static [RGBColor],
    /// Whether a letter doubles the colour of a part.
    pub(super) has_letters: bool,
    /// A count in words.
    pub(super) count: fn(i64) -> String,
    scale: f64,
}

impl ChartLook {
    pub(super) fn page(size: Size) -> ChartLook {
        ChartLook { size, bars: &SERIES, has_letters: true, count: wording::thousands, scale: 1.0 }
    }

    /// Drawn larger, because mail programs show it at half its size on dense screens, and on telephones not much smaller.
    pub(super) fn mail(bars: &'static [RGBColor]) -> ChartLook {
        let size = Size { width: 840, height: 280 };
        ChartLook { size, bars, has_letters: false, count: wording::short, scale: 1.75 }
    }

    /// A length that is given for a page, in pixels of this drawing.
    pub(super) fn px(&self, length: i32) -> i32 {
        (f64::from(length) * self.scale).round() as i32
    }

    /// Size of the labels.
    pub(super) fn font(&self) -> f64 {
        15.0 * self.scale
    }

    pub(super) fn text<'a, B: DrawingBackend>(&self, root: &Area<B>, anchor: Anchor) -> TextStyle<'a> {
        let pos = match anchor {
            Anchor::Below => Pos::new(HPos::Center, VPos::Bottom),
            Anchor::Right => Pos::new(HPos::Left, VPos::Center),
        };
        (font::SANS, self.font(), &LABEL).into_text_style(root).pos(pos)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The value of a variable in the part of the style sheet for light pages.
    fn colour(variable: &str) -> String {
        let sheet = include_str!("../../web/static/tlsight.css");
        let (_, value) = sheet.split_once(&format!("--{variable}: ")).expect(variable);
        value[..7].to_owned()
    }

    #[test]
    fn colours_are_those_of_the_style_sheet() {
        let text = |RGBColor(red, green, blue): RGBColor| format!("#{red:02x}{green:02x}{blue:02x}");
        assert_eq!([LABEL, GRID, LETTER].map(text), ["quiet", "line", "text"].map(colour));
        for (series, drawn) in SERIES.into_iter().enumerate() {
            assert_eq!(text(drawn), colour(&format!("s{series}")));
        }
        assert_eq!(LINE.map(text), ["good", "text", "s4", "s5"].map(colour));
    }

    #[test]
    fn no_two_colours_of_a_chart_are_the_same() {
        for classes in [BARS.as_slice(), LINES.as_slice()] {
            for (at, (colour, _)) in classes.iter().enumerate() {
                assert!(classes[at + 1..].iter().all(|(other, _)| other != colour));
            }
        }
    }
}
