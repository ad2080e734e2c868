//! What the machine lends: a network that can be cut, and a disk that can be
//! filled. Both need Linux and root; what is not there is left out.

#[cfg(not(target_os = "linux"))]
pub(crate) use elsewhere::Ground;
#[cfg(target_os = "linux")]
pub(crate) use linux::Ground;

#[cfg(target_os = "linux")]
mod linux {
    use std::path::{Path, PathBuf};
    use std::sync::Arc;

    use anyhow::Result;

    use crate::chaos::schedule::Fault;
    use crate::harness::{Edge, Hub, HubPorts, Network, Place, SmallDisk, Way, inside};

    /// Room for the hub's data, in MiB.
    const DISK: u32 = 256;

    /// Network and disk.
    pub(crate) struct Ground {
        network: Option<Arc<Network>>,
        disk: Option<SmallDisk>,
        filler: Option<PathBuf>,
        /// What is left out, and why.
        pub(crate) left_out: Vec<String>,
    }

    impl Ground {
        /// What this machine has.
        #[must_use]
        pub(crate) fn find() -> Self {
            let mut left_out = Vec::new();
            let network = match Network::new() {
                Ok(network) => Some(Arc::new(network)),
                Err(error) => {
                    left_out.push(format!("faults of the network: {error:#}"));
                    None
                }
            };
            Self { network, disk: None, filler: None, left_out }
        }

        /// Does `work` where the hub lives.
        ///
        /// # Errors
        /// If `work` fails.
        pub(crate) fn inside<T: Send>(
            self,
            work: impl FnOnce(Self) -> Result<T> + Send,
        ) -> Result<T> {
            match self.network.as_ref().map(|network| Arc::clone(&network.hub)) {
                Some(hub) => inside(&hub, move || work(self)),
                None => work(self),
            }
        }

        /// Where the hub listens.
        ///
        /// # Errors
        /// If no port is free.
        pub(crate) fn ports(&self) -> Result<HubPorts> {
            match &self.network {
                Some(_) => Ok(HubPorts::fixed(Network::HUB)),
                None => HubPorts::free(),
            }
        }

        /// Puts a small disk below the hub's data.
        pub(crate) fn lay(&mut self, place: &Place, folder: &Path) {
            let Some(user) = place.user() else {
                self.left_out.push("the full disk: only root can mount one".to_owned());
                return;
            };
            match SmallDisk::mount(folder.to_owned(), user, DISK) {
                Ok(disk) => self.disk = Some(disk),
                Err(error) => self.left_out.push(format!("the full disk: {error:#}")),
            }
        }

        /// Puts the hub on its machine.
        pub(crate) fn settle_hub(&self, hub: &mut Hub) {
            if let Some(network) = &self.network {
                hub.live_in(&network.hub);
            }
        }

        /// Puts the edge on its machine.
        pub(crate) fn settle_edge(&self, edge: &mut Edge) {
            if let Some(network) = &self.network {
                edge.live_in(&network.edge);
            }
        }

        /// Does what a fault of network or disk is; `false` where it cannot.
        ///
        /// # Errors
        /// If the system refuses.
        pub(crate) fn harm(&mut self, fault: Fault) -> Result<bool> {
            match (fault, &self.network, &self.disk) {
                (Fault::Partition(_), Some(network), _) => network.swallow(Way::Both)?,
                (Fault::PartitionToHub(_), Some(network), _) => network.swallow(Way::ToHub)?,
                (Fault::PartitionToEdge(_), Some(network), _) => network.swallow(Way::ToEdge)?,
                (Fault::NewAddress, Some(network), _) => {
                    network.let_through()?;
                    network.change_address()?;
                }
                (Fault::FullDisk(_), _, Some(disk)) => self.filler = Some(disk.fill()?),
                _ => return Ok(false),
            }
            Ok(true)
        }

        /// Whether the disk is full now.
        #[must_use]
        pub(crate) fn is_full(&self) -> bool {
            self.filler.is_some()
        }

        /// Everything arrives again.
        ///
        /// # Errors
        /// If the system refuses.
        pub(crate) fn let_through(&self) -> Result<()> {
            self.network.as_ref().map_or(Ok(()), |network| network.let_through())
        }

        /// There is room again.
        ///
        /// # Errors
        /// If the system refuses.
        pub(crate) fn make_room(&mut self) -> Result<()> {
            self.filler.take().map_or(Ok(()), |filler| Ok(std::fs::remove_file(filler)?))
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod elsewhere {
    use std::path::Path;

    use anyhow::Result;

    use crate::chaos::schedule::Fault;
    use crate::harness::{Edge, Hub, HubPorts, Place};

    /// Nothing.
    pub(crate) struct Ground {
        /// What is left out, and why.
        pub(crate) left_out: Vec<String>,
    }

    impl Ground {
        /// What this machine has.
        #[must_use]
        pub(crate) fn find() -> Self {
            Self { left_out: vec!["faults of network and disk: they need Linux".to_owned()] }
        }

        /// Does `work`.
        ///
        /// # Errors
        /// If `work` fails.
        pub(crate) fn inside<T: Send>(
            self,
            work: impl FnOnce(Self) -> Result<T> + Send,
        ) -> Result<T> {
            work(self)
        }

        /// Where the hub listens.
        ///
        /// # Errors
        /// If no port is free.
        pub(crate) fn ports(&self) -> Result<HubPorts> {
            HubPorts::free()
        }

        /// Nothing.
        pub(crate) fn lay(&mut self, _place: &Place, _folder: &Path) {}

        /// Nothing.
        pub(crate) fn settle_hub(&self, _hub: &mut Hub) {}

        /// Nothing.
        pub(crate) fn settle_edge(&self, _edge: &mut Edge) {}

        /// It cannot.
        ///
        /// # Errors
        /// Never.
        pub(crate) fn harm(&mut self, _fault: Fault) -> Result<bool> {
            Ok(false)
        }

        /// It never is.
        #[must_use]
        pub(crate) fn is_full(&self) -> bool {
            false
        }

        /// Nothing.
        ///
        /// # Errors
        /// Never.
        pub(crate) fn let_through(&self) -> Result<()> {
            Ok(())
        }

        /// Nothing.
        ///
        /// # Errors
        /// Never.
        pub(crate) fn make_room(&mut self) -> Result<()> {
            Ok(())
        }
    }
}
