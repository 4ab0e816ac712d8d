//! The structure of src/, read from its `use` lines and paths: no two files depend on each
//! other, and no directory has too many files. tests/source.rs checks which part may use what.

mod tree;

use std::collections::{BTreeMap, BTreeSet};

use tree::{files, none, texts};

/// A module by its path, such as `["plan", "link"]`; the crate itself is empty.
type Module = Vec<String>;

/// The code of each module, without comments and tests.
fn modules() -> BTreeMap<Module, String> {
    let paths = files().into_iter();
    let paths = paths.filter(|p| p.starts_with("src/") && p.ends_with(".rs"));
    let paths = paths.filter(|p| !p.starts_with("src/bin/")).collect();
    let code = |text: String| {
        let code = text.split("\n#[cfg(test)]\nmod tests {").next();
        let lines = code.unwrap_or_default().lines();
        let lines = lines.filter(|line| !line.trim_start().starts_with("//"));
        lines.collect::<Vec<_>>().join("\n")
    };
    let module = |path: &str| -> Module {
        let parts = path.trim_start_matches("src/").trim_end_matches(".rs");
        let parts = parts.split('/').map(String::from);
        parts
            .filter(|part| part != "mod" && part != "lib")
            .collect()
    };
    let texts = texts(paths).into_iter();
    texts
        .map(|(path, text)| (module(&path), code(text)))
        .collect()
}

/// The paths in a tree of `use`.
fn leaves(prefix: &str, tree: &str, found: &mut Vec<String>) {
    let tree = tree.trim();
    let Some((head, rest)) = tree.split_once('{') else {
        let path = tree.split(" as ").next().unwrap_or(tree).trim();
        return found.push(format!("{prefix}{}", path.trim_end_matches("::self")));
    };
    let inner = rest.trim_end().trim_end_matches('}');
    let (mut depth, mut from) = (0, 0);
    for (at, c) in inner.char_indices().chain([(inner.len(), ',')]) {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                let part = &inner[from..at];
                if !part.trim().is_empty() {
                    leaves(&format!("{prefix}{}", head.trim()), part, found);
                }
                from = at + 1;
            }
            _ => {}
        }
    }
}

/// What a module names outside itself: the paths of its `use` lines, and those in its code.
fn named(code: &str) -> (Vec<String>, Vec<String>) {
    let mut uses = Vec::new();
    for part in code.split("use ").skip(1) {
        if let Some((tree, _)) = part.split_once(';') {
            leaves("", tree, &mut uses);
        }
    }
    let part = |c: char| !(c.is_alphanumeric() || c == '_' || c == ':');
    let words = code.split(part).filter(|word| word.contains("::"));
    (
        uses,
        words.map(|word| word.trim_matches(':').into()).collect(),
    )
}

/// The module that a path in `own` leads to, if it is a module of the crate, and the item in
/// it.
fn resolve(
    own: &Module,
    path: &str,
    imported: &BTreeMap<String, Module>,
    all: &BTreeMap<Module, String>,
) -> Option<(Module, Option<String>)> {
    let mut parts = path.split("::").peekable();
    let first = parts.next()?;
    let child = [own.as_slice(), &[first.into()]].concat();
    let mut module = match first {
        "crate" => Vec::new(),
        "self" => own.clone(),
        "super" => own[..own.len().checked_sub(1)?].to_vec(),
        _ if all.contains_key(&child) => child,
        other => imported.get(other)?.clone(),
    };
    while parts.next_if_eq(&"super").is_some() {
        module.pop()?;
    }
    for part in parts {
        let below = [module.as_slice(), &[part.into()]].concat();
        if !all.contains_key(&below) {
            return Some((module, Some(part.into())));
        }
        module = below;
    }
    Some((module, None))
}

/// For each module: the names that its `use` lines import, each with the module that defines
/// it.
type Imports = BTreeMap<Module, BTreeMap<String, Module>>;

fn imports(all: &BTreeMap<Module, String>) -> Imports {
    let of = |own: &Module, code: &str| {
        let mut found = BTreeMap::new();
        for path in named(code).0 {
            let last = path.rsplit("::").next().unwrap_or(&path);
            if let Some((module, _)) = resolve(own, &path, &BTreeMap::new(), all) {
                found.insert(last.to_string(), module);
            }
        }
        found
    };
    all.iter()
        .map(|(own, code)| (own.clone(), of(own, code)))
        .collect()
}

/// The modules that each module needs. Its parents in the tree of modules are not counted: the
/// `mod.rs` of a directory has what all files of the directory share.
fn needs() -> BTreeMap<Module, BTreeSet<Module>> {
    let all = modules();
    let imports = imports(&all);
    let needs = all.iter().map(|(own, code)| {
        let (uses, words) = named(code);
        let paths = uses.iter().chain(&words);
        let needed = paths.filter_map(|path| {
            let (module, item) = resolve(own, path, &imports[own], &all)?;
            // Handed on by `pub use`
            let from = item.and_then(|item| imports[&module].get(&item).cloned());
            Some(from.filter(|from| all.contains_key(from)).unwrap_or(module))
        });
        let needed = needed.filter(|other| !own.starts_with(other));
        (own.clone(), needed.collect())
    });
    needs.collect()
}

#[test]
fn no_two_files_need_each_other() {
    let needs = needs();
    // needs() finds imports at all
    let of = |path: &str| -> Module { path.split("::").map(String::from).collect() };
    assert!(needs[&of("model::link")].contains(&of("model::device")));
    assert!(needs[&of("setup::converge")].contains(&of("setup::apply")));
    assert!(needs[&of("kernel::apply")].contains(&of("system::dhcp")));
    let mut left = needs;
    // Remove, one after the other, those that need none of the others or that none of them
    // needs
    loop {
        let is_free = |(own, needed): &(&Module, &BTreeSet<Module>)| {
            !needed.iter().any(|other| left.contains_key(other))
                || !left.values().any(|needed| needed.contains(*own))
        };
        let free: Vec<Module> = left
            .iter()
            .filter(is_free)
            .map(|(own, _)| own.clone())
            .collect();
        if free.is_empty() {
            break;
        }
        left.retain(|own, _| !free.contains(own));
    }
    let in_circles = left.iter().map(|(own, needed)| {
        let needed = needed.iter().filter(|other| left.contains_key(*other));
        let needed: Vec<_> = needed.map(|other| other.join("::")).collect();
        format!("{} needs {}", own.join("::"), needed.join(", "))
    });
    none(in_circles.collect());
}

#[test]
fn a_folder_has_twenty_files_at_most() {
    let mut folders: BTreeMap<String, usize> = BTreeMap::new();
    for path in files() {
        if let Some((folder, _)) = path.rsplit_once('/')
            && path.starts_with("src/")
        {
            *folders.entry(folder.into()).or_default() += 1;
        }
    }
    let full = folders.into_iter().filter(|(_, count)| *count > 20);
    none(
        full.map(|(folder, count)| format!("{folder}: {count} files"))
            .collect(),
    );
}
