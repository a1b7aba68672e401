package parser

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/matchwire/matchwire/event"
)

// A Reading is the circumstances under which a page was read.
type Reading struct {
	TID         event.TID
	CausationID string
	Source      string // of the events: "/parser/<profile>"
	Watcher     string // who read it: tells two workers apart that read one source
	At          time.Time
	Modified    time.Time      // the page's Last-Modified; zero where the site gives none
	Again       bool           // the page's bytes were replaced by others before, as far as the reader knows
	Evidence    event.Evidence // URL and snapshot; each event adds its path
	Aliases     Aliases        // which team names mean the same; may be nil
	Replay      bool
}

// ErrOtherMatch says that a page shows another match than the saved state.
var ErrOtherMatch = errors.New("the page shows another match")

// Reconcile compares what a page says with what is known, and returns what is
// known now and the events that say the difference, in the order in which the
// match went. It is a pure function: same input, same output. The first page
// of a match reports everything that has happened so far as backfill.
//
// The rules of identity: a goal is the nth of its side, and once one was taken
// back, the nth of the next generation; a card, a substitution and the like is
// told by side, player and how many of that; a shoot-out kick is the nth of its
// side. Minute and player are attributes, which pages edit. The score is the
// authority on how many goals there are.
//
// Nothing is taken back by a page that may be a stale copy; see freshness.go.
func Reconcile(s State, o Observation, r Reading) (State, []event.Event, error) {
	if err := s.refuse(&o, &r); err != nil {
		return s, nil, err
	}
	c := &comparison{state: s, page: o, reading: r, backfill: !s.seen()}
	c.playedScore()
	digest := c.page.digest()
	c.snapshot = cmp.Or(r.Evidence.Snapshot, "unknown")
	if o.Shared { // the bytes change with every other match of the page, see Again
		c.snapshot = "shared"
	}
	c.afterBreak()
	c.verdict = c.judge()
	if c.verdict == held {
		c.keepView()
		return c.state, nil, nil
	}
	c.noteSeen()
	if digest == s.Views[r.Source].Observed && c.verdict != overdue && c.state.settled(c.view) {
		c.keepView()
		return c.state, nil, nil
	}
	c.view.Observed = digest
	c.state.Standing, c.state.TakenBack = slices.Clone(s.Standing), maps.Clone(s.TakenBack)
	c.confirm()
	c.keepView()
	c.dropRepeats()
	c.inOrder()
	c.match()
	c.health()
	c.reopen()
	c.periods()
	if o.Sport.CountsGoals() && o.Match.Status != event.Awarded && !c.doubtful {
		c.goals(event.Home)
		c.goals(event.Away)
	}
	if !o.Sport.CountsGoals() && !c.doubtful {
		c.points()
	}
	c.kicks(event.Home)
	c.kicks(event.Away)
	c.others()
	c.missing()
	c.scoreAlone()
	c.status(s.Match.Status)
	events, err := c.events()
	return c.state, events, err
}

// refuse says why a page cannot be of this match, or nil: other teams, another
// ID of the same site, or a kick-off on another day, as of the second match of
// a doubleheader. Where it is ambiguous nothing is merged.
func (s *State) refuse(o *Observation, r *Reading) error {
	if !s.seen() {
		return nil
	}
	if !r.Aliases.sameTeam(s.Match.Home, o.Match.Home) || !r.Aliases.sameTeam(s.Match.Away, o.Match.Away) {
		return fmt.Errorf("%w: %s v %s, not %s v %s", ErrOtherMatch, o.Match.Home, o.Match.Away, s.Match.Home, s.Match.Away)
	}
	id := s.Views[r.Source].PageID
	if id != "" && o.PageID != "" && id != o.PageID {
		return fmt.Errorf("%w: the site calls it %q, not %q", ErrOtherMatch, o.PageID, id)
	}
	if was, now := s.Match.Start, o.Match.Start; (id == "" || o.PageID == "") && rank(s.Match.Status) > 0 && !was.IsZero() && !now.IsZero() && now.Sub(was).Abs() > otherDay {
		return fmt.Errorf("%w: it starts %s, not %s", ErrOtherMatch, now.Format(time.RFC3339), was.Format(time.RFC3339))
	}
	return nil
}

// otherDay is beyond what two sites can disagree on a kick-off.
const otherDay = 13 * time.Hour

// afterBreak gives a page that names no period, after one that showed a break,
// the period that follows it: play goes on.
func (c *comparison) afterBreak() {
	was, o := c.state.Match.Period, &c.page
	if !was.IsBreak() || o.Match.Period != "" || c.again(c.state.Views[c.reading.Source]) {
		return
	}
	if o.Match.Status == event.Live || o.Match.Status.Over() {
		o.Match.Period = o.Sport.Periods()[o.Sport.Index(was)+1] // no sport ends with a break
		if o.Match.Clock.Told() {
			o.Match.Clock.Period = o.Match.Period
		}
	}
}

// playedScore leaves out of the page's score what was not played: an awarded
// result, and the kicks of a shoot-out, which some pages add.
func (c *comparison) playedScore() {
	s, o := &c.state, &c.page
	if o.Score == nil {
		return
	}
	if o.Match.Status == event.Awarded || s.Match.Status == event.Awarded && o.Match.Status.Over() {
		o.Score = nil
		return
	}
	if o.Shootout == nil || *o.Shootout == (event.Score{}) || !o.Sport.CountsGoals() {
		return
	}
	played := event.Score{Home: o.count(event.Goal, event.Home), Away: o.count(event.Goal, event.Away)}
	if s.Score != nil {
		played = *s.Score
	}
	sum := event.Score{Home: played.Home + o.Shootout.Home, Away: played.Away + o.Shootout.Away}
	if o.Sport == event.IceHockey { // whose winner of a shoot-out gets one goal for it
		switch sum = played; {
		case o.Shootout.Home > o.Shootout.Away:
			sum.Home++
		case o.Shootout.Away > o.Shootout.Home:
			sum.Away++
		}
	}
	if *o.Score == sum {
		o.Score = &played
	}
}

