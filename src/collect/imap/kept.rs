//! The memory of the mailboxes in the store.

use std::collections::BTreeSet;

use futures_util::future::BoxFuture;

use super::Memory;
use crate::{
    clock::Clock,
    store::{Store, tables::mailbox},
};

pub struct KeptResponse {
    store: Store,
    clock: Clock,
}

impl KeptResponse {
    pub fn new(store: Store, clock: Clock) -> KeptResponse {
        KeptResponse { store, clock }
    }
}

impl Memory for KeptResponse {
    fn settled(
        &self,
        account: &str,
        folder: &str,
        uid_validity: u32,
    ) -> BoxFuture<'static, Result<BTreeSet<u32>, String>> {
        let (store, account, folder) = (self.store.clone(), account.to_owned(), folder.to_owned());
        Box::pin(async move {
            let settled = store.read(move |conn| mailbox::settled(conn, &account, &folder, uid_validity)).await;
            settled.map_err(|error| error.to_string())
        })
    }

    fn settle(
        &self,
        account: &str,
        folder: &str,
        uid_validity: u32,
        uids: &[u32],
    ) -> BoxFuture<'static, Result<(), String>> {
        let (store, account, folder) = (self.store.clone(), account.to_owned(), folder.to_owned());
        let (uids, now) = (uids.to_vec(), self.clock.now());
        Box::pin(async move {
            let note = store.change(move |conn| mailbox::settle(conn, &account, &folder, uid_validity, &uids, now));
            note.await.map_err(|error| error.to_string())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::fixtures::{TempStore, temp_store};

    #[tokio::test(flavor = "multi_thread")]
    async fn what_was_noted_is_known_again_until_the_folder_is_made_anew() {
        let TempStore { store, directory: _directory } = temp_store();
        let kept = KeptResponse::new(store, Clock::system());
        kept.settle("a", "INBOX", 1, &[3, 5]).await.unwrap();
        kept.settle("a", "INBOX", 1, &[5, 8]).await.unwrap();
        kept.settle("a", "Other", 1, &[9]).await.unwrap();
        assert_eq!(kept.settled("a", "INBOX", 1).await.unwrap(), BTreeSet::from([3, 5, 8]));
        assert_eq!(kept.settled("a", "INBOX", 2).await.unwrap(), BTreeSet::new());
        kept.settle("a", "INBOX", 2, &[1]).await.unwrap();
        assert_eq!(kept.settled("a", "INBOX", 1).await.unwrap(), BTreeSet::new());
        assert_eq!(kept.settled("a", "Other", 1).await.unwrap(), BTreeSet::from([9]));
    }
}
