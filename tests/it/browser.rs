//! A person's ways through the pages in headless Chromium: from the verdict to the bytes a sender posted, and from an alert to
//! the reports behind it.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::json;

use crate::{
    alerts::{World, days_ago, post},
    server::{Demo, Server, program_missing, until},
};

/// How long a page may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn from_the_overview_to_a_raw_report() {
    if program_missing("chromedriver") || program_missing("chromium") {
        return;
    }
    let demo = Demo::start();
    in_a_browser(async |browser| walk(browser, &demo.private).await);
}

#[test]
fn from_an_alert_to_the_reports_behind_it_and_its_week() {
    if program_missing("chromedriver") || program_missing("chromium") {
        return;
    }
    let world = World::new("");
    let server = world.start();
    post(&server, "alpha.example", days_ago(2), 8);
    post(&server, "beta.example", days_ago(2), 8);
    until("the alert fires", || server.get("/api/v1/alerts").json()["firing"] == 1);
    in_a_browser(async |browser| attend(browser, &server).await);
}

/// Walks with a browser that is closed afterwards, whatever happened on the way.
fn in_a_browser(walk: impl AsyncFnOnce(&Client) -> Result<(), fantoccini::error::CmdError>) {
    let driver = Driver::start();
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let browser = driver.browser().await;
        let walked = walk(&browser).await;
        browser.close().await.unwrap();
        walked.unwrap();
    });
}

async fn attend(browser: &Client, server: &Server) -> Result<(), fantoccini::error::CmdError> {
    browser.goto(&format!("http://{}/", server.private)).await?;
    browser.find(Locator::Css("header a[href='/alerts']")).await?.click().await?;
    shows(browser, "1 alert is firing, and nobody has acknowledged it.").await;
    no_sideways_scroll(browser).await?;

    browser.find(Locator::Css("table.alerts tbody th a")).await?.click().await?;
    shows(browser, "What it means, and what to do").await;
    let alert = browser.current_url().await?;
    assert!(alert.path().starts_with("/alerts/"), "{alert}");
    let verdict = browser.find(Locator::Css("main .verdict")).await?.text().await?;
    assert!(
        verdict.starts_with("alpha.example (claimed) and beta.example (claimed) cannot fetch the MTA-STS policy"),
        "{verdict}"
    );
    no_sideways_scroll(browser).await?;

    // The figure leads to just the reports it counts.
    browser.find(Locator::Css("dl.facts a.hot")).await?.click().await?;
    shows(browser, "2 reports").await;
    assert_eq!(browser.current_url().await?.path(), "/reports");
    let rows = browser.find_all(Locator::Css("main table tbody th a")).await?;
    assert_eq!(rows.len(), 2, "{}", text(browser).await?);
    rows[0].click().await?;
    shows(browser, "The report as sent").await;
    assert!(text(browser).await?.contains("sts-policy-fetch-error"));

    // Somebody looks after it.
    browser.goto(alert.as_str()).await?;
    browser.find(Locator::Css("form.acknowledge input[name=note]")).await?.send_keys("Anna looks after it").await?;
    browser.find(Locator::Css("form.acknowledge button")).await?.click().await?;
    shows(browser, "It is acknowledged").await;
    assert_eq!(browser.current_url().await?.path(), alert.path());
    assert!(text(browser).await?.contains("Anna looks after it"));
    assert_eq!(server.get("/api/v1/alerts").json()["unacknowledged"], 0);

    // … and nobody is to be told of others like it for a day.
    browser.find(Locator::Css("section[aria-labelledby=act] summary")).await?.click().await?;
    browser.find(Locator::Css("form.silence input[name=reason]")).await?.send_keys("a move").await?;
    browser.find(Locator::Css("form.silence button")).await?.click().await?;
    shows(browser, "The silence is in force.").await;
    browser.goto(alert.as_str()).await?;
    shows(browser, "Silenced until").await;

    browser.find(Locator::Css("dl.facts a[href^='/weeks/']")).await?.click().await?;
    let week = days_ago(2).format("%G-W%V");
    shows(browser, "Who failed by organisation").await;
    assert_eq!(browser.current_url().await?.path(), format!("/weeks/{week}"));
    let page = text(browser).await?;
    assert!(page.contains("example.com") && page.contains("alpha.example"), "{page}");
    no_sideways_scroll(browser).await
}

