//! Configurations with a model in the cloud that is a mock.

use serde_json::{Value, json};

/// A configuration whose tier `cloud-smart` is the provider at this address,
/// with this as its `router`. JSON is YAML.
#[must_use]
pub fn cloud_config(base_url: &str, router: Value) -> Value {
    let model = json!({ "model_name": "cloud-smart",
        "litellm_params": { "model": "openai/gpt-5-mini", "api_key": "sk-of-nobody",
            "api_base": format!("{base_url}/v1") },
        "model_info": { "continues": true } });
    json!({ "models": { "model_list": [model] }, "router": router })
}
