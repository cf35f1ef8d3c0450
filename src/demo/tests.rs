use chrono::TimeZone;

use super::*;
use crate::{
    alerts::AlertRule,
    pipeline::fixtures::signatures,
    store::{Bounds, Store, StoreSettings, tables::alert},
};

#[test]
fn a_directory_is_filled_once() {
    let now = Utc.with_ymd_and_hms(2024, 9, 2, 8, 0, 0).unwrap();
    let keep = tempfile::tempdir().unwrap();
    let place = DemoDirectory::open(Some(keep.path().join("new"))).unwrap();
    assert!(place.wants_filling().unwrap());

    let mut config = Config::default();
    configure(&mut config);
    config.check().expect("the demo's configuration is valid");
    let unproven = Bounds { bytes_max: config.store.unproven_max_bytes, keep_days: config.store.unproven_keep_days };
    let settings = StoreSettings { memory_max_bytes: 512 << 20, threads: 1, unproven, ..StoreSettings::default() };
    let store = Store::open(place.path(), &settings).expect("opens");
    let pipeline = Pipeline::new(config.limits.clone(), config.served().unwrap(), signatures(""), store).unwrap();

    let filled = fill(place.path(), &pipeline, &AlertPlan::default(), now).expect("is filled");
    assert!(filled.stored > 1_800 && filled.duplicate > 10, "{filled:?}");
    assert!((2..=6).contains(&filled.quarantined), "{filled:?}");
    assert_eq!(filled.refused, 0);
    assert!(!place.wants_filling().unwrap());
    let alerts = || pipeline.store().read_blocking(|conn| alert::alerts(conn, 100)).unwrap();
    let past = alerts();
    let shown = |rule| past.iter().filter(|alert| alert.rule == rule).count();
    assert_eq!(
        (shown(AlertRule::PolicyFetch), shown(AlertRule::Certificate), shown(AlertRule::Dane)),
        (1, 1, 1),
        "the stories are told, each once"
    );

    fs::write(place.path().join(UNFINISHED), "").unwrap();
    assert!(place.wants_filling().unwrap(), "an interrupted filling is done again");
    let again = fill(place.path(), &pipeline, &AlertPlan::default(), now).expect("again");
    assert_eq!(again.stored, 0, "{again:?}");
    assert_eq!(alerts(), past);
}

#[test]
fn a_temporary_place_goes_and_a_kept_one_stays() {
    let place = DemoDirectory::open(None).unwrap();
    let path = place.path().to_owned();
    assert!(path.exists() && place.wants_filling().unwrap());
    drop(place);
    assert!(!path.exists());
}

#[test]
fn the_weeks_end_yesterday() {
    let now = Utc.with_ymd_and_hms(2024, 9, 2, 0, 30, 0).unwrap();
    let (from, to) = days(now);
    assert_eq!((from.to_string(), to.to_string()), ("2024-07-08".to_owned(), "2024-09-01".to_owned()));
}
