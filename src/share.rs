//! Shares in words, never more flattering than the truth: those of secure sessions are rounded down, those of failures up.

/// Secure sessions of all: `98.7 %`, `99.98 %` from 99.9 % on, `100 %` only for all of them, `–` where there are none.
pub fn secure(part: i64, of: i64) -> String {
    if of <= 0 {
        return "–".to_owned();
    }
    if part >= of {
        return "100 %".to_owned();
    }
    let hundredths = i128::from(part.max(0)) * 10_000 / i128::from(of);
    match hundredths {
        9_990.. => format!("{}.{:02} %", hundredths / 100, hundredths % 100),
        _ => format!("{}.{} %", hundredths / 100, hundredths / 10 % 10),
    }
}

/// Failed sessions of all: `0.3 %`, `20 %`, `99.3 %`; a small one never vanishes (`< 0.1 %`), `100 %` only for all of them, `–` for none.
pub fn failed(part: i64, of: i64) -> String {
    if of <= 0 || part <= 0 {
        return "–".to_owned();
    }
    let (part, of) = (i128::from(part.min(of)), i128::from(of));
    in_words(part * 1_000 < of, part == of, (part * 1_000 + of - 1) / of)
}

/// The same for a share that is known only as a number from 0 to 1.
pub fn failed_fraction(share: f64) -> String {
    if share.is_nan() || share <= 0.0 {
        return "–".to_owned();
    }
    // What a division left over is no tenth of its own.
    let tenths = (share * 1_000.0 - 1e-6).ceil();
    in_words(share < 0.001, share >= 1.0, tenths as i128)
}

fn in_words(is_tiny: bool, is_all: bool, tenths: i128) -> String {
    match tenths {
        _ if is_all => "100 %".to_owned(),
        _ if is_tiny => "< 0.1 %".to_owned(),
        1_000.. => "> 99.9 %".to_owned(),
        ..100 | 991.. => format!("{}.{} %", tenths / 10, tenths % 10),
        _ => format!("{} %", (tenths + 9) / 10),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secure_shares_are_rounded_down() {
        assert_eq!(secure(41_202, 41_203), "99.99 %");
        assert_eq!(secure(41_203, 41_203), "100 %");
        assert_eq!(secure(999_999_999, 1_000_000_000), "99.99 %");
        assert_eq!(secure(9_879, 10_000), "98.7 %");
        assert_eq!(secure(0, 7), "0.0 %");
        assert_eq!(secure(0, 0), "–");
    }

    #[test]
    fn failed_shares_are_rounded_up() {
        assert_eq!(failed(2_791, 14_098), "20 %");
        assert_eq!(failed(812, 3_204), "26 %");
        assert_eq!(failed(14, 9_120), "0.2 %");
        assert_eq!(failed(1, 1_000_000), "< 0.1 %");
        assert_eq!(failed(1, 1_000), "0.1 %");
        assert_eq!(failed(1, 10), "10 %");
        assert_eq!(failed(998, 10_000), "10 %");
        assert_eq!(failed(9_901, 10_000), "99.1 %");
        assert_eq!(failed(99_999, 100_000), "> 99.9 %");
        assert_eq!(failed(i64::MAX, i64::MAX), "100 %");
        assert_eq!(failed(0, 5), "–");
        assert_eq!(failed(5, 0), "–");
    }

    #[test]
    fn a_fraction_reads_as_its_counts_do() {
        for (part, of) in
            [(2_791, 14_098), (1, 10), (3, 1_000), (1, 1_000_000), (99_999, 100_000), (7, 7), (0, 7), (1, 3)]
        {
            assert_eq!(failed_fraction(part as f64 / of as f64), failed(part, of), "{part} of {of}");
        }
    }

    #[test]
    fn the_two_sides_never_claim_more_than_all() {
        for of in 1..400 {
            for part in 0..=of {
                assert_eq!(secure(part, of) == "100 %", part == of);
                assert_eq!(failed(part, of) == "100 %", part == of);
            }
        }
    }
}
