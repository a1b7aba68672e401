package reconcile

import (
	"strconv"
	"strings"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/parser/observation"
)

// A series identifies similar incidents, such as the goals of one side. The ID of an incident is a
// hash of the match ID and a list of words. The table lists the words by kind. The words before the
// bar are the series:
//
//	goals                "goal", side | number of the goal in the series, generation
//	points               "points", side | the side's score after the points, generation; in tennis also the
//	                     period, or "set" for the end of a set
//	kicks                "kick", side | number of the kick in the series; after a retraction also "again",
//	                     generation
//	starts and ends      "mark", kind, period | generation
//	others               kind, side, folded player | number of the incident in the series, generation
//	line-ups             kind, side
//	untracked incidents  a constant, kind | number of untracked incidents of the match
//
// The generation is the number of retractions in the series. Because of it, a new incident does not get
// the ID of a retracted incident. If the ID of points or of a kick is in use, a number is appended:
// the first number from 2 for which the ID is free. Saved states contain the IDs and subscribers
// store them, so the words must not change.
type series []string

// with returns a copy of s with more words.
func (s series) with(words ...string) series {
	return append(s[:len(s):len(s)], words...)
}

// nth returns the words of the nth incident of the series.
func (s series) nth(n int) series { return s.with(strconv.Itoa(n)) }

// key returns the key of the series in [State.Retractions].
func (s series) key() string { return strings.Join(s, "|") }

// startOrEndSeries returns the series of the start or end of a period, or of the match if p is "".
func startOrEndSeries(k event.Kind, p event.Period) series {
	return series{"mark", string(k), string(p)}
}

// otherSeries returns the series of an incident for which isOther holds, such as a card.
func otherSeries(in observation.Incident) series {
	return series{string(in.Kind), string(in.Side), event.Fold(in.Player)}
}

// seriesOf returns the series of a tracked goal or kick, or of an incident for which isOther holds.
// It supports neither points nor starts and ends.
func seriesOf(sport event.Sport, tracked *TrackedIncident) series {
	switch {
	case tracked.Kind.IsKick():
		return series{"kick", string(tracked.Side)}
	case !isOther(sport, &tracked.Incident):
		return series{string(tracked.Kind), string(tracked.Side)}
	}
	return otherSeries(tracked.Incident)
}

// id returns the ID of the incident of this match that words identify.
func (d *draft) id(words series) string {
	return event.IncidentID(append([]string{d.state.Match.ID}, words...)...)
}

// generation returns the number of retractions in the series, in decimal.
func (d *draft) generation(s series) string { return strconv.Itoa(d.state.Retractions[s.key()]) }

// isTracked reports whether an incident with this ID is tracked.
func (d *draft) isTracked(id string) bool { return d.trackedIDs()[id] }

// trackedIDs returns the IDs of all tracked incidents.
func (d *draft) trackedIDs() map[string]bool {
	if d.ids == nil {
		d.ids = make(map[string]bool, len(d.state.Tracked))
		for i := range d.state.Tracked {
			d.ids[d.state.Tracked[i].ID] = true
		}
	}
	return d.ids
}
