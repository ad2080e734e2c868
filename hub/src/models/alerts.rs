//! Tells people that a budget is nearly used up, once a month for each.

use std::time::Duration;

use agentos_router::Router;

use crate::notify::Webhooks;

/// How often the budgets are looked at.
const EVERY: Duration = Duration::from_secs(15);

/// Looks at the budgets until it is dropped. Without a webhook the log is told.
pub(crate) async fn tell(router: &Router, webhooks: Option<&Webhooks>) {
    loop {
        tokio::time::sleep(EVERY).await;
        let due = match router.due_alerts().await {
            Ok(due) => due,
            Err(error) => {
                tracing::warn!(%error, "the budgets cannot be looked at");
                continue;
            }
        };
        for spend in due {
            let (scope, id) = (spend.scope.kind(), spend.scope.id());
            tracing::warn!(scope, id, settled = %spend.settled, reserved = %spend.reserved,
                limit = %spend.limit.unwrap_or_default(), "a budget is nearly used up");
            if let Some(webhooks) = webhooks
                && let Err(error) = webhooks.tell_of_budget(&spend).await
            {
                tracing::warn!(%error, "nobody could be told of a budget; trying again");
                continue;
            }
            if let Err(error) = router.alert_told(&spend).await {
                tracing::warn!(%error, "it could not be noted that a budget was told of");
            }
        }
    }
}
