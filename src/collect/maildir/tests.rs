use std::{
    fs::{self, Permissions},
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
    sync::{Arc, Mutex},
};

use super::*;
use crate::{
    fault::{Fault, FaultCode, FaultPlace},
    health::{ComponentState, Health},
    submission::Accepting,
};

/// Says of a mail what its text says, and remembers what it was asked.
#[derive(Default)]
struct AdminCommands {
    asked: Mutex<Vec<Submission>>,
    busy: Mutex<Option<Busy>>,
}

impl Accept for Arc<AdminCommands> {
    fn accept(&self, submission: Submission) -> Accepting {
        let fault = |code| Fault::new(code, "as the text says", FaultPlace::Whole);
        let mut outcomes: Vec<Outcome> = Vec::new();
        for word in String::from_utf8(submission.bytes.clone()).unwrap().split_whitespace() {
            outcomes.push(match (*self.busy.lock().unwrap(), word) {
                (Some(busy), _) => Outcome::Busy(busy),
                (None, "stored") => Outcome::Stored(Uuid::nil()),
                (None, "duplicate") => Outcome::Duplicate(Uuid::nil()),
                (None, "ignored") => Outcome::Ignored(fault(FaultCode::NotTlsrpt)),
                (None, "refused") => Outcome::Refused(fault(FaultCode::ForeignDomain)),
                (None, "key") => Outcome::Busy(Busy::KeyLookup),
                (None, _) => Outcome::Quarantined { entry: Uuid::nil(), fault: fault(FaultCode::DkimNone) },
            });
        }
        self.asked.lock().unwrap().push(submission);
        Box::pin(async move { Receipt::new(outcomes) })
    }
}

struct Setup {
    directory: tempfile::TempDir,
    admin: Arc<AdminCommands>,
    clock: Clock,
    health: HealthRegistry,
    watch: Watch,
}

fn start() -> DateTime<Utc> {
    DateTime::from_timestamp(2_000_000_000, 0).unwrap()
}

impl Setup {
    fn new() -> Setup {
        let directory = tempfile::tempdir().unwrap();
        for part in ["new", "cur", "tmp"] {
            fs::create_dir(directory.path().join(part)).unwrap();
        }
        let (admin, clock, health) =
            (Arc::new(AdminCommands::default()), Clock::fixed(start()), HealthRegistry::default());
        let config = config::Maildir { path: directory.path().to_owned(), poll_s: 10 };
        let watch = Watch::open(&config, 100, Arc::new(Arc::clone(&admin)), clock.clone(), &health);
        Setup { directory, admin, clock, health, watch }
    }

    fn write(&self, path: &str, text: &str) {
        fs::write(self.directory.path().join(path), text).unwrap();
    }

    fn names(&self, part: &str) -> Vec<String> {
        names(&self.directory.path().join(part))
    }

    fn asked(&self) -> Vec<Submission> {
        std::mem::take(&mut *self.admin.asked.lock().unwrap())
    }

    fn health(&self) -> Health {
        self.health.all().remove(0).1
    }

    fn after(&self, seconds: i64) {
        self.clock.set(start() + TimeDelta::seconds(seconds));
    }
}

