//! The sentence after a redirect. What was done stands in the URL, which anybody may write, so only these words and two numbers
//! are ever shown.

use super::params::PageParams;
use crate::wording::thousands;

pub(crate) fn words(asked: &PageParams) -> Option<String> {
    let judged = || judged(asked.counted, asked.stayed);
    Some(match asked.done.as_deref()? {
        "discarded" => "The entry was discarded for good.".to_owned(),
        "gone" => "The entry was gone already.".to_owned(),
        "still-quarantined" => "It was reprocessed and stays here, for the reason below.".to_owned(),
        "duplicate" => "The same report is stored already, so the entry was removed.".to_owned(),
        "refused" => "It was reprocessed and is refused: see the server’s log and the configured domains.".to_owned(),
        "busy" => "The store was busy and nothing was changed. Try again.".to_owned(),
        "key-lookup" => {
            "The key of its signature cannot be looked up now, so nothing was changed. Try again later.".to_owned()
        }
        "trusted" => format!("The sender is trusted from now on. {}", judged()),
        "trusted-more" => format!(
            "The sender is trusted from now on. {} There is more of the sender: to go on, trust it from another of its mails.",
            judged()
        ),
        "judged" => judged(),
        "judged-more" => format!("{} Those below were not judged yet.", judged()),
        _ => return None,
    })
}

fn judged(counted: u32, stayed: u32) -> String {
    let verb = |number: u32, one: &'static str, many: &'static str| if number == 1 { one } else { many };
    let all = i64::from(counted) + i64::from(stayed);
    if all == 0 {
        return "There was nothing to reprocess.".to_owned();
    }
    let inputs = if all == 1 { "input was" } else { "inputs were" };
    let counted = match counted {
        0 => "none counts now".to_owned(),
        number => format!("{} {} now", thousands(number.into()), verb(number, "counts", "count")),
    };
    let stayed = match stayed {
        0 => "none stays".to_owned(),
        number => format!("{} {} here", thousands(number.into()), verb(number, "stays", "stay")),
    };
    format!("{} {inputs} reprocessed: {counted}, {stayed}.", thousands(all))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::params;

    fn said(query_string: &str) -> Option<String> {
        words(&params::parse(query_string, params::QUARANTINE, "2026-11-23".parse().expect("a date")).expect("valid"))
    }

    #[test]
    fn only_our_words_are_shown() {
        assert_eq!(said("done=%3Cb%3Ehello"), None);
        assert_eq!(said(""), None);
        assert_eq!(said("done=gone").as_deref(), Some("The entry was gone already."));
        assert_eq!(said("done=judged").as_deref(), Some("There was nothing to reprocess."));
        assert_eq!(
            said("done=judged&counted=1&stayed=2").as_deref(),
            Some("3 inputs were reprocessed: 1 counts now, 2 stay here.")
        );
        assert_eq!(
            said("done=trusted&counted=1200").as_deref(),
            Some("The sender is trusted from now on. 1,200 inputs were reprocessed: 1,200 count now, none stays.")
        );
    }
}
