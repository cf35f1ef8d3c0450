//! Which mails need no second look, kept over restarts.

use std::collections::BTreeSet;

use futures_util::future::BoxFuture;

/// Where that is kept. UIDs mean something only together with account, folder and UIDVALIDITY (RFC 3501 §2.3.1.1); what is
/// kept for another UIDVALIDITY of the same folder is forgotten as soon as something new is noted. Errors are words for the
/// operator.
pub trait Memory: Send + Sync + 'static {
    fn settled(
        &self,
        account: &str,
        folder: &str,
        uid_validity: u32,
    ) -> BoxFuture<'static, Result<BTreeSet<u32>, String>>;

    /// Resolves once it is on disk.
    fn settle(
        &self,
        account: &str,
        folder: &str,
        uid_validity: u32,
        uids: &[u32],
    ) -> BoxFuture<'static, Result<(), String>>;
}
