package parser_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/season"
	"github.com/matchwire/matchwire/parser/observation"
	"github.com/matchwire/matchwire/parser/page"
	"github.com/matchwire/matchwire/parser/profile"
	"github.com/matchwire/matchwire/parser/reconcile"
)

// A checker checks the events of one match while its pages are reconciled. A page is fresh if
// [season.Page.Current] returns true for it. The current page is the page that is being reconciled.
type checker struct {
	tally
	match    *season.Match
	rendered *season.Rendering
	state    reconcile.State

	shown   map[string]bool        // rows and scores that fresh pages have shown so far
	latest  map[string]bool        // rows of the latest fresh page
	tracked map[string]event.Event // the latest event of each tracked incident, by its ID
	fewer   map[event.Side]bool    // whether the latest fresh page showed fewer goals of the side than are tracked
	now     season.Page            // the latest fresh page
	before  *event.Score           // the saved score before the current page was read
	line    string                 // the saved line score before the current page was read
	events  []event.Event          // the events of the current page
	stopped bool                   // whether the last page without a fault before the end showed the match as stopped
	moves   kickoffs

	newest     string          // snapshot of the newest page
	superseded map[string]bool // snapshots of the pages that newer pages have replaced
}

// newChecker returns a checker of a match before its first page.
func newChecker(m *season.Match, r *season.Rendering) *checker {
	c := &checker{match: m, rendered: r, state: reconcile.State{Epoch: "e"}, shown: map[string]bool{},
		tracked: map[string]event.Event{}, superseded: map[string]bool{}}
	c.faults, c.style = r.Faults, r.Style.Name
	return c
}

// countsGoals reports whether the score of the match is the number of its goals.
func (c *checker) countsGoals() bool { return c.match.Sport.Rules().CountsGoals }

// site is the Site in the provenance of all pages.
const site = "/parser/season"

// readPages reconciles all pages, and checks the events of each page. It returns false if it cannot
// continue.
func (c *checker) readPages(ctx context.Context, prof *profile.Profile) bool {
	for n := range c.rendered.Pages {
		fetched := &c.rendered.Pages[n]
		if fetched.Current() {
			c.see(fetched)
		}
		all, _, err := prof.Extract(ctx, page.Page{Body: fetched.Body})
		if err != nil {
			if fetched.Fault == "" {
				c.fail(&c.other, "a page without a fault is unusable: %v", err)
			}
			continue
		}
		o := c.observation(all)
		if o == nil {
			c.fail(&c.other, "a page does not show the match")
			continue
		}
		if fetched.Fault == "" && !o.Match.Status.Over() {
			c.stopped = o.Match.Status == event.Suspended || o.Match.Status == event.Interrupted
		}
		snapshot := fmt.Sprintf("%x", season.Hash(fetched.Body))
		superseded := c.isSuperseded(snapshot)
		for range 1 + n%2 { // every second page is read twice, as if by two parsers
			c.before, c.line = c.state.Score, lineOf(&c.state)
			next, events, err := reconcile.Match(restarted(c.state), *o, reconcile.Provenance{
				TID: event.NewTID(), Site: site, At: fetched.At,
				Evidence: event.Evidence{Snapshot: snapshot}, Superseded: superseded,
			})
			if errors.Is(err, reconcile.ErrOtherMatch) && fetched.Fault != "" {
				continue // the name of a team is truncated
			}
			if err != nil {
				c.fail(&c.other, "reconciling a page: %v", err)
				return false
			}
			c.state = next
			c.moves.show(fetched, c.match)
			c.events = events
			for i := range events {
				c.check(fetched, &events[i])
			}
			// A deferred page with the snapshot of an older page may be a stale copy.
			if deferred := next.Views[site].Hold != nil; !(deferred && c.superseded[snapshot]) {
				c.checkLine(fetched)
			}
			if n := len(events); n > 0 && c.state.Score != nil && *events[n-1].Data.Score != *c.state.Score {
				c.fail(&c.other, "the last event of a page has the score %v, but the saved score is %v",
					events[n-1].Data.Score, c.state.Score)
			}
		}
	}
	return true
}

