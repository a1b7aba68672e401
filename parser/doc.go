// Package parser turns pages into events: a profile says where the facts of a
// page stand, extraction makes them an [Observation], and [Reconcile] compares
// that with the match's saved state and says what is new.
//
//	Page ── Profile.Extract ──▶ Observation ── Reconcile(State) ──▶ State + events
//	                                                                   │ one atomic write
//	                                                                   ▼
//	                                                     Store ── Outbox ──▶ live_events
//
// A [Reader] walks that way for one page; an [Outbox] publishes what the saved
// states still owe; a [Poller] fetches the pages.
package parser
