//! The modes of the files that netns-setup writes, whatever the caller's umask is: always
//! the same, and no file can be read by more users than the settings it was copied from.

#![allow(clippy::unwrap_used)]

mod common;
#[path = "common/far.rs"]
mod far;

use common::{NETNS_SETUP, Sandbox};
use far::setup;

/// Settings with everything that leaves a file: hooks, rules, a table on the host, name
/// servers, a link to another namespace.
const SETTINGS: &str = r#"netns_links="eth1 eth0 v0"
config_eth1="192.0.2.10/24"
type_eth0="veth"
config_eth0="10.8.0.2/24"
peer_config_eth0="10.8.0.1/24"
type_v0="veth"
peer_netns_v0="two"
routes_eth0="default via 10.8.0.1"
netns_masquerade="yes"
netns_nftables="/etc/secret.nft"
netns_dns="192.0.2.53"
netns_pre_down="echo secret"
netns_post_down="true"
post_down_eth1="true"
"#;

/// All files that may exist, with their modes.
const FILES: &str = "\
/etc/netns 755
/etc/netns/mgmt 755
/etc/netns/mgmt/resolv.conf 644
/run/netns 755
/run/netns-services 755
/run/netns-services/.tied 644
/run/netns-services/.ties 600
/run/netns-services/mgmt 755
/run/netns-services/mgmt/etc 644
/run/netns-services/mgmt/journal 600
/run/netns-services/mgmt/lock 600
/run/netns-services/mgmt/met 644
/run/netns-services/mgmt/post_down 600
/run/netns-services/mgmt/post_down-eth1 600
/run/netns-services/mgmt/pre_down 600
/run/netns-services/mgmt/ready 644
/run/netns-services/mgmt/rules-nftables 600
/run/netns-services/mgmt/table 600
/run/netns-services/mgmt/table-listed 600
/run/netns-services/two 755
/run/netns-services/two/journal 600
/run/netns-services/two/lock 600
/run/netns/far 444
/run/netns/mgmt 444
/run/netns/two 444
";

fn files(sandbox: &Sandbox) -> String {
    let find = "find /etc/netns /run/netns /run/netns-services -printf '%p %m\\n' | LC_ALL=C sort";
    sandbox.sh(find).ok().stdout
}

#[test]
fn every_file_has_its_own_mode_whatever_the_callers_umask() {
    let sandbox = far::sandbox(SETTINGS);
    sandbox.write("/etc/secret.nft", "table inet secret { }\n");
    sandbox.sh("chmod 600 /etc/secret.nft").ok();
    sandbox.write("/etc/conf.d/netns.two", "");
    for umask in ["000", "022", "027", "077", "777"] {
        let by = |verb: &str| format!("umask {umask}; exec {NETNS_SETUP} {verb} mgmt");
        sandbox.sh(&by("up")).ok();
        assert_eq!(files(&sandbox), FILES, "up, with umask {umask}");
        // Each is written anew
        let changed = SETTINGS
            .replace("192.0.2.53", "192.0.2.54")
            .replace("10.8.0.", "10.9.0.")
            .replace("echo secret", "echo another");
        far::write(&sandbox, &changed);
        sandbox.sh(&by("reload")).ok();
        assert_eq!(files(&sandbox), FILES, "reload, with umask {umask}");
        // A reload that fails changes no mode
        far::write(
            &sandbox,
            &changed.replace("10.9.0.2/24\"", "10.9.0.2/24\"\nmac_eth0=01:00:5e:00:00:01"),
        );
        sandbox.sh(&by("reload")).code(100);
        sandbox.sh(&by("try --within 60")).code(100);
        let (before, after) = FILES.split_at(FILES.find("/run/netns-services/mgmt/").unwrap());
        let refused = format!("{before}/run/netns-services/mgmt.failed 600\n{after}");
        assert_eq!(files(&sandbox), refused, "refused, with umask {umask}");
        far::write(&sandbox, SETTINGS);
        sandbox.sh(&by("try")).ok();
        let trial = "stat -c %a /run/netns-services/mgmt/trial";
        sandbox.sh(trial).ok().stdout("600\n");
        setup(&sandbox, "confirm mgmt").ok();
        // The process of the trial releases the lock a moment later
        let down = format!("until {NETNS_SETUP} down mgmt; do sleep 0.1; done");
        sandbox.sh(&down).ok();
        sandbox.sh("rm -rf /run/netns-services").ok();
    }
}

#[test]
fn what_a_hook_and_a_service_make_has_the_umask_that_they_expect() {
    let sandbox = far::sandbox("netns_post_up=\"umask >/run/umask\"");
    sandbox
        .sh(&format!("umask 000; {NETNS_SETUP} up mgmt"))
        .ok();
    sandbox.sh("cat /run/umask").ok().stdout("0022\n");
    let exec = common::NETNS_EXEC;
    sandbox
        .sh(&format!("umask 027; {exec} mgmt sh -c umask"))
        .ok()
        .stdout("0027\n");
}
