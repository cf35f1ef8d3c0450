//! File, then environment: read, checked for unknown keys, laid over each other. Flags come last, where they are parsed.

use std::{
    collections::BTreeMap,
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

use toml::de::{DeTable, DeValue};

use super::{
    Config, ConfigError,
    keys::{self, ConfigSection},
    problem::Problems,
};

/// Read when no file is named and this one exists.
pub const DEFAULT_FILE: &str = "/etc/tlsight.toml";
/// A larger file is a mistake.
const FILE_MAX_BYTES: u64 = 1024 * 1024;
/// `TLSIGHT_…` names that are not keys: read elsewhere, or set by Kubernetes for a service named `tlsight`.
const NOT_KEYS: [&str; 4] = ["CONFIG", "LOG", "PORT", "SERVICE"];

/// The environment variables that matter here, taken once.
#[derive(Debug, Clone, Default)]
pub struct Environment(BTreeMap<String, String>);

impl Environment {
    pub fn of_process() -> Environment {
        std::env::vars_os()
            .map(|(name, value)| (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned()))
            .collect()
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }
}

impl FromIterator<(String, String)> for Environment {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(variables: I) -> Environment {
        let ours = |name: &str| name.starts_with("TLSIGHT_") || name == "CREDENTIALS_DIRECTORY";
        Environment(variables.into_iter().filter(|(name, _)| ours(name)).collect())
    }
}

impl Config {
    /// Reads the file named by the flag, else by `TLSIGHT_CONFIG`, else `/etc/tlsight.toml` where it exists, and lays the
    /// environment over it. The values are of the right type afterwards, `check` says whether they make sense.
    pub fn load(flag: Option<&Path>, environment: &Environment) -> Result<Config, ConfigError> {
        match Config::file(flag, environment) {
            None => assemble("", "the defaults", environment),
            Some(path) => {
                let text = read(&path)?;
                let mut config = assemble(&text, &path.display().to_string(), environment)?;
                config.resolve_paths(path.parent(), environment);
                Ok(config)
            }
        }
    }

    /// The file that `load` reads; `None` where none is named and none is there.
    pub fn file(flag: Option<&Path>, environment: &Environment) -> Option<PathBuf> {
        let named = flag.map(Path::to_owned).or_else(|| environment.get("TLSIGHT_CONFIG").map(PathBuf::from));
        named.or_else(|| Some(PathBuf::from(DEFAULT_FILE)).filter(|path| path.exists()))
    }

    #[cfg(test)]
    pub(super) fn from_text(text: &str, environment: &Environment) -> Result<Config, ConfigError> {
        assemble(text, "test.toml", environment)
    }

    /// Credentials of a systemd unit live in a directory that is only known at run time.
    fn resolve_paths(&mut self, beside: Option<&Path>, environment: &Environment) {
        let credentials = environment.get("CREDENTIALS_DIRECTORY").map(PathBuf::from);
        let resolve = |path: &mut PathBuf| {
            let in_credentials = credentials.as_ref().map(|directory| directory.join(&path)).filter(|p| p.exists());
            let in_beside = beside.map(|directory| directory.join(&path));
            if let Some(found) = in_credentials.or(in_beside) {
                *path = found;
            }
        };
        self.public.certificate.iter_mut().for_each(resolve);
        self.public.key.iter_mut().for_each(resolve);
        self.domain.iter_mut().filter_map(|domain| domain.token_file.as_mut()).for_each(resolve);
        for account in &mut self.imap {
            let files = [&mut account.ca, &mut account.password_file, &mut account.token_file];
            files.into_iter().flatten().for_each(resolve);
        }
        for channel in &mut self.channel {
            let files = [&mut channel.ca, &mut channel.url_file, &mut channel.secret_file];
            files.into_iter().flatten().for_each(resolve);
        }
        [&mut self.mail.ca, &mut self.mail.password_file].into_iter().flatten().for_each(resolve);
    }
}

fn read(path: &Path) -> Result<String, ConfigError> {
    let fail = |error: &dyn std::fmt::Display| format!("cannot read the configuration {}: {error}", path.display());
    let file = File::open(path).map_err(|error| fail(&error))?;
    let mut text = String::new();
    let read = file.take(FILE_MAX_BYTES + 1).read_to_string(&mut text).map_err(|error| fail(&error))?;
    if read as u64 > FILE_MAX_BYTES {
        return Err(fail(&format!("it is larger than {FILE_MAX_BYTES} bytes")).into());
    }
    Ok(text)
}

/// Where each value was set, by the path that an error will name.
type Origins = BTreeMap<String, String>;

fn assemble(text: &str, name: &str, environment: &Environment) -> Result<Config, ConfigError> {
    let syntax = |error: toml::de::Error| ConfigError::from(format!("{name}: {}", error.to_string().trim_end()));
    let spanned = DeTable::parse(text).map_err(syntax)?;
    let mut survey = Survey { text, name, origins: Origins::new(), wrong: Vec::new() };
    survey.root(spanned.get_ref());
    let mut table: toml::Table = toml::from_str(text).map_err(syntax)?;
    let Survey { mut origins, mut wrong, .. } = survey;
    wrong.sort();
    let mut problems = Problems::default();
    wrong.into_iter().for_each(|(_, problem)| problems.add(problem));
    lay_over(&mut table, environment, &mut origins, &mut problems);
    problems.finish()?;
    serde_path_to_error::deserialize(toml::Value::Table(table)).map_err(|error| {
        let path = error.path().to_string();
        let origin = origins.get(&path).map(String::as_str).unwrap_or(name);
        let message = error.inner().message();
        format!("bad value for `{path}` in {origin}: {message}{}", advice(&path, message)).into()
    })
}

/// How a list is written, for those who wrote something else.
fn advice(path: &str, message: &str) -> String {
    if !message.ends_with("expected a sequence") {
        return String::new();
    }
    let (section, key) = path.split_once('.').unwrap_or(("", path));
    let section = section.split('[').next().unwrap_or_default();
    let example = match keys::section(section).and_then(|section| section.key(key)).map(|key| key.example) {
        Some(example) => example.unwrap_or("[\"one\", \"another\"]"),
        None => "[{ key = \"value\" }]",
    };
    format!("; a list is written like `{example}`")
}

/// Walks a file's keys: refuses unknown ones and sections of the wrong kind, remembers the lines of the known ones.
struct Survey<'a> {
    text: &'a str,
    name: &'a str,
    origins: Origins,
    /// With their offsets: a table gives its keys sorted by name, people read from top to bottom.
    wrong: Vec<(usize, String)>,
}

