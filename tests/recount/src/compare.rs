//! Ours against theirs, without tolerance.

use serde_json::Value;

/// As many differences are told of one run.
const TOLD_MAX: usize = 40;

#[derive(Default)]
pub struct Tally {
    pub agree: u64,
    pub differ: u64,
    pub told: Vec<String>,
}

impl Tally {
    pub fn merge(&mut self, other: Tally) {
        self.agree += other.agree;
        self.differ += other.differ;
        self.told.extend(other.told);
        self.told.truncate(TOLD_MAX);
    }

    pub fn tell(&mut self, difference: String) {
        self.differ += 1;
        if self.told.len() < TOLD_MAX {
            self.told.push(difference);
        }
    }

    pub fn same<T: PartialEq + std::fmt::Debug>(&mut self, place: &str, ours: &T, theirs: &T) {
        if ours == theirs {
            self.agree += 1;
        } else {
            self.tell(format!("{place}: ours {}, theirs {}", short(ours), short(theirs)));
        }
    }

    /// Every field and every item; what only one side has is a difference. Stops at the first few of one answer.
    pub fn json(&mut self, place: &str, ours: &Value, theirs: &Value) {
        match (ours, theirs) {
            (Value::Object(a), Value::Object(b)) => {
                for (name, value) in a {
                    match b.get(name) {
                        Some(other) => self.json(&format!("{place} .{name}"), value, other),
                        None => self.tell(format!("{place}: theirs has no .{name}")),
                    }
                }
                for name in b.keys().filter(|name| !a.contains_key(*name)) {
                    self.tell(format!("{place}: ours has no .{name}, theirs {}", short(&b[name])));
                }
            }
            (Value::Array(a), Value::Array(b)) => {
                self.same(&format!("{place} (items)"), &a.len(), &b.len());
                for (index, (value, other)) in a.iter().zip(b).enumerate() {
                    let before = self.differ;
                    self.json(&format!("{place}[{index}]"), value, other);
                    // What follows is shifted by one more often than it is wrong for itself.
                    if self.differ > before {
                        break;
                    }
                }
            }
            (Value::Number(a), Value::Number(b)) => {
                let same = a == b || (a.is_f64() || b.is_f64()) && a.as_f64() == b.as_f64();
                if same { self.agree += 1 } else { self.same(place, a, b) }
            }
            (ours, theirs) => self.same(place, ours, theirs),
        }
    }
}

fn short(value: &impl std::fmt::Debug) -> String {
    let text = format!("{value:?}");
    match text.char_indices().nth(300) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_difference_names_its_place_and_a_missing_field_is_one() {
        let mut tally = Tally::default();
        tally.json("x", &json!({"a": [1, 2], "b": 1}), &json!({"a": [1, 3], "c": 1}));
        assert_eq!((tally.agree, tally.differ), (2, 3));
        assert_eq!(tally.told[0], "x .a[1]: ours Number(2), theirs Number(3)");
    }

    #[test]
    fn a_float_that_is_whole_is_its_number() {
        let mut tally = Tally::default();
        tally.json("x", &json!(1.0), &json!(1));
        assert_eq!((tally.agree, tally.differ), (1, 0));
    }
}