// isSuperseded records the snapshot of a page. It reports whether a newer page has already replaced a
// page with the same snapshot. A tracker of package poll does the same.
func (c *checker) isSuperseded(snapshot string) bool {
	switch {
	case snapshot == c.newest:
		return false
	case c.superseded[snapshot]:
		return true
	}
	c.superseded[c.newest], c.newest = true, snapshot
	return false
}

// observation returns the observation of the checker's match from all observations of a page. It
// returns nil if the page can show several matches but does not show this match.
func (c *checker) observation(all []observation.Observation) *observation.Observation {
	for i := range all {
		if all[i].Match.ID == c.match.ID {
			return &all[i]
		}
	}
	if c.rendered.Style.Several {
		return nil
	}
	all[0].Match.ID = c.match.ID
	return &all[0]
}

// see records what a fresh page shows.
func (c *checker) see(p *season.Page) {
	c.now = *p
	c.fewer = fewerGoals(p, c.tracked)
	c.latest = map[string]bool{}
	if c.rendered.Style.Listed {
		for i := range p.Rows {
			k := c.keyOf(&p.Rows[i])
			c.shown[k], c.latest[k] = true, true
		}
	}
	for k := range p.Score.Home {
		c.shown[fmt.Sprint("home", k+1)] = true
	}
	for k := range p.Score.Away {
		c.shown[fmt.Sprint("away", k+1)] = true
	}
	c.shown[event.Score(p.Score).String()] = true
	for _, set := range c.match.Sport.Rules().Periods {
		if c.match.Sport.Rules().SetScore {
			c.shown[event.Score(p.Line(set)).String()] = true
		}
	}
}

// keyOf returns the attributes of a fact that must be the same in a row of a page and in the event
// that reports the row. In sports that count goals, these are the kind, the side and the player. In
// other sports, these are all attributes, because the rows show the score.
func (c *checker) keyOf(f *season.Fact) string {
	if c.countsGoals() {
		return f.Kind + f.Side + f.Player
	}
	return exactly(f.Kind, f.Detail, f.Side, f.Player, f.Off, f.Clock, pointsAfter(f))
}

// pointsAfter returns the score after a fact, or nil if the row of the fact shows no score.
func pointsAfter(f *season.Fact) *event.Score {
	if !f.ShowsScore() {
		return nil
	}
	return new(event.Score(f.Score))
}

// exactly returns all attributes of a fact or an incident as one text.
func exactly(kind, detail, side, player, off string, clock event.Clock, after *event.Score) string {
	text := fmt.Sprintf("%s/%s %s %s(%s) %s %s%s", kind, detail, side, player, off, clock.Period, clock, clock.Half)
	if after != nil {
		text += " " + after.String()
	}
	return text
}

// incident returns all attributes of the tracked incident with the given ID, in the format of
// exactly. It returns "" if no tracked incident has the ID.
func (c *checker) incident(id string) string {
	i := slices.IndexFunc(c.state.Tracked, func(in reconcile.TrackedIncident) bool { return in.ID == id })
	if i < 0 {
		return ""
	}
	return c.attributes(&c.state.Tracked[i])
}

// attributes returns all attributes of a tracked incident, in the format of exactly.
func (c *checker) attributes(in *reconcile.TrackedIncident) string {
	after := in.Score
	if c.countsGoals() {
		after = nil
	}
	return exactly(string(in.Kind), in.Detail, string(in.Side), in.Player, in.Off, in.Clock, after)
}

