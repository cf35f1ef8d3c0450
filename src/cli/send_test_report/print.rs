//! What `send-test-report` says on standard output: each step as it happens, or one JSON object at the end.

use std::io::{self, Write};

use serde_json::{Value, json};

use crate::{
    probe::{ORGANISATION, ProbeEvent, ProbeVerdict, Sample},
    text::visible,
};

pub(super) enum ProbeOutput<W> {
    Text(W),
    Json { out: W, report: Value, record: Vec<Value>, destinations: Vec<Value>, verdict: Value },
}

impl<W: Write> ProbeOutput<W> {
    pub(super) fn text(out: W) -> ProbeOutput<W> {
        ProbeOutput::Text(out)
    }

    pub(super) fn json(out: W) -> ProbeOutput<W> {
        let (record, destinations) = (Vec::new(), Vec::new());
        ProbeOutput::Json { out, report: Value::Null, record, destinations, verdict: Value::Null }
    }

    /// What will be sent, and how to find it again.
    pub(super) fn begin(&mut self, sample: &Sample) -> io::Result<()> {
        match self {
            ProbeOutput::Text(out) => {
                line(out, "report-id", &sample.report_id)?;
                line(out, "sender", &format!("{ORGANISATION} <{}>", sample.contact))?;
                line(out, "contents", &sample.contents())?;
                line(out, "find it", "by its report-id: it is the only one with it, and no session in it took place")
            }
            ProbeOutput::Json { report, .. } => {
                *report = sample.json();
                Ok(())
            }
        }
    }

    pub(super) fn event(&mut self, event: &ProbeEvent) -> io::Result<()> {
        match (self, event) {
            (ProbeOutput::Text(out), ProbeEvent::Destination { uri, number, of }) => {
                let number = if *of > 1 { format!(" ({number} of {of})") } else { String::new() };
                writeln!(out, "\n{}{number}", visible(uri))
            }
            (ProbeOutput::Text(out), ProbeEvent::Step(step)) => line(out, step.step, &step.text),
            (ProbeOutput::Text(out), ProbeEvent::Verdict(ProbeVerdict { verdict, next, .. })) => {
                line(out, "verdict", verdict)?;
                line(out, "next", next)
            }
            (ProbeOutput::Json { destinations, .. }, ProbeEvent::Destination { uri, .. }) => {
                destinations.push(json!({ "uri": uri, "steps": [], "verdict": null }));
                Ok(())
            }
            (ProbeOutput::Json { record, destinations, .. }, ProbeEvent::Step(step)) => {
                match destinations.last_mut().and_then(|destination| destination["steps"].as_array_mut()) {
                    Some(steps) => steps.push(json!(step)),
                    None => record.push(json!(step)),
                }
                Ok(())
            }
            (ProbeOutput::Json { destinations, verdict: whole, .. }, ProbeEvent::Verdict(verdict)) => {
                match destinations.last_mut() {
                    Some(destination) => destination["verdict"] = json!(verdict),
                    None => *whole = json!(verdict),
                }
                Ok(())
            }
        }
    }

    pub(super) fn finish(&mut self, exit_code: u8) -> io::Result<()> {
        match self {
            ProbeOutput::Text(out) => out.flush(),
            ProbeOutput::Json { out, report, record, destinations, verdict } => {
                let shown = json!({
                    "report": report,
                    "record": record,
                    "destinations": destinations,
                    "verdict": verdict,
                    "exit_code": exit_code,
                });
                writeln!(out, "{shown}")?;
                out.flush()
            }
        }
    }
}

fn line(out: &mut impl Write, word: &str, text: &str) -> io::Result<()> {
    writeln!(out, "{word:<10}  {}", visible(text))
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::probe::{MailtoAddress, ProbeFate, ProbeStep};

    fn shown(mut shown: ProbeOutput<Vec<u8>>, events: &[ProbeEvent]) -> String {
        let contact = MailtoAddress::new("postmaster", "sender.example").unwrap();
        let sample =
            Sample::new("example.com", &contact, false, Uuid::from_u128(7), "2024-03-01T08:00:00Z".parse().unwrap());
        shown.begin(&sample).unwrap();
        for event in events {
            shown.event(event).unwrap();
        }
        shown.finish(1).unwrap();
        match shown {
            ProbeOutput::Text(out) | ProbeOutput::Json { out, .. } => String::from_utf8(out).unwrap(),
        }
    }

    fn step(step: &'static str, text: &str) -> ProbeEvent {
        ProbeEvent::Step(ProbeStep { step, text: text.to_owned() })
    }

    fn events() -> Vec<ProbeEvent> {
        vec![
            step("record", "_smtp._tls.example.com: v=TLSRPTv1; rua=https://a.example/r,mailto:b@a.example"),
            ProbeEvent::Destination { uri: "https://a.example/r".to_owned(), number: 1, of: 2 },
            step("answer", "201 Created"),
            ProbeEvent::Verdict(ProbeVerdict::new(ProbeFate::Taken, "taken", "Nothing.")),
            ProbeEvent::Destination { uri: "mailto:b@a.example".to_owned(), number: 2, of: 2 },
            step("smtp", "RCPT TO:<b@a.example> → 550 \u{1b}[2Jno"),
            ProbeEvent::Verdict(ProbeVerdict::new(
                ProbeFate::NotDelivered,
                "not delivered: 550 \u{1b}[2Jno",
                "See the server.",
            )),
        ]
    }

    #[test]
    fn people_read_step_by_step_and_no_escapes() {
        insta::assert_snapshot!(shown(ProbeOutput::text(Vec::new()), &events()));
    }

    #[test]
    fn programs_read_one_object() {
        let text = shown(ProbeOutput::json(Vec::new()), &events());
        insta::assert_json_snapshot!(serde_json::from_str::<Value>(&text).expect("valid JSON"));
        let nowhere = [
            step("record", "none"),
            ProbeEvent::Verdict(ProbeVerdict::new(ProbeFate::NotDelivered, "no record", "Publish one.")),
        ];
        let text = shown(ProbeOutput::json(Vec::new()), &nowhere);
        let value: Value = serde_json::from_str(&text).expect("valid JSON");
        assert_eq!(value["destinations"], json!([]));
        assert_eq!(value["record"][0]["text"], "none");
        assert_eq!(value["verdict"]["fate"], "not-delivered");
    }
}
