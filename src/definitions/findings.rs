//! The kinds of findings of `netns-setup doctor` that an administrator can intend, for
//! `netns_doctor_accept`. The other kinds are always reported: they contradict the settings, or
//! what netns-exec guarantees.

/// The words, with what each of them accepts.
#[rustfmt::skip]
pub const ACCEPTABLE: &[(&str, &str)] = &[
    ("inside", "services that run inside although no setting says so"),
    ("held", "processes outside that hold the namespace"),
    ("no-carrier", "a NIC without a cable or a network"),
    ("no-handshake", "a WireGuard peer that does not answer"),
    ("no-resolv-conf", "that the host's name servers are used inside"),
    ("dead-resolver", "a name server that does not answer inside"),
    ("name-service", "processes inside that can reach a name service of the host"),
    ("no-effect", "files of /etc/netns/NAME that have no effect"),
    ("forwarding", "that the namespace forwards packets"),
    ("open-ipv6", "that IPv4 is filtered and IPv6 is not"),
    ("silent-port", "a published port on which nothing listens"),
    ("host-config", "a device that a file of the host also sets up"),
    ("warning", "warnings of netns-setup status"),
    ("foreign", "links, addresses and routes of others"),
];
