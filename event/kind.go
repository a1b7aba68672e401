package event

import "strings"

// A Kind is the kind of an event. It is the third word of a routing key, without the suffix for
// corrections and retractions.
type Kind string

// Kinds that every sport has.
const (
	MatchStart   Kind = "match_start"
	PeriodStart  Kind = "period_start"
	PeriodEnd    Kind = "period_end"
	MatchEnd     Kind = "match_end"
	StatusChange Kind = "status_change"
	ScoreChange  Kind = "score_change" // the score changed, and no listed incident explains it

	// KickoffChanged means that the kick-off time changed before the match began.
	KickoffChanged Kind = "kickoff_changed"
	LineupShown    Kind = "lineup" // the players of one side
)

// Kinds of events about the pipeline, not about the match.
const (
	MatchActivated   Kind = "match_activated"
	MatchDeactivated Kind = "match_deactivated"
	SourceStale      Kind = "source_stale"
	SourceFresh      Kind = "source_fresh"
)

// CommonKinds returns the kinds that every sport has, and the kinds that are about the pipeline.
func CommonKinds() []Kind {
	return []Kind{MatchStart, PeriodStart, PeriodEnd, MatchEnd, StatusChange, ScoreChange, KickoffChanged,
		LineupShown, MatchActivated, MatchDeactivated, SourceStale, SourceFresh}
}

// Kinds of incidents that several sports share, or for which the parser has special rules.
const (
	Goal         Kind = "goal"
	YellowCard   Kind = "yellow_card"
	RedCard      Kind = "red_card"
	Substitution Kind = "substitution"
	ShootoutKick Kind = "shootout_kick"
	Penalty      Kind = "penalty" // ice hockey: a player is sent to the penalty box

	ShootoutAttempt Kind = "shootout_attempt" // ice hockey: like ShootoutKick in soccer
)

// IsKick reports whether incidents of kind k are the kicks or attempts of a shoot-out.
func (k Kind) IsKick() bool { return k == ShootoutKick || k == ShootoutAttempt }

// Details of a goal, a try or a card, and outcomes of a shoot-out kick.
const (
	OwnGoal      = "own_goal" // the event's team is the team that gets the goal
	PenaltyGoal  = "penalty"
	SecondYellow = "second_yellow"
	PenaltyTry   = "penalty_try" // rugby: no player scores it
	Scored       = "scored"
	Missed       = "missed"
	Saved        = "saved"
)

// SideOptional reports whether an incident of this kind can belong to neither team.
func (k Kind) SideOptional() bool {
	switch k {
	case "added_time", "var_review", "tmo_review", "review", "challenge", "over_end":
		return true
	}
	return false
}

// An Action is the effect of an event on an incident.
type Action string

// New reports an incident, Corrected changes a reported incident, and Retracted withdraws it.
const (
	New       Action = "new"
	Corrected Action = "corrected"
	Retracted Action = "retracted"
)

// Word returns the third word of the routing key for this kind and action.
func (k Kind) Word(a Action) string {
	if a == Corrected || a == Retracted {
		return string(k) + "_" + string(a)
	}
	return string(k)
}

// BaseKind returns the kind in the third word of a routing key, without the suffix for corrections
// and retractions.
func BaseKind(word string) Kind {
	k, _ := splitWord(word)
	return k
}

// splitWord returns the kind and action of a word that [Kind.Word] returned.
func splitWord(w string) (Kind, Action) {
	for _, a := range []Action{Corrected, Retracted} {
		if k, ok := strings.CutSuffix(w, "_"+string(a)); ok {
			return Kind(k), a
		}
	}
	return Kind(w), New
}

// A Status is the status of a match.
type Status string

// The statuses of a match. Ended is provisional: the match can continue, or become Final.
const (
	Scheduled   Status = "scheduled"
	Delayed     Status = "delayed"
	Live        Status = "live"
	Break       Status = "break"
	Interrupted Status = "interrupted"
	Suspended   Status = "suspended"
	Ended       Status = "ended"
	Final       Status = "final"
	Postponed   Status = "postponed"
	Cancelled   Status = "cancelled"
	Abandoned   Status = "abandoned"
	Awarded     Status = "awarded"
	Retired     Status = "retired"
)

// Statuses returns every status.
func Statuses() []Status {
	return []Status{Scheduled, Delayed, Live, Break, Interrupted, Suspended, Ended, Final,
		Postponed, Cancelled, Abandoned, Awarded, Retired}
}

// Over reports whether the match was played to its end: s is Ended or Final.
func (s Status) Over() bool { return s == Ended || s == Final }

// Decided reports whether the match has a result: it is over, was awarded, or ended when a player
// retired. Only such a match has a match_end event.
func (s Status) Decided() bool { return s.Over() || s == Awarded || s == Retired }

// Rank orders statuses by the progress of the match: 0 before kick-off, 1 while the match is played
// or interrupted, 2 after it has ended provisionally, and 3 when no more play follows. A match can
// change repeatedly between statuses of the same rank.
func (s Status) Rank() int {
	switch s {
	case Live, Break, Interrupted, Suspended:
		return 1
	case Ended:
		return 2
	case Final, Cancelled, Abandoned, Awarded, Retired:
		return 3
	default:
		return 0
	}
}

// A Side is one of the two teams of a match.
type Side string

// The two sides of a match.
const (
	Home Side = "home"
	Away Side = "away"
)

// Other returns the opponent's side.
func (s Side) Other() Side {
	if s == Home {
		return Away
	}
	return Home
}
