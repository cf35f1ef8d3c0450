//! `policy-string` of an `sts` policy: the lines of the policy file as the sender applied them (RFC 8461 §3.2).

use super::domain::host;
use crate::report::{StsMode, StsPolicy};

/// RFC 8461 §3.2: a year of 365.25 days.
const MAX_AGE_MAX_S: u32 = 31_557_600;

/// Reads the lines. Of a field that stands twice the first counts, except `mx`; errors in the policy are legal here
/// (RFC 8460 §4.4: "including any errors") and leave the field unknown.
pub(in crate::report) fn sts(lines: &[String]) -> StsPolicy {
    let mut policy = StsPolicy::default();
    let (mut mode_seen, mut max_age_seen) = (false, false);
    for line in lines {
        let Some((key, value)) = line.split_once(':') else { continue };
        let value = value.trim();
        match key.trim_end() {
            "version" if policy.version.is_none() => policy.version = Some(value.to_owned()),
            "mode" if !mode_seen => {
                mode_seen = true;
                policy.mode = StsMode::from_name(value);
            }
            "max_age" if !max_age_seen => {
                max_age_seen = true;
                policy.max_age = max_age(value);
            }
            "mx" if !value.is_empty() => policy.mx.push(host(value)),
            _ => {}
        }
    }
    policy
}

fn max_age(value: &str) -> Option<u32> {
    let digits = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    value.parse().ok().filter(|seconds| digits && *seconds <= MAX_AGE_MAX_S)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &[&str]) -> StsPolicy {
        sts(&lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn the_fields_are_read() {
        let policy =
            read(&["version: STSv1", "mode:enforce", "mx: MX1.example.com", "mx: *.example.net", "max_age: 86400"]);
        assert_eq!(policy.version.as_deref(), Some("STSv1"));
        assert_eq!(policy.mode, Some(StsMode::Enforce));
        assert_eq!(policy.mx, ["mx1.example.com", "*.example.net"]);
        assert_eq!(policy.max_age, Some(86_400));
    }

    #[test]
    fn invalid_policies_leave_fields_unknown() {
        assert_eq!(read(&["mode: reject", "mode: enforce"]).mode, None);
        assert_eq!(read(&["mode: testing", "mode: enforce"]).mode, Some(StsMode::Testing));
        assert_eq!(read(&["mode: Enforce"]).mode, None);
        for age in ["max_age: 31557601", "max_age: -1", "max_age: +1", "max_age:", "max_age: 99999999999"] {
            assert_eq!(read(&[age]).max_age, None, "{age}");
        }
        assert_eq!(read(&["max_age: 31557600"]).max_age, Some(MAX_AGE_MAX_S));
    }
}
