//! The scenario catalogue of memberlist's and Serf's own tests, replayed on this core packet by
//! packet and on virtual time, and what this core promises beyond it.
//!
//! Per number of the catalogue, the tests, or why there is none; `-` is a gap in the numbering:
//!
//! - 1 ProbeNode: `detection::a_live_member_is_probed_with_one_number_and_stays_alive`
//! - 2 Probe: `detection::probes_walk_over_the_living_and_leave_out_self_and_the_dead`
//! - 3: -
//! - 4 Suspect_Dogpile: `detection::the_more_accusers_the_shorter_a_suspicion`
//! - 5 FallbackTCP: `detection::a_member_that_answers_streams_only_stays_alive`
//! - 6 FallbackTCP: `detection::a_member_whose_streams_fail_too_is_suspect_after_one_interval`
//! - 7 FallbackTCP_Disabled: `detection::without_the_stream_ping_working_streams_do_not_help`;
//!   there is no switch per node
//! - 8 FallbackTCP_OldProtocol: left out: every member of wire version 1 answers streams
//! - 9: -
//! - 10 Awareness_Improved: `detection::a_successful_probe_improves_local_health`
//! - 11: -
//! - 12 Awareness_OldProtocol:
//!   `detection::a_failed_probe_without_relays_costs_one_point_of_health`; every relay can nack
//! - 13 Wrong_VSN: left out: an Alive carries no versions, see 54
//! - 14 ProbeNode_Buddy: `detection::a_ping_carries_the_accusation_and_its_ack_the_refutation`
//! - 15 Ping: left out: there is no ping for applications yet
//! - 16 HandlePing_WrongNode: `detection::a_ping_meant_for_somebody_else_is_not_answered`
//! - 17 HandleIndirectPing:
//!   `detection::a_relay_asked_about_itself_answers_with_the_number_of_the_request`
//! - 18 invokeAckHandler: `detection::an_ack_after_the_end_of_a_probe_does_not_undo_it`,
//!   `detection::a_nack_leaves_a_probe_open_and_an_ack_ends_it_once`
//! - 19: -
//! - 20 FailedRemote: left out: the core is not told of send errors, so all of them are lost
//!   packets; swim-tokio `hostile::datagrams_to_nobody_do_not_end_the_member`
//! - 21 AliveNode_NewNode: `merge::an_unknown_living_member_is_told_passed_on_and_timed`
//! - 22 AliveNode_SuspectNode:
//!   `merge::only_a_higher_incarnation_clears_a_suspicion_and_it_is_no_join`
//! - 23 AliveNode_Idempotent: `merge::the_same_alive_twice_is_one_event_and_one_broadcast`
//! - 24 AliveNode_ChangeMeta: `merge::new_metadata_is_an_update_and_visible_when_it_is_told`
//! - 25 AliveNode_Refute: `merge::words_put_into_its_mouth_are_outranked_with_its_own`
//! - 26: -
//! - 27 DeadNodeLeft: `merge::who_left_returns_at_another_address_without_delay`
//! - 28 NoNode: `merge::a_suspicion_of_somebody_unknown_is_ignored`,
//!   `merge::the_end_of_somebody_unknown_is_remembered_and_not_told`
//! - 29 SuspectNode: `merge::a_suspicion_is_passed_on_and_after_its_time_replaced_by_the_death`
//! - 30 SuspectNode_DoubleSuspect: `merge::the_same_accuser_twice_changes_nothing`
//! - 31: -
//! - 32 Refute: `merge::a_node_refutes_what_is_said_of_it_once_and_doubts_its_health`
//! - 33 DeadNode: `merge::a_death_is_one_event_and_one_broadcast`
//! - 34 DeadNode_Double:
//!   `merge::a_repeated_death_is_no_second_event_and_keeps_the_highest_incarnation`
//! - 35 DeadNode_AliveReplay: `merge::an_alive_of_the_same_incarnation_does_not_revive_the_dead`
//! - 36 MergeState: `merge::a_table_received_is_merged_and_who_is_dead_there_becomes_suspect_here`
//! - 37: -
//! - 38 Join_DeadNode: `join_leave::a_silent_seed_does_not_disturb_another_and_is_asked_for_ever`
//! - 39 Gossip: `dissemination::a_new_member_is_heard_of_by_gossip_alone`
//! - 40 GossipToDead:
//!   `dissemination::gossip_goes_to_the_recently_dead_and_not_to_the_long_dead_or_departed`
//! - 41 PushPull: `dissemination::what_gossip_does_not_bring_the_table_exchange_does`
//! - 42: -
//! - 43 TransmitLimited: `dissemination::the_newest_news_goes_first`,
//!   `dissemination::each_update_is_sent_lambda_log_n_times`,
//!   `dissemination::no_packet_is_longer_than_the_limit_and_nothing_is_lost_by_it`; unit tests of
//!   `table/queue.rs`
//! - 44 UserData: left out: applications cannot broadcast yet
//! - 45 SendTo: left out: applications cannot send yet
//! - 46 delegateMeta:
//!   `dissemination::metadata_is_seen_at_the_join_and_its_changes_too_in_both_directions`
//! - 47 PingDelegate: left out: acks carry nothing of the application's
//! - 48 tables: `dissemination::each_update_is_sent_lambda_log_n_times`,
//!   `variants::the_shortest_suspicion_grows_with_the_cluster`; unit tests of `config.rs`
//! - 49 Join: `join_leave::after_one_round_trip_two_nodes_see_each_other`; IPv6: swim-tokio
//!   `addresses::members_meet_over_ipv6`
//! - 50 Join_with_Labels: `join_leave::a_joiner_of_another_cluster_is_refused_and_told_so`;
//!   encryption comes later
//! - 51: -
//! - 52 Join_Cancel: left out: applications have no veto on members
//! - 53 Join_Cancel_Passive: left out, as 52; a joiner that finds no room hears so:
//!   `contract::a_joiner_for_whom_there_is_no_room_is_told_so`
//! - 54 VerifyProtocol: no version vector, one wire version byte:
//!   `hostile::another_wire_version_is_rejected_and_counted`,
//!   `hostile::frames_of_unknown_kind_and_surplus_bytes_are_skipped`
//! - 55 Leave: `join_leave::who_leaves_is_left_and_not_dead_at_once`
//! - 56 JoinShutdown: `join_leave::who_crashes_is_missed_by_suspicion_only`
//! - 57 Integ: `join_leave::sixteen_nodes_chained_by_their_joins_all_see_sixteen`; sockets:
//!   swim-tokio `cluster::five_members_know_each_other`; encryption comes later
//! - 58 EncryptedGossipTransition: encryption comes later
//! - 59 Gossip_MismatchedKeys: encryption comes later; until then
//!   `hostile::a_sealed_packet_is_rejected_by_who_has_no_key`
//! - 60 Keyring: encryption comes later
//! - 61 CRC: left out: the wire has no checksum of its own; damaged packets:
//!   `hostile::a_damaged_packet_is_rejected_whole_or_harmless`
//! - 62 HandleCompoundPing: a packet carries one message:
//!   `hostile::three_pings_are_three_acks_and_two_in_one_packet_are_none`
//! - 63 DecodeCompound: `hostile::any_bytes_are_rejected_counted_and_change_nothing`,
//!   `hostile::any_frames_behind_a_valid_header_are_rejected_or_harmless`
//! - 64 Limits: `hostile::lengths_beyond_the_end_are_rejected`; nothing is compressed
//! - 65 HandleConn: swim-tokio `hostile::a_silent_connection_is_closed_after_the_timeout`,
//!   `hostile::a_packet_that_trickles_in_is_not_waited_for`,
//!   `hostile::garbage_closes_the_connection_at_once`
//! - 66 TcpListenBackoff: left out: sockets are swim-tokio's, whose tests cannot make `accept`
//!   fail
//! - 67 AdvertiseAddr, ResolveAddr: swim-tokio
//!   `addresses::what_is_advertised_need_not_be_what_is_bound`,
//!   `addresses::a_dual_stack_member_meets_both_families`,
//!   `command::a_seed_that_does_not_resolve_is_named_and_the_agent_lives_on`
//!
//! The flap policy, which stands above all detectors: `flapping`
//!
//! When tables are compared, and who goes on with it: `tables`
//!
//! Clusters so small that everybody is probed in every interval: `direct`
//!
//! Who is looked for when nobody else is, and what a node keeps for its next life: `healing`
//!
//! Members the application watches, and what their silence amounts to: `watching`; whole clusters:
//! `simulated_watches`
//!
//! The rules of Witness, which none of these tests knows; whole clusters: `simulated_witness`:
//!
//! - R1 rotation, R2 answer timeout, R3 stages, R4 witnesses, R5 nacks as voices, R11 refusals:
//!   `witness_probing`
//! - R6 waits, R7 who is told, R8 verification, R9 no sudden death: `witness_suspicion`
//! - R12 stalls and patience, and that no baseline knows any of the rules: `witness_stall`
//! - where R4 ends, isolation: `witness_isolation`
//! - how who is behind is corrected, by those it asks and by relays: `witness_corrections`
//! - lies, floods and broken clocks: `witness_hostile`

mod bounds;
#[path = "../common/cases.rs"]
mod cases;
mod contract;
mod detection;
mod direct;
mod dissemination;
mod flapping;
mod forged;
mod harness;
mod healing;
mod hostile;
mod identity;
mod join_leave;
mod leaf;
mod merge;
mod mixed_sizes;
mod packets;
mod pages;
mod sleep;
mod tables;
mod variants;
mod watching;
mod witness;
mod witness_corrections;
mod witness_hostile;
mod witness_isolation;
mod witness_probing;
mod witness_stall;
mod witness_suspicion;
