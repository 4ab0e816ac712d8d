//! What can be said of a namespace and its links: each setting, each type of link and each
//! option of one is a row here, with the kernel's attribute for it. The reader of the settings, the
//! wanted state, the plan, its commands, the kernel's messages and the journal go by these rows,
//! and tests/docs.rs holds the pages to them. Data alone.

pub mod links;
pub mod option;
pub mod settings;
