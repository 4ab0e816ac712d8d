//! Turns the assignments of the files into the settings of one namespace. Each name is a setting of
//! the namespace, a setting of a listed link, a mistake, or a variable of OpenRC or of the file
//! itself, which is ignored.

use std::collections::{BTreeMap, BTreeSet};

use super::listed::{Listed, add, get};
use super::sh;
use super::suggest::nearest;
use super::unknown::{
    key_of_any_link, said_twice, unknown_alone, unknown_of_link, unknown_of_namespace,
};
use super::value::{Piece, Setting};
use crate::definitions::settings::{self, Var};
use crate::name::{LinkName, NetnsName};
use crate::source::{Problem, Sourced};

/// The settings of one namespace. Only `model::build` reads them.
#[derive(Debug)]
pub struct Settings {
    /// The name of the namespace.
    pub name: NetnsName,
    /// `lo`, then the links that `netns_links` lists, in its order.
    pub links: Vec<Listed>,
    /// The problems found so far.
    pub problems: Vec<Problem>,
    /// All of the text could be read. If not, a setting that seems to be missing may be in the
    /// rest.
    pub complete: bool,
    namespace: Vec<(Var, Setting)>,
    /// The index in `links` of the link with a suffix.
    by_suffix: BTreeMap<String, usize>,
}

impl Settings {
    /// The settings in these files. A later file takes precedence. The last one is the file of the
    /// namespace itself.
    pub fn of(name: &NetnsName, files: Vec<(&str, &[u8])>) -> Settings {
        let mut settings = Settings {
            name: name.clone(),
            links: Vec::new(),
            problems: Vec::new(),
            complete: true,
            namespace: Vec::new(),
            by_suffix: BTreeMap::new(),
        };
        let own = files.last().map_or("", |(path, _)| path);
        let mut variables = sh::Variables::new();
        let mut said: BTreeMap<String, Setting> = BTreeMap::new();
        let mut twice = Vec::new();
        for (path, bytes) in &files {
            let (assigned, problems) = sh::read(path, bytes, &mut variables);
            settings.complete &= problems.is_empty();
            settings.problems.extend(problems);
            for setting in assigned {
                let name = setting.name.clone();
                match said.insert(name, setting.clone()) {
                    Some(first) if first.file == setting.file => twice.push((first, setting)),
                    _ => {}
                }
            }
        }
        settings.list_links(said.get("netns_links"));
        let is_used = |name: &str| files.iter().any(|(_, bytes)| uses(bytes, name));
        let mut ours = BTreeSet::new();
        for (name, setting) in said {
            // A default for a link that is not listed here is meant for other namespaces.
            let links_known = settings.complete && setting.file.as_ref() == own;
            if settings.tell_apart(setting, links_known, is_used) {
                ours.insert(name);
            }
        }
        let twice = twice.iter().filter(|(first, _)| ours.contains(&first.name));
        let twice = twice.map(|(first, second)| said_twice(first, second));
        settings.problems.extend(twice);
        settings
    }

    /// The setting of the namespace with this name, unless it is empty.
    pub fn get(&self, name: &str) -> Option<&Setting> {
        get(&self.namespace, name)
    }

