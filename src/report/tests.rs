//! The whole way from bytes to a report, by fixtures: `fixtures/reports/<sender>/<oddity>.json` (or `.gz`, `.zip`, …) with
//! `<oddity>.expected.json` beside it. `<oddity>.http` holds header lines that came with it, `<oddity>.served` the served
//! domains, one a line with its MX hosts behind it. What came out instead of what was expected is written as
//! `<oddity>.got`.

mod dump;
mod fixtures;
mod limits;
mod properties;
mod schema;
mod table;
