//! Everything reports come in by, bound together, started together and stopped together. The control socket is not among
//! them: it is the operator's own.

use std::{sync::Arc, time::Duration};

use anyhow::Context;
use tokio::task::JoinHandle;

use crate::{
    clock::Clock,
    collect::{
        imap::{self, Collector, KeptResponse},
        maildir::{self, Watch},
    },
    config::Config,
    health::{CountedAccept, HealthRegistry},
    pipeline::Pipeline,
    receive::{certificate::Certificate, https, smtp},
    submission::Accept,
};

/// How often the certificate is looked at where no HTTPS listener does.
const CERTIFICATE_INTERVAL: Duration = Duration::from_secs(10);

/// Bound, not yet serving.
pub(super) struct Sources {
    pub public: Option<https::HttpsListener>,
    pub mail: Option<smtp::SmtpListener>,
    pub certificate: Option<Arc<Certificate>>,
    collectors: Vec<Collector>,
    watches: Vec<Watch>,
    health: HealthRegistry,
    clock: Clock,
}

/// At work.
pub(super) struct RunningSources {
    public: Option<https::RunningHttps>,
    mail: Option<smtp::RunningSmtp>,
    collectors: Vec<imap::RunningImap>,
    watches: Vec<maildir::Watching>,
    certificate: Option<JoinHandle<()>>,
}

impl Sources {
    /// Binds every listener and looks at every mailbox's settings.
    pub(super) fn bind(
        config: &Config,
        pipeline: &Arc<Pipeline>,
        health: &HealthRegistry,
        clock: &Clock,
    ) -> anyhow::Result<Sources> {
        let accept: Arc<dyn Accept> = Arc::new(Arc::clone(pipeline));
        let wire_max_bytes = config.limits.report_wire_max_bytes;
        // Listed also while it is idle; where it is off nobody asks.
        let https = match config.public.listen {
            crate::config::Listen::Off => Arc::clone(&accept),
            crate::config::Listen::At(_) => Arc::new(CountedAccept::new(Arc::clone(&accept), health.part("https"))),
        };
        let public = https::HttpsListener::bind(&config.public, wire_max_bytes, https, clock.clone())?;
        let certificate = match (&public, &config.public.certificate, &config.public.key) {
            (Some(public), _, _) => public.certificate(),
            (None, Some(certificate), Some(key)) => Some(Certificate::load(certificate, key)?),
            (None, _, _) => None,
        };
        let mail_max_bytes = config.limits.mail_wire_max_bytes;
        let context = smtp::Context {
            certificate: certificate.clone(),
            wire_max_bytes: mail_max_bytes,
            tokens: pipeline.served().tokens.keys().cloned().collect(),
            accept: Arc::clone(&accept),
            clock: clock.clone(),
        };
        let mail = smtp::SmtpListener::bind(&config.smtp, context, health)?;
        let memory = Arc::new(KeptResponse::new(pipeline.store().clone(), clock.clone()));
        let collector = |account: &crate::config::Imap| {
            let (accept, memory) = (Arc::clone(&accept), Arc::clone(&memory));
            Collector::new(account.clone(), mail_max_bytes, accept, memory, clock.clone(), health)
        };
        let collectors = config.imap.iter().map(collector).collect::<Result<_, _>>()?;
        let watch = |maildir| Watch::open(maildir, mail_max_bytes, Arc::clone(&accept), clock.clone(), health);
        let watches = config.maildir.iter().map(watch).collect();
        Ok(Sources { public, mail, certificate, collectors, watches, health: health.clone(), clock: clock.clone() })
    }

    /// Begins to serve. Must be called within a Tokio runtime.
    pub(super) fn start(self) -> anyhow::Result<RunningSources> {
        let unattended = self.certificate.filter(|_| self.public.is_none() && self.mail.is_some());
        if let Some(public) = &self.public {
            self.health.part("https").well(self.clock.now(), format!("listening on {}", public.url()));
            let how = if public.certificate().is_some() {
                "HTTPS"
            } else {
                "HTTP, for a proxy with TLS in front or this machine alone"
            };
            tracing::info!("reports are taken by POST to {}/v1/tlsrpt ({how})", public.url());
        }
        if let Some(mail) = &self.mail {
            let smtp::Addresses { smtp, lmtp } = mail.addresses();
            tracing::info!(smtp = smtp.map(tracing::field::display), %lmtp, "reports are taken by mail");
        }
        Ok(RunningSources {
            public: self.public.map(https::HttpsListener::start).transpose().context("the public listener")?,
            mail: self.mail.map(smtp::SmtpListener::start).transpose().context("the mail listeners")?,
            collectors: self.collectors.into_iter().map(Collector::start).collect(),
            watches: self.watches.into_iter().map(Watch::start).collect(),
            certificate: unattended.map(|certificate| tokio::spawn(attend(certificate))),
        })
    }
}

impl RunningSources {
    /// Lets nothing new in and finishes what is under way, all of them at the same time.
    pub(super) async fn stop(self) {
        if let Some(task) = &self.certificate {
            task.abort();
        }
        let public = async {
            if let Some(public) = self.public {
                public.stop().await;
            }
        };
        let mail = async {
            if let Some(mail) = self.mail {
                mail.stop().await;
            }
        };
        let collectors = futures_util::future::join_all(self.collectors.into_iter().map(imap::RunningImap::stop));
        let watches = futures_util::future::join_all(self.watches.into_iter().map(maildir::Watching::stop));
        tokio::join!(public, mail, collectors, watches);
    }
}

/// Reads the certificate again when it changes, where no HTTPS listener does so.
async fn attend(certificate: Arc<Certificate>) {
    let mut turns = tokio::time::interval(CERTIFICATE_INTERVAL);
    loop {
        turns.tick().await;
        let certificate = Arc::clone(&certificate);
        // What became of it is logged where it happened.
        let _ = tokio::task::spawn_blocking(move || certificate.refresh()).await;
    }
}
