package reconcile

import (
	"maps"
	"reflect"
	"slices"
	"testing"
)

// fields returns pointers to those fields of d that belong to part p. Part 0 consists of the fields
// that no step may read or write.
func (d *draft) fields(p parts) []any {
	s, m := &d.state, &d.state.Match
	switch p {
	case partPage:
		return []any{&d.obs, &d.from, &d.verdict, &d.score, &d.shownScore, &d.backfill, &d.early, &d.repeated, &d.lostRow,
			&s.Seen, &s.LongestClock, &s.LongestLater, &s.Batting, &s.Unwatched}
	case partMatch:
		return []any{&d.before, &d.rowsBefore, &d.partBefore, &d.periodMoved, &d.oldKickoff, &d.otherTeams, &s.Sport,
			&s.League, &s.LeagueKey, &m.ID, &m.Home, &m.Away, &m.Start, &m.Status, &m.Period, &m.Clock, &m.Situation,
			&s.SituationSite}
	case partHealth:
		return []any{&m.Stale, &s.NoRows}
	case partScore:
		return []any{&s.Score, &s.Shootout, &s.LineScore}
	case partIncidents:
		return []any{&s.Tracked, &s.Retractions, &s.Lineups, &d.listed, &d.ids}
	case partChanges:
		return []any{&d.changes, &s.Untracked}
	}
	return []any{&s.Epoch, &s.Seq, &s.Views, &s.Began, &s.PlayShown, &s.EndsFrom, &s.Kickoff,
		&d.tallyBefore}
}

// allParts holds the names of all parts.
var allParts = map[parts]string{
	0: "rest", partPage: "page", partMatch: "match", partHealth: "health",
	partScore: "score", partIncidents: "incidents", partChanges: "changes",
}

// CheckSteps makes Match check each step that it runs, until t ends. It reports an error to t if a
// step writes a part of the draft that the step does not declare. It also reports an error if a
// part that the step does not declare influences the result of the step. The returned function
// reports an error for each part that a step declares, but has neither read nor written in any run.
func CheckSteps(t testing.TB) (unused func()) {
	// The fields draft.state and State.Match do not count, but their own fields do.
	want := reflect.TypeFor[draft]().NumField() + reflect.TypeFor[State]().NumField() +
		reflect.TypeOf(State{}.Match).NumField() - 2
	total := 0
	for p := range allParts {
		total += len(new(draft).fields(p))
	}
	if total != want {
		t.Errorf("the parts have %d fields, want all %d fields of the draft", total, want)
	}
	all := steps
	steps = slices.Clone(all)
	t.Cleanup(func() { steps = all })
	used := make([]struct{ reads, writes parts }, len(all))
	for i, s := range all {
		steps[i].run = func(d *draft) {
			before := d.clone()
			s.run(d)
			for p, name := range allParts {
				if !reflect.DeepEqual(before.fields(p), d.fields(p)) {
					used[i].writes |= p
					if p&s.writes == 0 {
						t.Errorf("step %q writes part %s without declaring it", s.name, name)
					}
				}
				if p&(s.writes|used[i].reads) != 0 || !s.dependsOn(p, before, d) {
					continue
				}
				used[i].reads |= p
				if p&s.reads == 0 {
					t.Errorf("step %q reads part %s without declaring it", s.name, name)
				}
			}
		}
	}
	return func() {
		for i, s := range all {
			for p, name := range allParts {
				if p&s.reads&^used[i].reads != 0 {
					t.Errorf("step %q declares that it reads part %s, but does not read it", s.name, name)
				}
				if p&s.writes&^used[i].writes != 0 {
					t.Errorf("step %q declares that it writes part %s, but does not write it", s.name, name)
				}
			}
		}
	}
}

// dependsOn reports whether the step panics or has a different result if the fields of a part are
// zero.
func (s *step) dependsOn(p parts, before, after *draft) (depends bool) {
	defer func() { depends = recover() != nil || depends }()
	d := before.clone()
	for _, field := range d.fields(p) {
		reflect.ValueOf(field).Elem().SetZero()
	}
	s.run(d)
	for w := range allParts {
		if w&s.writes != 0 && !reflect.DeepEqual(d.fields(w), after.fields(w)) {
			return true
		}
	}
	return false
}

// clone returns a copy of the draft. A step can modify the copy without changing d.
func (d *draft) clone() *draft {
	c := *d
	c.obs.Incidents = slices.Clone(d.obs.Incidents)
	c.state.Tracked, c.state.Retractions = slices.Clone(d.state.Tracked), maps.Clone(d.state.Retractions)
	c.state.Lineups = maps.Clone(d.state.Lineups)
	c.listed, c.ids, c.changes = maps.Clone(d.listed), maps.Clone(d.ids), slices.Clone(d.changes)
	return &c
}