// check checks one event of a page.
func (c *checker) check(p *season.Page, e *event.Event) {
	d := e.Data
	switch {
	case d.Kind == event.SourceStale && p.At.Sub(c.now.At) >= reconcile.StaleAfter:
		// correct: the source has shown no usable page for a long time
	case p.Fault == season.Preview || p.Fault == season.SecondGame:
		c.fail(&c.spurious, "unexpected %s on a %s", e.Type, p.Fault)
	case d.Kind == event.MatchEnd && d.Action != event.Retracted && e.Time.Before(c.match.EarliestEnd()):
		c.fail(&c.spurious, "unexpected %s at %s", e.Type, e.Time)
	case d.Kind == event.ScoreChange:
		c.checkScoreChange(p, e)
	case d.LineScore != nil && d.Score != nil && !d.LineScore.Fits(c.match.Sport.Rules(), *d.Score):
		c.fail(
			&c.spurious,
			"unexpected line score %s of %s at %s: the score is %v",
			d.LineScore.ByPeriod(),
			e.Type,
			e.Time,
			d.Score,
		)
	case d.Kind == event.KickoffChanged:
		c.moves.reported++
	case d.Changes["player"].Old == season.CancelledScorer:
		c.fail(&c.spurious, "unexpected %s: it turns a cancelled score into another score, want a new incident", e.Type)
	case d.Side != "" && !c.countsGoals() && d.Action != event.Retracted && !c.shown[c.incident(d.Incident)]:
		c.fail(&c.spurious, "unexpected %s at %s: no page has shown %s", e.Type, e.Time, c.incident(d.Incident))
	}
	switch d.Action {
	case event.New:
		c.checkNewGoal(e)
		c.tracked[d.Incident] = *e
	case event.Corrected:
		c.tracked[d.Incident] = *e
	case event.Retracted:
		c.checkRetracted(e)
		delete(c.tracked, d.Incident)
	}
}

// checkLine checks the saved line score after a page. It checks only sports in which the line score
// adds up to the score. For pages that list no incidents, it compares the saved line score with that of
// a fresh page whose line score adds up to the saved score.
func (c *checker) checkLine(p *season.Page) {
	rules := c.match.Sport.Rules()
	if rules.SetScore || rules.InningsScore || c.state.Score == nil {
		return
	}
	now := c.state.LineScore
	if now != nil && !now.Fits(rules, *c.state.Score) {
		c.fail(&c.other, "the saved line score %s does not add up to %v", now.ByPeriod(), c.state.Score)
	}
	shown := p.LineScore()
	if c.rendered.Style.Listed || !p.Current() || shown == nil || !shown.Fits(rules, *c.state.Score) {
		return
	}
	if now == nil || now.ByPeriod() != shown.ByPeriod() {
		c.fail(&c.other, "the saved line score at %s is %v, want %s", p.At, now, shown.ByPeriod())
	}
}

// checkNewGoal checks a new goal or card. A page must have shown the score after the goal, and the
// player unless the goal is provisional.
func (c *checker) checkNewGoal(e *event.Event) {
	d := e.Data
	k := d.Kind
	goalOrCard := k == event.Goal || k == event.YellowCard || k == event.RedCard
	if c.countsGoals() && (goalOrCard && !d.Provisional && !c.shown[string(k)+string(d.Side)+d.Player] ||
		k == event.Goal && !c.shown[fmt.Sprint(d.Side, d.Score.Of(d.Side))]) {
		c.fail(&c.spurious, "unexpected %s of %s %s at %s", e.Type, d.Side, d.Player, d.Time)
	}
}

// checkRetracted checks a retraction. Only incidents that were cancelled or replaced may be retracted.
// In sports that count goals, a page does not always show which goal was cancelled. So any goal of a
// side may be retracted if the page shows fewer goals of the side than are tracked.
func (c *checker) checkRetracted(e *event.Event) {
	d := e.Data
	was, ok := c.tracked[d.Incident]
	if !ok {
		c.fail(&c.spurious, "unexpected %s of an incident that is not tracked", e.Type)
	}
	replaced := season.Moved(d.Player)
	if c.countsGoals() {
		replaced = replaced && !c.latest[string(d.Kind)+string(d.Side)+d.Player] || c.fewer[d.Side]
		replaced = replaced && d.Kind == event.Goal
	}
	if c.match.Sport.Rules().SetScore && d.Side != "" { // a page does not always show which game was cancelled
		period := d.Clock.Period
		replaced = c.gamesTracked(period, d.Side) >= event.Score(c.now.Line(period)).Of(d.Side)
	}
	if d.Side != "" && !replaced {
		c.fail(&c.spurious, "unexpected %s of %s %s at %s, reported at %s", e.Type, d.Side, d.Player, d.Time, was.Time)
	}
}

