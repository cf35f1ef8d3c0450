//! Which file uses which, read from `use` lines and paths in the code. Re-exports are followed to the file that declares the name.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// Segments below `crate`.
pub(super) type Module = Vec<String>;

/// Each module with the modules it uses, without tests and fixtures.
pub(super) struct Graph {
    pub uses: BTreeMap<Module, BTreeSet<Module>>,
}

#[derive(Default)]
struct Source {
    used: Vec<Module>,
    /// Name to what it stands for.
    exported: BTreeMap<String, Module>,
}

impl Graph {
    pub(super) fn read(root: &Path) -> Graph {
        let files: Vec<PathBuf> = super::files(root, "rs");
        let modules: BTreeSet<Module> = files.iter().map(|file| module_of(root, file)).collect();
        let sources: BTreeMap<Module, Source> = files
            .iter()
            .map(|file| (module_of(root, file), read(&module_of(root, file), &super::code(file))))
            .collect();
        let is_production = |module: &&Module| {
            !module.iter().any(|part| part == "tests" || part == "fixtures" || part.ends_with("_tests"))
        };
        let uses = modules.iter().filter(is_production).map(|module| {
            let found = sources[module].used.iter().map(|path| owner(path, &modules, &sources, 0));
            (module.clone(), found.filter(|found| found != module && !found.is_empty()).collect())
        });
        Graph { uses: uses.collect() }
    }

    /// Each group of modules that use each other in a circle.
    pub(super) fn circles(&self) -> Vec<BTreeSet<Module>> {
        let reach: BTreeMap<&Module, BTreeSet<&Module>> =
            self.uses.keys().map(|module| (module, self.reachable(module))).collect();
        let mut circles: Vec<BTreeSet<Module>> = Vec::new();
        for (module, reached) in &reach {
            let circle: BTreeSet<Module> = reached
                .iter()
                .filter(|other| reach.get(**other).is_some_and(|back| back.contains(module)))
                .map(|other| (*other).clone())
                .collect();
            if circle.len() > 1 && !circles.contains(&circle) {
                circles.push(circle);
            }
        }
        circles
    }

    fn reachable<'a>(&'a self, from: &'a Module) -> BTreeSet<&'a Module> {
        let mut reached = BTreeSet::new();
        let mut next = vec![from];
        while let Some(module) = next.pop() {
            for used in self.uses.get(module).into_iter().flatten() {
                if reached.insert(used) {
                    next.push(used);
                }
            }
        }
        reached
    }

    /// The folder a module stands in: `a.rs` stands in `a/` where there is one.
    pub(super) fn folder<'a>(&self, module: &'a [String]) -> &'a [String] {
        let has_children = self.uses.keys().any(|other| other.len() > module.len() && other.starts_with(module));
        if has_children { module } else { &module[..module.len() - 1] }
    }
}

/// The module that holds what a path names.
fn owner(path: &[String], modules: &BTreeSet<Module>, sources: &BTreeMap<Module, Source>, depth: usize) -> Module {
    let module: Module = (0..=path.len())
        .rev()
        .map(|end| path[..end].to_vec())
        .find(|prefix| prefix.is_empty() || modules.contains(prefix))
        .unwrap_or_default();
    let exported =
        sources.get(&module).zip(path.get(module.len())).and_then(|(source, name)| source.exported.get(name));
    match exported {
        Some(meant) if depth < 5 => {
            let rest = path[module.len() + 1..].iter();
            owner(&meant.iter().chain(rest).cloned().collect::<Module>(), modules, sources, depth + 1)
        }
        _ => module,
    }
}

fn module_of(root: &Path, file: &Path) -> Module {
    let below = file.strip_prefix(root).expect("it lies below").with_extension("");
    let parts: Module = below.components().map(|part| part.as_os_str().to_string_lossy().into_owned()).collect();
    if parts == ["lib"] || parts == ["main"] { Module::new() } else { parts }
}

