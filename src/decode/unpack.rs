//! The layers around a document, off.

use super::{
    budget::DecodeBudget,
    gzip::Gunzip,
    sniff::{Form, sniff},
    source::{Received, Source, collect, drain, pour},
    zip::{self, Archive},
};
use crate::{
    fault::{Fault, FaultCode, FaultPlace, Layer},
    limits::{GZIP_LAYERS_MAX, Limits},
    report::{Deviation, Deviations},
};

/// A document without its layers.
pub(super) struct Unpacked {
    pub json: Vec<u8>,
    pub wrapping: Wrapping,
    pub budget: DecodeBudget,
    /// Its place among the files of its zip archive, from one, where there are several.
    pub file: Option<usize>,
}

/// What stood around the document.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wrapping {
    pub gzip_layers: usize,
    pub zip: bool,
    /// Bytes after the last gzip member that belong to none.
    trailing: bool,
}

/// The documents in a body, never none: several in a zip archive only, each with its own fate there.
pub(super) fn unpack(body: Received<'_>, limits: &Limits) -> Result<Vec<Result<Unpacked, Fault>>, Fault> {
    let budget = DecodeBudget::new(body.rest().len(), limits);
    if sniff(body.rest()) == Form::Zip {
        return unpack_zip(body.rest(), budget);
    }
    let (json, wrapping) = unpack_one(body, budget)?;
    Ok(vec![Ok(Unpacked { json, wrapping, budget, file: None })])
}

fn unpack_one(body: Received<'_>, budget: DecodeBudget) -> Result<(Vec<u8>, Wrapping), Fault> {
    match sniff(body.rest()) {
        Form::Json => Ok((body.rest().to_vec(), Wrapping::default())),
        Form::Gzip => unpack_gzip(body, budget),
        Form::Zip => Err(zip::fault("a zip archive lies inside another one")),
        form @ (Form::Empty | Form::Mail | Form::Foreign(..)) => {
            Err(form.fault(FaultPlace::Byte { offset: body.offset(), of: Layer::Received }))
        }
    }
}

/// What is plainly no report is left out beside others; where there is nothing else it is what is wrong.
fn unpack_zip(bytes: &[u8], mut budget: DecodeBudget) -> Result<Vec<Result<Unpacked, Fault>>, Fault> {
    let mut archive = Archive::open(bytes)?;
    let several = archive.files.len() > 1;
    let mut documents = Vec::new();
    for position in 0..archive.files.len() {
        if archive.files.get(position).is_some_and(|file| file.may_be_report()) {
            let file = several.then_some(position + 1);
            let document = unpack_file(&mut archive, position, &mut budget);
            let outsized = document.as_ref().err().filter(|fault| fault.code == FaultCode::TooLargeUnpacked);
            if let Some(fault) = outsized {
                return Err(fault.clone());
            }
            documents.push(document.map(|(json, wrapping)| Unpacked { json, wrapping, budget, file }));
        }
    }
    if documents.is_empty() {
        let form = archive.files.first().and_then(zip::File::form).unwrap_or(Form::Empty);
        let fault = form.fault(FaultPlace::Byte { offset: 0, of: Layer::Unpacked });
        return Err(if several { archive.in_file(0, fault) } else { fault });
    }
    Ok(documents)
}

fn unpack_file(
    archive: &mut Archive<'_>,
    position: usize,
    budget: &mut DecodeBudget,
) -> Result<(Vec<u8>, Wrapping), Fault> {
    let file = archive.read(position, budget).map_err(|fault| archive.in_file(position, fault))?;
    let of_zip = |wrapping| Wrapping { zip: true, ..wrapping };
    if sniff(&file) == Form::Json {
        return Ok((file, of_zip(Wrapping::default())));
    }
    match unpack_one(Received::new(&file), *budget) {
        Ok((json, wrapping)) => {
            budget.spend(json.len() as u64);
            Ok((json, of_zip(wrapping)))
        }
        Err(fault) => {
            budget.spend_on_damage();
            Err(archive.in_file(position, fault))
        }
    }
}

fn unpack_gzip(body: Received<'_>, budget: DecodeBudget) -> Result<(Vec<u8>, Wrapping), Fault> {
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
            Err(Fault::new(FaultCode::TooManyLayers, detail, FaultPlace::Whole))
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
        Form::Zip => return Err(zip::fault("a zip archive lies inside gzip, one of both was expected")),
        // Read to the end all the same: damaged or outsized compression is the truer reason.
        other => {
            drain(&mut layer)?;
            return Err(other.fault(FaultPlace::Byte { offset: 0, of: Layer::Unpacked }));
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
    pub(super) fn note(&self, deviations: &mut Deviations) {
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
