//! The script that is in force, with what was rendered of it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::fault::Fault;
use crate::render::{Form, Rendered, render};
use crate::script::Script;

/// Forms that are kept. Clients may ask for any number of models.
const MOST_FORMS: usize = 64;

/// A script in force.
pub(crate) struct Active {
    pub(crate) script: Script,
    /// Requests that have met the script.
    seen: AtomicU64,
    forms: Mutex<HashMap<Form, Arc<Rendered>>>,
}

impl Active {
    pub(crate) fn new(script: Script) -> Self {
        Self { script, seen: AtomicU64::new(0), forms: Mutex::default() }
    }

    /// What goes wrong in the answer to the next request.
    pub(crate) fn next_fault(&self) -> Option<&Fault> {
        let number = self.seen.fetch_add(1, Ordering::Relaxed);
        let fault = self.script.fault.as_ref()?;
        fault.for_requests.is_none_or(|first| number < first).then_some(fault)
    }

    /// The answer in one form, rendered once.
    pub(crate) fn rendered(&self, form: Form) -> Arc<Rendered> {
        let mut forms = self.forms.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(rendered) = forms.get(&form) {
            return rendered.clone();
        }
        if forms.len() >= MOST_FORMS {
            forms.clear();
        }
        let rendered = Arc::new(render(&self.script, &form));
        forms.insert(form, rendered.clone());
        rendered
    }
}
