//! What is read out of which file, before anything judges it.

use std::io::Cursor;

use ::zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

use super::*;
use crate::{
    import::{
        container::Piece,
        load::Loaded,
        walk::{FoundFile, walk},
    },
    submission::{Channel, MAIL},
};

const MAIL_A: &str = "Received: by mx.example.com; Mon, 1 Jan 2024 00:00:00 +0000\r\nSubject: a\r\n\r\nText\r\n";
const MAIL_B: &str = "From: b@example.net\nSubject: b\n\nText\n";

fn loader(limits: Limits) -> Loader {
    Loader { limits, clock: clock(), trusted_input: false }
}

/// Path below the root, and the bytes with `mail` or `document` before them, or the code, or why it was ignored.
fn read_with(root: &Path, paths: &[&str], loader: &Loader) -> Vec<(String, String)> {
    let paths: Vec<PathBuf> = paths.iter().map(|path| root.join(path)).collect();
    let mut pieces = Vec::new();
    walk(&paths, &mut |found| {
        let path = match &found {
            FoundFile::File { path, .. } | FoundFile::Settled { path, .. } => path.clone(),
            FoundFile::Stdin => PathBuf::from("-"),
        };
        match loader.load(&found) {
            Loaded::One(input) => pieces.push(Piece { path, input }),
            Loaded::Several(container) => container.unpack(&path, loader, &mut |piece| {
                pieces.push(piece);
                true
            }),
        }
        true
    });
    let reported = |input| match input {
        Input::Settled(reported) => reported.code.or(reported.detail).unwrap_or_default(),
        Input::Submission(submission) => {
            assert_eq!(submission.channel, Channel::Import);
            assert!(submission.hints.mailed_at.is_none(), "the mail itself tells");
            let kind = match submission.hints.media_type.as_deref() {
                Some(MAIL) => "mail",
                other => {
                    assert_eq!(other, None);
                    "document"
                }
            };
            format!("{kind} {}", String::from_utf8_lossy(&submission.bytes))
        }
    };
    let below = |path: &Path| path.strip_prefix(root).unwrap_or(path).display().to_string();
    pieces.into_iter().map(|piece| (below(&piece.path), reported(piece.input))).collect()
}

fn read(root: &Path, paths: &[&str]) -> Vec<(String, String)> {
    read_with(root, paths, &loader(Limits::default()))
}

fn mail(path: &str, mail: &str) -> (String, String) {
    (path.to_owned(), format!("mail {mail}"))
}

fn reported(path: &str, what: &str) -> (String, String) {
    (path.to_owned(), what.to_owned())
}

fn mbox() -> String {
    format!("From a Mon\n{MAIL_A}\nFrom b Mon\n{MAIL_B}>From here\n\n")
}

fn zip(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in members {
        match name.strip_suffix('/') {
            Some(directory) => writer.add_directory(directory, SimpleFileOptions::default()).unwrap(),
            None => {
                writer.start_file(*name, SimpleFileOptions::default()).unwrap();
                writer.write_all(bytes).unwrap();
            }
        }
    }
    writer.finish().unwrap().into_inner()
}

#[test]
fn mails_and_mboxes_are_known_by_their_content() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    fs::write(root.join("1.eml"), MAIL_A).unwrap();
    fs::write(root.join("2"), MAIL_B).unwrap();
    fs::write(root.join("3.EML"), "Unheard-Of: x\n\n").unwrap();
    fs::write(root.join("4.txt"), "Unheard-Of: x\n\n").unwrap();
    fs::write(root.join("5.mbox"), mbox()).unwrap();
    fs::write(root.join("6.txt"), "From here on\nit is a tale\n").unwrap();
    let expected = [
        mail("1.eml", MAIL_A),
        mail("2", MAIL_B),
        mail("3.EML", "Unheard-Of: x\n\n"),
        reported("4.txt", "neither mail nor gzip nor zip nor JSON"),
        mail("5.mbox#1", MAIL_A),
        mail("5.mbox#2", &format!("{MAIL_B}From here\n")),
        reported("6.txt", "neither mail nor gzip nor zip nor JSON"),
    ];
    assert_eq!(read(root, &["."]), expected);
    assert_eq!(read(root, &["6.txt"]), [reported("6.txt", "document From here on\nit is a tale\n")]);
}

