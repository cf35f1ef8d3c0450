//! The templates under `web/templates`: embedded, or read from disk at each request while they are being worked on. Text from
//! reports comes from strangers: everything is escaped, and characters that hide or reorder text are made visible.

use std::path::{Path, PathBuf};

use minijinja::{
    AutoEscape, Environment, Error, ErrorKind, UndefinedBehavior, Value, escape_formatter, syntax::SyntaxConfig,
};
use rust_embed::Embed;

use crate::text::{escape_html, visible_lines};

#[derive(Embed)]
#[folder = "web/templates"]
struct Embedded;

/// A map for a template, of anything serde knows: `fields! { name => value, other }`.
macro_rules! fields {
    (@value $name:ident) => { minijinja::Value::from(minijinja::value::Serde(&$name)) };
    (@value $name:ident $value:expr) => { minijinja::Value::from(minijinja::value::Serde(&$value)) };
    ($($name:ident $(=> $value:expr)?),* $(,)?) => {
        minijinja::context! { $($name => $crate::templates::fields!(@value $name $($value)?)),* }
    };
}
pub(crate) use fields;

/// Adds filters and functions; gets the directory that is read from at each request, if any.
pub type Register = fn(&mut Environment<'static>, Option<&Path>);

pub struct Templates {
    environment: Environment<'static>,
    /// `web/`.
    dev: Option<PathBuf>,
    register: Register,
    globals: Vec<(&'static str, Value)>,
}

impl Templates {
    /// All of them, with these filters and functions.
    pub fn new(dev: Option<PathBuf>, register: Register) -> Result<Templates, Error> {
        let mut environment = environment(dev.as_deref(), register);
        if dev.is_none() {
            for name in names() {
                environment.add_template_owned(name.clone(), embedded(&name)?)?;
            }
        }
        Ok(Templates { environment, dev, register, globals: Vec::new() })
    }

    /// A value that every template may use.
    pub fn set_global(&mut self, name: &'static str, value: Value) {
        self.environment.add_global(name, value.clone());
        self.globals.push((name, value));
    }

    pub fn dev(&self) -> Option<&Path> {
        self.dev.as_deref()
    }

    pub fn render(&self, name: &str, context: Value) -> Result<String, Error> {
        let Some(web) = &self.dev else { return self.environment.get_template(name)?.render(context) };
        let mut environment = environment(Some(web), self.register);
        for (name, value) in &self.globals {
            environment.add_global(*name, value.clone());
        }
        for name in names() {
            let path = web.join("templates").join(&name);
            let source = std::fs::read_to_string(&path)
                .map_err(|error| Error::new(ErrorKind::TemplateNotFound, format!("{}: {error}", path.display())))?;
            environment.add_template_owned(name, source)?;
        }
        environment.get_template(name)?.render(context)
    }
}

/// All templates, by file name.
pub(crate) fn names() -> Vec<String> {
    Embedded::iter().map(|name| name.into_owned()).collect()
}

fn embedded(name: &str) -> Result<String, Error> {
    let file = Embedded::get(name).ok_or_else(|| Error::new(ErrorKind::TemplateNotFound, name.to_owned()))?;
    String::from_utf8(file.data.into_owned())
        .map_err(|_| Error::new(ErrorKind::SyntaxError, format!("{name} is not UTF-8")))
}

fn environment(dev: Option<&Path>, register: Register) -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
    environment.set_syntax(syntax.expect("the default delimiters are valid"));
    environment.set_formatter(|output, state, value| {
        if let (AutoEscape::Html, false, Some(text)) = (state.auto_escape(), value.is_safe(), value.as_str()) {
            return Ok(output.write_str(&escape_html(&visible_lines(text)))?);
        }
        escape_formatter(output, state, value)
    });
    register(&mut environment, dev);
    environment
}
