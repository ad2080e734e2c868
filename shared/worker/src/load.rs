//! How busy this machine is.

use std::sync::{Mutex, PoisonError};

use agentos_generation::Engine;
use agentos_proto::v1::EdgeLoad;
use agentos_proto::v1::edge_load::{Device, LoadedModel};
use sysinfo::System;

/// Reads the machine's load. CPU use is that since the reading before.
pub(crate) struct LoadMeter {
    /// `None` where the system tells nothing; the load is then zeros.
    system: Mutex<Option<System>>,
}

impl LoadMeter {
    pub(crate) fn new() -> Self {
        let system = System::new()
            .inspect_err(|error| tracing::warn!(%error, "this machine's load cannot be read"))
            .ok();
        Self { system: Mutex::new(system) }
    }

    pub(crate) fn read(&self, engine: Option<&dyn Engine>, running_attempts: usize) -> EdgeLoad {
        let machine = self.machine();
        let running_attempts = u32::try_from(running_attempts).unwrap_or(u32::MAX);
        let Some(engine) = engine else { return EdgeLoad { running_attempts, ..machine } };
        let status = engine.status();
        let device = |device: &agentos_generation::DeviceStatus| Device {
            name: device.name.clone(),
            memory_total_bytes: device.memory_total_bytes,
            memory_free_bytes: device.memory_free_bytes,
        };
        EdgeLoad {
            devices: status.devices.iter().map(device).collect(),
            queued_model_calls: u32::try_from(status.queued).unwrap_or(u32::MAX),
            running_attempts,
            models: vec![LoadedModel {
                name: status.model,
                size_bytes: status.size_bytes,
                demonstration: status.demonstration,
                tokens_per_second: status.tokens_per_second,
            }],
            ..machine
        }
    }

    /// The parts of the load that the system tells.
    fn machine(&self) -> EdgeLoad {
        let mut system = self.system.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(system) = system.as_mut() else { return EdgeLoad::default() };
        system.refresh_cpu_usage();
        system.refresh_memory();
        EdgeLoad {
            cpu_percent: system.global_cpu_usage(),
            memory_used_bytes: system.used_memory(),
            memory_total_bytes: system.total_memory(),
            ..EdgeLoad::default()
        }
    }
}