// gamesTracked returns the number of tracked games of a side in a set.
func (c *checker) gamesTracked(set event.Period, side event.Side) (n int) {
	for i := range c.state.Tracked {
		if in := &c.state.Tracked[i]; in.Clock.Period == set && in.Side == side && in.Kind != "set" {
			n++
		}
	}
	return n
}

// beginsSet reports whether the set of an event begins on the same page. The score then returns to 0-0.
func (c *checker) beginsSet(e *event.Event) bool {
	if !e.Data.Sport.Rules().SetScore || e.Data.Clock == nil {
		return false
	}
	return slices.ContainsFunc(c.events, func(other event.Event) bool {
		d := &other.Data
		return d.Kind == event.PeriodStart && d.Clock != nil && d.Clock.Period == e.Data.Clock.Period
	})
}

// checkScoreChange checks a score_change event. A fresh page must have shown the score. If pages
// list incidents, the row that explains the score must be missing. In a shoot-out, the page must
// show the tally of the event.
func (c *checker) checkScoreChange(p *season.Page, e *event.Event) {
	score, shootout := e.Data.Score, e.Data.Clock != nil && e.Data.Clock.Period == event.ShootOut
	switch {
	case shootout && (p.Fault != "" || e.Data.Shootout == nil || *e.Data.Shootout != event.Score(p.Kicks)):
		c.fail(&c.spurious, "unexpected %s to %v of the shoot-out: the page shows %v", e.Type, e.Data.Shootout, p.Kicks)
	case shootout && !c.rendered.Style.Listed:
	case score == nil || !c.shown[score.String()]:
		c.fail(&c.spurious, "unexpected %s to %v: no page has shown this score", e.Type, score)
	case c.before != nil && *score == *c.before && lineOf(&c.state) == c.line && !c.beginsSet(e):
		c.fail(&c.spurious, "unexpected %s to %v: the score is the same", e.Type, score)
	case !p.Current() && p.Fault != season.PartialPage && *score != event.Score(c.now.Score):
		c.fail(&c.spurious, "unexpected %s to %v on a %s", e.Type, score, p.Fault)
	case c.match.Sport.Rules().SetScore && *score == event.Score{}: // a set begins
	case c.rendered.Style.Listed && p.Current() && p.Complete:
		c.fail(
			&c.spurious,
			"unexpected %s to %v at %s: the page lists the incident that explains it",
			e.Type,
			score,
			e.Time,
		)
	}
}

// kickoffs counts the changes of a kick-off time.
type kickoffs struct {
	last            time.Time // the latest kick-off time that a page has shown
	moved, reported int       // changes that pages showed before the match, and kickoff_changed events
}

// show counts a change if a fresh page shows a different kick-off time from the previous fresh page.
// It ignores changes that pages show after the kick-off of the match.
func (k *kickoffs) show(p *season.Page, m *season.Match) {
	if !p.Current() {
		return
	}
	if p.At.Before(m.Kickoff) && !k.last.IsZero() && !k.last.Equal(p.Start) {
		k.moved++
	}
	k.last = p.Start
}

// fewerGoals reports for each side whether a page shows fewer goals than are tracked.
func fewerGoals(p *season.Page, tracked map[string]event.Event) map[event.Side]bool {
	goals := event.Score{}
	for _, e := range tracked {
		if e.Data.Kind == event.Goal {
			goals = goals.Add(e.Data.Side, 1)
		}
	}
	return map[event.Side]bool{event.Home: p.Score.Home < goals.Home, event.Away: p.Score.Away < goals.Away}
}

