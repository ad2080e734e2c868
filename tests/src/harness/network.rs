//! Two machines and the cable between them, and what happens to cables.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Result;

use super::namespace::Namespace;

const HUB_ADDRESS: &str = "10.77.0.1";
const EDGE_ADDRESSES: [&str; 2] = ["10.77.0.2", "10.77.0.3"];
/// An address that no device has: what is sent to it arrives nowhere.
const NOWHERE: &str = "02:00:00:00:00:01";

/// What does not arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Nothing does.
    Both,
    /// What the edge sends to the hub.
    ToHub,
    /// What the hub sends to the edge.
    ToEdge,
}

/// A hub's machine and an edge's machine.
pub struct Network {
    /// The hub's.
    pub hub: Arc<Namespace>,
    /// The edge's.
    pub edge: Arc<Namespace>,
    /// Whether the edge has its second address.
    moved: AtomicBool,
}

impl Network {
    /// The hub's address.
    pub const HUB: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 77, 0, 1));

    /// Two machines with a cable.
    ///
    /// # Errors
    /// If this machine or this user cannot have namespaces.
    pub fn new() -> Result<Self> {
        let (hub, edge) = (Namespace::new("hub")?, Namespace::new("edge")?);
        Namespace::join(&hub, &edge)?;
        hub.ip(&["addr", "add", &format!("{HUB_ADDRESS}/24"), "dev", "cable"])?;
        edge.ip(&["addr", "add", &format!("{}/24", EDGE_ADDRESSES[0]), "dev", "cable"])?;
        Ok(Self { hub: Arc::new(hub), edge: Arc::new(edge), moved: AtomicBool::new(false) })
    }

    /// The edge's address now, and the one that it has not.
    fn edge_addresses(&self) -> (&'static str, &'static str) {
        let moved = usize::from(self.moved.load(Ordering::SeqCst));
        (EDGE_ADDRESSES[moved], EDGE_ADDRESSES[1 - moved])
    }

    /// From now on nothing arrives that way, and nobody is told.
    ///
    /// # Errors
    /// If `ip` fails.
    pub fn swallow(&self, way: Way) -> Result<()> {
        let wrong = |machine: &Namespace, other: &str| {
            let fixed = ["lladdr", NOWHERE, "dev", "cable", "nud", "permanent"];
            machine.ip(&[&["neigh", "replace", other], &fixed[..]].concat())
        };
        if way != Way::ToEdge {
            wrong(&self.edge, HUB_ADDRESS)?;
        }
        if way != Way::ToHub {
            wrong(&self.hub, self.edge_addresses().0)?;
        }
        Ok(())
    }

    /// From now on everything arrives again.
    ///
    /// # Errors
    /// If `ip` fails.
    pub fn let_through(&self) -> Result<()> {
        for machine in [&self.edge, &self.hub] {
            machine.ip(&["neigh", "flush", "dev", "cable", "nud", "permanent"])?;
        }
        Ok(())
    }

    /// From now on no UDP arrives, in either direction, and nobody is told.
    ///
    /// # Errors
    /// If `ip` fails.
    pub fn block_udp(&self) -> Result<()> {
        for machine in [&self.hub, &self.edge] {
            // Before the look into the table of local addresses, which comes first.
            machine.ip(&["rule", "add", "pref", "10", "lookup", "local"])?;
            machine.ip(&["rule", "del", "pref", "0"])?;
            machine.ip(&[
                "rule",
                "add",
                "pref",
                "5",
                "iif",
                "cable",
                "ipproto",
                "udp",
                "blackhole",
            ])?;
        }
        Ok(())
    }

    /// The edge has another address from now on.
    ///
    /// # Errors
    /// If `ip` fails.
    pub fn change_address(&self) -> Result<()> {
        let (old, new) = self.edge_addresses();
        self.edge.ip(&["addr", "del", &format!("{old}/24"), "dev", "cable"])?;
        self.edge.ip(&["addr", "add", &format!("{new}/24"), "dev", "cable"])?;
        self.moved.fetch_xor(true, Ordering::SeqCst);
        Ok(())
    }
}
