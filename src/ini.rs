//! Parses an ini file into sections and lines, in their order. Nothing is interpreted here. The
//! crate light-ini splits the lines. A section, and a key of a section, may occur several times.

use std::convert::Infallible;

use light_ini::{IniHandler, IniParser};

/// A section, or the lines before the first section.
#[derive(Debug, Default)]
pub struct Section {
    /// The text in its brackets. `None` for the lines before the first section.
    pub name: Option<String>,
    /// Its lines.
    pub properties: Properties,
}

/// The lines of a section: keys and values.
#[derive(Debug, Default)]
pub struct Properties(Vec<(String, String)>);

impl Properties {
    /// All keys and values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (&**key, &**value))
    }

    /// All values of a key.
    pub fn get_all(&self, key: &str) -> impl Iterator<Item = &str> {
        self.iter().filter(move |one| one.0 == key).map(|one| one.1)
    }

    /// The first value of a key.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.get_all(key).next()
    }
}

struct Sections(Vec<Section>);

impl IniHandler for Sections {
    type Error = Infallible;

    fn section(&mut self, name: &str) -> Result<(), Infallible> {
        self.0.push(Section {
            name: Some(name.into()),
            properties: Properties::default(),
        });
        Ok(())
    }

    fn option(&mut self, key: &str, value: &str) -> Result<(), Infallible> {
        if self.0.is_empty() {
            self.0.push(Section::default());
        }
        if let Some(last) = self.0.last_mut() {
            last.properties.0.push((key.into(), value.into()));
        }
        Ok(())
    }
}

/// All sections. A line that is neither a section, nor a key and a value, nor a comment after `#`
/// is an error.
pub fn sections(text: &str) -> Result<Vec<Section>, String> {
    let mut sections = Sections(Vec::new());
    let mut parser = IniParser::with_start_comment(&mut sections, '#');
    let read = parser.parse_buffered(text.as_bytes());
    read.map_err(|e| e.to_string())?;
    Ok(sections.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_and_keys_keep_their_order_and_may_be_there_twice() {
        let text =
            "# comment\nfirst=0\n[a b]\nkey = 1=2\n\nother=x#y\nkey=3 ; 4\n[c]\n[a b]\nlast=\n";
        let read: Vec<String> = sections(text)
            .unwrap()
            .iter()
            .map(|section| {
                let lines: Vec<_> = section.properties.iter().collect();
                format!(
                    "{:?} {lines:?}",
                    section.name.as_deref().unwrap_or_default()
                )
            })
            .collect();
        let expected = [
            r#""" [("first", "0")]"#,
            r#""a b" [("key", "1=2"), ("other", "x#y"), ("key", "3 ; 4")]"#,
            r#""c" []"#,
            r#""a b" [("last", "")]"#,
        ];
        assert_eq!(read, expected);
        let all = sections(text).unwrap();
        assert_eq!(
            all[1].properties.get_all("key").collect::<Vec<_>>(),
            ["1=2", "3 ; 4"]
        );
        assert_eq!(all[1].properties.get("key"), Some("1=2"));
        assert_eq!(all[2].properties.get("key"), None);
        for no in ["[a\nkey=1", "nothing"] {
            assert!(sections(no).unwrap_err().contains('1'), "{no}");
        }
    }
}
