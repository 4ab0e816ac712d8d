//! `graph`: prints the namespaces with their links, and what the links lead to: the other end of a
//! veth pair, a bridge, the link below, the namespace through which a tunnel sends. Both of what is
//! there and of what the settings say. As text for a person, or for dot(1) or Mermaid.

use std::collections::{BTreeMap, BTreeSet};

use super::status;
use super::status::link::{LinkState, LinkStatus, Place};
use crate::conf::files::may_be_there;
use crate::kernel::Kernel;
use crate::model::{Kind, Netns, State};
use crate::name::NetnsName;
use crate::setup::error::Outcome;
use crate::setup::report::event::{Document, Line, Tone};
use crate::setup::report::printable;
use crate::setup::{Call, context, load, settings};
use crate::system::netns;

/// The language of a graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// Lines for a person.
    Text,
    /// The language of dot(1).
    Dot,
    /// Mermaid's flowcharts.
    Mermaid,
}

#[derive(Debug)]
struct Graph {
    language: Language,
    /// The links of each namespace, by name. The host's is `None`.
    links: BTreeMap<Place, Node>,
    /// The namespaces, also those without links.
    namespaces: BTreeSet<Option<String>>,
    /// The containers that they belong to.
    containers: BTreeMap<String, String>,
    edges: BTreeSet<Edge>,
}

/// What is known of a link.
#[derive(Debug, Default)]
struct Node {
    r#type: Option<String>,
    /// `no carrier`, `down` or `gone`.
    flaw: Option<&'static str>,
    is_uplink: bool,
}

/// A link and what it leads to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Edge {
    from: Place,
    what: What,
    to: Place,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    Peer,
    Master,
    Parent,
    /// A tunnel sends its own packets through a namespace. The link of the place has no name.
    SendsThrough,
}

/// Report the graph of all namespaces that have a name.
pub fn graph(call: &Call, language: Language) -> Outcome {
    let mut graph = Graph::new(language);
    let names: BTreeSet<String> = netns::names().collect();
    for name in names {
        if let Ok(known) = name.parse::<NetnsName>() {
            graph.add_uplinks(&known);
            if let Ok(seen) = status::observe(call, &known) {
                let links = seen.status.links.iter().filter(|link| link.name != "lo");
                links.for_each(|link| graph.add(&name, link));
                let container = seen.status.container.map(|of| (name.clone(), of));
                graph.containers.extend(container);
            }
        }
        graph.namespaces.insert(Some(name));
    }
    call.events.found(graph);
    Outcome::Done
}

/// Report the graph of what the settings say. Settings that are wrong are reported, and left out.
pub fn of_settings(call: &Call, language: Language) -> Outcome {
    let (mut graph, mut outcome) = (Graph::new(language), Outcome::Done);
    let context = context();
    for name in &call.names {
        // There may be only a state directory
        if !may_be_there(&call.conf_dir.join(format!("netns.{name}"))) {
            continue;
        }
        match settings(call, name, &context) {
            Ok(want) => graph.add_wanted(name, &want.state),
            Err(problems) => {
                let error = load::wrong(name, &problems);
                outcome = outcome.max(call.events.failed(Some(name), &error));
            }
        }
    }
    call.events.found(graph);
    outcome
}

impl Graph {
    fn new(language: Language) -> Self {
        Graph {
            language,
            links: BTreeMap::new(),
            namespaces: BTreeSet::from([None]),
            containers: BTreeMap::new(),
            edges: BTreeSet::new(),
        }
    }

    fn add_wanted(&mut self, name: &NetnsName, want: &State) {
        self.namespaces.insert(Some(name.to_string()));
        let links = want.links.iter().filter(|link| link.kind != Kind::Loopback);
        for link in links {
            if matches!(link.netns, Netns::This | Netns::Host) {
                self.add(name.as_str(), &LinkStatus::wanted(name, link));
            }
        }
    }

