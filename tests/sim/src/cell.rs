//! A value that can be waited for. Those who wait are woken in the order in
//! which they came: the channel `watch` wakes them in a random one.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

#[derive(Debug, Default)]
pub(crate) struct Cell<T> {
    value: Mutex<T>,
    changed: Notify,
}

impl<T> Cell<T> {
    fn lock(&self) -> MutexGuard<'_, T> {
        self.value.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn set(&self, value: T) -> T {
        let before = std::mem::replace(&mut *self.lock(), value);
        self.changed.notify_waiters();
        before
    }

    pub(crate) fn read<R>(&self, look: impl FnOnce(&T) -> R) -> R {
        look(&self.lock())
    }

    /// Waits until `look` finds what it wants.
    pub(crate) async fn until<R>(&self, look: impl Fn(&T) -> Option<R>) -> R {
        loop {
            let changed = self.changed.notified();
            let mut changed = std::pin::pin!(changed);
            changed.as_mut().enable();
            if let Some(found) = self.read(&look) {
                return found;
            }
            changed.await;
        }
    }
}
