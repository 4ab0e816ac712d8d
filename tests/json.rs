//! What each verb prints with `--json` is what man/netns-setup.schema.json says, for programs that
//! read it: no key more, and none less.

#![allow(clippy::panic, clippy::unwrap_used)]

mod common;
#[path = "common/far.rs"]
mod far;

use common::{NETNS_EXEC, Sandbox};
use far::{much, setup};
use serde_json::{Value, json};

const SCHEMA: &str = include_str!("../man/netns-setup.schema.json");

/// What is wrong with a value, by JSON Schema: the keywords that our schema has, and no others.
fn faults(value: &Value, schema: &Value, root: &Value, at: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (keyword, said) in schema.as_object().unwrap() {
        match keyword.as_str() {
            "$schema" | "$defs" | "title" | "description" => {}
            "$ref" => {
                let name = said.as_str().unwrap().strip_prefix("#/$defs/").unwrap();
                found.extend(faults(value, &root["$defs"][name], root, at));
            }
            "anyOf" => {
                let all = said.as_array().unwrap().iter();
                let all: Vec<_> = all.map(|one| faults(value, one, root, at)).collect();
                if !all.iter().any(Vec::is_empty) {
                    found.extend(all.concat());
                }
            }
            "const" if value != said => found.push(format!("{at}: {value} is not {said}")),
            "enum" if !said.as_array().unwrap().contains(value) => {
                found.push(format!("{at}: {value} is none of {said}"));
            }
            "const" | "enum" => {}
            "type" => {
                let is = |name: &Value| match name.as_str().unwrap() {
                    "string" => value.is_string(),
                    "integer" => value.is_i64() || value.is_u64(),
                    "boolean" => value.is_boolean(),
                    "null" => value.is_null(),
                    "array" => value.is_array(),
                    "object" => value.is_object(),
                    other => panic!("{other}"),
                };
                let names = said.as_array().cloned().unwrap_or(vec![said.clone()]);
                if !names.iter().any(is) {
                    found.push(format!("{at}: {value} is no {said}"));
                }
            }
            "items" => {
                for (number, item) in value.as_array().into_iter().flatten().enumerate() {
                    found.extend(faults(item, said, root, &format!("{at}[{number}]")));
                }
            }
            "properties" => {
                for (key, schema) in said.as_object().unwrap() {
                    if let Some(value) = value.get(key) {
                        found.extend(faults(value, schema, root, &format!("{at}.{key}")));
                    }
                }
            }
            "required" => {
                let keys = said.as_array().unwrap().iter().map(|k| k.as_str().unwrap());
                let missing = keys.filter(|key| value.is_object() && value.get(key).is_none());
                found.extend(missing.map(|key| format!("{at}: no {key}")));
            }
            "additionalProperties" => {
                let keys = value.as_object().into_iter().flat_map(|map| map.keys());
                let more = keys.filter(|key| schema["properties"].get(key).is_none());
                found.extend(more.map(|key| format!("{at}: {key} is not described")));
            }
            other => panic!("{other} is not checked"),
        }
    }
    found
}

/// The output of a call, which is what the schema says.
#[track_caller]
fn fits(sandbox: &Sandbox, call: &str, kind: &str) -> Value {
    let run = setup(sandbox, call);
    let printed: Value =
        serde_json::from_str(&run.stdout).unwrap_or_else(|e| panic!("{call}: {e}\n{run}"));
    let root: Value = serde_json::from_str(SCHEMA).unwrap();
    let found = faults(&printed, &root["$defs"][kind], &root, kind);
    assert!(found.is_empty(), "{call}: {found:#?}\n{printed:#}");
    assert_ne!(printed, json!([]), "{call}");
    printed
}

#[test]
fn what_each_verb_prints_is_what_the_schema_says() {
    let sandbox = much();
    fits(&sandbox, "list --json", "list");
    fits(&sandbox, "status --json mgmt", "status");
    fits(&sandbox, "check --json mgmt", "changes");
    fits(&sandbox, "plan --json mgmt", "changes");
    fits(&sandbox, "up --json mgmt", "changes");
    let held = fits(&sandbox, "reload --json --verbose mgmt", "changes");
    assert_ne!(held[0]["satisfied"], json!([]));
    let mut inside = sandbox.spawn(&[NETNS_EXEC, "mgmt", "--", "sh", "-c", "echo; exec sleep 99"]);
    inside.line();
    sandbox.write("/etc/conf.d/netns.gone", "netns_links=eth7\n");
    fits(&sandbox, "up --json gone", "changes");
    sandbox.write("/etc/conf.d/netns.wrong", "netns_lnks=eth7\n");
    fits(&sandbox, "up --json wrong", "changes");
    fits(&sandbox, "list --json", "list");
    sandbox.sh("ip -n mgmt route delete default").ok();
    let status = fits(&sandbox, "status --json mgmt gone wrong far", "status");
    let mgmt = &status[0];
    for key in [
        "links",
        "routes",
        "rules",
        "firewall",
        "inside",
        "conditions",
        "differences",
    ] {
        assert_ne!(mgmt[key], json!([]), "{key}");
    }
    for key in ["since", "name_servers", "on_host"] {
        assert!(!mgmt[key].is_null(), "{key}");
    }
    fits(&sandbox, "doctor --json mgmt gone", "doctor");
    fits(&sandbox, "down --json mgmt", "changes");

    // By key, as ip(8) has it
    let of = |list: &Value, key: &str, value: &str| -> Value {
        let mut all = list.as_array().unwrap().iter();
        all.find(|one| one[key] == value).unwrap().clone()
    };
    let judge = sandbox.ip_json("-n mgmt route show");
    let ours = |dst| of(&mgmt["routes"], "dst", dst);
    let judged = of(&judge, "dst", "192.0.2.0/24");
    for key in ["dev", "protocol", "scope", "prefsrc"] {
        assert_eq!(ours("192.0.2.0/24")[key], judged[key], "{key}");
    }
    let ways = |route: &Value| -> Vec<Value> {
        let ways = route["nexthops"].as_array().unwrap().iter();
        ways.map(|way| json!([way["gateway"], way["dev"], way["weight"]]))
            .collect()
    };
    let several = of(&judge, "dst", "198.51.100.0/24");
    assert_eq!(ways(&ours("198.51.100.0/24")), ways(&several));
    let judge = sandbox.ip_json("-n mgmt rule show");
    let of_priority = |list: &Value| -> Value {
        let mut all = list.as_array().unwrap().iter();
        all.find(|one| one["priority"] == 80).unwrap().clone()
    };
    let (rule, judged) = (of_priority(&mgmt["rules"]), of_priority(&judge));
    for key in ["src", "dst", "dstlen", "fwmark", "table"] {
        assert_eq!(rule[key], judged[key], "{key}");
    }
    let link = &sandbox.ip_json("-n mgmt -s link show eth1")[0];
    let eth1 = of(&mgmt["links"], "name", "eth1");
    assert_eq!(eth1["operstate"], link["operstate"]);
    assert_eq!(eth1["mac"], link["address"]);
    assert!(eth1["stats64"]["rx"]["bytes"].as_u64() <= link["stats64"]["rx"]["bytes"].as_u64());
    assert!(eth1["stats64"]["tx"]["bytes"].as_u64() > Some(0), "{eth1}");
}