// compareFacts compares the tracked incidents with the facts, and counts the differences. If the pages
// list no incidents, it compares the final score with the score after each fact.
func (c *checker) compareFacts() {
	incidents := map[string]int{}
	for i := range c.state.Tracked {
		if in := &c.state.Tracked[i]; !isStartOrEnd(in.Kind) {
			incidents[c.attributes(in)]++
		}
	}
	if !c.rendered.Style.Listed {
		c.compareScores()
		return
	}
	for i := range c.rendered.Facts {
		f := &c.rendered.Facts[i]
		after := pointsAfter(f)
		if after != nil {
			c.scoring++
		}
		k := exactly(f.Kind, f.Detail, f.Side, f.Player, f.Off, f.Clock, after)
		if c.countsGoals() {
			k = exactly(f.Kind, f.Detail, f.Side, f.Player, f.Off, f.Clock, nil)
		}
		if incidents[k] == 0 {
			c.fail(&c.lost, "missing incident %s", k)
			continue
		}
		incidents[k]--
		if after != nil {
			c.found++
		}
	}
	for k, n := range incidents {
		if n > 0 {
			c.fail(&c.doubled, "%d incidents too many: %s", n, k)
		}
	}
}

// lineOf returns the line score of a state as a text. It returns "" if the line score is unknown.
func lineOf(s *reconcile.State) string {
	if s.LineScore == nil {
		return ""
	}
	return s.LineScore.String()
}

// compareScores is compareFacts for pages that list no incidents. A fact counts as found if the
// saved score is not lower than the score after the fact. In sports that count goals, as many goals
// must be tracked as the score shows.
func (c *checker) compareScores() {
	for i := range c.rendered.Facts {
		f := &c.rendered.Facts[i]
		after := pointsAfter(f)
		if after == nil {
			continue
		}
		c.scoring++
		s := c.state.Score
		if c.match.Sport.Rules().SetScore {
			s = c.setOf(f)
		}
		if f.Kind == "set" { // the score of this fact counts sets, not games
			after = &event.Score{}
		}
		if c.match.Sport.Rules().InningsScore {
			if s, after = c.inningsOf(f); s == nil && c.rendered.Line == "" {
				c.scoring-- // no page has shown the innings
				continue
			}
		}
		if s != nil && after.Home <= s.Home && after.Away <= s.Away {
			c.found++
		}
	}
	goals := event.Score{}
	for i := range c.state.Tracked {
		switch in := &c.state.Tracked[i]; {
		case isStartOrEnd(in.Kind):
		case c.countsGoals() && in.Kind == event.Goal:
			goals = goals.Add(in.Side, 1)
		default:
			c.fail(&c.doubled, "unexpected incident %s", c.attributes(in))
		}
	}
	if c.countsGoals() && c.state.Score != nil && goals != *c.state.Score {
		c.fail(&c.doubled, "%v goals, but the score is %v", goals, c.state.Score)
	}
}

// setOf returns the final score of the set in which a fact happened, or nil if no page has shown
// it. If the match has one set, this is the saved score of the match.
func (c *checker) setOf(f *season.Fact) *event.Score {
	if c.state.LineScore == nil && len(c.match.Line.Home) == 1 {
		return c.state.Score
	}
	sets, i := c.state.LineScore.Sets(), c.match.Sport.Index(f.Clock.Period)
	if i < 0 || i >= len(sets) {
		return nil
	}
	return &sets[i]
}

// inningsOf returns two scores of the innings in which a fact happened. runs is the score at the end
// of the match, or nil if the state does not have the innings. after is the score directly after the
// fact. Both contain only the runs of the batting side. Without a line score, the state has only the
// latest innings of each side.
func (c *checker) inningsOf(f *season.Fact) (runs, after *event.Score) {
	side, earlier := event.Side(f.Side), map[event.Period]bool{}
	for i := range c.rendered.Facts {
		if g := &c.rendered.Facts[i]; g.ShowsScore() && g.Side == f.Side &&
			c.match.Sport.Index(g.Clock.Period) < c.match.Sport.Index(f.Clock.Period) {
			earlier[g.Clock.Period] = true
		}
	}
	n := len(earlier)
	after = new(event.Score{}.Add(side, event.Score(f.Score).Of(side)))
	if c.state.LineScore == nil && c.inLatestInnings(f) && c.state.Score != nil {
		return new(event.Score{}.Add(side, c.state.Score.Of(side))), after
	}
	if c.state.LineScore == nil || n >= len(c.state.LineScore.Of(side)) {
		return nil, after
	}
	return new(event.Score{}.Add(side, c.state.LineScore.Of(side)[n].Runs)), after
}

