//! Mails by fixtures: `fixtures/mails/<sender>/<oddity>.eml` with `<oddity>.expected.json` beside it. What came out instead
//! of what was expected is written as `<oddity>.got`.

mod bounds;
mod fixtures;
mod properties;
