//! `tlsight config check`.

use std::process::ExitCode;

use super::Common;
use crate::config::{Config, ConfigError, Environment};

pub fn run(common: &Common) -> anyhow::Result<ExitCode> {
    let environment = Environment::of_process();
    let checked = Config::load(common.config.as_deref(), &environment).and_then(|config| {
        config.check()?;
        Ok(config)
    });
    let problems = checked.as_ref().err().map(ConfigError::problems).unwrap_or_default();
    if common.json {
        println!("{}", serde_json::json!({ "valid": problems.is_empty(), "problems": problems }));
    } else {
        match &checked {
            Ok(config) => println!("The configuration is valid{}.", domains(config)),
            Err(error) => println!("{error}"),
        }
    }
    Ok(if problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn domains(config: &Config) -> String {
    match config.domain.len() {
        0 => ": no domain is configured, so reports for every domain are taken".to_owned(),
        1 => " for one domain".to_owned(),
        several => format!(" for {several} domains"),
    }
}
