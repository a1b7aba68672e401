package parser

import (
	"slices"
	"strconv"
	"strings"

	"github.com/matchwire/matchwire/event"
)

// A change becomes an event.
type change struct {
	at        int // index in state.Standing; -1 for what has no standing
	once      Standing
	action    event.Action
	edits     map[string]event.Change
	reason    string
	fills     bool // a correction that says what the score had told before
	scoredWas int  // what a corrected shoot-out kick had counted
	phase     int  // within its period: begins, goes on, ends
	arrival   int  // order in which the changes were found
}

const (
	begins = iota
	goesOn
	ends
)

// id is the identity of an incident of this match.
func (c *comparison) id(identity []string) string {
	return event.IncidentID(append([]string{c.state.Match.ID}, identity...)...)
}

// stands reports whether an incident with this identity stands.
func (c *comparison) stands(id string) bool {
	if c.ids == nil {
		c.ids = make(map[string]bool, len(c.state.Standing))
		for i := range c.state.Standing {
			c.ids[c.state.Standing[i].ID] = true
		}
	}
	return c.ids[id]
}

// report adds an incident that is new.
func (c *comparison) report(in Incident, phase int, provisional bool, identity ...string) {
	id := c.id(identity)
	c.stands(id) // so that it is counted
	c.ids[id] = true
	c.list(len(c.state.Standing))
	c.state.Standing = append(c.state.Standing, Standing{Incident: in, ID: id, Rev: 1, Provisional: provisional,
		Backfill: c.backfill, Source: c.reading.Source, List: in.List})
	c.changes = append(c.changes, change{at: len(c.state.Standing) - 1, action: event.New, phase: phase, arrival: len(c.changes)})
}

// retract takes a standing incident back. It is removed when the events are
// made; slot is what its successor will stand in for.
func (c *comparison) retract(at int, slot ...string) {
	if c.state.TakenBack == nil {
		c.state.TakenBack = map[string]int{}
	}
	c.state.TakenBack[strings.Join(slot, "|")]++
	// What is taken back need not be corrected first.
	c.changes = slices.DeleteFunc(c.changes, func(ch change) bool {
		needless := ch.at == at && ch.action == event.Corrected
		if needless {
			c.state.Standing[at].Rev--
		}
		return needless
	})
	c.state.Standing[at].Rev++
	c.changes = append(c.changes, change{at: at, action: event.Retracted, phase: goesOn, reason: "the page took it back", arrival: len(c.changes)})
}

// generation is how often something was taken back, as part of an identity.
func (c *comparison) generation(slot ...string) string {
	return strconv.Itoa(c.state.TakenBack[strings.Join(slot, "|")])
}

// correct compares a standing incident with what the page says of it now. What
// the page leaves out stays as it was.
func (c *comparison) correct(at int, now Incident) {
	was := &c.state.Standing[at]
	scoredWas := scored(was.Detail)
	// While the source that said it is being read, others only add to it: two
	// sites that write a name in two ways would correct each other for ever.
	adds := was.Source != c.reading.Source && !was.Provisional && c.watched(c.reading.elsewhere)
	edits := map[string]event.Change{}
	edit := func(name string, old *string, text string) {
		if text != "" && event.Fold(text) != event.Fold(*old) && (*old == "" || !adds && !damaged(text)) {
			edits[name] = event.Change{Old: *old, New: text}
			*old = text
		}
	}
	edit("player", &was.Player, now.Player)
	edit("off", &was.Off, now.Off)
	edit("assist", &was.Assist, now.Assist)
	// What goes to another player loses its detail too: an own goal was none.
	_, other := edits["player"]
	if now.Detail != was.Detail && (now.Detail != "" || other) && (was.Detail == "" || !adds) {
		edits["detail"] = event.Change{Old: was.Detail, New: now.Detail}
		was.Detail = now.Detail
	}
	if now.Score != nil && was.Score != nil && *now.Score != *was.Score && !adds {
		edits["score"] = event.Change{Old: was.Score.String(), New: now.Score.String()}
		was.Score = now.Score
	}
	if clockMoved(was.Clock, now.Clock) && (!was.Clock.Told() || !adds) {
		edits["time"] = event.Change{Old: was.Clock.String(), New: now.Clock.String()}
		was.Clock = now.Clock
	}
	if !adds {
		was.Source, was.List = c.reading.Source, now.List
	}
	if len(edits) == 0 && !was.Provisional {
		return
	}
	fills := was.Provisional
	was.Path, was.Provisional = now.Path, false
	was.Rev++
	c.changes = append(c.changes, change{at: at, action: event.Corrected, edits: edits, fills: fills, scoredWas: scoredWas, phase: goesOn,
		reason: "the page changed it", arrival: len(c.changes)})
}

// clockMoved reports whether two clocks disagree, rather than one knowing less.
func clockMoved(was, now event.Clock) bool {
	if !now.Told() {
		return false
	}
	if was.Elapsed > 0 && now.Elapsed > 0 {
		return was != now
	}
	was.Elapsed, now.Elapsed = 0, 0
	return was != now
}

// status reports a change of status that no other event tells.
func (c *comparison) status(was event.Status) {
	now := c.state.Match.Status
	if now == was || now == event.Scheduled && was == "" {
		return
	}
	for _, ch := range c.changes {
		if ch.action == event.Retracted || ch.at < 0 {
			continue
		}
		switch c.state.Standing[ch.at].Kind {
		case event.MatchStart, event.PeriodStart, event.PeriodEnd:
			if now == event.Live || now == event.Break {
				return
			}
		case event.MatchEnd:
			if now.Over() {
				return
			}
		}
	}
	if was == "" && (now == event.Live || now == event.Break) {
		return
	}
	c.once(Incident{Kind: event.StatusChange}, "")
}

// once reports what happens and does not stand.
func (c *comparison) once(in Incident, reason string) {
	c.state.Told++
	if in.Clock.IsZero() {
		in.Clock.Period = c.state.Match.Period
	}
	phase := goesOn
	if in.Kind == event.StatusChange {
		phase = ends
	}
	once := Standing{Incident: in, Rev: 1, ID: c.id([]string{"told", string(in.Kind), strconv.Itoa(c.state.Told)})}
	c.changes = append(c.changes, change{at: -1, once: once, action: event.New, reason: reason, phase: phase, arrival: len(c.changes)})
}
