//! A person's way through the pages in headless Chromium: from the verdict to the bytes a sender posted.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::json;

use crate::server::{Demo, program_missing};

#[test]
fn from_the_overview_to_a_raw_report() {
    if program_missing("chromedriver") || program_missing("chromium") {
        return;
    }
    let demo = Demo::start();
    let driver = Driver::start();
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let browser = driver.browser().await;
        let walked = walk(&browser, &demo.private).await;
        browser.close().await.unwrap();
        walked.unwrap();
    });
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
    no_sideways_scroll(browser).await
}

/// A phone is 390 px wide; the page itself never scrolls sideways.
async fn no_sideways_scroll(browser: &Client) -> Result<(), fantoccini::error::CmdError> {
    let overflow = "return document.documentElement.scrollWidth - document.documentElement.clientWidth";
    let overflow = browser.execute(overflow, Vec::new()).await?;
    assert_eq!(overflow, json!(0), "the overview is wider than the window");
    Ok(())
}

async fn text(browser: &Client) -> Result<String, fantoccini::error::CmdError> {
    browser.find(Locator::Css("main")).await?.text().await
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