#[test]
fn mails_have_their_own_limit() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    let long = format!("{MAIL_B}{}\n", "x".repeat(100));
    fs::write(root.join("a.eml"), &long).unwrap();
    fs::write(root.join("b.eml"), MAIL_A).unwrap();
    fs::write(root.join("c.json"), [&b"{"[..], &[b' '; 60]].concat()).unwrap();
    fs::write(root.join("d.mbox"), format!("From a\n{MAIL_A}\nFrom b\n{long}\nFrom c\n{MAIL_B}")).unwrap();
    fs::write(root.join("e.zip"), zip(&[("a", long.as_bytes()), ("b", MAIL_A.as_bytes())])).unwrap();
    let limits = Limits { report_wire_max_bytes: 50, mail_wire_max_bytes: 100, ..Limits::default() };
    let expected = [
        reported("a.eml", "too-large-wire"),
        mail("b.eml", MAIL_A),
        reported("c.json", "too-large-wire"),
        mail("d.mbox#1", MAIL_A),
        reported("d.mbox#2", "too-large-wire"),
        mail("d.mbox#3", MAIL_B),
        reported("e.zip!a", "too-large-wire"),
        mail("e.zip!b", MAIL_A),
    ];
    assert_eq!(read_with(root, &["."], &loader(limits)), expected);
}

#[test]
fn a_maildir_is_read_and_left_as_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    for folder in ["mail", "mail/.Archive", "mail/.Archive.2024", "mail/.git", "other"] {
        fs::create_dir_all(root.join(folder)).unwrap();
    }
    for folder in ["mail", "mail/.Archive", "mail/.Archive.2024"] {
        for part in ["cur", "new", "tmp"] {
            fs::create_dir(root.join(folder).join(part)).unwrap();
        }
    }
    let files = [
        ("mail/.Archive/cur/5.host:2,S", MAIL_A),
        ("mail/.Archive.2024/new/6.host", MAIL_B),
        ("mail/cur/1.host:2,", "Unheard-Of: x\n\n"),
        ("mail/cur/2.host:2,FS", MAIL_A),
        ("mail/cur/3.host:2,S", "From nowhere\nSubject: one mail all the same\n\n\nFrom here on\n"),
        ("mail/cur/.4.host", "not yet"),
        ("mail/dovecot.index", "\x00\x01"),
        ("mail/new/7.host", "{}"),
        ("mail/tmp/8.host", MAIL_A),
        ("other/.Archive", "hidden"),
    ];
    for (path, text) in files {
        fs::write(root.join(path), text).unwrap();
    }
    let mut expected = vec![
        mail("mail/.Archive/cur/5.host:2,S", MAIL_A),
        reported("mail/.Archive/tmp", "mail that is still being delivered"),
        mail("mail/.Archive.2024/new/6.host", MAIL_B),
        reported("mail/.Archive.2024/tmp", "mail that is still being delivered"),
        reported("mail/.git", "hidden"),
        reported("mail/cur/.4.host", "hidden"),
    ];
    expected.extend(files[2..5].iter().map(|(path, text)| mail(path, text)));
    expected.extend([
        reported("mail/dovecot.index", "neither mail nor gzip nor zip nor JSON"),
        reported("mail/new/7.host", "document {}"),
        reported("mail/tmp", "mail that is still being delivered"),
        reported("other/.Archive", "hidden"),
    ]);
    assert_eq!(read(root, &["mail", "other"]), expected);
    for (path, text) in files {
        assert_eq!(fs::read_to_string(root.join(path)).unwrap(), text, "{path}");
    }
}

#[test]
fn every_member_of_an_archive_is_an_input() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    let inner = zip(&[("x.json", b"{}")]);
    let bytes = zip(&[
        ("mail/", b""),
        ("mail/a.eml", MAIL_A.as_bytes()),
        ("../../b\x1b.json", b"{}"),
        ("c.txt", b"nothing"),
        ("__MACOSX/._c.txt", b"{}"),
        ("d.mbox", mbox().as_bytes()),
        ("e.gz", &gzip(b"{}")),
        ("f.zip", &inner),
    ]);
    fs::write(root.join("several.zip"), bytes).unwrap();
    fs::write(root.join("one.zip"), &inner).unwrap();
    fs::write(root.join("one-mail.zip"), zip(&[("a.eml", MAIL_B.as_bytes())])).unwrap();
    fs::write(root.join("one-mbox.zip"), zip(&[("x/", b""), ("x/mbox", mbox().as_bytes())])).unwrap();
    let document = |bytes: &[u8]| format!("document {}", String::from_utf8_lossy(bytes));
    let expected = [
        mail("one-mail.zip!a.eml", MAIL_B),
        mail("one-mbox.zip!x/mbox#1", MAIL_A),
        mail("one-mbox.zip!x/mbox#2", &format!("{MAIL_B}From here\n")),
        reported("one.zip", &document(&inner)),
        mail("several.zip!mail/a.eml", MAIL_A),
        reported("several.zip!../../b\x1b.json", "document {}"),
        reported("several.zip!c.txt", "neither mail nor gzip nor zip nor JSON"),
        reported("several.zip!__MACOSX/._c.txt", "what macOS puts beside a file"),
        mail("several.zip!d.mbox#1", MAIL_A),
        mail("several.zip!d.mbox#2", &format!("{MAIL_B}From here\n")),
        reported("several.zip!e.gz", &document(&gzip(b"{}"))),
        reported("several.zip!f.zip", &document(&inner)),
    ];
    assert_eq!(read(root, &["."]), expected);
}

