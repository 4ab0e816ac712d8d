//! Talking netlink (netlink(7)): sockets, requests and answers. What the messages mean is
//! for others.

pub mod attr;
pub mod generic;
pub mod message;
pub mod query;
pub mod response;
pub mod socket;
