//! What was set on a WireGuard link, without secrets, in the link's section: its file, its peers,
//! and their endpoints.

use super::section_writer::SectionWriter;
use crate::ini::Properties;
use crate::model::{Link, Wireguard};

/// Write the lines to the section of a link.
pub fn write(text: &mut SectionWriter, link: &Link) {
    if let Some(told) = link.wireguard.as_ref().map(|told| &told.value) {
        text.append("wireguard", &told.file);
        for peer in &told.peers {
            let endpoint = peer.endpoint.as_ref().map(ToString::to_string);
            let endpoint = endpoint.map_or(String::new(), |text| format!(" {text}"));
            text.append("told", format_args!("{}{endpoint}", peer.public_key));
        }
    }
}

/// Read the lines from the section. The inverse of [`write()`].
pub fn read(section: &Properties) -> Result<Option<Wireguard>, String> {
    let Some(file) = section.get("wireguard") else {
        return Ok(None);
    };
    let mut told = Wireguard {
        file: file.into(),
        ..Wireguard::default()
    };
    for text in section.get_all("told") {
        let (key, endpoint) = text.split_once(' ').unzip();
        let key = key.unwrap_or(text).parse();
        let key = key.map_err(|()| format!("told={text}: it is no key"))?;
        told.note_endpoint(&key, endpoint.map(str::parse).transpose()?);
    }
    Ok(Some(told))
}
