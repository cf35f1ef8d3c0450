//! STARTTLS and the certificates of the MX hosts (RFC 8461 §4.2, RFC 3207).

use super::{Findings, Observed, ends, is_enforced};
use crate::{
    check::{
        finding::{Check, Effect, Severity},
        observed::{CertificateProblem, SmtpOutcome, SmtpSeen},
    },
    sts::policy::PolicyReading,
};

pub(super) fn judge(observed: &Observed, policy: Option<&PolicyReading>, findings: &mut Findings) {
    let seen = observed.smtp.as_deref().unwrap_or_default();
    let is_cut_off = |seen: &SmtpSeen| matches!(seen.outcome, SmtpOutcome::NoConnection(_) | SmtpOutcome::NoRoute(_));
    let tried: Vec<&SmtpSeen> = seen.iter().filter(|seen| seen.outcome != SmtpOutcome::NotPublic).collect();
    if !tried.is_empty() && tried.iter().all(|seen| is_cut_off(seen)) {
        // One line for all: most often it is this machine's own network that lets nothing out.
        let message = "No MX host answered on port 25, as where the way out is closed: STARTTLS and certificates of the MX hosts are not known.";
        return findings.unknown(Check::SmtpPort25, None, message.to_owned());
    }
    // Whom the policy that is applied makes refuse mail.
    let enforced = policy.is_some_and(is_enforced);
    let broken = if enforced { (Severity::Fault, Effect::Refused) } else { (Severity::Warning, Effect::None) };
    for seen in tried {
        one(seen, broken, findings);
    }
}

fn one(seen: &SmtpSeen, broken: (Severity, Effect), findings: &mut Findings) {
    let SmtpSeen { host, address, outcome } = seen;
    let part = || Some(format!("{host} {address}"));
    let consequence = match broken.0 {
        Severity::Fault => "Senders that hold the policy do not deliver to it.",
        _ => "With an enforced policy mail to it would be refused.",
    };
    match outcome {
        SmtpOutcome::NotPublic => {}
        SmtpOutcome::NoRoute(why) => {
            findings.unknown(
                Check::SmtpConnect,
                part(),
                format!("This machine has no way to {address} of {host} ({why})."),
            );
        }
        SmtpOutcome::NoConnection(why) | SmtpOutcome::Broken(why) => {
            findings.unknown(
                Check::SmtpConnect,
                part(),
                format!("{host} did not answer at {address} from here: {why}."),
            );
        }
        SmtpOutcome::Busy(reply) => {
            let message =
                format!("{host} did not want to talk to this machine ({reply}). Senders it knows may fare better.");
            findings.unknown(Check::SmtpBusy, part(), message);
        }
        SmtpOutcome::NoStartTls => findings.add(
            Check::SmtpStarttls,
            broken,
            part(),
            format!("{host} offered no STARTTLS at {address}, at least not to this machine. {consequence}"),
            Some("Set up a certificate and STARTTLS in the mail server.".to_owned()),
        ),
        SmtpOutcome::StartTlsRefused(reply) => findings.add(
            Check::SmtpStarttls,
            broken,
            part(),
            format!("{host} offers STARTTLS at {address} and refuses it: {reply}. {consequence}"),
            Some("Look into the log of the mail server: most often it cannot read its key.".to_owned()),
        ),
        SmtpOutcome::NoTls(why) => findings.add(
            Check::SmtpTls,
            broken,
            part(),
            format!("{host} does not come to TLS 1.2 or 1.3 at {address}: {why}. {consequence}"),
            Some("Allow TLS 1.2 and 1.3 with current ciphers.".to_owned()),
        ),
        SmtpOutcome::Certificate { problem, words } => {
            certificate(seen, *problem, words, (broken, consequence), findings)
        }
        SmtpOutcome::Good { valid_for_h, valid_since_h } => {
            let Some((is_urgent, when)) = ends(*valid_for_h, *valid_since_h) else { return };
            let severity = if is_urgent { broken } else { (Severity::Warning, Effect::None) };
            let message = format!("The certificate of {host} at {address} ends in {when}.");
            let remedy =
                Some("See whether its renewal runs, and whether the mail server reads the new one.".to_owned());
            findings.add(Check::CertExpires, severity, part(), message, remedy);
        }
    }
}

fn certificate(
    SmtpSeen { host, address, .. }: &SmtpSeen,
    problem: CertificateProblem,
    words: &str,
    (broken, consequence): ((Severity, Effect), &str),
    findings: &mut Findings,
) {
    let (check, what, remedy) = match problem {
        CertificateProblem::Expired => {
            (Check::CertExpired, "has expired".to_owned(), "Renew it, and reload the mail server.".to_owned())
        }
        CertificateProblem::NotYetValid => (
            Check::CertExpired,
            "is not valid yet".to_owned(),
            "Look at the clocks of the mail server and of this machine.".to_owned(),
        ),
        CertificateProblem::Name => (
            Check::CertName,
            format!("does not fit: {words}"),
            format!("Use a certificate with the DNS name {host}; a common name alone does not count."),
        ),
        CertificateProblem::Chain | CertificateProblem::Other => (
            Check::CertChain,
            format!("does not pass: {words}"),
            "Send the whole chain: most mail servers want the file fullchain.pem.".to_owned(),
        ),
        CertificateProblem::CannotTell => {
            let message = format!("The certificate of {host} at {address} cannot be judged here: {words}.");
            return findings.unknown(Check::CertChain, Some(format!("{host} {address}")), message);
        }
    };
    let message = format!("The certificate of {host} at {address} {what}. {consequence}");
    findings.add(check, broken, Some(format!("{host} {address}")), message, Some(remedy));
}
