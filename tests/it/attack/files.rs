//! Where the process may open few files, it says so and serves fewer connections; nothing runs out.

use std::{
    fs::{self, File},
    io,
    net::SocketAddr,
    process::Command,
};

use super::{
    connections::{answers_privately, mail, post},
    crowd::{Crowd, honestly, scattered},
};
use crate::{
    mail::{LISTENERS, World},
    server::{Server, tlsight_under, until},
};

#[test]
fn few_files_are_shared_out_and_nothing_runs_out() {
    for files in [64, 256] {
        let world = World::new(LISTENERS);
        let server = start(&world, &format!("-n {files}"));
        let log = said(&world);
        assert!(log.contains(&format!("may open {files} files (RLIMIT_NOFILE")), "{log}");
        assert!(log.contains("public.connections_max is ") && log.contains("smtp.connections_max is "), "{log}");
        let (public, smtp) = (server.public, server.smtp.expect("an SMTP listener"));
        let everything_goes_on = |when: &str| {
            let what = |listener: &str| format!("{listener}, {files} files, {when}");
            // With so few places a connection may have to give way. Who sends reports comes again.
            let insistent = |turn| {
                let id = format!("{when}-{turn}");
                (0..100).find_map(|_| post(public, &id).ok()).ok_or(io::ErrorKind::TimedOut.into())
            };
            assert_eq!(honestly(&what("HTTP"), 10, insistent), 0);
            let persistent = |turn| {
                let id = format!("{when}-mail-{turn}");
                (0..100).find_map(|_| mail(smtp, &id).ok()).ok_or(io::ErrorKind::TimedOut.into())
            };
            assert_eq!(honestly(&what("SMTP"), 10, persistent), 0);
            answers_privately(&server);
        };
        everything_goes_on("alone");
        let crowds = [crowd(public), crowd(smtp)];
        everything_goes_on("flooded");
        println!("  {} of {files} files open", server.open_files());
        drop(crowds);
        everything_goes_on("after");
        let log = said(&world);
        assert!(!log.contains("Too many open files") && !log.contains("could not be accepted"), "{log}");
    }
}

#[test]
fn a_soft_limit_is_raised() {
    let world = World::new(LISTENERS);
    let server = start(&world, "-S -n 64");
    assert!(!said(&world).contains("RLIMIT_NOFILE"), "nothing to say: {}", said(&world));
    assert!(server.files_max() > 1_024 + 2 * 256, "{}", server.files_max());
}

#[test]
fn too_few_files_are_told_before_anything_is_begun() {
    let world = World::new(LISTENERS);
    let serve = |command: &mut Command| {
        let listeners = ["--public", "127.0.0.1:0", "--private", "127.0.0.1:0", "--data"];
        let command = command.arg("serve").args(listeners).arg(world.path("data"));
        command.arg("--config").arg(world.path("tlsight.toml")).stderr(std::process::Stdio::piped()).output().unwrap()
    };
    let output = serve(&mut tlsight_under("-n 20"));
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("may open 20 files (RLIMIT_NOFILE), which is not enough to start"), "{said}");
}

#[test]
fn a_check_of_the_configuration_tells_what_would_be_lowered() {
    let world = World::new(LISTENERS);
    let check = |limit: &str| {
        let mut command = tlsight_under(limit);
        let output = command.args(["config", "check", "--config"]).arg(world.path("tlsight.toml")).output().unwrap();
        assert!(output.status.success());
        String::from_utf8(output.stdout).unwrap()
    };
    let said = check("-n 256");
    assert!(
        said.contains("note: started from here, the process may open 256 files") && said.contains("LimitNOFILE="),
        "{said}"
    );
    assert!(!check("-S -n 256").contains("RLIMIT_NOFILE"), "the soft limit can be raised");
}

#[test]
fn the_unit_allows_what_is_needed() {
    let unit = fs::read_to_string("packaging/tlsight.service").unwrap();
    let limit = unit.lines().find_map(|line| line.strip_prefix("LimitNOFILE=")).expect("LimitNOFILE=");
    let world = World::new(LISTENERS);
    let server = start(&world, &format!("-n {limit}"));
    assert!(!said(&world).contains("RLIMIT_NOFILE"), "nothing is lowered: {}", said(&world));
    assert_eq!(server.files_max().to_string(), limit, "nor raised, which the unit's filter of system calls forbids");
}

fn start(world: &World, limit: &str) -> Server {
    let log = File::create(world.path("log")).unwrap();
    Server::start_command(tlsight_under(limit), &world.path("data"), |command| {
        command.arg("--config").arg(world.path("tlsight.toml")).stderr(log)
    })
}

fn said(world: &World) -> String {
    fs::read_to_string(world.path("log")).unwrap()
}

/// More silent connections than there are files.
fn crowd(target: SocketAddr) -> Crowd {
    let crowd = Crowd::gather(target, &scattered(20), 15, b"");
    until("it is there", || crowd.arrivals() >= 300);
    crowd
}