// inLatestInnings reports whether a fact happened in the latest innings of its side.
func (c *checker) inLatestInnings(f *season.Fact) bool {
	return !slices.ContainsFunc(c.rendered.Facts, func(g season.Fact) bool {
		return g.ShowsScore() && g.Side == f.Side &&
			c.match.Sport.Index(g.Clock.Period) > c.match.Sport.Index(f.Clock.Period)
	})
}

// compareLine compares the points of each period with the official line score. If the match has no
// official line score, compareLine compares the points with the facts. For pages that list no
// incidents, it compares the saved line score instead of the points.
func (c *checker) compareLine() {
	if c.match.Sport.Rules().SetScore {
		c.compareSets()
		return
	}
	if want := c.rendered.Line; c.match.Sport.Rules().InningsScore && lineOf(&c.state) != want {
		c.fail(&c.other, "line score %q, want %q", lineOf(&c.state), want)
	}
	if c.state.Score == nil {
		return
	}
	if !c.rendered.Style.Listed {
		if !c.match.Sport.Rules().InningsScore {
			c.compareParts()
		}
		return
	}
	if c.match.Line == nil {
		if !c.match.Sport.Rules().InningsScore { // most runs have no row
			c.compareFactsByPeriod()
		}
		return
	}
	for side, want := range map[event.Side][]int{event.Home: c.match.Line.Home, event.Away: c.match.Line.Away} {
		after := c.scoreByPeriod(side)
		was := 0
		for i, points := range want {
			p := c.match.Sport.Rules().Periods[i]
			now := max(was, after[p])
			if i == len(want)-1 { // all overtimes
				now = c.state.Score.Of(side)
			}
			if now-was != points {
				c.fail(&c.other, "line score of the %s side: %d points in %s, want %d", side, now-was, p, points)
			}
			was = now
		}
	}
}

// compareParts compares the saved line score with the official line score, or with the facts if the
// match has no official line score. The last part of an official line score contains all overtimes.
func (c *checker) compareParts() {
	if c.state.LineScore == nil {
		c.fail(&c.other, "no line score, want one")
		return
	}
	for _, side := range []event.Side{event.Home, event.Away} {
		line := c.state.LineScore.Of(side)
		var want []int
		if official := c.match.Line; official != nil {
			want = map[event.Side][]int{event.Home: official.Home, event.Away: official.Away}[side]
		} else {
			want = c.pointsByPart(side, len(line))
		}
		got := make([]int, len(want))
		for i, part := range line {
			if len(want) > 0 {
				got[min(i, len(want)-1)] += part.Runs
			}
		}
		if !slices.Equal(got, want) {
			c.fail(&c.other, "line score of the %s side %v, want %v", side, got, want)
		}
	}
}

// pointsByPart returns the points of a side in each of n parts of the match, from the facts.
func (c *checker) pointsByPart(side event.Side, n int) []int {
	points := make([]int, n)
	parts := c.match.Sport.Rules().Parts()
	for i := range c.rendered.Facts {
		if f := &c.rendered.Facts[i]; f.Side == string(side) && f.Points > 0 {
			points[slices.Index(parts, f.Clock.Period)] += f.Points
		}
	}
	return points
}

// compareFactsByPeriod compares the score of each side after each period with the facts.
func (c *checker) compareFactsByPeriod() {
	for _, side := range []event.Side{event.Home, event.Away} {
		want := map[event.Period]int{}
		for i := range c.rendered.Facts {
			if f := &c.rendered.Facts[i]; f.Side == string(side) && f.Points > 0 {
				want[f.Clock.Period] = max(want[f.Clock.Period], event.Score(f.Score).Of(side))
			}
		}
		if got := c.scoreByPeriod(side); !maps.Equal(got, want) {
			c.fail(&c.other, "score of the %s side after each period %v, want %v", side, got, want)
		}
	}
}

