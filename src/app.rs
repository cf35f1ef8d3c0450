//! The wiring: `build` opens the store and binds everything, `run` serves until told to stop and then drains.

mod descriptors;
mod jobs;
mod looks;
mod proofs;
mod rules;
mod sources;
mod tally;

use std::{
    future::Future,
    io,
    net::{SocketAddr, TcpListener},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use actix_web::{HttpServer, dev::ServerHandle, middleware::Compress, web};
use anyhow::Context;
use tokio::{
    runtime::Handle,
    signal::unix::{SignalKind, signal},
    sync::watch,
    task::JoinHandle,
};

use crate::{
    clock::Clock,
    config::{Config, Dns, Listen, LmtpListen, StoreConfig, UNKNOWN_HOST},
    control::Control,
    dns::{self, Resolver},
    health::HealthRegistry,
    pipeline::{Pipeline, Reread, Signatures},
    receive::{certificate::Certificate, https, network},
    reporters,
    store::{Bounds, Store, StoreSettings},
    web::{LookNow, Setup, Site, configure},
};
pub use descriptors::shortage;
use jobs::BackgroundJobs;
use sources::Sources;
use tally::SourceCounters;

/// Threads that answer pages; the questions themselves run on the store's readers.
const PRIVATE_WORKERS: usize = 2;
/// Seconds that page requests under way are given when the server stops.
const PRIVATE_SHUTDOWN_S: u64 = 5;

/// What a caller decides beside the configuration.
#[derive(Debug, Clone, Default)]
pub struct Options {
    pub clock: Clock,
    /// Read templates and static files from `./web` at each request instead of the embedded ones.
    pub dev: bool,
    /// Everything that is shown is invented, and every page says so.
    pub demo: bool,
}

/// Everything bound, nothing served yet.
pub struct App {
    clock: Clock,
    pipeline: Arc<Pipeline>,
    sources: Sources,
    private: Option<Private>,
    control: Control,
    jobs: BackgroundJobs,
    tally: SourceCounters,
}

struct Private {
    socket: TcpListener,
    address: SocketAddr,
    site: web::Data<Site>,
    connections_max: usize,
}

impl App {
    /// Opens the store and binds every listener. Needs a tokio runtime.
    pub async fn build(mut config: Config, options: Options) -> anyhow::Result<App> {
        descriptors::make_room(&mut config)?;
        let served = config.served()?;
        if served.domains.is_empty() {
            tracing::warn!("no [[domain]] is configured: reports for every domain are accepted");
        }
        let private_socket = bind_private(&config)?;
        let signatures = signatures(&config, &Handle::current())?;
        let networks = proofs::networks(&config, &Handle::current())?;
        let settings = StoreSettings { clock: options.clock.clone(), ..settings(&config)? };
        let (data, limits) = (config.data.clone(), config.limits.clone());
        let opened = tokio::task::spawn_blocking(move || {
            let store = Store::open(&data, &settings)?;
            Pipeline::proving(limits, served, signatures, networks, store)
        });
        let pipeline = opened.await??;
        let control = Control::bind(&config.data)?;
        let health = HealthRegistry::default();
        let sources = Sources::bind(&config, &pipeline, &health, &options.clock)?;
        let tally = SourceCounters::resume(pipeline.store(), &health, &options.clock).await?;
        let dev = options.dev.then(|| PathBuf::from("web"));
        let hosts = config.private.hosts.clone();
        let site =
            Site::new(Arc::clone(&pipeline), options.clock.clone(), health.clone(), rules::rules(&config), dev, hosts)?;
        let looks = looks::looks(&config, pipeline.store(), &options)?;
        let looker = looks.clone().map(|looks| Arc::new(looks::Looker(looks)) as Arc<dyn LookNow>);
        let site = site.looking(looker);
        let site = web::Data::new(site.in_setup(setup(&config, sources.public.as_ref(), options.demo)));
        let connections_max = config.private.connections_max;
        let private = private_socket.map(|(socket, address)| Private { socket, address, site, connections_max });
        let bound = private.as_ref().map(|private| private.address);
        let jobs = BackgroundJobs::build(config, bound, pipeline.store(), &health, &options)?.looking(looks);
        Ok(App { clock: options.clock, pipeline, sources, private, control, jobs, tally })
    }

    /// Where senders post to, without path; `None` where the listener is off.
    pub fn public_url(&self) -> Option<String> {
        self.sources.public.as_ref().map(https::HttpsListener::url)
    }

    /// Where mail is taken by SMTP, `HOST:PORT`; `None` where the listener is off.
    pub fn smtp_address(&self) -> Option<String> {
        self.sources.mail.as_ref().and_then(|mail| mail.addresses().smtp).map(|address| address.to_string())
    }

    /// Where mail is taken by LMTP, `HOST:PORT` or `unix:/path`; `None` where the listener is off.
    pub fn lmtp_address(&self) -> Option<String> {
        let address = self.sources.mail.as_ref().map_or(LmtpListen::Off, |mail| mail.addresses().lmtp);
        (address != LmtpListen::Off).then(|| address.to_string())
    }

    /// Where the pages are; `None` where the listener is off.
    pub fn private_url(&self) -> Option<String> {
        self.private.as_ref().map(|private| format!("http://{}", private.address))
    }

    pub fn pipeline(&self) -> &Arc<Pipeline> {
        &self.pipeline
    }

    /// Serves until SIGTERM or SIGINT.
    pub async fn run(self) -> anyhow::Result<()> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        self.run_until(async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        })
        .await
    }

    /// Serves until `stop` resolves; then stops accepting, finishes what is under way, commits and checkpoints.
    pub async fn run_until(self, stop: impl Future<Output = ()>) -> anyhow::Result<()> {
        let (certificate, clock) = (self.sources.certificate.clone(), self.clock.clone());
        let sources = self.sources.start()?;
        let private = self.private.map(Private::start).transpose().context("the private listener")?;
        let (stopping, stopped) = watch::channel(false);
        let control =
            tokio::spawn(self.control.run(Arc::clone(&self.pipeline), self.jobs.admin(), self.clock, stopped.clone()));
        let jobs = self.jobs.start(&stopped);
        let proofs = tokio::spawn(proofs::run(Arc::clone(&self.pipeline), clock, stopped.clone()));
        let counting = self.tally.start(stopped.clone());
        let hangup = tokio::spawn(reload_on_hangup(certificate));

        stop.await;
        tracing::info!("stopping: no new connections, finishing what is under way");
        hangup.abort();
        stopping.send_replace(true);
        sources.stop().await;
        control.await.context("the control socket")?;
        if let Err(error) = proofs.await {
            tracing::error!(%error, "the task that proves reports later had panicked");
        }
        jobs.ended().await;
        counting.await.context("counting what came in")?;
        self.tally.end().await;
        if let Some((handle, server)) = private {
            handle.stop(true).await;
            server.await?.context("the private listener")?;
        }
        self.pipeline.store().close().await.context("closing the store")?;
        Ok(())
    }
}

