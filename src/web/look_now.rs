//! A look at a policy domain that somebody asks for on its page.

use std::pin::Pin;

/// Whoever looks at policy domains.
pub trait LookNow: Send + Sync {
    /// Looks, and keeps what was seen. The error is an English sentence without full stop.
    fn look_now(&self, policy_domain: String) -> Pin<Box<dyn Future<Output = Result<(), String>> + Send + '_>>;
}
