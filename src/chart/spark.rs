//! A row of tiny bars: how a number moved over the last periods.

use std::fmt::Write;

const BAR: usize = 6;
const GAP: usize = 2;
const HEIGHT: i64 = 18;

/// Bars for counts, oldest first, the last one marked. `label` says in words what they show; the numbers are added to it.
pub(crate) fn bars(counts: &[i64], label: &str) -> String {
    let largest = counts.iter().copied().max().unwrap_or(0).max(1);
    let width = counts.len() * (BAR + GAP) - GAP.min(counts.len() * (BAR + GAP));
    let numbers: Vec<String> = counts.iter().map(i64::to_string).collect();
    let (mut before, mut now) = (String::new(), String::new());
    for (at, count) in counts.iter().enumerate() {
        let height = match *count {
            ..=0 => 1,
            count => 3 + ((i128::from(count) * i128::from(HEIGHT - 3)) / i128::from(largest)) as i64,
        };
        let path = if at + 1 == counts.len() { &mut now } else { &mut before };
        write!(path, "M{} {HEIGHT}v-{height}h{BAR}v{height}z", at * (BAR + GAP)).expect("a String takes everything");
    }
    format!(
        "<svg class=\"spark\" viewBox=\"0 0 {width} {HEIGHT}\" width=\"{width}\" height=\"{HEIGHT}\" role=\"img\" \
         aria-label=\"{}: {}\"><path class=\"before\" d=\"{before}\"/><path class=\"now\" d=\"{now}\"/></svg>",
        crate::text::escape_html(label),
        numbers.join(", "),
    )
}

#[cfg(test)]
mod tests {
    use super::bars;

    #[test]
    fn bars_tell_their_numbers() {
        let svg = bars(&[0, 0, 3, 812], "Failed sessions, 8 weeks");
        assert!(svg.contains("aria-label=\"Failed sessions, 8 weeks: 0, 0, 3, 812\""), "{svg}");
        assert_eq!(svg.matches("z").count(), 4);
    }

    #[test]
    fn nothing_and_everything_can_be_drawn() {
        bars(&[], "empty");
        bars(&[i64::MAX, i64::MIN], "extremes");
    }
}
