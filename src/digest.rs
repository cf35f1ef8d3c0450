//! The digest: what the week page says, as a mail. `content` decides what is told and in which order, `text` and the template
//! `mail_digest.html` say it twice. Nothing in it is loaded from elsewhere.

mod advice;
mod content;
mod failures;
mod sections;
mod text;

use std::path::PathBuf;

use minijinja::context;

use crate::{
    alerts::notice::{Email, Picture},
    chart::{self, Line},
    query::week::PeriodFigures,
    templates::{Templates, fields},
};

/// Whom a digest is for, and where its links lead.
#[derive(Debug, Clone)]
pub struct DigestRecipient {
    /// Of the digest, as configured; `None` for one asked for by hand.
    pub name: Option<String>,
    /// Its policy domains; empty: all.
    pub policy_domains: Vec<String>,
    /// Where the pages are, without a slash at the end.
    pub base_url: String,
}

/// Writes digests.
pub struct DigestRenderer(Templates);

impl DigestRenderer {
    /// `dev` as for the pages.
    pub fn new(dev: Option<PathBuf>) -> Result<DigestRenderer, minijinja::Error> {
        Ok(DigestRenderer(Templates::new(dev, |_, _| {})?))
    }

    /// The digest of the figures' period. The same figures give the same email, byte for byte.
    pub fn email(
        &self,
        figures: &PeriodFigures,
        digest_recipient: &DigestRecipient,
    ) -> Result<Email, minijinja::Error> {
        let content = content::tell(figures, digest_recipient);
        // One point is no trend, and where nobody reported there is no place for one.
        let bare = content.quiet || content.types.is_empty() || content.trend.labels.len() < 2;
        let pictures = if bare { Vec::new() } else { pictures(figures) };
        let shown: Vec<&str> = pictures.iter().map(|picture| picture.name.as_str()).collect();
        let html = self.0.render("mail_digest.html", context! { ..fields! { content => content, shown => shown } })?;
        Ok(Email {
            subject: content.subject.clone(),
            text: text::write(&content),
            html,
            pictures,
            list: "digest".to_owned(),
        })
    }
}

/// The pictures, by the names the template knows.
fn pictures(figures: &PeriodFigures) -> Vec<Picture> {
    let periods: Vec<String> = figures.periods.iter().map(|period| period.label()).collect();
    let lines: Vec<Line> = content::shares(figures).into_iter().map(|(name, shares)| Line { name, shares }).collect();
    let failed: Vec<i64> = figures.trend.once.iter().map(|sessions| sessions.failed).collect();
    let drawn = [("trend", chart::lines_png(&lines, &periods)), ("failed", chart::bars_png(&failed, &periods))];
    drawn.into_iter().filter_map(|(name, png)| png.map(|png| Picture { name: name.to_owned(), png })).collect()
}
