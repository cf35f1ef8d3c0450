//! The pages by policy domain.

use super::{empty, readiness::look_at};

#[test]
fn a_domain_is_shown_as_it_was_last_looked_at() {
    let running = empty();
    assert!(running.page("/domains/example.com").contains("Nobody has looked at"));
    look_at(&running, "2026-11-18T10:00:00Z", "testing");
    look_at(&running, "2026-11-19T10:00:00Z", "enforce");
    let page = running.page("/domains/example.com");
    for shown in ["mta-sts.example.com", "9.9.9.9", "v=STSv1; id=enforce", "mx1.example.com", "id of the record"] {
        assert!(page.contains(shown), "{shown} is missing");
    }
    assert!(page.contains("/domains/example.com/readiness"));
    assert!(!page.contains("Look now"), "nobody looks here");
    let list = running.page("/domains?q=EXAMPLE.c");
    assert!(list.contains("href=\"/domains/example.com\"") && list.contains("enforce"), "{list}");
    assert!(running.page("/domains?q=%3Cscript%3E").contains("No served domain has a name that holds"));
}

#[test]
fn a_fault_is_named_on_the_list_and_on_the_page_of_its_domain() {
    let running = empty();
    look_at(&running, "2026-11-18T10:00:00Z", "enforced");
    let list = running.page("/domains");
    assert!(list.contains("<strong>1</strong> of"), "an unknown mode is a fault: {list}");
    let page = running.page("/domains/example.com");
    assert!(page.contains("What is wrong") && page.contains("pol-mode"), "{page}");
    assert!(page.contains("there at the first look"));
}

#[test]
fn nobody_looks_where_nobody_is_set_to() {
    let running = empty();
    let answer = running.send("POST", "/domains/example.com/look", &[("Sec-Fetch-Site", "same-origin")]);
    assert_eq!(answer.status, 409, "{}", answer.text());
}
