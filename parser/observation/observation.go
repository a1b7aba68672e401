package observation

import (
	"slices"

	"github.com/matchwire/matchwire/event"
)

// An Observation holds the facts about one match on one page.
type Observation struct {
	Sport     event.Sport  `json:"sport"`
	League    string       `json:"league,omitempty"`
	LeagueKey string       `json:"league_key,omitempty"` // word in routing keys; "" means event.Slug of League
	Match     event.Match  `json:"match"`                // ID is "" if the page has none
	Score     *event.Score `json:"score,omitempty"`      // without shoot-out kicks; nil if the page shows none
	Shootout  *event.Score `json:"shootout,omitempty"`   // tally of the shoot-out; nil if the page shows none
	Winner    event.Winner `json:"winner,omitempty"`     // as the page names it; "" if the page names none
	Incidents []Incident   `json:"incidents"`            // in page order
	Lineups   []Lineup     `json:"lineups,omitempty"`    // at most one for each side; nil if the page shows none

	// LineScore is the score by period, or nil if the page does not show it. In cricket, it is the
	// score by innings, or nil if the page shows only runs. In tennis, it is the score by sets, or
	// nil if the page shows only the current set.
	LineScore *event.LineScore `json:"line_score,omitempty"`

	// NoRows is true if the profile has a list of incidents that is not optional, and all its lists are
	// empty. Either nothing has happened yet, or the layout has changed.
	NoRows bool `json:"blind,omitempty"`

	// Absent is the side for which a cricket page shows no score, although it shows the score of
	// the other side. Score has 0 for the side.
	Absent event.Side `json:"-"`
	// Lists holds the number of rows of each list in the profile. It is nil if the profile has no
	// lists or the rows were not counted.
	Lists []int `json:"-"`
	// Shared is true if the page can show several matches.
	Shared bool `json:"-"`
	// PageID is the site's ID of the match, or "" if the page has none.
	PageID string `json:"-"`
}

// An Incident is one row of a page that reports an incident of the match.
type Incident struct {
	Kind   event.Kind  `json:"kind"`
	Detail string      `json:"detail"`
	Side   event.Side  `json:"side"`
	Player string      `json:"player"`
	Off    string      `json:"off,omitempty"` // player who goes off in a substitution
	Assist string      `json:"assist,omitempty"`
	Clock  event.Clock `json:"clock"`
	Path   string      `json:"path"` // path of the row on the page; see event.Evidence

	Score *event.Score `json:"score,omitempty"` // score after the incident; nil if the row shows none
	List  int          `json:"-"`               // index of the incident's list in the profile

	// Points are the points or runs that the incident added to the score. The reconciler sets them.
	// They are 0 if unknown, and in sports that count goals.
	Points int `json:"points,omitempty"`

	// PeriodGuessed is true if only the minute determines the period of Clock: 93' may be in extra
	// time, or in stoppage time on a page whose clock continues.
	PeriodGuessed bool `json:"-"`
}

// A Lineup holds the players of one side that a page shows.
type Lineup struct {
	event.Lineup
	Side event.Side `json:"side"`
	Path string     `json:"path"` // path of the first player on the page; see event.Evidence
}

// Count returns the number of incidents of kind k on side s.
func (o *Observation) Count(k event.Kind, s event.Side) int {
	n := 0
	for i := range o.Incidents {
		if in := &o.Incidents[i]; in.Kind == k && in.Side == s {
			n++
		}
	}
	return n
}

// ShowsPeriod reports whether the page shows a period of regulation time, or a break during it. If
// the rules of the sport have no LastRegulationPeriod, any period counts.
func (o *Observation) ShowsPeriod() bool {
	last := o.Sport.Rules().LastRegulationPeriod
	return o.Match.Period != "" && (last == "" || o.Sport.Index(o.Match.Period) <= o.Sport.Index(last))
}

// ScoredKicks returns the number of scored shoot-out kicks that are listed for each side.
func (o *Observation) ScoredKicks() event.Score {
	var s event.Score
	for i := range o.Incidents {
		if in := &o.Incidents[i]; in.Kind.IsKick() {
			s = s.Add(in.Side, KickGoals(in.Detail))
		}
	}
	return s
}

// KickGoals returns 1 if a shoot-out kick with this detail was scored, otherwise 0.
func KickGoals(detail string) int {
	if detail == event.Scored {
		return 1
	}
	return 0
}

// ShowsShootout reports whether the page shows the period, an incident or the tally of a shoot-out.
func (o *Observation) ShowsShootout() bool {
	return o.Match.Period == event.ShootOut || o.Shootout != nil && *o.Shootout != event.Score{} ||
		slices.ContainsFunc(o.Incidents, func(in Incident) bool {
			return in.Kind.IsKick() || in.Clock.Period == event.ShootOut
		})
}

// ScoreWithoutShootout returns the score without the goal that the winner of a shoot-out gets in
// some sports. It assumes that the match had a shoot-out. A shoot-out follows a level score, so if
// one side leads by one goal, that goal is for winning the shoot-out.
func (o *Observation) ScoreWithoutShootout() *event.Score {
	if s := o.Score; o.Sport.Rules().ShootoutGoal && s != nil && max(s.Home, s.Away)-min(s.Home, s.Away) == 1 {
		level := min(s.Home, s.Away)
		return &event.Score{Home: level, Away: level}
	}
	return o.Score
}
