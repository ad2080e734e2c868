//! The FinOps Open Cost and Usage Specification (FOCUS), version 1.0: one charge
//! for each provider and day. What is not known of a charge is null, and what a
//! provider does not say of itself begins with `x_`, as the specification has it.

use std::fmt;

use agentos_store::{Day, ResultRecord};

use super::csv::{Field, header, row};
use crate::month::Month;

/// The columns, in the order of their names.
const COLUMNS: [&str; 45] = [
    "AvailabilityZone",
    "BilledCost",
    "BillingAccountId",
    "BillingAccountName",
    "BillingCurrency",
    "BillingPeriodEnd",
    "BillingPeriodStart",
    "ChargeCategory",
    "ChargeClass",
    "ChargeDescription",
    "ChargeFrequency",
    "ChargePeriodEnd",
    "ChargePeriodStart",
    "CommitmentDiscountCategory",
    "CommitmentDiscountId",
    "CommitmentDiscountName",
    "CommitmentDiscountStatus",
    "CommitmentDiscountType",
    "ConsumedQuantity",
    "ConsumedUnit",
    "ContractedCost",
    "ContractedUnitPrice",
    "EffectiveCost",
    "InvoiceIssuerName",
    "ListCost",
    "ListUnitPrice",
    "PricingCategory",
    "PricingQuantity",
    "PricingUnit",
    "ProviderName",
    "PublisherName",
    "RegionId",
    "RegionName",
    "ResourceId",
    "ResourceName",
    "ResourceType",
    "ServiceCategory",
    "ServiceName",
    "SkuId",
    "SkuPriceId",
    "SubAccountId",
    "SubAccountName",
    "Tags",
    "x_RecordedAt",
    "x_Revision",
];

pub(super) fn focus_header(raw_json: bool) -> String {
    let mut names = COLUMNS.to_vec();
    names.extend(raw_json.then_some("x_RawJson"));
    header(&names)
}

/// Adds a result.
pub(super) fn focus_row(out: &mut String, result: &ResultRecord, raw_json: bool) {
    let month = Month::of(result.date);
    let times = Times {
        month_begins: Midnight(month.first()),
        month_ends: Midnight(month.last().plus(1)),
        day_begins: Midnight(result.date),
        day_ends: Midnight(result.date.plus(1)),
    };
    let mut fields: Vec<_> = COLUMNS.iter().map(|column| field(column, result, &times)).collect();
    let raw = result.raw_json.as_deref().unwrap_or_default();
    fields.extend(raw_json.then_some(Field::Text(raw)));
    row(out, &fields);
}

/// When a charge and its billing period begin and end; the ends are not part
/// of them.
struct Times {
    month_begins: Midnight,
    month_ends: Midnight,
    day_begins: Midnight,
    day_ends: Midnight,
}

/// The beginning of a day, as the specification writes times.
struct Midnight(Day);

impl fmt::Display for Midnight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}T00:00:00Z", self.0)
    }
}

fn field<'a>(column: &str, result: &'a ResultRecord, times: &'a Times) -> Field<'a> {
    let is_credit = result.cost.is_negative();
    match column {
        "BilledCost" | "ContractedCost" | "EffectiveCost" | "ListCost" => {
            Field::Plain(&result.cost)
        }
        // The organisation's own id is not in its bill.
        "BillingAccountId" | "InvoiceIssuerName" | "ProviderName" | "PublisherName" => {
            Field::Text(&result.provider)
        }
        "BillingCurrency" => Field::Plain(&"USD"),
        "BillingPeriodStart" => Field::Plain(&times.month_begins),
        "BillingPeriodEnd" => Field::Plain(&times.month_ends),
        "ChargePeriodStart" => Field::Plain(&times.day_begins),
        "ChargePeriodEnd" => Field::Plain(&times.day_ends),
        "ChargeCategory" => Field::Plain(if is_credit { &"Credit" } else { &"Usage" }),
        "ChargeDescription" => Field::Plain(&"All usage of the day"),
        "ChargeFrequency" => Field::Plain(&"Usage-Based"),
        // Of credits there is no quantity.
        "ConsumedQuantity" if !is_credit => Field::Plain(&result.tokens),
        "ConsumedUnit" if !is_credit => Field::Plain(&"Tokens"),
        "ServiceCategory" => Field::Plain(&"AI and Machine Learning"),
        "ServiceName" => Field::Plain(&"API"),
        "x_RecordedAt" => Field::Plain(&result.created_at),
        "x_Revision" => Field::Plain(&result.revision),
        _ => Field::Null,
    }
}
