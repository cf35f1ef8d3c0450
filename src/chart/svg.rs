//! Charts as SVG, for pages. Plotters' own SVG writes colours; here each colour is a class, so that the style sheet decides it.

use std::{convert::Infallible, fmt::Write};

use plotters::{
    coord::Shift,
    prelude::*,
    style::text_anchor::{HPos, VPos},
};
use plotters_backend::{BackendColor, BackendCoord, BackendStyle, BackendTextStyle, DrawingErrorKind};

use super::{
    BarLink, Failure,
    bars::BarSpan,
    font,
    look::{ChartLook, Classes, Size},
};
use crate::text::escape_html;

/// Draws with `paint`, which returns what else belongs into the picture. `None` where drawing fails; the log has the reason.
pub(super) fn draw(
    look: &ChartLook,
    classes: &Classes,
    title: &str,
    description: &str,
    paint: impl FnOnce(&DrawingArea<SvgWriter<'_>, Shift>) -> Result<String, Failure>,
) -> Option<String> {
    font::register();
    let mut body = String::new();
    let root = SvgWriter { body: &mut body, size: look.size, classes }.into_drawing_area();
    let added = match paint(&root) {
        Ok(added) => added,
        Err(error) => {
            tracing::warn!(%error, "a chart could not be drawn");
            return None;
        }
    };
    drop(root);
    let Size { width, height } = look.size;
    Some(format!(
        "<svg viewBox=\"0 0 {width} {height}\" role=\"group\" aria-label=\"{title}\"><title>{title}</title><desc>{}</desc>{body}{added}</svg>",
        escape_html(description),
        title = escape_html(title),
    ))
}

/// A link over the whole height of each bar.
pub(super) fn links(spans: &[BarSpan], links: &[BarLink]) -> String {
    let link = |(span, link): (&BarSpan, &BarLink)| {
        format!(
            "<a href=\"{}\" aria-label=\"{title}\"><rect class=\"hit\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"/><title>{title}</title></a>",
            escape_html(&link.href),
            span.left,
            span.top,
            span.right - span.left,
            span.bottom - span.top,
            title = escape_html(&link.title),
        )
    };
    spans.iter().zip(links).map(link).collect()
}

/// A backend of plotters that writes SVG elements with classes.
pub(super) struct SvgWriter<'a> {
    body: &'a mut String,
    size: Size,
    classes: &'a Classes,
}

type Drawn = Result<(), DrawingErrorKind<Infallible>>;

impl SvgWriter<'_> {
    /// Writes an element, unless its colour is transparent.
    fn element(&mut self, name: &str, colour: BackendColor, attributes: std::fmt::Arguments<'_>, text: &str) -> Drawn {
        if colour.alpha > 0.0 {
            let (red, green, blue) = colour.rgb;
            let known = self.classes.iter().find(|(drawn, _)| (drawn.0, drawn.1, drawn.2) == colour.rgb);
            let written = match known {
                Some((_, class)) => write!(self.body, "<{name} class=\"{class}\" {attributes}"),
                None => write!(self.body, "<{name} color=\"#{red:02x}{green:02x}{blue:02x}\" {attributes}"),
            };
            written.expect("a String takes everything");
            match text {
                "" => self.body.push_str("/>"),
                text => write!(self.body, ">{}</{name}>", escape_html(text)).expect("a String takes everything"),
            }
        }
        Ok(())
    }
}

fn points(path: impl IntoIterator<Item = BackendCoord>) -> String {
    path.into_iter().map(|(x, y)| format!("{x},{y}")).collect::<Vec<_>>().join(" ")
}

impl DrawingBackend for SvgWriter<'_> {
    type ErrorType = Infallible;

    fn get_size(&self) -> (u32, u32) {
        (self.size.width, self.size.height)
    }

    fn ensure_prepared(&mut self) -> Drawn {
        Ok(())
    }

    fn present(&mut self) -> Drawn {
        Ok(())
    }

    fn draw_pixel(&mut self, (x, y): BackendCoord, colour: BackendColor) -> Drawn {
        self.element("rect", colour, format_args!("x=\"{x}\" y=\"{y}\" width=\"1\" height=\"1\""), "")
    }

    fn draw_line<S: BackendStyle>(&mut self, from: BackendCoord, to: BackendCoord, style: &S) -> Drawn {
        let (width, (x1, y1), (x2, y2)) = (style.stroke_width(), from, to);
        let place = format_args!("stroke-width=\"{width}\" x1=\"{x1}\" y1=\"{y1}\" x2=\"{x2}\" y2=\"{y2}\"");
        self.element("line", style.color(), place, "")
    }

    fn draw_rect<S: BackendStyle>(&mut self, from: BackendCoord, to: BackendCoord, style: &S, fill: bool) -> Drawn {
        let ((x, y), (right, bottom)) = (from, to);
        if !fill {
            return self.draw_path([from, (right, y), to, (x, bottom), from], style);
        }
        let (width, height) = (right - x, bottom - y);
        let place = format_args!("x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\"");
        self.element("rect", style.color(), place, "")
    }

    fn draw_path<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(&mut self, path: I, style: &S) -> Drawn {
        let (width, points) = (style.stroke_width(), points(path));
        self.element("polyline", style.color(), format_args!("stroke-width=\"{width}\" points=\"{points}\""), "")
    }

    fn draw_circle<S: BackendStyle>(&mut self, at: BackendCoord, radius: u32, style: &S, _fill: bool) -> Drawn {
        let (x, y) = at;
        self.element("circle", style.color(), format_args!("cx=\"{x}\" cy=\"{y}\" r=\"{radius}\""), "")
    }

    fn fill_polygon<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(&mut self, path: I, style: &S) -> Drawn {
        self.element("polygon", style.color(), format_args!("points=\"{}\"", points(path)), "")
    }

    fn draw_text<T: BackendTextStyle>(&mut self, text: &str, style: &T, (x, y): BackendCoord) -> Drawn {
        let anchor = match style.anchor().h_pos {
            HPos::Left => "start",
            HPos::Right => "end",
            HPos::Center => "middle",
        };
        let dy = match style.anchor().v_pos {
            VPos::Top => "0.76em",
            VPos::Center => "0.5ex",
            VPos::Bottom => "-0.5ex",
        };
        // Plotters gives the height of a line; a font's size is its em.
        let size = style.size() / 1.24;
        let place = format_args!("x=\"{x}\" y=\"{y}\" dy=\"{dy}\" text-anchor=\"{anchor}\" font-size=\"{size:.2}\"");
        self.element("text", style.color(), place, text)
    }
}
