//! The digest as plain text: lines of at most 76 characters, but for addresses, which must not be broken.

use super::story::{Item, Section, Story};

const WIDTH: usize = 76;

pub(super) fn write(story: &Story) -> String {
    let mut text = Text::default();
    text.line(&story.title);
    text.line("");
    let verdict =
        if story.share.is_empty() { story.sentence.clone() } else { format!("{} {}", story.share, story.sentence) };
    text.wrapped("", &verdict);
    for sentence in &story.more {
        text.wrapped("", sentence);
    }
    text.line(&story.url);
    if !story.quiet {
        for section in &story.sections {
            text.section(section);
        }
        text.types(story);
        text.line("");
        text.line("REPORTS");
        for item in &story.proof {
            text.item(item);
        }
    }
    text.line("");
    text.line("-- ");
    for sentence in &story.foot {
        text.wrapped("", sentence);
    }
    text.0
}

#[derive(Default)]
struct Text(String);

impl Text {
    fn line(&mut self, line: &str) {
        self.0.push_str(line);
        self.0.push('\n');
    }

    fn section(&mut self, section: &Section) {
        self.line("");
        self.line(&section.title.to_uppercase());
        if !section.note.is_empty() {
            self.wrapped("", &section.note);
        }
        for item in &section.lines {
            self.item(item);
        }
        if let Some(rest) = &section.rest {
            self.item(rest);
        }
    }

    fn item(&mut self, item: &Item) {
        self.wrapped("* ", &format!("{}{}", item.head, item.text));
        for note in &item.notes {
            self.wrapped("  ", note);
        }
        self.line(&format!("  {}", item.url));
    }

    fn types(&mut self, story: &Story) {
        if story.types.is_empty() {
            return;
        }
        self.line("");
        self.line("SECURE, BY POLICY TYPE");
        let width = story.types.iter().map(|row| row.name.chars().count()).max().unwrap_or(0).max(11);
        self.line(&format!("{:width$}  {:>12}  {:>8}  {:>8}", "policy type", "sessions", "secure", "before"));
        for row in &story.types {
            self.line(&format!("{:width$}  {:>12}  {:>8}  {:>8}", row.name, row.sessions, row.share, row.before));
        }
        self.wrapped("", &format!("Percent secure, oldest first: {}", story.trend_words));
        self.wrapped("", &format!("Failed sessions, oldest first: {}", story.failed_words));
    }

    /// The first line begins with `lead`, the following ones with as many blanks.
    fn wrapped(&mut self, lead: &str, text: &str) {
        let indent = " ".repeat(lead.chars().count());
        let mut line = lead.to_owned();
        let mut empty = true;
        for word in text.split_whitespace() {
            let length = line.chars().count() + word.chars().count() + usize::from(!empty);
            if !empty && length > WIDTH {
                self.line(&line);
                line.clone_from(&indent);
                empty = true;
            }
            if !empty {
                line.push(' ');
            }
            line.push_str(word);
            empty = false;
        }
        self.line(&line);
    }
}
