//! Which mails of a mailbox need no second look.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use duckdb::{Connection, params};

use super::rows::At;
use crate::store::StoreError;

/// The UIDs that were noted for a folder under this UIDVALIDITY (RFC 3501 §2.3.1.1).
pub fn settled(conn: &Connection, account: &str, folder: &str, uid_validity: u32) -> Result<BTreeSet<u32>, StoreError> {
    let sql = "SELECT uid FROM mailbox WHERE account = ? AND folder = ? AND uid_validity = ?";
    let mut statement = conn.prepare(sql)?;
    let uids = statement.query_map(params![account, folder, uid_validity], |row| row.get(0))?;
    Ok(uids.collect::<Result<_, _>>()?)
}

/// Notes UIDs, and forgets what the folder had under another UIDVALIDITY, which names nothing any more. To be run in a
/// transaction.
pub fn settle(
    conn: &Connection,
    account: &str,
    folder: &str,
    uid_validity: u32,
    uids: &[u32],
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let stale = "DELETE FROM mailbox WHERE account = ? AND folder = ? AND uid_validity <> ?";
    conn.execute(stale, params![account, folder, uid_validity])?;
    let mut statement = conn.prepare("INSERT INTO mailbox VALUES (?, ?, ?, ?, ?)")?;
    // Noting twice does no harm, and looking for it would cost more with each mail.
    for uid in uids {
        statement.execute(params![account, folder, uid_validity, uid, At(now)])?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::fixtures::{memory, october};

    #[test]
    fn mails_are_noted_and_a_new_uid_validity_begins_anew() {
        let conn = memory();
        conn.execute_batch(
            "CREATE TABLE mailbox (account VARCHAR NOT NULL, folder VARCHAR NOT NULL, uid_validity UINTEGER NOT NULL, \
             uid UINTEGER NOT NULL, settled_at TIMESTAMP NOT NULL)",
        )
        .unwrap();
        let note = |account, folder, validity, uids: &[u32]| {
            settle(&conn, account, folder, validity, uids, october(1)).unwrap();
        };
        let noted = |account, folder, validity| settled(&conn, account, folder, validity).unwrap();
        note("a", "INBOX", 7, &[1, u32::MAX, 3]);
        note("a", "INBOX", 7, &[3, 4, 4]);
        note("a", "Other", u32::MAX, &[5]);
        note("b", "INBOX", 7, &[6]);
        assert_eq!(noted("a", "INBOX", 7), BTreeSet::from([1, 3, 4, u32::MAX]));

        assert_eq!(noted("a", "INBOX", 8), BTreeSet::new());
        note("a", "INBOX", 8, &[1]);
        assert_eq!(noted("a", "INBOX", 7), BTreeSet::new(), "it names nothing any more");
        assert_eq!(noted("a", "INBOX", 8), BTreeSet::from([1]));
        assert_eq!(noted("a", "Other", u32::MAX), BTreeSet::from([5]));
        assert_eq!(noted("b", "INBOX", 7), BTreeSet::from([6]));
    }
}
