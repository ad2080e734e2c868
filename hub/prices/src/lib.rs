//! What a call of a cloud model costs: dated prices as data, exact arithmetic,
//! and the usage objects of the providers. Without any I/O: the price document
//! that is shipped is part of the program, one of the user's is handed in as
//! text, and the time is an argument.
//!
//! # From an answer to an amount
//! 1. [`usage::from_openai`], [`usage::from_anthropic`] or, for a stream,
//!    [`usage::AnthropicUsage`] read what the provider says was consumed.
//! 2. [`PriceTable::find`] gives the prices that were in force, by the model
//!    that the *answer* names: a retired name may be served by a dearer one.
//! 3. [`Prices::cost`] is the amount. A reported cost
//!    ([`usage::Metered::reported_cost`]) is what was billed and goes before it.
//!
//! Before the call [`Prices::worst_case`] is the amount to reserve.
//!
//! Prices are whole pico-dollars per token, so an amount is exact until it is
//! rounded once, half to even, to nano-dollars. Nothing here is a float.
//!
//! # What is not priced
//! Tokens alone are. Searches, code execution, images and audio by the piece
//! are no tokens; a provider bills them beside the call.
//!
//! # The price document
//! `hub/prices/prices.json` is shipped. A user's file of the same form extends
//! it: an entry of the same provider, model and day replaces the shipped one.
//!
//! ```json
//! {"prices": [{
//!   "provider": "anthropic", "model": "claude-haiku-5-5", "aliases": [],
//!   "effective_from": "2026-10-07",
//!   "source": "where the prices were read, and when",
//!   "usd_per_million": {"input": "0.10", "cache_read": "0.01", "cache_write": "0.125",
//!                       "cache_write_1h": "0.20", "output": "0.50"},
//!   "tiers": [{"above_prompt_tokens": 100000,
//!              "usd_per_million": {"input": "0.50", "output": "2.50"}}],
//!   "multipliers": {"batch": "0.5", "inference_geo_us": "1.1"}
//! }]}
//! ```
//!
//! - Prices are text: dollars per million tokens, at most six decimals. A kind
//!   that is left out has a stated price: `cache_read` and `cache_write` that of
//!   `input`, `cache_write_1h` that of `cache_write`, `reasoning` that of
//!   `output`; so also within a tier.
//! - The prices of a tier are those of the whole call once its prompt, cached
//!   tokens included, has more tokens than `above_prompt_tokens`.
//! - A multiplier is that of a service: `batch`, `flex`, `priority`, `fast`, and
//!   `inference_geo_us` beside any of them. A service that is left out costs as
//!   the standard one; [`Prices::lists`] tells that.
//! - `effective_from` is a day in UTC. Prices that changed are a new entry; the
//!   old one stays, for calls that were made before.
//!
//! # Where prices come from and how they are updated
//! From the price lists of the providers as third parties reported them; each
//! entry says so in `source`, and whether its day is known or was set early on
//! purpose. To update them: read the provider's price list, add an entry with
//! its day to `prices.json` (or to the user's file, which needs no release),
//! transcribe it again into `tests/fixtures/make_fixtures.py`, and run that: it
//! reckons the expected amounts of the tests by itself.

mod decimal;
mod document;
mod error;
mod prices;
mod service;
mod table;
pub mod usage;

pub use error::PriceError;
pub use prices::Prices;
pub use service::{Service, ServiceTier};
pub use table::PriceTable;