    /// The words of the setting with this name. Empty if it is not set.
    pub fn words(&self, name: &str) -> Vec<Piece<'_>> {
        self.get(name).map(Setting::words).unwrap_or_default()
    }

    /// The lines of the setting with this name. Empty if it is not set.
    pub fn lines(&self, name: &str) -> Vec<Piece<'_>> {
        self.get(name).map(Setting::lines).unwrap_or_default()
    }

    /// Add a setting that comes from another file, of `link` or of the namespace. Does nothing if
    /// the settings files have a value for it.
    pub fn add(&mut self, link: &LinkName, name: &str, setting: Setting) {
        if let Some(var) = settings::of_namespace(name) {
            add(&mut self.namespace, var, setting);
        } else if let Some(var) = settings::of_link(name) {
            if let Some(&link) = self.by_suffix.get(&link.suffix()) {
                add(&mut self.links[link].settings, var, setting);
            }
        }
    }

    /// The link with this name, if it is listed.
    pub fn listed(&self, name: &str) -> Option<&Listed> {
        let suffix = LinkName::of_kernel(name)?.suffix();
        let link = &self.links[*self.by_suffix.get(&suffix)?];
        (link.name.value.as_str() == name).then_some(link)
    }

    fn list_links(&mut self, netns_links: Option<&Setting>) {
        if let Ok(lo) = "lo".parse() {
            self.add_link(Sourced::without_origin(lo));
        }
        let words = netns_links.map(Setting::words).unwrap_or_default();
        for word in words {
            match word.text.parse::<LinkName>() {
                Err(wrong) => self.problems.push(word.problem(
                    format!("is not a name for a link: {wrong}"),
                    "expected names of links with blanks between them, such as \"eth1 wg0\"",
                )),
                Ok(name) if matches!(name.as_str(), "all" | "default") => {
                    self.problems.push(word.problem(
                        "is not a name for a link: the kernel uses it for all links",
                        "choose another name",
                    ));
                }
                Ok(name) => self.list_link(&word, name),
            }
        }
    }

    fn list_link(&mut self, word: &Piece<'_>, name: LinkName) {
        let known = self.by_suffix.get(&name.suffix());
        match known.map(|&n| &mut self.links[n]) {
            None => self.add_link(word.at(name)),
            Some(lo) if lo.name.origin.is_none() && name.as_str() == "lo" => {
                lo.name = word.at(name);
            }
            Some(other) if other.name.value == name => self.problems.push(word.problem(
                "is listed twice",
                "expected each link once; remove one of the two",
            )),
            Some(other) => {
                let suffix = name.suffix();
                let wrong = format!(
                    "and {} are both set by names that end in _{suffix}",
                    other.name
                );
                let remedy =
                    format!("rename one of the two links, so that config_{suffix} means one");
                self.problems.push(word.problem(wrong, remedy));
            }
        }
    }

    fn add_link(&mut self, name: Sourced<LinkName>) {
        let suffix = name.value.suffix();
        self.by_suffix.insert(suffix, self.links.len());
        self.links.push(Listed::new(name));
    }

    /// Add the setting to the namespace or to its link, or report a problem with it. Returns false
    /// if it is no setting of this program.
    fn tell_apart(
        &mut self,
        setting: Setting,
        links_known: bool,
        is_used: impl Fn(&str) -> bool,
    ) -> bool {
        let name = setting.name.as_str();
        let of_links = self.readings(name);
        let of_namespace = settings::of_namespace(name);
        let mut known = of_links.iter().filter_map(|r| Some((r.0, r.2?)));
        match (of_namespace, known.next(), known.next()) {
            (None, Some(_), Some(_)) | (Some(_), Some(_), _) => {
                self.problems.push(self.ambiguous(&setting, &of_links));
            }
            (Some(var), None, _) => {
                self.namespace.push((var, setting));
            }
            (None, Some((link, var)), None) => {
                self.links[link].settings.push((var, setting));
            }
            (None, None, _) if matches!(name, "netns" | "netns_mode") => {
                self.problems.push(setting.problem(
                    "is for the services that run in a namespace, not for the namespace itself",
                    "remove it, or write it in the conf.d file of the service",
                ))
            }
            (None, None, _) if name.starts_with("netns_") => {
                let problem = unknown_of_namespace(&setting, &self.suffix_of_one());
                self.problems.push(problem);
            }
            (None, None, _) if name.starts_with("rc_") => return false,
            (None, None, _) => {
                let slip = match of_links.first() {
                    Some((link, key, _)) => unknown_of_link(&setting, key, &self.links[*link]),
                    None => match key_of_any_link(name).filter(|_| links_known) {
                        Some((var, suffix)) => self.not_listed(&setting, &var, suffix),
                        None => match unknown_alone(&setting, &self.suffix_of_one()) {
                            Some(problem) if !is_used(name) => problem,
                            _ => return false,
                        },
                    },
                };
                self.problems.push(slip);
            }
        }
        true
    }

    /// The suffix of the first link, to write in an example.
    fn suffix_of_one(&self) -> String {
        let first = self.links.iter().find(|link| link.name.origin.is_some());
        first.map_or("eth1".into(), |link| link.name.value.suffix())
    }

    /// Every way to split the name into a key and the suffix of a listed link: the index of the
    /// link, the key, and its definition if it is known. For a `lo` that is not listed, only known
    /// keys count.
    fn readings<'n>(&self, name: &'n str) -> Vec<(usize, &'n str, Option<Var>)> {
        let mut found = Vec::new();
        for (at, _) in name.match_indices('_') {
            let (key, suffix) = (&name[..at], &name[at + 1..]);
            let Some(&n) = self.by_suffix.get(suffix) else {
                continue;
            };
            let var = settings::of_link(key);
            if var.is_some() || (self.links[n].name.origin.is_some() && !key.is_empty()) {
                found.push((n, key, var));
            }
        }
        found.sort_by_key(|(n, ..)| *n);
        found
    }

    fn ambiguous(&self, setting: &Setting, readings: &[(usize, &str, Option<Var>)]) -> Problem {
        let known = readings.iter().filter(|(_, _, var)| var.is_some());
        let mut ways: Vec<String> = known
            .map(|(link, key, _)| format!("{key} of {}", self.links[*link].name))
            .collect();
        if settings::of_namespace(&setting.name).is_some() {
            ways.push("a setting of the namespace".into());
        }
        setting.problem(
            format!("has two meanings: {}", ways.join(", or ")),
            "rename one of the links",
        )
    }

    fn not_listed(&self, setting: &Setting, var: &Var, suffix: &str) -> Problem {
        let suffixes: Vec<String> = self.links.iter().map(|l| l.name.value.suffix()).collect();
        let remedy = match nearest(suffix, suffixes.iter().map(String::as_str)) {
            Some(best) => format!("did you mean {}_{best}?", var.name),
            None => format!("add {suffix} to netns_links, or remove the line"),
        };
        let wrong = format!("is set, but netns_links does not list {suffix}");
        setting.problem(wrong, remedy)
    }
}

/// Whether the text has the variable in it, as `$NAME` or `${NAME}`.
fn uses(text: &[u8], name: &str) -> bool {
    let text = String::from_utf8_lossy(text);
    let mut behind = text.split('$').skip(1);
    behind.any(|rest| {
        let rest = rest.strip_prefix('{').unwrap_or(rest);
        let of_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let end = rest.find(|c| !of_name(c)).unwrap_or(rest.len());
        rest[..end] == *name
    })
}
