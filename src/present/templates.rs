//! The templates under `web/templates`: embedded, or read from disk at each request while they are being worked on.

use std::path::{Path, PathBuf};

use minijinja::{Environment, Error, ErrorKind, UndefinedBehavior, Value, syntax::SyntaxConfig, value::Serde};
use rust_embed::Embed;

use super::{Setup, assets, filters};

#[derive(Embed)]
#[folder = "web/templates"]
struct Embedded;

/// A map for a template, of anything serde knows: `fields! { name => value, other }`.
macro_rules! fields {
    (@value $name:ident) => { minijinja::Value::from(minijinja::value::Serde(&$name)) };
    (@value $name:ident $value:expr) => { minijinja::Value::from(minijinja::value::Serde(&$value)) };
    ($($name:ident $(=> $value:expr)?),* $(,)?) => {
        minijinja::context! { $($name => $crate::present::templates::fields!(@value $name $($value)?)),* }
    };
}
pub(super) use fields;

pub(super) struct Templates {
    environment: Environment<'static>,
    /// `web/`.
    dev: Option<PathBuf>,
    setup: Setup,
}

impl Templates {
    pub(super) fn new(dev: Option<PathBuf>) -> Result<Templates, Error> {
        let mut environment = environment(dev.clone());
        if dev.is_none() {
            for name in names() {
                let source = source(&name)?;
                environment.add_template_owned(name, source)?;
            }
        }
        let mut templates = Templates { environment, dev, setup: Setup::default() };
        templates.set_up(Setup::default());
        Ok(templates)
    }

    /// What every template may say of the set-up, as `setup`.
    pub(super) fn set_up(&mut self, setup: Setup) {
        self.environment.add_global("setup", Value::from(Serde(&setup)));
        self.setup = setup;
    }

    pub(super) fn dev(&self) -> Option<&Path> {
        self.dev.as_deref()
    }

    pub(super) fn render(&self, name: &str, context: Value) -> Result<String, Error> {
        match &self.dev {
            None => self.environment.get_template(name)?.render(context),
            Some(web) => {
                let mut environment = environment(Some(web.clone()));
                environment.add_global("setup", Value::from(Serde(&self.setup)));
                for name in names() {
                    let path = web.join("templates").join(&name);
                    let source = std::fs::read_to_string(&path).map_err(|error| {
                        Error::new(ErrorKind::TemplateNotFound, format!("{}: {error}", path.display()))
                    })?;
                    environment.add_template_owned(name, source)?;
                }
                environment.get_template(name)?.render(context)
            }
        }
    }
}

/// All templates, by file name.
pub(super) fn names() -> Vec<String> {
    Embedded::iter().map(|name| name.into_owned()).collect()
}

fn source(name: &str) -> Result<String, Error> {
    let file = Embedded::get(name).ok_or_else(|| Error::new(ErrorKind::TemplateNotFound, name.to_owned()))?;
    String::from_utf8(file.data.into_owned())
        .map_err(|_| Error::new(ErrorKind::SyntaxError, format!("{name} is not UTF-8")))
}

fn environment(dev: Option<PathBuf>) -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
    environment.set_syntax(syntax.expect("the default delimiters are valid"));
    filters::register(&mut environment);
    environment.add_function("asset", move |name: &str| {
        assets::url(dev.as_deref(), name)
            .ok_or_else(|| Error::new(ErrorKind::InvalidOperation, format!("no static file `{name}`")))
    });
    environment
}
