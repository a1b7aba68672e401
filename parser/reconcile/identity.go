package reconcile

import (
	"strconv"
	"strings"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/parser/observation"
)

// A series is the first words of the IDs of similar incidents, such as the goals of one side. The
// ID of an incident is a hash of the match ID and these words, by kind:
//
//	goals                "goal", side, number of the goal among those of the side, generation
//	points               "points", side, score of the side after it, generation; in tennis also the set
//	kicks                "kick", side, number of the kick among those of the side
//	starts and ends      "mark", kind, period, generation
//	others               kind, side, folded player, number among those of the player, generation
//	untracked incidents  a constant, kind, number of untracked incidents
//
// The words before the number are the series. The generation is the number of incidents of the
// series that were retracted, so that a new incident does not get the ID of a retracted one. If the
// ID of points or of a kick is in use, a number from 2 is appended. Saved states and subscribers
// know the IDs, so these words must not change.
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

// otherSeries returns the series of a card, substitution or the like.
func otherSeries(in observation.Incident) series {
	return series{string(in.Kind), string(in.Side), event.Fold(in.Player)}
}

// seriesOf returns the series of a tracked goal or kick, or of a card, substitution or the like.
func seriesOf(sport event.Sport, st *TrackedIncident) series {
	switch {
	case st.Kind == event.ShootoutKick:
		return series{"kick", string(st.Side)}
	case !isOther(sport, st.Kind):
		return series{string(st.Kind), string(st.Side)}
	}
	return otherSeries(st.Incident)
}

// id returns the ID for these words in this match.
func (d *draft) id(words series) string {
	return event.IncidentID(append([]string{d.state.Match.ID}, words...)...)
}

// generation returns the number of incidents of the series that were retracted.
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
