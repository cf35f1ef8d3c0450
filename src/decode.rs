//! From received bytes to one JSON document, whatever the media type claims. Pure and bounded.
//!
//! A mail is taken apart first (`mail`); each of its parts that may be a report is then a document like any other.
//!
//! The bytes decide: gzip in at most two layers, zip with one member, or plain JSON. Layers are read one through the other,
//! so that a bomb costs the buffers of its layers and nothing more; a document that outgrows what is held while its size
//! is unknown is only measured, then unpacked a second time into memory of the right size.

pub mod mail;

mod budget;
mod form;
mod gzip;
mod media;
mod sniff;
mod source;
mod tidy;
mod zip;

#[cfg(test)]
mod tests;

use crate::{
    fault::{Fault, FaultCode, Layer, Place},
    limits::{GZIP_LAYERS_MAX, Limits},
    report::{Deviation, Deviations},
    submission::Hints,
};
use budget::Budget;
use gzip::Gunzip;
use sniff::{Form, sniff};
use source::{Received, Source, collect, drain, pour};

/// The unpacked document and what had to be tolerated on the way to it.
#[derive(Debug)]
pub struct Document {
    pub json: Vec<u8>,
    pub deviations: Deviations,
}

/// What stood around the document.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Wrapping {
    gzip_layers: usize,
    zip: bool,
    /// Bytes after the last gzip member that belong to none.
    trailing: bool,
}

/// Decides by content, not by name: gzip (several members, two layers), zip with one JSON member, plain JSON, BOM.
///
/// The document is not parsed here; it begins like JSON, holds no byte order mark and no trailing NUL. Offsets in later
/// faults count in it. A `Content-Type` that is present but blank stands for a request without one.
pub fn decode(bytes: &[u8], hints: &Hints, limits: &Limits) -> Result<Document, Fault> {
    if bytes.is_empty() {
        return Err(Fault::new(FaultCode::Empty, "there are no bytes", Place::Whole));
    }
    if bytes.len() > limits.report_wire_max_bytes {
        let detail = format!(
            "{} bytes were received, `report_wire_max_bytes` allows {}",
            bytes.len(),
            limits.report_wire_max_bytes
        );
        return Err(Fault::new(FaultCode::TooLargeWire, detail, Place::Whole));
    }
    let mut deviations = Deviations::default();
    let coded = media::content_encoding(hints)?;
    let body = match form::boundary(hints.media_type.as_deref()) {
        Some(boundary) => {
            deviations.add(Deviation::FormUpload, "");
            form::file_part(bytes, &boundary)?
        }
        None => Received::new(bytes),
    };
    let (mut json, wrapping) = unpack(body, limits)?;
    wrapping.note(&mut deviations);
    if !deviations.contains(Deviation::FormUpload) {
        media::judge(hints.media_type.as_deref(), coded, &wrapping, &mut deviations);
    }
    tidy::tidy(&mut json, &mut deviations)?;
    Ok(Document { json, deviations })
}

fn unpack(body: Received<'_>, limits: &Limits) -> Result<(Vec<u8>, Wrapping), Fault> {
    let budget = Budget::new(body.rest().len(), limits);
    let form = sniff(body.rest());
    match form {
        Form::Json => Ok((body.rest().to_vec(), Wrapping::default())),
        Form::Gzip => unpack_gzip(body, budget),
        Form::Zip => {
            let json = zip::only_member(body.rest(), budget)?;
            Ok((json, Wrapping { zip: true, ..Wrapping::default() }))
        }
        Form::Empty | Form::Mail | Form::Foreign(..) => {
            Err(form.fault(Place::Byte { offset: body.offset(), of: Layer::Received }))
        }
    }
}

fn unpack_gzip(body: Received<'_>, budget: Budget) -> Result<(Vec<u8>, Wrapping), Fault> {
    let open = || Gunzip::new(body, budget);
    let mut layer = open();
    match sniff(layer.fill()?) {
        Form::Gzip => {}
        form => return unpack_layer(layer, open, form, 1),
    }
    let open = || Gunzip::new(Gunzip::new(body, budget), budget);
    let mut layer = open();
    match sniff(layer.fill()?) {
        Form::Gzip => {
            let detail = format!("the report is compressed more than {GZIP_LAYERS_MAX} times over");
            Err(Fault::new(FaultCode::TooManyLayers, detail, Place::Whole))
        }
        form => unpack_layer(layer, open, form, 2),
    }
}

/// Empties a layer in which no further gzip layer begins.
fn unpack_layer<S: Source>(
    mut layer: S,
    open: impl Fn() -> S,
    form: Form,
    gzip_layers: usize,
) -> Result<(Vec<u8>, Wrapping), Fault> {
    match form {
        Form::Json => {}
        Form::Zip => {
            let detail = "a zip archive lies inside gzip, one of both was expected";
            return Err(Fault::new(FaultCode::Zip, detail, Place::Whole));
        }
        // Read to the end all the same: damaged or outsized compression is the truer reason.
        other => {
            drain(&mut layer)?;
            return Err(other.fault(Place::Byte { offset: 0, of: Layer::Unpacked }));
        }
    }
    let mut trailing = false;
    let mut first = Some(layer);
    let json = collect(|sink| {
        let mut layer = first.take().unwrap_or_else(&open);
        pour(&mut layer, sink)?;
        trailing = layer.trailing();
        Ok(())
    })?;
    Ok((json, Wrapping { gzip_layers, zip: false, trailing }))
}

impl Wrapping {
    fn note(&self, deviations: &mut Deviations) {
        if self.gzip_layers > 1 {
            deviations.add(Deviation::DoubleGzip, "");
        }
        if self.trailing {
            deviations.add(Deviation::GzipTrailing, "");
        }
        if self.zip {
            deviations.add(Deviation::Zip, "");
        }
    }
}
