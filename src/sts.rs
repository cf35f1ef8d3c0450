//! MTA-STS as it is published (RFC 8461): the record that says that there is a policy, the policy itself, and which MX hosts it covers. Strict, so
//! that it finds what a sender that follows the RFC does not accept; what reports say of policies is read leniently elsewhere.

pub mod content;
pub mod pattern;
pub mod policy;
pub mod record;