// compareSets compares the score of each set with the official score. Pages show the score of all sets, or list
// the games.
func (c *checker) compareSets() {
	official := c.match.Line
	shown := c.state.LineScore.Sets()
	if shown != nil && len(shown) != len(official.Home) {
		c.fail(&c.other, "the sets are %v, want %v", shown, official)
		return
	}
	for i := range official.Home {
		want := event.Score{Home: official.Home[i], Away: official.Away[i]}
		if shown != nil && shown[i] != want {
			c.fail(&c.other, "set %d is %v, want %v", i+1, shown[i], want)
		}
		if !c.rendered.Style.Listed || i == len(official.Home)-1 && c.match.EndsInTieBreak() {
			continue
		}
		p := c.match.Sport.Rules().Periods[i]
		if got := (event.Score{Home: c.gamesTracked(p, event.Home), Away: c.gamesTracked(p, event.Away)}); got != want {
			c.fail(&c.other, "%v games are tracked in set %d, want %v", got, i+1, want)
		}
	}
}

// scoreByPeriod returns the score of a side after its last tracked points in each period.
func (c *checker) scoreByPeriod(side event.Side) map[event.Period]int {
	after := map[event.Period]int{}
	goals := 0
	for _, p := range c.match.Sport.Rules().Periods {
		for i := range c.state.Tracked {
			in := &c.state.Tracked[i]
			switch {
			case in.Side != side || in.Clock.Period != p:
			case c.countsGoals() && in.Kind == event.Goal:
				goals++
				after[p] = goals
			case !c.countsGoals() && in.Score != nil:
				after[p] = max(after[p], in.Score.Of(side))
			}
		}
	}
	return after
}

// isStartOrEnd reports whether incidents of a kind are starts or ends of the match or its periods.
func isStartOrEnd(k event.Kind) bool {
	return k == event.MatchStart || k == event.MatchEnd || k == event.PeriodStart || k == event.PeriodEnd
}

// compareResult compares the status, the final score, the winner and the kick-off with the facts.
func (c *checker) compareResult() {
	m, s := c.match, &c.state
	want := event.Final
	if m.By == event.ByRetirement {
		want = event.Retired
	}
	if s.Match.Status != want || s.Score == nil || *s.Score != event.Score(m.Final) {
		c.fail(&c.other, "status %s, score %v, want %s, %v", s.Match.Status, s.Score, want, m.Final)
	}
	if c.rendered.Style.Tally && m.Shootout != nil && (s.Shootout == nil || *s.Shootout != event.Score(*m.Shootout)) {
		c.fail(&c.other, "tally of the shoot-out %v, want %v", s.Shootout, m.Shootout)
	}
	if c.moves.reported != c.moves.moved || !s.Match.Start.Equal(m.Kickoff) {
		c.fail(&c.other, "%d kickoff_changed events, kick-off %s, want %d events, kick-off %s", c.moves.reported,
			s.Match.Start, c.moves.moved, m.Kickoff)
	}
	for i := range s.Tracked {
		in := &s.Tracked[i]
		unknown := in.DecidedBy == "" && (c.rendered.Silent || c.stopped)
		if in.Kind == event.MatchEnd && (in.Winner != m.Winner || in.DecidedBy != m.By && !unknown) {
			c.fail(&c.other, "winner %q by %q, want %q by %q", in.Winner, in.DecidedBy, m.Winner, m.By)
		}
	}
}

// comparePeriods compares the starts and ends of the match and its periods with the facts.
func (c *checker) comparePeriods() {
	got := map[string]int{}
	for _, in := range c.state.Tracked {
		if isStartOrEnd(in.Kind) {
			got[string(in.Kind)+" "+string(in.Clock.Period)]++
		}
	}
	want := map[string]int{"match_start ": 1, "match_end ": 1}
	for _, p := range c.rendered.Spans {
		want["period_start "+p], want["period_end "+p] = 1, 1
	}
	if !maps.Equal(got, want) {
		c.fail(&c.other, "starts and ends %v, want %v", got, want)
	}
}

// restarted returns the state as a parser loads it after a restart.
func restarted(s reconcile.State) reconcile.State {
	var again reconcile.State
	b, err := json.Marshal(s)
	if err == nil {
		err = json.Unmarshal(b, &again)
	}
	if err != nil {
		panic(err)
	}
	return again
}
