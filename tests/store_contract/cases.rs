//! Every case by its module; `$run` is a macro that takes the module and the names.

macro_rules! every_case {
    ($run:ident) => {
        $run! { jobs:
            an_accepted_job_is_open_and_its_agency_is_told,
            an_agency_sees_only_its_own_jobs,
            a_repeat_changes_nothing_and_is_answered_with_the_present_totals,
            other_content_under_the_same_name_is_a_conflict_and_changes_nothing,
            repeats_and_conflicts_hold_within_one_batch_and_answers_keep_its_order,
            a_job_offered_many_times_at_once_is_stored_once,
            several_hundred_jobs_go_in_at_once,
            personal_data_comes_back_from_its_chunks,
            what_intake_settled_is_settled_from_the_start,
            a_job_that_intake_settled_whole_is_finished_at_once,
            events_that_an_agency_does_not_want_are_not_written,
            agencies_keep_their_numbers,
            the_list_of_notifications_goes_page_by_page,
            what_is_told_without_another_cause_reaches_the_feed,
            empty_batches_are_answered,
        }
        $run! { jobs_end:
            a_cancelled_job_settles_all_that_waits_and_says_so,
            cancelling_again_changes_nothing,
            a_finished_job_stays_finished_when_it_is_cancelled,
            what_is_claimed_when_its_job_is_cancelled_is_refused_and_settled_by_its_worker,
            what_may_have_left_is_uncertain_when_its_job_is_cancelled,
            what_waits_for_a_receipt_goes_on_waiting_when_its_job_is_cancelled,
            an_opened_letter_is_not_reminded_of,
            a_reminder_that_is_claimed_when_its_letter_is_opened_is_refused,
            stopped_traffic_is_neither_claimed_nor_intended,
        }
        $run! { ledger_claim:
            a_claim_takes_what_is_due_and_nothing_else,
            a_claim_keeps_to_its_wants_in_their_order,
            eight_claimers_at_once_never_take_the_same_delivery,
            every_claim_is_a_new_epoch,
            what_is_handed_back_is_waiting_as_before_or_until_it_is_told,
            what_has_an_open_try_is_not_handed_back,
            what_is_abandoned_with_an_open_try_is_unknown_and_the_rest_goes_on,
        }
    };
}
