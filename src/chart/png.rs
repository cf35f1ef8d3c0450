//! Charts as PNG, for mails: most mail programs show no SVG. On white, because a mail program that turns its page dark leaves
//! pictures as they are.

use plotters::prelude::*;

use super::{
    Area, Failure, font,
    look::{ChartLook, Size},
};

/// `None` where drawing fails; the log has the reason.
pub(super) fn draw(
    look: &ChartLook,
    paint: impl FnOnce(&Area<BitMapBackend<'_>>) -> Result<(), Failure>,
) -> Option<Vec<u8>> {
    font::register();
    let Size { width, height } = look.size;
    let mut pixels = vec![255; (width * height * 3) as usize];
    let drawn = {
        let root = BitMapBackend::with_buffer(&mut pixels, (width, height)).into_drawing_area();
        paint(&root)
    };
    match drawn.and_then(|()| encode(&pixels, look.size)) {
        Ok(png) => Some(png),
        Err(error) => {
            tracing::warn!(%error, "a chart could not be drawn");
            None
        }
    }
}

fn encode(pixels: &[u8], size: Size) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, size.width, size.height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::High);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(pixels)?;
    writer.finish()?;
    Ok(bytes)
}
