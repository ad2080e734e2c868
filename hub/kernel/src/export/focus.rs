//! The FinOps Open Cost and Usage Specification (FOCUS), version 1.0: one charge
//! for each provider and day. What is not known of a charge is null, and what a
//! provider does not say of itself begins with `x_`, as the specification has it.

use agentos_store::{Day, ResultRecord, Usd};

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

pub(super) fn focus_row(result: &ResultRecord, raw_json: bool) -> String {
    let mut fields: Vec<_> = COLUMNS.iter().map(|column| field(column, result)).collect();
    fields.extend(raw_json.then(|| Field::Text(result.raw_json.as_deref().unwrap_or_default())));
    row(&fields)
}

fn field<'a>(column: &str, result: &'a ResultRecord) -> Field<'a> {
    let month = Month::of(result.date);
    match column {
        "BilledCost" | "ContractedCost" | "EffectiveCost" | "ListCost" => {
            Field::Plain(result.cost.to_string())
        }
        // The organisation's own id is not in its bill.
        "BillingAccountId" | "InvoiceIssuerName" | "ProviderName" | "PublisherName" => {
            Field::Text(&result.provider)
        }
        "BillingCurrency" => Field::Plain("USD".to_owned()),
        "BillingPeriodStart" => midnight(month.first()),
        "BillingPeriodEnd" => midnight(month.last().plus(1)),
        "ChargePeriodStart" => midnight(result.date),
        "ChargePeriodEnd" => midnight(result.date.plus(1)),
        "ChargeCategory" => Field::Plain(category(&result.cost).to_owned()),
        "ChargeDescription" => Field::Plain("All usage of the day".to_owned()),
        "ChargeFrequency" => Field::Plain("Usage-Based".to_owned()),
        // Of credits there is no quantity.
        "ConsumedQuantity" if !result.cost.is_negative() => Field::Plain(result.tokens.to_string()),
        "ConsumedUnit" if !result.cost.is_negative() => Field::Plain("Tokens".to_owned()),
        "ServiceCategory" => Field::Plain("AI and Machine Learning".to_owned()),
        "ServiceName" => Field::Plain("API".to_owned()),
        "x_RecordedAt" => Field::Plain(result.created_at.to_string()),
        "x_Revision" => Field::Plain(result.revision.to_string()),
        _ => Field::Null,
    }
}

fn category(cost: &Usd) -> &'static str {
    if cost.is_negative() { "Credit" } else { "Usage" }
}

fn midnight(day: Day) -> Field<'static> {
    Field::Plain(format!("{day}T00:00:00Z"))
}
