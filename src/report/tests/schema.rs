//! The JSON Schemas against the fixtures.

use std::fs;

use jsonschema::Validator;
use serde_json::Value;

use super::fixtures;
use crate::{
    decode::documents,
    limits::Limits,
    report::{Deviation, Report},
    submission::Hints,
};

/// Deviations from the format of RFC 8460 §4 that a schema can see. The others concern the bytes around the document, the
/// moment it came, what it says beside what it says elsewhere, or names that a schema cannot tell from unknown ones.
const OF_THE_FORMAT: &[Deviation] = {
    use Deviation::*;
    &[
        Type,
        ReportArray,
        OrgMissing,
        ContactMissing,
        ContactNotAddrSpec,
        ReportIdMissing,
        ReportIdNotString,
        TzMissing,
        DateEpoch,
        PoliciesNotArray,
        PoliciesEmpty,
        PolicySkipped,
        PolicyFlattened,
        PolicyTypeMissing,
        PolicyTypeUnknown,
        Case,
        PolicyDomainMissing,
        DomainNormalised,
        PolicyStringMissing,
        PolicyStringNested,
        PolicyStringNotArray,
        PolicyStringJoined,
        PolicyStringTrim,
        MxHostNotArray,
        MxHostList,
        MxPrefix,
        SummaryMissing,
        CountMissing,
        CountString,
        CountInvalid,
        CountNegative,
        CountRange,
        DetailsMissing,
        FailureDetailsNotArray,
        DetailSkipped,
        ResultTypeMissing,
        IpMissing,
        IpInvalid,
        IpZone,
        MxMissing,
        UriInvalid,
        AdditionalInformationObject,
        ReasonCodeNotString,
    ]
};

fn schema(name: &str) -> Validator {
    let path = format!("{}/schemas/report.{name}.schema.json", env!("CARGO_MANIFEST_DIR"));
    let schema: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    jsonschema::validator_for(&schema).unwrap()
}

/// Name, document and reports of each fixture that is accepted at least in part and that `serde_json` can hold.
fn accepted() -> Vec<(String, Value, Vec<Report>)> {
    let mut accepted = Vec::new();
    for path in fixtures::inputs() {
        let Ok(reports) = fixtures::read(&path) else { continue };
        let reports: Vec<Report> = reports.into_iter().flatten().collect();
        // The form upload is unpacked by its header line, which is not read here.
        let hints = Hints { media_type: Some("multipart/form-data; boundary=----form".to_owned()), ..Hints::default() };
        let hints = if path.extension().is_some_and(|extension| extension == "txt") { hints } else { Hints::default() };
        // Of an archive the first is enough.
        let json = documents(&fs::read(&path).unwrap(), &hints, &Limits::default()).unwrap().remove(0).unwrap().json;
        if let (false, Ok(document)) = (reports.is_empty(), serde_json::from_slice(&json)) {
            accepted.push((path.display().to_string(), document, reports));
        }
    }
    accepted
}

#[test]
fn what_is_accepted_has_the_lenient_shape() {
    let schema = schema("lenient");
    for (name, document, _) in accepted() {
        let errors: Vec<String> = schema.iter_errors(&document).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{name}: {errors:?}");
    }
}

#[test]
fn what_is_no_report_has_not() {
    let schema = schema("lenient");
    for name in ["datagram", "scalar", "policies-null", "no-usable-policy", "bad-date", "draft-format"] {
        let path = fixtures::root().join(format!("handmade/{name}.json"));
        let document: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
        assert!(!schema.is_valid(&document), "{name}");
    }
}

#[test]
fn the_strict_shape_is_that_of_reports_without_deviations_of_the_format() {
    let schema = schema("rfc8460");
    for (name, document, reports) in accepted() {
        let strays: Vec<&str> = reports
            .iter()
            .flat_map(|report| report.deviations.iter())
            .map(|(deviation, _)| deviation)
            .filter(|deviation| OF_THE_FORMAT.contains(deviation))
            .map(Deviation::as_str)
            .collect();
        let is_valid = schema.is_valid(&document);
        assert!(!is_valid || strays.is_empty(), "{name} is valid in spite of {strays:?}");
    }
    for clean in [
        "google/clean",
        "google/several-policies",
        "google/mx-host-absent",
        "handmade/everything",
        "handmade/unknown-members",
        "halon/local-time",
        "mailru/fetch-error",
        "microsoft/fetch-error",
    ] {
        let path = fixtures::root().join(format!("{clean}.json"));
        let document: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
        let errors: Vec<String> = schema.iter_errors(&document).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{clean}: {errors:?}");
    }
}
