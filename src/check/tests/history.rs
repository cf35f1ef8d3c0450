//! Findings over several looks.

use chrono::{DateTime, TimeDelta, Utc};

use super::{super::history::*, *};

fn at(minutes: i64) -> DateTime<Utc> {
    good().looked_at + TimeDelta::minutes(minutes)
}

/// One look after the other: the findings that had not ended, after each.
fn looks(observed: &[(i64, Observed)]) -> Vec<KnownFinding> {
    let (mut known, mut before) = (Vec::<KnownFinding>::new(), None);
    for (minutes, observed) in observed {
        let observed = Observed { looked_at: at(*minutes), ..observed.clone() };
        let FindingChanges { begun, changed } = advance(&known, &judge(&observed), &observed, before);
        for new in changed {
            let place = known.iter_mut().find(|known| known.check == new.check && known.part == new.part);
            *place.expect("only known ones change") = new;
        }
        known.extend(begun);
        before = Some(observed.looked_at);
    }
    known
}

fn expired() -> Observed {
    smtp("enforce", SmtpOutcome::Certificate { problem: CertificateProblem::Expired, words: "it has expired".into() })
}

fn busy() -> Observed {
    smtp("enforce", SmtpOutcome::Busy("421 not you".into()))
}

#[test]
fn a_finding_begins_between_two_looks_and_is_confirmed_by_a_later_one() {
    let once = looks(&[(0, good()), (60, expired())]);
    let [finding] = once.as_slice() else { panic!("{once:?}") };
    assert_eq!((finding.check, finding.part.as_str()), (Check::CertExpired, "mx1.example.com 9.9.9.1"));
    assert_eq!((finding.last_before_at, finding.began_at, finding.confirmed_at), (Some(at(0)), at(60), None));
    let too_soon = looks(&[(0, good()), (60, expired()), (69, expired())]);
    assert_eq!(too_soon[0].confirmed_at, None);
    let confirmed = looks(&[(0, good()), (60, expired()), (70, expired()), (130, expired())]);
    assert_eq!((confirmed[0].began_at, confirmed[0].confirmed_at), (at(60), Some(at(70))));
}

#[test]
fn it_ends_with_the_second_good_look_in_a_row() {
    let history = |minutes: &[(i64, Observed)]| looks(minutes).remove(0);
    let once = history(&[(0, expired()), (60, good())]);
    assert_eq!((once.good_at, once.ended_at), (Some(at(60)), None));
    let twice = history(&[(0, expired()), (60, good()), (120, good())]);
    assert_eq!((twice.good_at, twice.ended_at), (Some(at(60)), Some(at(120))));
    let back = history(&[(0, expired()), (60, good()), (120, expired())]);
    assert_eq!((back.began_at, back.good_at, back.ended_at), (at(0), None, None));
}

#[test]
fn what_could_not_be_seen_begins_and_ends_nothing() {
    assert_eq!(looks(&[(0, good()), (60, busy())]), [], "unknown is no finding that begins");
    let hidden = looks(&[(0, expired()), (60, busy()), (120, busy()), (180, busy())]);
    assert_eq!((hidden[0].good_at, hidden[0].ended_at), (None, None));
    let not_asked = Observed { smtp: None, ..good() };
    let hidden = looks(&[(0, expired()), (60, not_asked.clone()), (120, not_asked)]);
    assert_eq!(hidden[0].good_at, None);
    // Without the policy nobody knows whether it covers the host by now.
    let uncovered = Observed { mx: Seen::Found(vec!["mx9.example.org".into()]), ..good() };
    let gone = without_file(good());
    let hidden = looks(&[(0, uncovered), (60, gone.clone()), (120, gone)]);
    let uncovered = hidden.iter().find(|finding| finding.check == Check::MxUncovered).unwrap();
    assert_eq!(uncovered.good_at, None);
}

#[test]
fn an_observation_reads_back_from_json() {
    for (.., raises, nearly) in cases() {
        for observed in [raises, nearly] {
            let json = serde_json::to_string(&observed).unwrap();
            assert_eq!(serde_json::from_str::<Observed>(&json).unwrap(), observed, "{json}");
        }
    }
}
