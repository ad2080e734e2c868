//! Tells people that a budget is nearly used up, once a month for each.

use std::collections::BTreeSet;
use std::time::Duration;

use agentos_router::Router;

use crate::notify::Webhooks;

/// How often the budgets are looked at.
const EVERY: Duration = Duration::from_secs(15);

/// Looks at the budgets until it is dropped. Without a webhook the log is told.
pub(crate) async fn tell(router: &Router, webhooks: Option<&Webhooks>) {
    // A webhook that is away is tried again and again; the log is told once.
    let mut logged = BTreeSet::new();
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
            let (scope, id) = (spend.scope.kind(), spend.scope.id().to_owned());
            let is_new = logged.insert((scope, id.clone()));
            if is_new {
                tracing::warn!(scope, id, settled = %spend.settled, reserved = %spend.reserved,
                    limit = %spend.limit.unwrap_or_default(), "a budget is nearly used up");
            }
            if let Some(webhooks) = webhooks
                && let Err(error) = webhooks.tell_of_budget(&spend).await
            {
                if is_new {
                    tracing::warn!(%error, "nobody could be told of a budget; trying again");
                }
                continue;
            }
            logged.remove(&(scope, id));
            if let Err(error) = router.alert_told(&spend).await {
                tracing::warn!(%error, "it could not be noted that a budget was told of");
            }
        }
    }
}