async fn walk(browser: &Client, overview: &str) -> Result<(), fantoccini::error::CmdError> {
    browser.goto(overview).await?;
    let verdict = browser.find(Locator::Css("main .verdict")).await?.text().await?;
    assert!(verdict.contains("sessions"), "the first line is a verdict: {verdict}");
    // "cannot" or "could not": by the day of the week the demo's outage goes on or is over.
    let page = text(browser).await?;
    assert!(page.contains("Policy cannot be fetched") || page.contains("Policy could not be fetched"), "{page}");

    // Who fails: the first organisation's figure leads to the reports behind it.
    browser.find(Locator::Css("table.senders td a.hot")).await?.click().await?;
    assert!(browser.current_url().await?.path().starts_with("/reports"));
    browser.find(Locator::Css("main table tbody th a")).await?.click().await?;
    assert!(browser.current_url().await?.path().starts_with("/reports/"));
    let page = text(browser).await?;
    for words in ["Where it came from", "The report as sent", "organization-name"] {
        assert!(page.contains(words), "the report page shows {words}");
    }

    let raw =
        browser.find(Locator::LinkText("Original bytes")).await?.attr("href").await?.expect("a link to the bytes");
    assert!(raw.starts_with("/api/v1/reports/") && raw.ends_with("/raw"), "{raw}");
    browser.back().await?;
    browser.back().await?;
    assert_eq!(browser.current_url().await?.path(), "/");
    assert!(browser.find(Locator::Css("aside.invented")).await?.text().await?.contains("invented"));
    no_sideways_scroll(browser).await?;

    // Any name may be typed into the filter, without a script.
    browser.find(Locator::Css("label[for=unfold]")).await?.click().await?;
    browser.find(Locator::Css("input[name=policy_domain]")).await?.send_keys("example.net").await?;
    browser.find(Locator::Css("form.fields button")).await?.click().await?;
    browser.wait().for_element(Locator::Css("main a[href*='policy_domain=example.net']")).await?;
    let chosen = browser.current_url().await?;
    assert!(chosen.query().is_some_and(|query| query.contains("policy_domain=example.net")), "{chosen}");
    // The address is the state of a page: back on the one before, its filter is empty again.
    browser.back().await?;
    assert_eq!(browser.current_url().await?.path(), "/");
    let field = browser.find(Locator::Css("input[name=policy_domain]")).await?;
    assert_eq!(field.prop("value").await?.as_deref(), Some(""));
    Ok(())
}

/// A phone is 390 px wide; the page itself never scrolls sideways.
async fn no_sideways_scroll(browser: &Client) -> Result<(), fantoccini::error::CmdError> {
    let overflow = "return document.documentElement.scrollWidth - document.documentElement.clientWidth";
    let overflow = browser.execute(overflow, Vec::new()).await?;
    assert_eq!(overflow, json!(0), "{} is wider than the window", browser.current_url().await?);
    Ok(())
}

async fn text(browser: &Client) -> Result<String, fantoccini::error::CmdError> {
    browser.find(Locator::Css("main")).await?.text().await
}

/// Waits until the page that was asked for by a click shows this.
async fn shows(browser: &Client, words: &str) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        // The old page may go away while it is read.
        let page = text(browser).await;
        if page.as_ref().is_ok_and(|page| page.contains(words)) {
            return;
        }
        assert!(Instant::now() < deadline, "never shown: {words}: {page:?}");
    }
}

struct Driver {
    child: Child,
    url: String,
}

impl Driver {
    /// ChromeDriver on a port of its own choosing, which it prints.
    fn start() -> Driver {
        let mut child = Command::new("chromedriver").arg("--port=0").stdout(Stdio::piped()).spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let started = output.lines().map_while(Result::ok).find_map(|line| {
            let port = line.strip_prefix("ChromeDriver was started successfully on port ")?;
            Some(port.trim_end_matches('.').to_owned())
        });
        let port = started.expect("chromedriver starts");
        Driver { child, url: format!("http://127.0.0.1:{port}") }
    }

    async fn browser(&self) -> Client {
        let arguments = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--window-size=1440,2000",
        ];
        let phone = json!({ "deviceMetrics": { "width": 390, "height": 844, "pixelRatio": 2.0 } });
        let options = json!({ "args": arguments, "mobileEmulation": phone });
        let capabilities = json!({ "goog:chromeOptions": options });
        ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities.as_object().unwrap().clone())
            .connect(&self.url)
            .await
            .expect("a browser")
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
