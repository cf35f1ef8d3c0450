//! Policy strings as senders repeat them, for the fuzz target.

use super::normalise;

/// The lines of a policy, MTA-STS or TLSA.
pub fn policy_strings(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let lines: Vec<String> = text.split('\n').map(str::to_owned).collect();
    let policy = normalise::sts(&lines);
    assert!(policy.mx.len() <= lines.len());
    assert!(policy.max_age.is_none_or(|seconds| seconds <= 31_557_600));
    for line in &lines {
        normalise::tlsa(line);
    }
}