fn read(module: &[String], code: &str) -> Source {
    let children: BTreeSet<&str> =
        code.split("mod ").skip(1).filter_map(|rest| rest.split_once(';')).map(|(name, _)| name.trim()).collect();
    let mut source = Source::default();
    let mut rest = code;
    while let Some(at) = rest.find("use ") {
        let is_word = rest[..at].chars().next_back().is_none_or(|before| before.is_whitespace());
        let (before, statement) = (rest[..at].trim_end(), &rest[at + 4..]);
        let Some(end) = statement.find(';').filter(|_| is_word) else {
            rest = statement;
            continue;
        };
        let is_export = before.ends_with("pub")
            || before.ends_with(')') && before.rsplit_once("pub(").is_some_and(|(_, scope)| !scope.contains('\n'));
        let mut leaves = Vec::new();
        leaves_of(
            &statement[..end].chars().filter(|c| !c.is_whitespace() || *c == ' ').collect::<String>(),
            &[],
            &mut leaves,
        );
        for (path, alias) in leaves {
            let Some(path) = absolute(&path, module, &children) else { continue };
            match path.last().filter(|_| is_export) {
                Some(name) => drop(source.exported.insert(alias.unwrap_or_else(|| name.clone()), path)),
                None => source.used.push(path),
            }
        }
        rest = &statement[end..];
    }
    for start in ["crate::", "super::"] {
        for (at, _) in code.match_indices(start) {
            let path: String =
                code[at..].chars().take_while(|c| c.is_alphanumeric() || *c == '_' || *c == ':').collect();
            let parts: Module = path.split("::").filter(|part| !part.is_empty()).map(str::to_owned).collect();
            let is_start = !code[..at].ends_with("::") && !code[..at].ends_with("in ") && !code[..at].ends_with('$');
            if is_start && !code[..at].rsplit(['\n', ';']).next().is_some_and(|line| line.trim_start().contains("use "))
            {
                source.used.extend(absolute(&parts, module, &children));
            }
        }
    }
    source
}

/// `a::{b, c as d}` as paths with their aliases.
fn leaves_of(tree: &str, prefix: &[String], leaves: &mut Vec<(Module, Option<String>)>) {
    let tree = tree.trim();
    if let Some((head, list)) = tree.split_once('{') {
        let inner = list.strip_suffix('}').unwrap_or(list);
        let prefix: Module = prefix
            .iter()
            .cloned()
            .chain(head.split("::").filter(|part| !part.is_empty()).map(|part| part.trim().to_owned()))
            .collect();
        for part in split_list(inner) {
            leaves_of(part, &prefix, leaves);
        }
        return;
    }
    let (path, alias) =
        tree.split_once(" as ").map_or((tree, None), |(path, alias)| (path, Some(alias.trim().to_owned())));
    let parts = path.split("::").map(|part| part.trim().to_owned()).filter(|part| !part.is_empty() && part != "*");
    let mut path: Module = prefix.iter().cloned().chain(parts).collect();
    if path.len() > 1 && path.last().is_some_and(|last| last == "self") {
        path.pop();
    }
    leaves.push((path, alias));
}

fn split_list(list: &str) -> Vec<&str> {
    let (mut depth, mut start, mut parts) = (0, 0, Vec::new());
    for (at, char) in list.char_indices() {
        match char {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&list[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&list[start..]);
    parts.into_iter().filter(|part| !part.trim().is_empty()).collect()
}

/// Below `crate`; `None` for other crates.
fn absolute(path: &[String], module: &[String], children: &BTreeSet<&str>) -> Option<Module> {
    let first = path.first()?;
    let supers = path.iter().take_while(|part| *part == "super").count();
    let base = match first.as_str() {
        "crate" => return Some(path[1..].to_vec()),
        "super" => &module[..module.len().checked_sub(supers)?],
        child if children.contains(child) => module,
        _ => return None,
    };
    Some(base.iter().chain(&path[supers..]).cloned().collect())
}

/// The text of a file without comments and without what follows its test module.
pub(super) fn production(file: &Path) -> String {
    let text = fs::read_to_string(file).unwrap();
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}
