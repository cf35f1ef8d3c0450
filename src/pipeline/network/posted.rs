//! The proofs of one body that was posted, between its verdicts and the writer.

use super::{NetworkClaim, NetworkQuestion, deadline, note};
use crate::{
    limits::MAIL_WAITING_MAX_BYTES,
    pipeline::{
        Pipeline, Retry,
        prepared::report_bytes,
        verdict::{Decision, Decisions, Judged, Provenance},
    },
    report::Report,
    submission::{NetworkState, Origin, Submission, Trust},
    verify::network::Proof,
};

impl Pipeline {
    /// Asks whether the address proves whom the reports come from, where nothing better is known of them. Ends within two
    /// seconds; what is not known then is looked up later.
    pub(in crate::pipeline) async fn prove(&self, judged: &mut Judged, submission: &Submission, retry: Option<Retry>) {
        let Decisions::Each(verdicts) = &mut judged.0 else { return };
        if let Some(before) = submission.hints.judged.as_deref() {
            return as_before(verdicts, before);
        }
        // Who had the address when an input came that was quarantined since nobody can tell.
        if retry.is_some() {
            return;
        }
        let now = submission.received_at;
        let mut unasked = Vec::new();
        for (index, report, trust, provenance) in reports(verdicts) {
            let claim = NetworkClaim::of(report);
            match self.networks.question(submission.peer, claim) {
                NetworkQuestion::Nothing => {}
                NetworkQuestion::Settled(proof) => note(&proof, trust, &mut provenance.origin),
                NetworkQuestion::Question(question) => match self.networks.known(&question, now) {
                    Some(proof) => note(&proof, trust, &mut provenance.origin),
                    None => unasked.push((index, question)),
                },
            }
        }
        if unasked.is_empty() {
            return;
        }
        // Reports that wait take memory, as those of mails that wait for a key do.
        let weight: usize = reports(verdicts).map(|(_, report, ..)| report_bytes(report)).sum();
        let weight = u32::try_from(weight.min(MAIL_WAITING_MAX_BYTES)).unwrap_or(u32::MAX);
        let room = self.waiting.try_acquire_many(weight);
        let deadline = deadline();
        let mut proofs = Vec::new();
        for (index, question) in unasked {
            // Several reports of one body mostly come from one sender, of which then is known what was just found.
            let proof = match (&room, self.networks.known(&question, now)) {
                (_, Some(proof)) => proof,
                (Ok(_), None) => self.networks.ask(question, now, deadline).await,
                (Err(_), None) => Proof::Unknown("too many reports were waiting for a proof".to_owned()),
            };
            proofs.push((index, proof));
        }
        let mut proofs = proofs.into_iter().peekable();
        for (index, _, trust, provenance) in reports(verdicts) {
            if let Some((_, proof)) = proofs.next_if(|(at, _)| *at == index) {
                note(&proof, trust, &mut provenance.origin);
            }
        }
    }
}

impl Judged {
    /// Takes what was found when these bytes first came, where that is known.
    pub(crate) fn prove_as_before(&mut self, submission: &Submission) {
        if let (Decisions::Each(verdicts), Some(before)) = (&mut self.0, submission.hints.judged.as_deref()) {
            as_before(verdicts, before);
        }
    }
}

/// The reports that nothing has proven so far, with their indices among all.
fn reports(
    verdicts: &mut [(Decision, Provenance)],
) -> impl Iterator<Item = (usize, &Report, &mut Trust, &mut Provenance)> {
    verdicts.iter_mut().enumerate().filter_map(|(index, (verdict, provenance))| match verdict {
        Decision::Report { report, trust, .. } if *trust < Trust::Network => {
            Some((index, &**report, trust, provenance))
        }
        _ => None,
    })
}

/// What was found when the bytes first came stands for the reports that it was found for.
fn as_before(verdicts: &mut [(Decision, Provenance)], before: &Origin) {
    for (_, report, trust, provenance) in reports(verdicts) {
        let is_its_own = match (before.network_state, &before.network_domain) {
            (Some(NetworkState::Proven), Some(domain)) => NetworkClaim::of(report).domains().contains(domain),
            _ => true,
        };
        if is_its_own {
            if before.network_state == Some(NetworkState::Proven) {
                *trust = (*trust).max(Trust::Network);
            }
            provenance.origin.network_state = before.network_state;
            provenance.origin.network_domain.clone_from(&before.network_domain);
            provenance.origin.network_evidence.clone_from(&before.network_evidence);
        }
    }
}
