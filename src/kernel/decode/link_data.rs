//! The data of a link that is specific to its type (IFLA_INFO_DATA), as bytes.

use rtnetlink::packet_core::Nla;
use rtnetlink::packet_route::link::LinkInfo;

/// The data that is specific to the link's type, as the kernel sent it. Empty if there is none.
pub fn data(infos: &[LinkInfo]) -> Vec<u8> {
    let data = infos.iter().find_map(|info| match info {
        LinkInfo::Data(data) => Some(data),
        _ => None,
    });
    let mut bytes = vec![0; data.map_or(0, Nla::value_len)];
    if let Some(data) = data {
        data.emit_value(&mut bytes);
    }
    bytes
}
