//! The font of pictures. Without one of our own plotters would measure and draw with whatever the machine has, or with nothing.

use std::sync::Once;

use plotters::style::{FontStyle, register_font};

/// What the drawing code calls it.
pub(super) const SANS: &str = "sans-serif";

/// Makes the font known to plotters; must come before any drawing with text.
pub(super) fn register() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let font = include_bytes!("../../web/fonts/DejaVuSans.ttf");
        if register_font(SANS, FontStyle::Normal, font).is_err() {
            tracing::error!("the embedded font cannot be read: charts are left out");
        }
    });
}