    fn add_uplinks(&mut self, any: &NetnsName) {
        let links = Kernel::new(any.clone()).default_links();
        for link in links.unwrap_or_default() {
            let name = link.to_string();
            let node = self.links.entry(Place { netns: None, name });
            node.or_default().is_uplink = true;
        }
    }

    fn add(&mut self, netns: &str, link: &LinkStatus) {
        let netns = (!link.on_host).then(|| netns.to_string());
        let from = Place {
            netns: netns.clone(),
            name: link.name.clone(),
        };
        let node = self.links.entry(from.clone()).or_default();
        node.r#type = Some(link.r#type.clone());
        node.flaw = Some(link.state().word()).filter(|_| link.state() != LinkState::Up);
        let master = link.master.clone().map(|name| Place { netns, name });
        let through = link.created_in.clone().map(|name| Place {
            netns: (name != "host").then_some(name),
            name: String::new(),
        });
        let leads = [
            (What::Peer, link.peer.clone()),
            (What::Master, master),
            (What::Parent, link.parent.clone()),
            (What::SendsThrough, through),
        ];
        for (what, to) in leads {
            let Some(to) = to else { continue };
            if what != What::SendsThrough {
                let node = self.links.entry(to.clone()).or_default();
                if what == What::Peer {
                    node.r#type = Some("veth".into());
                }
            }
            self.namespaces.insert(to.netns.clone());
            let from = from.clone();
            self.edges.insert(Edge { from, what, to });
        }
    }

    /// Each edge once: a veth pair has an edge from each end that is seen.
    fn drawn(&self) -> impl Iterator<Item = &Edge> {
        self.edges.iter().filter(|edge| {
            let back = Edge {
                from: edge.to.clone(),
                what: edge.what,
                to: edge.from.clone(),
            };
            edge.from <= edge.to || !self.edges.contains(&back)
        })
    }

    fn links_of<'a>(
        &'a self,
        netns: &'a Option<String>,
    ) -> impl Iterator<Item = (&'a Place, &'a Node)> {
        self.links
            .iter()
            .filter(move |(place, _)| place.netns == *netns)
    }

    /// What a link leads to, from either end of a veth pair.
    fn leads(&self, place: &Place) -> Vec<String> {
        let mut all: Vec<String> = Vec::new();
        for Edge { from, what, to } in &self.edges {
            let text = match (what, from == place, to == place) {
                (What::Peer, true, _) => format!("peer {}", in_netns(place, to)),
                (What::Peer, _, true) => format!("peer {}", in_netns(place, from)),
                (What::Master, true, _) => format!("master {}", printable(&to.name)),
                (What::Parent, true, _) => format!("parent {}", in_netns(place, to)),
                (What::SendsThrough, true, _) => format!("sends through {}", title(&to.netns)),
                _ => continue,
            };
            if !all.contains(&text) {
                all.push(text);
            }
        }
        all
    }

    /// The name of a namespace, and of the container that it belongs to.
    fn title(&self, netns: &Option<String>) -> String {
        let container = netns.as_ref().and_then(|name| self.containers.get(name));
        let container = container.map(|of| format!(" ({})", printable(of)));
        title(netns) + &container.unwrap_or_default()
    }

    fn text(&self) -> Vec<Line> {
        let mut lines = Vec::new();
        for netns in &self.namespaces {
            lines.push(self.title(netns).into());
            for (place, node) in self.links_of(netns) {
                let tone = node.flaw.map_or(Tone::Plain, |_| Tone::Attention);
                let words = [node.words(), self.leads(place)].concat();
                let line = format!("  {}  {}", printable(&place.name), words.join(", "));
                lines.push(tone.line(line.trim_end().into()));
            }
        }
        lines
    }

    fn dot(&self) -> Vec<String> {
        let mut lines = vec!["graph netns {".to_string()];
        for (number, netns) in self.namespaces.iter().enumerate() {
            lines.push(format!("\tsubgraph cluster_{number} {{"));
            lines.push(format!("\t\tlabel={}", quoted(&self.title(netns))));
            let point = quoted(&id_of_netns(netns));
            lines.push(format!("\t\t{point} [shape=point, style=invis]"));
            for (place, node) in self.links_of(netns) {
                let label = quoted(&node.label(place));
                lines.push(format!("\t\t{} [label={label}]", quoted(&id(place))));
            }
            lines.push("\t}".into());
        }
        for Edge { from, what, to } in self.drawn() {
            let to = match what {
                What::SendsThrough => id_of_netns(&to.netns),
                _ => id(to),
            };
            let (from, to, label) = (quoted(&id(from)), quoted(&to), quoted(what.word()));
            lines.push(format!("\t{from} -- {to} [label={label}]"));
        }
        lines.push("}".into());
        lines
    }

    fn mermaid(&self) -> Vec<String> {
        let mut lines = vec!["flowchart LR".to_string()];
        let links: Vec<&Place> = self.links.keys().collect();
        let link = |place: &Place| links.iter().position(|link| *link == place);
        let netns = |netns: &Option<String>| self.namespaces.iter().position(|one| one == netns);
        for (number, name) in self.namespaces.iter().enumerate() {
            lines.push(format!(
                "    subgraph n{number}[\"{}\"]",
                entities(&self.title(name))
            ));
            for (place, node) in self.links_of(name) {
                if let Some(number) = link(place) {
                    let label = entities(&node.label(place));
                    lines.push(format!("        l{number}[\"{label}\"]"));
                }
            }
            lines.push("    end".into());
        }
        for Edge { from, what, to } in self.drawn() {
            let to = match what {
                What::SendsThrough => netns(&to.netns).map(|number| format!("n{number}")),
                _ => link(to).map(|number| format!("l{number}")),
            };
            if let (Some(from), Some(to)) = (link(from), to) {
                lines.push(format!("    l{from} ---|{}| {to}", what.word()));
            }
        }
        lines
    }
}

