//! What every page needs.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use chrono::NaiveDate;

use super::{LookNow, Rules, Setup, answer, answers::Answers, filters, params};
use crate::{
    clock::Clock,
    health::HealthRegistry,
    period::Period,
    pipeline::Pipeline,
    query::{Filter, overview::OverviewFigures, week::PeriodFigures},
    store::Store,
    submission::TrustFilter,
    templates::Templates,
};

/// What the pages need.
pub struct Site {
    pub(crate) pipeline: Arc<Pipeline>,
    pub(crate) clock: Clock,
    pub(crate) health: HealthRegistry,
    pub(crate) rules: Rules,
    /// Host names, besides IP addresses and `localhost`, under which browsers may reach this listener.
    pub(crate) hosts: Vec<String>,
    pub(crate) templates: Templates,
    /// Whether anything that counts by default was ever seen: then it is not looked for again.
    pub(crate) has_counted: AtomicBool,
    pub(crate) overviews: Answers<(Filter, NaiveDate), OverviewFigures>,
    pub(crate) periods: Answers<(Filter, Period, NaiveDate), PeriodFigures>,
    /// Who looks at a domain when somebody asks; `None` where nobody does.
    pub(crate) looker: Option<Arc<dyn LookNow>>,
}

impl Site {
    /// `dev` is the `web/` directory to read templates and static files from at each request; without it the embedded ones
    /// are used. `rules` is what the alerts' pages show of the configuration. `hosts` are compared without case.
    pub fn new(
        pipeline: Arc<Pipeline>,
        clock: Clock,
        health: HealthRegistry,
        rules: Rules,
        dev: Option<PathBuf>,
        hosts: Vec<String>,
    ) -> Result<Site, minijinja::Error> {
        Ok(Site {
            pipeline,
            clock,
            health,
            rules,
            hosts,
            templates: {
                let mut templates = Templates::new(dev, filters::register)?;
                templates.set_global("setup", minijinja::Value::from(minijinja::value::Serde(&Setup::default())));
                templates
            },
            has_counted: AtomicBool::new(false),
            overviews: Answers::default(),
            periods: Answers::default(),
            looker: None,
        })
    }

    /// The same, with what the pages say of their set-up.
    pub fn in_setup(mut self, setup: Setup) -> Site {
        self.templates.set_global("setup", minijinja::Value::from(minijinja::value::Serde(&setup)));
        self
    }

    /// The same, with somebody who looks at a domain when asked.
    pub fn looking(mut self, looker: Option<Arc<dyn LookNow>>) -> Site {
        self.looker = looker;
        self
    }

    pub(crate) fn store(&self) -> &Store {
        self.pipeline.store()
    }

    /// Reads the query string of an address; without a trust it asks for what counts by default, or for what is claimed while
    /// nothing of that is stored.
    pub(crate) async fn asked(
        &self,
        query_string: &str,
        accepted: params::Accepted,
    ) -> Result<params::PageParams, answer::Fail> {
        let mut asked = params::parse(query_string, accepted, self.today())?;
        asked.filter.least = self.rules.least();
        if asked.filter.trust == TrustFilter::Counted && !self.has_counted.load(Ordering::Relaxed) {
            let filter = asked.filter.clone();
            asked.filter = self.store().read(move |connection| Ok(filter.settled(connection)?)).await?;
            self.has_counted.store(!asked.filter.only_claims && self.has_reports().await?, Ordering::Relaxed);
        }
        Ok(asked)
    }

    pub(crate) async fn overview(&self, filter: &Filter) -> Result<Arc<OverviewFigures>, answer::Fail> {
        let (filter, today) = (filter.clone(), self.today());
        let question = (filter.clone(), today);
        let ask = self.store().read(move |connection| Ok(OverviewFigures::ask(connection, &filter, today)?));
        self.store().settle().await;
        self.overviews.of(question, self.store().version(), async { Ok(ask.await?) }).await
    }

    pub(crate) async fn period(&self, filter: &Filter, period: Period) -> Result<Arc<PeriodFigures>, answer::Fail> {
        let (filter, today) = (filter.clone(), self.today());
        let question = (filter.clone(), period, today);
        let ask = self.store().read(move |connection| Ok(PeriodFigures::ask(connection, &filter, period, today)?));
        self.store().settle().await;
        self.periods.of(question, self.store().version(), async { Ok(ask.await?) }).await
    }

    async fn has_reports(&self) -> Result<bool, answer::Fail> {
        let today = self.today();
        Ok(self.store().read(move |connection| Ok(crate::query::span::span(connection, today)?.is_some())).await?)
    }

    pub(crate) fn today(&self) -> chrono::NaiveDate {
        self.clock.now().date_naive()
    }
}
