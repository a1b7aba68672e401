package observation

import (
	"encoding/binary"
	"fmt"

	"github.com/cespare/xxhash/v2"

	"github.com/matchwire/matchwire/event"
)

// An Observation is all that one page says of one match. Nothing in it is
// remembered from other pages.
type Observation struct {
	Sport     event.Sport  `json:"sport"`
	League    string       `json:"league,omitempty"`
	Match     event.Match  `json:"match"`           // ID "" where the page has none
	Score     *event.Score `json:"score,omitempty"` // without a shoot-out
	Shootout  *event.Score `json:"shootout,omitempty"`
	Incidents []Incident   `json:"incidents"`

	// Blind says that the profile has lists of incidents and the page has no
	// row of any: nothing has happened yet, or the layout has changed.
	Blind bool `json:"blind,omitempty"`

	// Lists are how many rows each of the profile's lists has; nil if nobody
	// counted.
	Lists []int `json:"-"`
	// Shared says that the page can have other matches too.
	Shared bool `json:"-"`
	// PageID is the page's own ID of the match, where it has one.
	PageID string `json:"-"`
}

// An Incident is a row of a page: something that happened in the match.
type Incident struct {
	Kind   event.Kind  `json:"kind"`
	Detail string      `json:"detail"`
	Side   event.Side  `json:"side"`
	Player string      `json:"player"`
	Off    string      `json:"off,omitempty"`
	Assist string      `json:"assist,omitempty"`
	Clock  event.Clock `json:"clock"`
	Path   string      `json:"path"` // where on the page it stands

	Score *event.Score `json:"score,omitempty"` // after it, where scores are not goals
	List  int          `json:"-"`               // of the profile
}

// A Problem is something a profile did not find or could not read. The rest of
// the page stands all the same, unless there is no observation.
type Problem struct {
	Field   string `json:"field"` // "match.home", "matches row 7: match.home", "incidents[0] row 3: clock"
	Message string `json:"message"`
}

func (p Problem) String() string { return p.Field + ": " + p.Message }

// count is how many incidents of a kind a side has.
func (o *Observation) Count(k event.Kind, s event.Side) int {
	n := 0
	for _, in := range o.Incidents {
		if in.Kind == k && in.Side == s {
			n++
		}
	}
	return n
}

// scoredKicks is the tally of a shoot-out by the kicks that are listed.
func (o *Observation) ScoredKicks() event.Score {
	var s event.Score
	for _, in := range o.Incidents {
		if in.Kind == event.ShootoutKick {
			s = s.Add(in.Side, KickScored(in.Detail))
		}
	}
	return s
}

// KickScored returns 1 if a shoot-out kick with this detail was scored, and 0 if it was not.
func KickScored(detail string) int {
	if detail == event.Scored {
		return 1
	}
	return 0
}

// contradictions says where the observation disagrees with itself.
func (o *Observation) Contradictions() []Problem {
	if o.Score == nil || !o.Sport.CountsGoals() {
		return nil
	}
	got := event.Score{Home: o.Count(event.Goal, event.Home), Away: o.Count(event.Goal, event.Away)}
	if got == *o.Score {
		return nil
	}
	return []Problem{{"incidents", fmt.Sprintf("the goals listed make %d-%d, the score is %d-%d",
		got.Home, got.Away, o.Score.Home, o.Score.Away)}}
}

// digest tells observations apart that say something else. Where on the page
// it stands is not part of it.
func (o *Observation) Digest() uint64 {
	d := xxhash.New()
	var number [8]byte
	text := func(all ...string) {
		for _, s := range all {
			_, _ = d.WriteString(s)
			_, _ = d.Write(number[:1]) // no text holds a zero byte first
		}
	}
	count := func(all ...int) {
		for _, n := range all {
			binary.LittleEndian.PutUint64(number[:], uint64(n)+1)
			_, _ = d.Write(number[:])
		}
		number[0] = 0
	}
	clock := func(c event.Clock) {
		text(string(c.Period))
		count(c.Minute, c.Stoppage, c.Elapsed, c.Balls)
	}
	score := func(s *event.Score) {
		if s == nil {
			count(-1)
			return
		}
		count(s.Home, s.Away)
	}
	m := &o.Match
	text(string(o.Sport), o.League, m.ID, m.Home, m.Away, string(m.Status), string(m.Period))
	count(int(m.Start.Unix()))
	clock(m.Clock)
	score(o.Score)
	score(o.Shootout)
	for i := range o.Incidents {
		in := &o.Incidents[i]
		text(string(in.Kind), in.Detail, string(in.Side), in.Player, in.Off, in.Assist)
		clock(in.Clock)
		score(in.Score)
	}
	return d.Sum64()
}
