// Package reconcile compares the observation of a match on a page with the saved state of the
// match. It returns the next state, and events that report the differences.
//
// The package is pure: for the same state, observation and provenance, the result is always the
// same. It does no I/O, and imports no package that does.
//
// # The steps
//
// [Match] does these steps in order:
//
//	check          facts.go        return an error if the page shows a different match
//	               kickoff.go      compare the kick-off times
//	normalise      normalise.go    remove the goals of a shoot-out from the score; end breaks;
//	                               ignore an end that is too early, until it persists
//	               minutes.go      infer the periods of soccer minutes
//	judge          freshness.go    defer a page that looks older than an accepted page
//	decide         score.go        ignore a score that falls or leaps, until it is confirmed
//	normalise      normalise.go    remove repeated rows; sort the rows
//	merge          facts.go        teams, league, status, period, clock
//	               kickoff.go      kick-off
//	compare        table below     find what is new, corrected or retracted
//	create events  changes.go      sort the changes in match order
//	               events.go       create the events, each with the score after its change
//
// The steps before the comparison are pure functions. The steps of the comparison modify one draft
// of the next state. The table in match.go lists them in order, and declares which parts of the
// draft each step may read and write. A test runs every fixture and fails if a step reads or writes
// any other part.
//
//	health             untracked.go source_fresh, source_stale
//	teams              facts.go     status_change, if the names of the teams have changed
//	kick-off           kickoff.go   kickoff_changed
//	line-ups           others.go    the line-ups of both sides
//	reopened periods   periods.go   retract starts and ends that the page contradicts
//	periods            periods.go   starts and ends of the match and its periods
//	goals              goals.go     goals, if the score counts them
//	points             points.go    incidents that move the score in sports that do not count goals
//	kicks              kicks.go     the kicks of a shoot-out
//	others             others.go    cards, substitutions and all other incidents
//	missing            others.go    retract incidents that complete pages no longer list
//	score change       untracked.go score_change, if no incident explains the score
//	status change      untracked.go status_change, if no other event reports it
//	result             periods.go   the winner, in match_end
//
// The steps share code. pairing.go decides which row of the page shows which tracked incident.
// pointpairs.go decides this for points, because their order matters. identity.go defines the IDs
// of incidents. changes.go records which incidents are new, retracted or corrected.
//
// # The saved state
//
// [State] and the types in it are saved as JSON. Other processes may run an older or a newer
// version, so the member names must not change, even where the Go name of a field differs.
package reconcile
