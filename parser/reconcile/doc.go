// Package reconcile compares what a page says about a match with the saved state of the match. It
// returns the next state, and an event for each difference.
//
// The package is pure: the same state, observation and provenance give the same state and events.
// It does no I/O, because it imports nothing that could.
//
// # The steps
//
// [Match] does these steps in order:
//
//	check          facts.go        return an error if the page shows another match
//	normalise      normalise.go    remove what was not played from the score; end a break
//	judge          freshness.go    hold a page that looks older than one believed before
//	decide         score.go        doubt a score that falls or leaps until a second page agrees
//	normalise      normalise.go    remove repeated rows; sort the rows
//	merge          facts.go        teams, league, kick-off, status, period, clock
//	compare        table below     find what is new, corrected or retracted
//	make events    changes.go      sort the changes in the order of the match
//	               events.go       make an event of each, with the score after it
//
// The steps before the comparison are pure functions. The steps of the comparison modify one draft
// of the next state, in the order of the table in match.go. The table declares which parts of the
// draft each step may read and write. A test runs every fixture and fails if a step reads or writes
// anything else.
//
//	health             health.go    source_fresh, source_stale
//	reopened periods   periods.go   retract starts and ends that the page contradicts
//	periods            periods.go   starts and ends of the match and its periods
//	goals              goals.go     goals, if the score counts them
//	points             points.go    baskets, touchdowns, games: whatever moves another kind of score
//	kicks              kicks.go     the kicks of a shoot-out
//	others             others.go    cards, substitutions and all other incidents
//	missing            others.go    retract incidents that complete pages no longer list
//	score change       untracked.go score_change, if no incident explains the score
//	status change      untracked.go status_change, if no other event reports it
//
// The steps share three parts. pairing.go decides which row of the page shows which tracked
// incident. identity.go defines the IDs of incidents. changes.go and corrections.go record what is
// new, retracted or corrected.
//
// # The saved state
//
// [State] and the types in it are saved as JSON. Other processes may run an older or a newer
// version, so the member names must not change, although some Go names are better.
package reconcile