impl Survey<'_> {
    fn root(&mut self, table: &DeTable<'_>) {
        let Some(root) = keys::section("") else { return };
        for (key, value) in table {
            let name: &str = key.get_ref();
            let line = self.line(key.span().start);
            match (keys::section(name).filter(|section| !section.name.is_empty()), value.get_ref()) {
                (Some(section), DeValue::Table(inner)) => {
                    if section.repeated {
                        let problem = format!("`{name}` in {line} may stand several times: write `[[{name}]]`");
                        self.wrong.push((key.span().start, problem));
                    }
                    self.keys(section, name, inner);
                }
                (Some(section), DeValue::Array(elements)) => {
                    if !section.repeated {
                        let problem = format!("`{name}` in {line} stands once: write `[{name}]`");
                        self.wrong.push((key.span().start, problem));
                    }
                    for (index, element) in elements.iter().enumerate() {
                        if let DeValue::Table(inner) = element.get_ref() {
                            self.keys(section, &format!("{name}[{index}]"), inner);
                        }
                    }
                }
                (Some(_), _) => {}
                (None, _) if root.key(name).is_some() => {}
                (None, _) => self.unknown(name, key.span().start),
            }
            self.origins.insert(name.to_owned(), line);
        }
    }

    fn keys(&mut self, section: &ConfigSection, path: &str, table: &DeTable<'_>) {
        for key in table.keys() {
            let name: &str = key.get_ref();
            let line = self.line(key.span().start);
            let full = section.path(name);
            if section.key(name).is_none() {
                self.unknown(&full, key.span().start);
            }
            self.origins.insert(format!("{path}.{name}"), line);
        }
    }

    fn unknown(&mut self, path: &str, offset: usize) {
        let problem = unknown("key", path, &self.line(offset), keys::nearest(path).as_deref());
        self.wrong.push((offset, problem));
    }

    fn line(&self, offset: usize) -> String {
        let before = self.text.as_bytes().get(..offset).unwrap_or_default();
        format!("{} line {}", self.name, 1 + before.iter().filter(|byte| **byte == b'\n').count())
    }
}

fn unknown(what: &str, name: &str, place: &str, nearest: Option<&str>) -> String {
    let advice = match nearest {
        Some(nearest) => format!("; did you mean `{nearest}`?"),
        None => "; `tlsight config example` lists all keys".to_owned(),
    };
    format!("unknown {what} `{name}` in {place}{advice}")
}

fn lay_over(table: &mut toml::Table, environment: &Environment, origins: &mut Origins, problems: &mut Problems) {
    for (variable, value) in &environment.0 {
        let Some(rest) = variable.strip_prefix("TLSIGHT_") else { continue };
        if NOT_KEYS.iter().any(|name| rest == *name || rest.starts_with(&format!("{name}_"))) {
            continue;
        }
        let path = rest.to_ascii_lowercase().replace("__", ".");
        let (section, name) = path.split_once('.').unwrap_or(("", &path));
        let known = keys::section(section).filter(|found| !found.repeated).and_then(|section| section.key(name));
        // `TLSIGHT_DOMAIN='[{ name = "example.com" }]'`: a whole section as an inline value.
        let whole = section.is_empty() && keys::section(name).is_some_and(|found| !found.name.is_empty());
        if known.is_none() && !whole {
            let nearest = keys::nearest(&path);
            // Without section and without a resemblance it is somebody else's, who shares the prefix.
            if section.is_empty() && nearest.is_none() {
                tracing::warn!(variable, "an environment variable that is no key of the configuration is not used");
                continue;
            }
            let nearest = nearest.map(|path| format!("TLSIGHT_{}", path.replace('.', "__").to_ascii_uppercase()));
            problems.add(unknown("environment variable", variable, "the environment", nearest.as_deref()));
            continue;
        }
        let value = typed(value, known.is_some_and(|key| key.text));
        origins.insert(path.clone(), format!("the environment variable {variable}"));
        let target = match section {
            "" => Some(&mut *table),
            _ => table.entry(section).or_insert_with(|| toml::Table::new().into()).as_table_mut(),
        };
        if let Some(target) = target {
            target.insert(name.to_owned(), value);
        }
    }
}

/// TOML's value syntax where it fits, else the text itself: `true`, `64`, `["a"]`, `"off"`, `off`.
fn typed(value: &str, text: bool) -> toml::Value {
    let plain = || toml::Value::String(value.to_owned());
    match format!("value = {value}").parse::<toml::Table>().ok().filter(|table| table.len() == 1) {
        Some(mut table) => match table.remove("value") {
            Some(toml::Value::String(quoted)) => toml::Value::String(quoted),
            Some(other) if !text => other,
            _ => plain(),
        },
        None => plain(),
    }
}

#[cfg(test)]
mod tests;
