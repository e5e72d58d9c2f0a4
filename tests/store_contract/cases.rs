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
        $run! { urgent_quota:
            the_first_recipients_within_the_quota_are_urgent_and_the_others_normal,
            a_repeat_takes_nothing_of_the_quota_and_tells_what_was_over,
            a_job_in_another_lane_takes_nothing_of_the_quota,
            jobs_of_one_batch_share_the_quota_in_their_order,
            the_quota_comes_back_after_an_hour,
            many_accepting_at_once_never_exceed_the_quota,
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
            an_intended_try_is_wanted_until_it_is_stopped_cancelled_or_opened,
        }
        $run! { ledger_claim:
            a_claim_takes_what_is_due_and_nothing_else,
            after_a_claim_that_did_not_fill_everything_is_found,
            a_claim_keeps_to_its_wants_in_their_order,
            what_waits_on_one_channel_hides_nothing_of_the_other,
            eight_claimers_at_once_never_take_the_same_delivery,
            every_claim_is_a_new_epoch,
            what_is_handed_back_is_waiting_as_before_or_until_it_is_told,
            what_has_an_open_try_is_not_handed_back,
            what_is_abandoned_with_an_open_try_is_unknown_and_the_rest_goes_on,
        }
        $run! { ledger_intend:
            an_intent_is_written_for_what_is_claimed_and_shows_as_sending,
            an_intent_of_another_epoch_is_refused,
            a_second_live_try_in_a_slot_is_refused,
            the_same_delivery_twice_in_a_batch_is_granted_once,
            two_live_tries_in_a_slot_are_impossible_whoever_writes_them,
            what_was_certainly_not_sent_frees_its_slot,
            an_unknown_try_is_followed_by_one_in_slot_1_and_marked,
            the_plans_other_channel_moves_the_row_before_its_first_try,
            a_fixed_or_tried_delivery_keeps_its_channel,
            refusals_and_grants_of_one_batch_keep_their_indexes,
            many_intents_at_once_for_the_same_claim_write_one_try,
            a_written_try_gets_another_slot_and_is_not_written_again,
            nobody_asks_again_for_what_is_not_a_live_try_of_its_own,
        }
        $run! { ledger_rate:
            slots_reach_no_further_ahead_than_allowed_and_the_rest_stays_claimed,
            a_message_of_several_parts_takes_as_many_slots,
            a_refused_entry_takes_no_slot,
            every_gateway_has_its_own_rate,
            four_at_once_on_one_gateway_stay_within_its_rate,
            slots_come_back_as_time_passes,
            nothing_is_granted_while_a_gateway_is_paused_and_a_shorter_pause_ends_no_longer_one,
        }
        $run! { agency_rate:
            an_agency_at_its_own_rate_lets_the_others_pass,
            an_agencys_rate_holds_over_all_gateways,
            an_agencys_channels_have_rates_of_their_own,
            a_refused_entry_takes_no_slot_of_its_agency,
            many_at_once_on_two_gateways_stay_within_both_agencies_rates,
        }
        $run! { address_limit:
            an_address_gets_no_more_than_its_limits_until_the_hour_is_over,
            what_is_over_takes_no_slot_and_its_like_goes_with_it,
            of_one_address_a_batch_takes_the_first,
            without_limits_an_address_gets_everything_at_once,
            a_limit_of_nought_leaves_the_other_in_force,
            a_refused_entry_takes_nothing_of_its_address,
            a_try_after_one_that_did_not_leave_counts_once,
            many_at_once_on_several_gateways_never_exceed_the_limits,
            the_store_says_what_the_rule_says,
            what_an_address_got_is_erased_when_it_counts_no_more,
        }
        $run! { ledger_cover:
            the_first_of_a_batch_covers_the_others,
            one_of_an_earlier_batch_covers_later_ones_but_not_itself_nor_another_job,
            one_that_got_no_slot_covers_nobody,
            a_covered_one_names_who_covered_it,
        }
        $run! { ledger_settle:
            an_accepted_try_is_sent_and_told,
            a_fenced_settlement_changes_nothing_and_the_rest_goes_through,
            corrections_raise_the_version_one_by_one_and_close_nothing_twice,
            what_waits_again_is_claimed_when_its_time_has_come,
            a_fallback_fails_silently_and_begins_on_the_other_channel,
            what_is_settled_without_a_channel_names_none,
        }
        $run! { ledger_again:
            what_waits_again_in_a_cancelled_job_is_due_at_once,
            a_reminder_that_waits_again_after_its_letter_was_opened_is_due_at_once,
            tries_are_counted_beyond_what_sixteen_bits_hold,
            a_second_try_that_was_certainly_not_sent_marks_nothing,
            a_second_try_that_may_have_left_is_marked_for_good,
            an_open_second_try_that_is_let_go_is_marked,
            an_open_second_try_of_a_worker_that_ended_is_marked,
            a_late_fallback_opens_a_finished_job_again_and_it_is_told_once,
            a_job_that_a_late_fallback_opened_can_be_cancelled,
            what_an_unknown_claim_of_a_worker_holds_goes_back,
        }
        $run! { ledger_totals:
            a_job_is_finished_exactly_once_with_its_totals,
            settling_at_once_from_many_sides_finishes_a_job_once,
            of_both_channels_the_better_counts,
            what_failed_silently_does_not_count_beside_what_was_told,
            a_cancelled_job_that_settles_later_keeps_its_state,
        }
        $run! { ledger_unknown:
            an_unknown_try_waits_for_its_receipt_then_shows_up,
            reconcile_may_send_once_more_in_slot_1,
            a_late_receipt_settles_an_unknown_try_before_reconcile_does,
        }
        $run! { workers:
            a_worker_whose_heart_beats_is_not_reaped,
            a_dead_workers_open_tries_become_unknown_and_the_rest_goes_on_at_once,
            an_open_try_of_a_dead_worker_is_due_its_time_after_its_intent,
            what_a_zombie_settles_is_fenced_and_it_claims_and_intends_nothing,
            a_worker_that_ends_well_leaves_nothing_claimed,
            the_backlog_counts_what_is_due_by_agency_and_lane,
            what_starves_is_raised_lane_by_lane,
            what_is_raised_to_urgent_is_few_at_a_time_and_takes_no_quota,
            what_is_stopped_does_not_starve,
            calls_that_are_given_up_wedge_nothing,
        }
        $run! { outbox:
            events_are_numbered_per_agency_from_1_in_their_order,
            many_writers_at_once_leave_no_gap_and_no_disorder,
            what_is_published_is_not_offered_again_and_never_unpublished,
            the_feed_goes_on_after_a_sequence,
            one_worker_at_a_time_has_a_lease,
            many_who_want_a_lease_at_once_get_it_once,
        }
        $run! { parking:
            a_receipt_finds_its_try_by_the_gateways_id_or_by_ours,
            a_receipt_finds_a_try_of_long_ago,
            a_receipt_of_another_gateway_finds_nothing,
            a_delivery_that_never_left_is_not_found,
            a_delivery_that_was_certainly_not_sent_is_not_found,
            early_receipts_are_kept_in_order_until_they_are_taken,
        }
        $run! { health:
            counts_of_all_workers_add_up,
            counts_go_into_the_bin_of_their_time_and_old_bins_go,
            the_view_tells_the_time_and_who_lives,
            of_many_who_decide_at_once_one_does_and_the_history_tells_it_once,
            a_decision_rests_on_what_was_read,
            one_probe_is_given_at_a_time,
            a_delivery_that_may_have_left_tells_through_which_gateway,
            the_history_of_gateways_goes_with_the_facts,
        }
        $run! { audit:
            what_is_appended_is_found_and_verified,
            what_does_not_follow_on_the_end_is_not_appended,
            strands_that_begin_at_once_have_numbers_of_their_own,
            the_database_refuses_to_change_the_audit_or_to_forget_it,
            whoever_gets_around_that_is_found_out,
            what_is_old_is_erased_and_the_rest_still_verifies,
            a_key_of_the_store_is_made_once,
        }
        $run! { trail:
            a_call_without_an_answer_is_written_down_for_each_job_that_asked,
            what_could_not_be_written_is_written_once_when_it_can_be,
            of_a_commit_whose_answer_was_lost_nothing_is_written_twice,
            a_strand_that_somebody_else_wrote_to_is_left_and_nothing_is_lost,
        }
        $run! { opt_outs:
            what_is_put_on_a_list_stands_there_until_it_is_taken_off,
            changes_are_followed_in_their_order_also_what_was_taken_off,
            changes_made_at_once_are_all_followed,
        }
        $run! { evidence:
            everything_of_one_recipient_is_found_and_nothing_of_others,
            it_goes_with_the_facts_of_its_job,
        }
        $run! { keys:
            a_key_has_the_owner_it_was_made_for,
        }
        $run! { contacts:
            a_person_put_in_again_is_replaced,
            all_persons_come_in_order_page_by_page,
            every_change_of_a_person_has_a_number_and_what_is_the_same_keeps_its_own,
            changes_come_from_a_number_on_page_by_page,
            many_changing_at_once_share_no_number_and_leave_none_out,
            a_person_is_replaced_only_by_who_saw_the_last_change,
            of_many_who_change_one_person_at_once_nobody_loses_anything,
            whatever_a_person_changes_at_once_is_kept_and_nothing_unseen_is_confirmed,
        }
        $run! { residents:
            residents_are_found_by_stretch_side_and_age,
            a_resident_put_in_again_has_moved_and_who_is_not_in_again_can_be_dropped,
            where_recipients_live_is_kept_until_their_identity_is_erased,
            a_claimed_recipient_of_a_street_knows_whose_turn_comes_before,
            how_it_stands_with_recipients_is_told_by_their_best_delivery,
        }
        $run! { page:
            a_session_lives_while_it_is_used_and_never_beyond_its_limit,
            a_session_ends_by_its_id_and_all_of_a_provider_by_its,
            a_code_is_right_once_and_good_for_five_guesses,
            of_two_who_guess_right_at_once_one_is_right,
            person_and_address_have_their_limit_of_codes_within_any_hour,
            what_is_over_is_erased,
            a_person_finds_what_was_sent_to_them_until_the_numbers_go,
        }
        $run! { retention:
            what_is_young_or_open_is_kept,
            what_goes_on_after_its_job_was_finished_keeps_its_texts,
            texts_then_identities_then_facts_go,
            what_is_erased_is_not_on_the_disk_any_more,
            old_events_leave_the_feed_once_they_are_published,
            old_events_leave_the_feed_when_there_is_no_broker,
            receipts_that_found_nothing_in_a_week_are_forgotten,
        }
    };
}
