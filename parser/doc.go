// Package parser turns pages into events: a profile says where the facts of a
// page stand, extraction makes them an [Observation], and [Reconcile] compares
// that with the match's saved state and says what is new.
//
//	[Client] ──▶ Page ── Profile.Extract ──▶ Observation ── Reconcile(State) ──▶ State + events
//	                                                                               │ one atomic write
//	                                                                               ▼
//	                                                                 Store ── Outbox ──▶ live_events
//
// A [Watch] walks that way with the pages of one source, and knows how the
// source is doing; an [Outbox] publishes what the saved states still owe;
// [Poll] fetches the pages of all sources, a [Replayer] takes those of fixtures,
// which a [Recorder] has made.
//
// Where to read on: profile.go, rule.go, document.go, scope.go and extract.go
// for the way from page to observation; reconcile.go, freshness.go, pairing.go
// and incidents.go for the way from there to events; fetch.go and polite.go for
// how sites are treated.
package parser
