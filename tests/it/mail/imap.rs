//! Mail that lies in a mailbox, read from a real IMAP server.

use std::collections::BTreeSet;

use super::{World, dovecot::Dovecot, signed, stored};
use crate::server::until;

const REPORTS: usize = 60;
const SPAM: usize = 5;
pub(super) const FOLDERS: &str = "done = \"done\"\nignored = \"other\"\nfailed = \"failed\"\n";

#[test]
fn a_mailbox_is_read_and_tidied_up() {
    let Some(mut dovecot) = Dovecot::start(&["done", "other", "failed"]) else { return };
    let ids: Vec<String> = (0..REPORTS).map(|number| format!("imap-{number:02}")).collect();
    for (number, id) in ids.iter().enumerate() {
        dovecot.deliver(&signed::signed(id));
        if number < SPAM {
            dovecot.deliver(&signed::spam(number));
        }
    }
    dovecot.deliver(&signed::unsigned("bare"));
    let world = World::new(&(dovecot.account() + FOLDERS));
    let server = world.start();
    until("the mailbox is empty", || dovecot.mails("").is_empty());
    let expected: Vec<[String; 3]> = ids.iter().map(|id| [id.as_str(), "imap", "dkim"].map(str::to_owned)).collect();
    assert_eq!(stored(&server), expected);
    assert_eq!(super::quarantined(&server), [["bare", "imap", "dkim-none"].map(str::to_owned)]);

    let names = |folder: &str| -> BTreeSet<String> {
        dovecot.mails(folder).iter().map(|text| message_id(text).unwrap_or("none").to_owned()).collect()
    };
    assert_eq!(names("done"), ids.iter().cloned().collect());
    assert_eq!(dovecot.mails("done").len(), REPORTS);
    assert_eq!(dovecot.mails("other").len(), SPAM);
    assert_eq!(names("other"), BTreeSet::from(["none".to_owned()]));
    assert_eq!(names("failed"), BTreeSet::from(["bare".to_owned()]));

    // What comes while it runs is taken as well, and a second server finds nothing left to do.
    dovecot.deliver(&signed::signed("late"));
    until("the late mail is moved", || dovecot.mails("done").len() == REPORTS + 1 && dovecot.mails("").is_empty());
    assert!(server.stop().success());
    let server = world.start();
    assert_eq!(stored(&server).len(), REPORTS + 1);
}

/// The report's id, of which the Message-ID is made.
pub(super) fn message_id(mail: &str) -> Option<&str> {
    mail.lines().find_map(|line| line.strip_prefix("Message-ID: <")?.split('@').next())
}
