//! A full disk: senders hear 503, nothing acknowledged is lost, and the server recovers by itself once there is space.

use std::{fs, path::Path, process::Command};

use crate::{
    crash::report,
    http::Client,
    server::{Server, all_report_ids, until},
};

const DISK_BYTES: u64 = 96 * 1024 * 1024;
/// What is left to the server once it runs.
const LEFT_BYTES: u64 = 512 * 1024;
const TRIES_MAX: u32 = 100_000;

#[test]
fn a_full_disk_answers_503_and_recovers() {
    let directory = tempfile::tempdir().unwrap();
    let disk = directory.path().join("disk");
    fs::create_dir(&disk).unwrap();
    let Some(_mounted) = Tmpfs::mount(&disk) else { return };
    let data = disk.join("data");
    let server = Server::start(&data);
    let ballast = disk.join("ballast");
    fill(&ballast, free_bytes(&disk).saturating_sub(LEFT_BYTES));

    let mut client = Client::connect(server.public);
    let mut acknowledged = Vec::new();
    let refused = (0..TRIES_MAX).find_map(|number| {
        let id = format!("disk-{number}");
        let answer = client.post("/v1/tlsrpt", "application/tlsrpt+gzip", &report(&id));
        if answer.status == 201 {
            acknowledged.push(id);
            return None;
        }
        Some(answer)
    });
    let refused = refused.expect("the disk is full at some point");
    assert_eq!(refused.status, 503, "{}", refused.text());
    assert!(refused.header("retry-after").is_some());
    assert_eq!(refused.json()["code"], "disk-full");

    let ready = server.get("/readyz");
    assert_eq!((ready.status, ready.json()["code"].as_str()), (503, Some("store")));
    assert!(ready.json()["detail"].as_str().unwrap_or_default().contains("disk"), "{}", ready.text());

    fs::remove_file(&ballast).unwrap();
    until("ready again without anything coming in", || server.get("/readyz").status == 200);
    let answer = server.post(&report("after"));
    assert_eq!(answer.status, 201, "still refused with space on the disk: {}", answer.text());
    acknowledged.push("after".to_owned());
    server.kill();

    let server = Server::start(&data);
    let known = all_report_ids(&server);
    for id in &acknowledged {
        assert_eq!(known.iter().filter(|known| *known == id).count(), 1, "{id} was acknowledged");
    }
}

struct Tmpfs<'a>(&'a Path);

impl Tmpfs<'_> {
    /// A small disk of its own, where the machine lets us: only root may mount.
    fn mount(at: &Path) -> Option<Tmpfs<'_>> {
        let size = format!("size={DISK_BYTES}");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(at).status();
        if mounted.is_ok_and(|status| status.success()) {
            return Some(Tmpfs(at));
        }
        assert!(std::env::var_os("CI").is_none(), "CI must be able to mount a tmpfs");
        eprintln!("skipped: a tmpfs cannot be mounted here");
        None
    }
}

impl Drop for Tmpfs<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.0).status();
    }
}

fn free_bytes(disk: &Path) -> u64 {
    let output = Command::new("df").args(["--output=avail", "-B1"]).arg(disk).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().nth(1).and_then(|line| line.trim().parse().ok()).expect("df prints a number")
}

fn fill(path: &Path, bytes: u64) {
    let status = Command::new("fallocate").arg("-l").arg(bytes.to_string()).arg(path).status().unwrap();
    assert!(status.success(), "fallocate");
}
