//! Walks the fixtures.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};

use crate::{
    decode::{
        Document, documents,
        mail::{MailMessage, MailPart, MessageBytes, ParsedMail, open},
    },
    fault::Fault,
    limits::Limits,
    report::Deviations,
    submission::Hints,
};

fn inputs() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/mails");
    let mut inputs = Vec::new();
    for sender in fs::read_dir(root).unwrap() {
        let files = fs::read_dir(sender.unwrap().path()).unwrap().map(|file| file.unwrap().path());
        inputs.extend(files.filter(|path| path.extension().is_some_and(|extension| extension == "eml")));
    }
    inputs.sort();
    assert!(inputs.len() > 40, "the fixtures are missing");
    inputs
}

#[test]
fn every_fixture_gives_what_is_expected() {
    let mut wrong = Vec::new();
    for path in inputs() {
        let mail = fs::read(&path).unwrap();
        let got = outcome(&open(&mail, &Limits::default()));
        let expected = path.with_extension("expected.json");
        let got_path = path.with_extension("got");
        let is_expected =
            fs::read_to_string(&expected).is_ok_and(|text| serde_json::from_str::<Value>(&text).unwrap() == got);
        if is_expected {
            let _ = fs::remove_file(got_path);
        } else {
            fs::write(&got_path, serde_json::to_string_pretty(&got).unwrap() + "\n").unwrap();
            wrong.push(got_path);
        }
    }
    assert!(wrong.is_empty(), "compare these with what is expected: {wrong:#?}");
}

fn outcome(outcome: &Result<ParsedMail, Fault>) -> Value {
    match outcome {
        Err(error) => fault(error),
        Ok(mail) => json!({
            "messages": mail.messages.iter().map(message).collect::<Vec<_>>(),
            "parts": mail.parts.iter().map(part).collect::<Vec<_>>(),
        }),
    }
}

fn fault(fault: &Fault) -> Value {
    json!({ "fault": { "code": fault.code.as_str(), "place": fault.place.to_string(), "detail": fault.detail } })
}

fn message(message: &MailMessage) -> Value {
    let raw = match &message.raw {
        MessageBytes::Whole => "whole".to_owned(),
        MessageBytes::Range(range) => format!("{range:?}"),
        MessageBytes::Decoded(bytes) => format!("{} bytes decoded", bytes.len()),
    };
    json!({
        "raw": raw,
        "from_domain": message.from_domain,
        "submitter": message.submitter,
        "report_domain": message.report_domain,
        "received_at": message.received_at.map(|moment| moment.to_rfc3339()),
    })
}

fn part(part: &MailPart) -> Value {
    json!({
        "message": part.message,
        "media_type": part.media_type,
        "name": part.name,
        "certain": part.certain,
        "deviations": codes(&part.deviations),
        "document": document(part),
    })
}

/// What becomes of the part in the next stage, to show that its bytes came out whole.
fn document(part: &MailPart) -> Value {
    let hints = Hints { media_type: part.media_type.clone(), ..Hints::default() };
    match documents(&part.bytes, &hints, &Limits::default()) {
        Err(error) => fault(&error),
        Ok(documents) if documents.len() == 1 => one(&documents[0]),
        Ok(documents) => documents.iter().map(one).collect(),
    }
}

fn one(document: &Result<Document, Fault>) -> Value {
    match document {
        Err(error) => fault(error),
        Ok(document) => {
            let report: Value = serde_json::from_slice(&document.json).unwrap_or_else(|error| json!(error.to_string()));
            json!({
                "organisation": report["organization-name"],
                "report_id": report["report-id"],
                "deviations": codes(&document.deviations),
            })
        }
    }
}

fn codes(deviations: &Deviations) -> Vec<&'static str> {
    deviations.iter().map(|(deviation, _)| deviation.as_str()).collect()
}