fn names(directory: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[tokio::test]
async fn mail_is_taken_in_order_and_moved_with_the_flags_of_its_outcome() {
    let mut setup = Setup::new();
    for (name, text) in [
        ("1.host", "stored"),
        ("2.host", "duplicate stored"),
        ("3.host", "ignored"),
        ("4.host:2,S", "refused"),
        ("5.host", "quarantined stored"),
        (".6.host", "stored"),
    ] {
        setup.write(&format!("new/{name}"), text);
    }
    setup.write("tmp/7.host", "stored");
    setup.write("outside", "stored");
    symlink(setup.directory.path().join("outside"), setup.directory.path().join("new/8.host")).unwrap();
    let look = setup.watch.look().await;
    assert_eq!(look, MaildirLook { moved: 5, waiting: 0, pause: Duration::from_secs(10) });
    assert_eq!(setup.names("cur"), ["1.host:2,S", "2.host:2,S", "3.host:2,", "4.host:2,F", "5.host:2,F"]);
    assert_eq!(setup.names("new"), [".6.host", "8.host"]);
    assert_eq!(setup.names("tmp"), ["7.host"]);

    let asked = setup.asked();
    let texts: Vec<_> = asked.iter().map(|submission| String::from_utf8_lossy(&submission.bytes)).collect();
    assert_eq!(texts, ["stored", "duplicate stored", "ignored", "refused", "quarantined stored"]);
    let first = &asked[0];
    assert_eq!((first.channel, first.received_at, first.is_mail()), (Channel::Maildir, start(), true));
    let path = setup.directory.path().join("new/1.host");
    assert_eq!(first.hints.source.as_deref(), path.to_str());
    assert!(first.hints.mailed_at.is_some_and(|at| at < start()), "the file's own time");
    assert!(!first.hints.trusted_input);

    let (name, health) = setup.health.all().remove(0);
    assert_eq!(name, format!("maildir {}", setup.directory.path().display()));
    assert_eq!((health.state, health.words.as_str()), (ComponentState::Well, "looked at every 10 s"));
    let counts = health.counts;
    assert_eq!((counts.stored, counts.duplicate, counts.ignored, counts.refused, counts.quarantined), (3, 1, 1, 1, 1));

    assert_eq!(setup.watch.look().await.moved, 0, "nothing is left");
    assert!(setup.asked().is_empty());
}

#[tokio::test]
async fn a_time_to_come_is_no_time_of_delivery() {
    let mut setup = Setup::new();
    setup.clock.set(DateTime::from_timestamp(1_000, 0).unwrap());
    setup.write("new/1.host", "stored");
    setup.watch.look().await;
    assert_eq!(setup.asked()[0].hints.mailed_at, None);
}

#[tokio::test]
async fn nothing_is_overwritten_in_cur() {
    let mut setup = Setup::new();
    setup.write("cur/1.host:2,S", "mine");
    setup.write("new/1.host", "stored");
    assert_eq!(setup.watch.look().await.moved, 1);
    assert_eq!(setup.names("cur"), ["1.host:2,S", "1.host_1:2,S"]);
    assert_eq!(fs::read_to_string(setup.directory.path().join("cur/1.host:2,S")).unwrap(), "mine");
}

#[tokio::test]
async fn what_is_too_large_or_unreadable_goes_out_of_the_way() {
    let mut setup = Setup::new();
    setup.write("new/1.host", &"x".repeat(101));
    setup.write("new/2.host", &format!("stored{}", " ".repeat(94)));
    let locked = setup.directory.path().join("new/3.host");
    setup.write("new/3.host", "stored");
    fs::set_permissions(&locked, Permissions::from_mode(0o000)).unwrap();
    let readable = fs::File::open(&locked).is_ok();
    assert_eq!(setup.watch.look().await.moved, 3);
    // Root reads everything.
    let third = if readable { "3.host:2,S" } else { "3.host:2,F" };
    assert_eq!(setup.names("cur"), ["1.host:2,F", "2.host:2,S", third]);
    assert_eq!(setup.health().counts.refused, if readable { 1 } else { 2 });
}

#[tokio::test]
async fn mail_waits_in_new_while_the_machine_cannot_read_it() {
    let mut setup = Setup::new();
    setup.write("new/1.host", "stored");
    setup.write("new/3.host", "stored");
    // A link to itself stands for whatever fails between the list and the reading.
    let broken = setup.directory.path().join("new/2.host");
    symlink(&broken, &broken).unwrap();
    let listed = || Ok(["1.host", "2.host", "3.host"].map(OsString::from).to_vec());
    let look = setup.watch.look_at(listed()).await;
    assert_eq!((look.moved, look.waiting), (2, 1), "the others are taken");
    assert!((15..=20).contains(&look.pause.as_secs()), "{look:?}");
    assert_eq!(setup.names("new"), ["2.host"]);
    let health = setup.health();
    assert_eq!((health.state, health.counts.refused), (ComponentState::Failing, 0));
    assert!(health.words.starts_with("mail cannot be read: "), "{}", health.words);

    fs::remove_file(&broken).unwrap();
    setup.write("new/2.host", "stored");
    assert_eq!(setup.watch.look().await, MaildirLook { moved: 1, waiting: 0, pause: Duration::from_secs(10) });
    assert_eq!(setup.health().state, ComponentState::Well);
}

#[tokio::test]
async fn mail_waits_in_new_while_nothing_can_be_stored() {
    let mut setup = Setup::new();
    for number in 100..300 {
        setup.write(&format!("new/{number}.host"), "stored");
    }
    *setup.admin.busy.lock().unwrap() = Some(Busy::DiskFull);
    let first = setup.watch.look().await;
    assert_eq!((first.moved, first.waiting), (0, 200));
    assert!(setup.asked().len() < 100, "the rest is not even tried");
    let health = setup.health();
    assert_eq!(
        (health.state, health.words.as_str()),
        (ComponentState::Failing, "the disk is full; mails that wait: 200")
    );
    let mut last = first.pause;
    for _ in 0..20 {
        last = setup.watch.look().await.pause;
    }
    assert!((15..=20).contains(&first.pause.as_secs()), "{first:?}");
    assert!((225..=300).contains(&last.as_secs()), "{last:?}");

    *setup.admin.busy.lock().unwrap() = None;
    let look = setup.watch.look().await;
    assert_eq!(look, MaildirLook { moved: 200, waiting: 0, pause: Duration::from_secs(10) });
    assert_eq!(setup.health().state, ComponentState::Well);
}

#[tokio::test]
async fn a_mail_whose_key_cannot_be_looked_up_holds_up_nobody() {
    let mut setup = Setup::new();
    setup.write("new/1.host", "key");
    setup.write("new/2.host", "stored");
    let look = setup.watch.look().await;
    assert_eq!((look.moved, look.waiting, look.pause), (1, 1, Duration::from_secs(10)));
    assert_eq!(setup.asked().len(), 2);
    let words = "the key of the mail's signature cannot be looked up now; mails that wait: 1";
    assert_eq!((setup.health().state, setup.health().words.as_str()), (ComponentState::Well, words));

    setup.after(40);
    assert_eq!(setup.watch.look().await.waiting, 1);
    assert!(setup.asked().is_empty(), "it is not its turn yet");
    setup.after(61);
    setup.watch.look().await;
    assert_eq!(setup.asked().len(), 1);
    setup.after(61 + 85);
    setup.watch.look().await;
    assert!(setup.asked().is_empty(), "the pause grows");
    setup.write("new/1.host", "stored");
    setup.after(61 + 121);
    assert_eq!(setup.watch.look().await, MaildirLook { moved: 1, waiting: 0, pause: Duration::from_secs(10) });
    assert_eq!(setup.names("cur"), ["1.host:2,S", "2.host:2,S"]);
}

#[tokio::test]
async fn a_directory_that_is_missing_is_told_and_may_come() {
    let mut setup = Setup::new();
    let path = setup.directory.path().to_owned();
    fs::rename(path.join("new"), path.join("gone")).unwrap();
    assert_eq!(setup.watch.look().await, MaildirLook { moved: 0, waiting: 0, pause: Duration::from_secs(10) });
    let health = setup.health();
    assert_eq!(health.state, ComponentState::Failing);
    assert!(health.words.contains("new cannot be read: No such file or directory"), "{}", health.words);

    fs::rename(path.join("gone"), path.join("new")).unwrap();
    fs::remove_dir(path.join("cur")).unwrap();
    setup.write("new/1.host", "stored");
    for _ in 0..3 {
        assert_eq!(setup.watch.look().await.waiting, 1);
        assert!(setup.health().words.contains("cannot be moved to cur"), "{}", setup.health().words);
    }
    assert_eq!(setup.asked().len(), 1, "it is judged once");
    fs::create_dir(path.join("cur")).unwrap();
    assert_eq!(setup.watch.look().await.moved, 1);
    assert_eq!(setup.health().state, ComponentState::Well);
}

#[tokio::test]
async fn a_mail_is_taken_again_after_a_crash() {
    let mut setup = Setup::new();
    setup.write("new/1.host", "stored");
    setup.watch.look().await;
    // As if it had died before it moved the mail.
    let path = setup.directory.path();
    fs::rename(path.join("cur/1.host:2,S"), path.join("new/1.host")).unwrap();
    let config = config::Maildir { path: path.to_owned(), poll_s: 10 };
    let mut again = Watch::open(&config, 100, Arc::new(Arc::clone(&setup.admin)), setup.clock.clone(), &setup.health);
    assert_eq!(again.look().await.moved, 1);
    assert_eq!(setup.names("cur"), ["1.host:2,S"]);
    assert_eq!(setup.asked().len(), 2);
}

#[tokio::test]
async fn it_looks_once_at_the_start_and_stops_when_told() {
    let Setup { directory, watch, .. } = Setup::new();
    fs::write(directory.path().join("new/1.host"), "stored").unwrap();
    let watching = watch.start();
    // Not before the first look has come to its end, which the stop waits for.
    let taken = async {
        while !names(&directory.path().join("new")).is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), taken).await.expect("taken in time");
    watching.stop().await;
    assert_eq!(names(&directory.path().join("cur")), ["1.host:2,S"]);
}

#[test]
fn a_pause_keeps_three_quarters_of_its_length() {
    for _ in 0..1_000 {
        let pause = jittered(Duration::from_secs(400));
        assert!((300..=400).contains(&pause.as_secs()), "{pause:?}");
    }
    assert_eq!(jittered(Duration::ZERO), Duration::ZERO);
}