// dropRepeats drops rows that say what one before them says: a page that lists
// an incident twice, in a list and on a time line. What the first leaves out it
// takes from the second. Of goals there are as many as the score says.
func (c *comparison) dropRepeats() {
	o := &c.page
	surplus := map[event.Side]int{}
	for _, side := range []event.Side{event.Home, event.Away} {
		if surplus[side] = o.count(event.Goal, side); o.Score != nil {
			surplus[side] -= o.Score.Of(side)
		}
	}
	kicks := o.Shootout != nil && c.below(o.Shootout, new(o.scoredKicks()))
	type slot struct {
		kind  event.Kind
		side  event.Side
		clock event.Clock
	}
	first := map[slot][]int{}
	var rows []Incident
	for _, in := range o.Incidents {
		key := slot{in.Kind, in.Side, in.Clock}
		at := slices.IndexFunc(first[key], func(i int) bool { return repeats(in, rows[i]) })
		switch {
		case at < 0, in.Kind == event.Goal && o.Sport.CountsGoals() && surplus[in.Side] <= 0, in.Kind == event.ShootoutKick && !kicks:
			first[key] = append(first[key], len(rows))
			rows = append(rows, in)
		default:
			if in.Kind == event.Goal {
				surplus[in.Side]--
			}
			was := &rows[first[key][at]]
			was.Detail, was.Off, was.Assist = cmp.Or(was.Detail, in.Detail), cmp.Or(was.Off, in.Off), cmp.Or(was.Assist, in.Assist)
		}
	}
	o.Incidents = rows
}

// repeats reports whether a row says what another of the same kind, side and
// clock says, as far as both tell.
func repeats(in, first Incident) bool {
	agree := func(a, b string) bool { return a == "" || b == "" || event.Fold(a) == event.Fold(b) }
	return in.Player != "" && (in.Clock.Told() || in.Kind == event.ShootoutKick) && event.Fold(in.Player) == event.Fold(first.Player) &&
		(in.Score == nil || first.Score == nil || *in.Score == *first.Score) &&
		agree(in.Detail, first.Detail) && agree(in.Off, first.Off) && agree(in.Assist, first.Assist)
}

// A comparison is one run of Reconcile.
type comparison struct {
	state    State
	page     Observation
	reading  Reading
	backfill bool
	snapshot string // tells the page from others of its source
	view     View   // of the reading's source
	verdict  verdict
	doubtful bool            // whether the page's score is in doubt
	takeBack bool            // whether the page may take goals back
	listed   map[int]bool    // incidents that stand and that the page lists
	ids      map[string]bool // identities of what stands; nil until they are asked for
	changes  []change
}

// inOrder puts the incidents in the order of the match. Some pages list the
// latest first; then rows with the same clock are turned round as well.
func (c *comparison) inOrder() {
	in := slices.Clone(c.page.Incidents)
	up, down := 0, 0
	for i := 1; i < len(in); i++ {
		switch {
		case in[i-1].Clock.Before(c.page.Sport, in[i].Clock):
			up++
		case in[i].Clock.Before(c.page.Sport, in[i-1].Clock):
			down++
		}
	}
	if down > up {
		slices.Reverse(in)
	}
	// A row without a clock stays behind the one above it.
	type placed struct {
		Incident
		at event.Clock
	}
	rows := make([]placed, len(in))
	for i := range in {
		rows[i] = placed{in[i], in[i].Clock}
		if i > 0 && !in[i].Clock.Told() {
			rows[i].at = rows[i-1].at
		}
	}
	slices.SortStableFunc(rows, func(a, b placed) int {
		switch {
		case a.at.Before(c.page.Sport, b.at):
			return -1
		case b.at.Before(c.page.Sport, a.at):
			return 1
		}
		return 0
	})
	for i := range rows {
		in[i] = rows[i].Incident
	}
	c.page.Incidents = in
}

// match takes over what the page says of the match itself. Nothing known is
// replaced by nothing.
func (c *comparison) match() {
	s, o := &c.state, &c.page
	s.Sport = o.Sport
	keep := func(was *string, now string) { // what was shown first goes on being shown
		if *was == "" || damaged(*was) && now != "" {
			*was = now
		}
	}
	keep(&s.League, o.League)
	keep(&s.Match.Home, o.Match.Home)
	keep(&s.Match.Away, o.Match.Away)
	s.Match.ID = cmp.Or(s.Match.ID, o.Match.ID)
	if !o.Match.Start.IsZero() {
		s.Match.Start = o.Match.Start
	}
	was := Observation{Match: s.Match}
	if c.verdict == overdue || compareClock(o.Sport, o.shown(), was.shown()) >= 0 { // else another source is ahead
		s.Match.Period = cmp.Or(o.Match.Period, s.Match.Period)
		if !o.Match.Clock.IsZero() || o.Match.Period != "" {
			s.Match.Clock = o.Match.Clock
		}
	}
	switch {
	case o.Match.Status != "":
		s.Match.Status = o.Match.Status
	case rank(s.Match.Status) == 0 && (len(o.Incidents) > 0 || o.Score != nil && *o.Score != event.Score{}):
		s.Match.Status = event.Live // the page gives no status, and something has happened
	case s.Match.Status == "":
		s.Match.Status = event.Scheduled
	}
}
