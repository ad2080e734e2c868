mod agents;
mod documents;
mod environment;
mod precedence;
mod search;
mod secrets;
mod support;
mod wrong;