#[test]
fn damaged_archives_lose_what_is_damaged() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    let whole = zip(&[("a.eml", MAIL_A.as_bytes()), ("b.eml", MAIL_B.as_bytes()), ("c.eml", MAIL_A.as_bytes())]);
    let find = |needle: &[u8], nth: usize| {
        let mut found = (0..whole.len()).filter(|at| whole[*at..].starts_with(needle));
        found.nth(nth).expect("it is in there")
    };
    let with = |at: usize, value: &[u8]| {
        let mut bytes = whole.clone();
        bytes[at..at + value.len()].copy_from_slice(value);
        bytes
    };
    // APPNOTE.TXT §4.3.12: flags, compression method, CRC-32 at 8, 10 and 16 of an entry of the directory.
    let entry = find(b"PK\x01\x02", 1);
    for (name, bytes) in [
        ("encrypted.zip", with(entry + 8, &[1, 0])),
        ("method.zip", with(entry + 10, &[99, 0])),
        ("sum.zip", with(entry + 16, &[0, 0, 0, 0])),
    ] {
        fs::write(root.join(name), bytes).unwrap();
        let path = |member: &str| format!("{name}!{member}.eml");
        let expected = [mail(&path("a"), MAIL_A), reported(&path("b"), "zip"), mail(&path("c"), MAIL_A)];
        assert_eq!(read(root, &[name]), expected, "{name}");
    }
    // Without a directory it is one document, and the decoder says what is wrong.
    fs::write(root.join("cut.zip"), &whole[..entry]).unwrap();
    assert!(
        matches!(&read(root, &["cut.zip"])[..], [(path, what)] if path == "cut.zip" && what.starts_with("document PK"))
    );
    // An entry that is none ends it.
    fs::write(root.join("entry.zip"), with(find(b"PK\x01\x02", 2), b"XXXX")).unwrap();
    assert_eq!(
        read(root, &["entry.zip"]),
        [mail("entry.zip!a.eml", MAIL_A), mail("entry.zip!b.eml", MAIL_B), reported("entry.zip", "zip")]
    );
}

#[test]
fn an_archive_that_unpacks_to_too_much_is_left() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    let zeros = vec![0; 3 << 20];
    let mut mbox = b"From a\nSubject: zeros\n\n".to_vec();
    mbox.extend_from_slice(&zeros);
    let bomb = zip(&[("a.eml", MAIL_A.as_bytes()), ("b.mbox", &mbox), ("c.eml", MAIL_A.as_bytes())]);
    fs::write(root.join("bomb.zip"), bomb).unwrap();
    let read = read(root, &["bomb.zip"]);
    assert_eq!(
        read,
        [
            mail("bomb.zip!a.eml", MAIL_A),
            reported("bomb.zip!b.mbox", "zip"),
            reported("bomb.zip", "too-large-unpacked"),
        ]
    );
}

#[test]
fn stored_members_are_read_as_well_and_long_names_are_cut_in_front() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("stored.zip");
    let mut writer = ZipWriter::new(fs::File::create(&path).unwrap());
    let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    for name in ["a".to_owned(), "n".repeat(3_000)] {
        writer.start_file(name, stored).unwrap();
        writer.write_all(MAIL_A.as_bytes()).unwrap();
    }
    writer.finish().unwrap();
    let loader = Loader { trusted_input: true, ..loader(Limits::default()) };
    let Loaded::Several(container) =
        loader.load(&FoundFile::File { path: path.clone(), why: super::walk::FileReason::Below })
    else {
        panic!("it holds two mails");
    };
    let mut sources = Vec::new();
    container.unpack(&path, &loader, &mut |piece| {
        let Input::Submission(submission) = piece.input else { panic!("{:?}", piece.input) };
        assert!(submission.hints.trusted_input);
        sources.push(submission.hints.source.unwrap());
        true
    });
    assert_eq!(sources, [format!("{}!a", path.display()), "n".repeat(1_024)]);
}
