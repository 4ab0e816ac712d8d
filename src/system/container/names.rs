//! The names of containers, by their ids, in the files where docker and podman keep them. Another
//! user cannot read these files.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::conf::files::read_regular;

/// Where docker keeps its containers, unless its `data-root` is elsewhere.
const DOCKER: &str = "/var/lib/docker/containers";

/// podman's lists. Those of `--rm` are in the second one.
const PODMAN: [&str; 2] = ["containers.json", "volatile-containers.json"];

/// `"Name":"/web"`
pub(super) fn of_docker(id: &str) -> Option<String> {
    let container = json(&Path::new(DOCKER).join(id).join("config.v2.json"))?;
    let name = container.get("Name")?.as_str()?.trim_start_matches('/');
    Some(name.to_string())
}

/// `[{"id":"0123...","names":["web"], ...}]`
pub(super) fn of_podman(id: &str, lists: &[PathBuf]) -> Option<String> {
    let files = lists
        .iter()
        .flat_map(|list| PODMAN.map(|file| list.join(file)));
    let name = |file: PathBuf| {
        let list = json(&file)?;
        let container = list.as_array()?.iter().find(|one| one["id"] == id)?;
        Some(container["names"].get(0)?.as_str()?.to_string())
    };
    files.into_iter().find_map(name)
}

fn json(file: &Path) -> Option<Value> {
    serde_json::from_slice(&read_regular(file).ok()?).ok()
}
