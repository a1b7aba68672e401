// Package reconcile compares what one page says about a match with what is known about it. It
// returns what is known now, and the events that say the difference.
//
// The package is pure: the same state, observation and provenance give the same state and events.
// It does no I/O, because it imports nothing that could.
//
// # The steps
//
// [Match] runs them in this order:
//
//	refuse         facts.go        the page shows another match: an error
//	normalise      normalise.go    drop from the score what was not played; play goes on after a break
//	judge          freshness.go    hold a page that looks older than one already believed
//	decide         score.go        doubt a score that falls or leaps until a second page agrees
//	normalise      normalise.go    drop rows that the page repeats; put them in order
//	merge          facts.go        teams, league, kick-off, status, period, clock
//	compare        table below     find what is new, corrected or retracted
//	make events    changes.go      put the changes in the order of the match
//	               events.go       make an event of each, with the score after it
//
// The steps before the comparison are pure functions: their parameters are what they read, their
// results what they decide. The steps of the comparison work on one draft of the next state, in
// the order of the table in match.go. It declares which parts of the draft each step may read and
// write; a test runs every fixture and fails if a step strays from that.
//
//	health             health.go    source_fresh, source_stale
//	reopened periods   periods.go   retract ends that the page contradicts
//	periods            periods.go   match and period starts and ends
//	goals              goals.go     goals where the score counts them
//	points             points.go    baskets, touchdowns, games: what moves any other score
//	kicks              kicks.go     the kicks of a shoot-out
//	others             others.go    cards, substitutions and all the rest
//	missing            others.go    retract what complete pages have not listed for long
//	score change       untracked.go score_change, where no incident explains the score
//	status change      untracked.go status_change, where no other event says it
//
// The steps share three things. pairing.go decides which row of the page shows which known
// incident. identity.go says what the ID of an incident is made of. changes.go and corrections.go
// record what is new, retracted or corrected.
//
// # The saved state
//
// [State] and the types in it are saved as JSON. Other processes may run an older or a newer
// version, so the member names stay as they are, also where the Go names are better.
package reconcile