impl Node {
    fn words(&self) -> Vec<String> {
        let uplink = self.is_uplink.then(|| "uplink".to_string());
        let flaw = self.flaw.map(String::from);
        let words = [self.r#type.clone(), uplink, flaw];
        words.into_iter().flatten().collect()
    }

    fn label(&self, place: &Place) -> String {
        let words = self.words().join(", ");
        let name = printable(&place.name);
        if words.is_empty() {
            name
        } else {
            format!("{name} ({words})")
        }
    }
}

impl What {
    fn word(self) -> &'static str {
        match self {
            What::Peer => "veth",
            What::Master => "master",
            What::Parent => "parent",
            What::SendsThrough => "sends through",
        }
    }
}

impl Document for Graph {
    fn lines(&self) -> Vec<Line> {
        let lines = match self.language {
            Language::Text => return self.text(),
            Language::Dot => self.dot(),
            Language::Mermaid => self.mermaid(),
        };
        lines.into_iter().map(Line::from).collect()
    }
}

/// `eth0 in web`, or only `eth0` in the same namespace.
fn in_netns(from: &Place, to: &Place) -> String {
    let name = printable(&to.name);
    match &to.netns {
        netns if *netns == from.netns => name,
        Some(netns) => format!("{name} in {}", printable(netns)),
        None => format!("{name} on the host"),
    }
}

fn title(netns: &Option<String>) -> String {
    let name = netns.as_ref().map(|name| printable(name));
    name.unwrap_or_else(|| "the host".into())
}

/// An id that no other link has. No name has a slash.
fn id(place: &Place) -> String {
    format!("{}{}", id_of_netns(&place.netns), place.name)
}

fn id_of_netns(netns: &Option<String>) -> String {
    netns
        .as_ref()
        .map_or("/".into(), |netns| format!("{netns}/"))
}

/// A string of dot(1).
fn quoted(text: &str) -> String {
    let text = text.replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{text}\"")
}

/// A text of Mermaid.
fn entities(text: &str) -> String {
    text.replace('#', "#35;").replace('"', "#quot;")
}
