//! The times of the hub's own jobs.

use agentos_store::{JobSlotStatus, JobStore};

use crate::fixture::at;

pub(super) async fn each_time_of_a_job_is_settled_once(store: &dyn JobStore) {
    assert_eq!(store.job_since("report", at(10)).await.unwrap(), at(10));
    assert_eq!(store.job_since("report", at(20)).await.unwrap(), at(10));
    store.begin_slots("report", vec![at(11), at(12), at(13)], at(14)).await.unwrap();
    assert_eq!(store.job_since("report", at(20)).await.unwrap(), at(13));
    // Settled again, as by somebody who had read the older time: nothing changes.
    store.begin_slots("report", vec![at(11), at(12)], at(15)).await.unwrap();
    assert_eq!(store.job_since("report", at(20)).await.unwrap(), at(13));
    store.end_slot("report", at(13), None, at(16)).await.unwrap();
    store.end_slot("report", at(13), Some("late".to_owned()), at(17)).await.unwrap();
    store.begin_slots("report", vec![at(18)], at(18)).await.unwrap();
    assert_eq!(store.close_open_slots("gone", at(19)).await.unwrap(), 1);
    assert_eq!(store.close_open_slots("gone", at(19)).await.unwrap(), 0);
    let slots = store.job_slots("report", 100).await.unwrap();
    let found: Vec<_> =
        slots.iter().map(|one| (one.slot, one.status, one.error.as_deref())).collect();
    assert_eq!(
        found,
        [
            (at(18), JobSlotStatus::Failed, Some("gone")),
            (at(13), JobSlotStatus::Run, None),
            (at(12), JobSlotStatus::Missed, None),
            (at(11), JobSlotStatus::Missed, None),
        ]
    );
    assert_eq!(slots[1].ended_at, Some(at(16)));
    assert_eq!(store.job_slots("report", 1).await.unwrap().len(), 1);
    assert!(store.job_slots("other", 100).await.unwrap().is_empty());
    // Switched off and on again: what was meanwhile does not count.
    store.forget_job("report").await.unwrap();
    assert_eq!(store.job_since("report", at(30)).await.unwrap(), at(30));
    assert_eq!(store.job_slots("report", 100).await.unwrap().len(), 4);
}
