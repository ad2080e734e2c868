//! What every store promises: one function per promise. A new implementation
//! adds a line to `promises!`.

mod budgets;
mod changes;
mod edges;
mod jobs;
mod journal;
mod kernel;
mod keys;
mod leases;
mod ledger;
mod placement;
mod proposals;
mod provider_keys;
mod queue;
mod schedules;
mod tasks;
mod workspaces;

use crate::fixture::sqlite;

macro_rules! promises {
    ($($module:ident: $($promise:ident),+;)+) => {
        mod on_sqlite {
            $($(
                #[tokio::test]
                async fn $promise() {
                    let folder = tempfile::tempdir().unwrap();
                    let store = super::sqlite(folder.path()).await;
                    super::$module::$promise(&store).await;
                }
            )+)+
        }
    };
}

promises! {
    tasks:
        a_key_gives_the_same_task_for_a_day,
        a_key_refuses_another_request,
        a_key_belongs_to_its_workspace,
        pages_follow_the_cursor,
        lists_are_filtered,
        the_queue_has_positions,
        everything_of_a_task_is_kept;
    journal:
        a_whole_run_fills_the_task,
        the_same_entries_are_accepted_again,
        other_entries_in_the_same_place_are_refused,
        a_gap_is_refused,
        an_impossible_order_is_refused,
        the_end_may_be_repeated_but_no_intent,
        an_unknown_outcome_waits_for_a_person,
        steps_are_read_in_pieces;
    changes:
        a_result_and_its_changes_are_committed_together,
        a_takeover_gets_the_files_of_the_last_step,
        a_repeated_append_changes_files_once,
        a_fenced_writer_changes_no_file,
        who_changed_a_file_meanwhile_keeps_it,
        a_file_is_no_folder_to_a_changeset,
        contents_that_nobody_brought_are_refused,
        only_who_holds_the_lease_brings_contents,
        changes_from_other_files_are_refused,
        a_task_that_ended_leaves_its_changes_to_the_workspace;
    proposals:
        a_call_waits_without_a_lease_until_it_is_approved,
        a_proposal_is_decided_once,
        a_decision_is_bound_to_what_was_seen,
        a_lost_call_is_settled_by_a_person,
        what_nobody_decides_in_time_is_denied,
        the_end_of_a_task_takes_its_proposal_along,
        a_grant_reaches_the_agents_next_runs,
        those_who_are_to_be_told_are_told,
        proposals_come_in_pages_of_their_workspace;
    placement:
        the_hub_takes_what_may_be_done_elsewhere_and_nothing_else,
        the_hubs_executor_is_no_edge,
        who_holds_no_lease_asks_no_model;
    queue:
        workspaces_take_turns,
        who_has_fewer_runs_is_next,
        priorities_order_the_tasks_of_one_workspace,
        workspaces_and_tiers_have_limits,
        a_full_queue_refuses_and_its_owner_alone;
    schedules:
        a_schedule_is_kept_as_it_was_made,
        names_and_numbers_of_schedules_have_limits,
        schedules_and_slots_come_in_pages_of_their_workspace,
        slots_are_recorded_with_the_task_of_the_newest,
        whoever_read_another_next_slot_changes_nothing,
        a_slot_with_a_row_is_not_run_again,
        a_full_queue_holds_a_slot_up_until_it_is_too_late,
        a_paused_schedule_is_not_due,
        a_deleted_schedule_leaves_its_tasks_alone;
    leases:
        the_oldest_task_is_claimed_first,
        a_late_writer_is_fenced,
        an_append_extends_the_lease,
        a_given_back_task_keeps_its_place,
        renewing_names_what_was_lost,
        a_new_session_gives_back_what_it_does_not_hold,
        a_start_of_the_hub_gives_grace,
        a_cancelled_task_fences_its_writer,
        cancelling_twice_changes_nothing,
        the_hub_can_fail_a_task,
        a_snapshot_is_pinned_for_all_attempts,
        only_work_counts_against_the_time,
        a_task_that_is_not_to_wait_fails_with_its_edge;
    edges:
        a_token_joins_one_edge,
        a_token_expires,
        session_numbers_only_grow,
        an_old_session_cannot_close_a_new_one,
        a_revoked_edge_is_shut_out,
        a_replaced_session_gets_no_task;
    keys:
        keys_are_found_by_their_hash,
        keys_are_listed_by_workspace,
        a_revoked_key_stays_revoked,
        the_last_use_only_moves_forward;
    provider_keys:
        a_provider_key_is_kept_and_replaced,
        provider_keys_belong_to_their_workspace,
        master_keys_in_use_are_counted;
    ledger:
        a_call_that_fits_exactly_is_admitted,
        a_refused_call_leaves_no_trace,
        the_tightest_budget_is_named,
        a_call_that_costs_nothing_is_always_admitted,
        a_reservation_is_made_once,
        a_settled_call_releases_what_it_did_not_cost,
        a_call_is_settled_once,
        a_cost_above_its_reservation_counts_as_it_is,
        a_moved_call_reserves_what_it_may_cost_now,
        a_call_that_cannot_be_moved_stays_as_it_was,
        free_calls_are_recorded_once,
        a_start_takes_open_calls_for_lost,
        open_calls_whose_time_is_over_are_lost,
        a_call_stays_in_its_month,
        money_does_not_wrap;
    kernel:
        a_run_leaves_a_row_and_is_closed_once,
        runs_of_a_process_that_is_gone_are_closed_as_failed,
        runs_are_listed_newest_first_and_filtered,
        a_day_is_one_row_and_its_past_is_kept,
        results_are_filtered_ordered_and_paged,
        metered_money_is_summed_by_provider_and_day;
    jobs:
        each_time_of_a_job_is_settled_once;
    budgets:
        budgets_are_set_and_removed,
        an_alert_is_due_until_somebody_was_told,
        workspaces_see_only_their_own_money,
        calls_come_in_pages_of_their_workspace;
    workspaces:
        nothing_is_seen_from_another_workspace,
        a_list_of_files_follows_its_changes,
        a_file_keeps_the_time_that_its_owner_said;
}