impl Private {
    fn start(self) -> io::Result<(ServerHandle, JoinHandle<io::Result<()>>)> {
        tracing::info!("the pages are at http://{}/", self.address);
        let site = self.site;
        let app = move || actix_web::App::new().wrap(Compress::default()).configure(configure(site.clone()));
        let server = HttpServer::new(app)
            .workers(PRIVATE_WORKERS)
            // Of each worker; who comes while all are taken waits for one.
            .max_connections(self.connections_max.div_ceil(PRIVATE_WORKERS))
            .disable_signals()
            .client_request_timeout(Duration::from_secs(10))
            .shutdown_timeout(PRIVATE_SHUTDOWN_S)
            .listen(self.socket)?
            .run();
        Ok((server.handle(), tokio::spawn(server)))
    }
}

/// What signatures are judged with, as configured. Look-ups run on the runtime of `handle`.
pub fn signatures(config: &Config, handle: &Handle) -> anyhow::Result<Signatures> {
    Ok(Signatures::new(resolver(config, config.dns.deadline_s, handle)?, config.dkim.trusted_authserv_id.clone()))
}

fn resolver(config: &Config, deadline_s: u64, handle: &Handle) -> anyhow::Result<Arc<dyn Resolver>> {
    let Dns { servers, validate, records, .. } = &config.dns;
    Ok(dns::open(servers, Duration::from_secs(deadline_s), *validate, records.as_deref(), handle)?)
}

/// The store's settings as configured.
pub fn settings(config: &Config) -> anyhow::Result<StoreSettings> {
    reporters::set(config.registry());
    let StoreConfig { memory_max_bytes, threads, queue_max, readers_max, quarantine_max_bytes, .. } = config.store;
    let StoreConfig { unproven_max_bytes, unproven_keep_days, .. } = config.store;
    let reread = Reread { limits: config.limits.clone(), served: config.served()? };
    Ok(StoreSettings {
        memory_max_bytes,
        threads,
        queue_max,
        readers_max,
        quarantine_max_bytes,
        unproven: Bounds { bytes_max: unproven_max_bytes, keep_days: unproven_keep_days },
        reread: Some(Arc::new(reread)),
        ..StoreSettings::default()
    })
}

/// Binds the private listener, which has no accounts, to loopback unless the operator insists.
fn bind_private(config: &Config) -> anyhow::Result<Option<(TcpListener, SocketAddr)>> {
    let Listen::At(address) = config.private.listen else { return Ok(None) };
    let loopback = address.ip().to_canonical().is_loopback();
    anyhow::ensure!(
        loopback || config.private.allow_remote,
        "the private listener has no accounts, so whoever reaches {address} would see every report and could change the \
         quarantine: listen on a loopback address, or set private.allow_remote = true"
    );
    if !loopback {
        tracing::warn!(%address, "the private listener has no accounts and is open to everybody who reaches it");
    }
    let socket = network::listen(address).with_context(|| format!("cannot listen on {address} (private.listen)"))?;
    let address = socket.local_addr()?;
    Ok(Some((socket, address)))
}

/// What the pages say of the set-up. Beyond this machine only the operator knows under which name it is reached.
fn setup(config: &Config, public: Option<&https::HttpsListener>, demo: bool) -> Setup {
    let reach = config.reach();
    let post_url = public.map(|public| if reach.https { format!("https://{UNKNOWN_HOST}") } else { public.url() });
    Setup {
        demo,
        record: reach.record(),
        over_https: reach.names_https(),
        by_mail: reach.mailbox.is_some(),
        post_url,
        post_is_local: !reach.https,
    }
}

/// SIGHUP: the operator, or the certificate's renewal, wants it read again now.
async fn reload_on_hangup(certificate: Option<Arc<Certificate>>) {
    let Ok(mut hangup) = signal(SignalKind::hangup()) else { return };
    while hangup.recv().await.is_some() {
        if let Some(certificate) = &certificate {
            certificate.reload();
        }
    }
}
