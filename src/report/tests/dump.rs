//! A report as readable JSON.

use serde_json::{Map, Value, json};

use crate::{
    fault::Fault,
    report::{Failure, Policy, PolicyDetails, PolicyResult, Report, Text},
};

pub(super) fn outcome(outcome: &Result<Vec<Result<Report, Fault>>, Fault>) -> Value {
    match outcome {
        Err(error) => fault(error),
        Ok(reports) if reports.len() == 1 => one(&reports[0]),
        Ok(reports) => json!({ "reports": reports.iter().map(one).collect::<Vec<_>>() }),
    }
}

fn one(report: &Result<Report, Fault>) -> Value {
    match report {
        Ok(report) => self::report(report),
        Err(error) => fault(error),
    }
}

fn fault(fault: &Fault) -> Value {
    json!({ "fault": { "code": fault.code.as_str(), "place": fault.place.to_string(), "detail": fault.detail } })
}

fn report(report: &Report) -> Value {
    let deviations: Map<String, Value> = report
        .deviations
        .iter()
        .map(|(code, found)| (code.as_str().to_owned(), json!([found.count, found.first_path])))
        .collect();
    without_nulls(json!({
        "organisation": report.organisation,
        "contact": report.contact,
        "report_id": report.report_id,
        "start": report.range.start.to_rfc3339(),
        "end": report.range.end.to_rfc3339(),
        "policies": report.policies.iter().map(policy_result).collect::<Vec<_>>(),
        "deviations": deviations,
    }))
}

fn policy_result(result: &PolicyResult) -> Value {
    let Policy { policy_type, domain, policy_string, mx_hosts, details } = &result.policy;
    let details = match details {
        PolicyDetails::Unknown => Value::Null,
        PolicyDetails::Sts(sts) => without_nulls(json!({
            "version": sts.version, "mode": sts.mode.map(|mode| mode.as_str()), "mx": sts.mx, "max_age": sts.max_age,
        })),
        PolicyDetails::Tlsa(records) => records
            .iter()
            .map(|record| format!("{} {} {} {}", record.usage, record.selector, record.matching, record.data))
            .collect(),
    };
    without_nulls(json!({
        "type": policy_type.as_str(),
        "domain": domain,
        "policy_string": policy_string,
        "mx_hosts": mx_hosts,
        "details": details,
        "successful": result.successful,
        "failed": result.failed,
        "failures": result.failures.iter().map(failure).collect::<Vec<_>>(),
    }))
}

fn failure(failure: &Failure) -> Value {
    let ip = |ip: &Text<std::net::IpAddr>| match ip {
        Text::Verbatim(text) => json!({ "verbatim": text }),
        ip => json!(ip.to_text()),
    };
    without_nulls(json!({
        "result_type": failure.result_type,
        "sending_mta_ip": ip(&failure.sending_mta_ip),
        "receiving_mx_hostname": failure.receiving_mx_hostname,
        "receiving_mx_helo": failure.receiving_mx_helo,
        "receiving_ip": ip(&failure.receiving_ip),
        "failed_sessions": failure.failed_sessions,
        "additional_information": failure.additional_information,
        "reason_code": failure.reason_code,
    }))
}

fn without_nulls(mut value: Value) -> Value {
    if let Value::Object(members) = &mut value {
        members.retain(|_, member| !member.is_null());
    }
    value
}
