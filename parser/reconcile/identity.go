package reconcile

import (
	"strconv"
	"strings"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/parser/observation"
)

// The ID of an incident is a hash of the match's ID and of words, by kind:
//
//	goals                "goal", side, nth goal of the side, generation
//	points               "points", side, score of the side after it, generation; in tennis also the set
//	kicks                "kick", side, nth kick of the side
//	starts and ends      "mark", kind, period, generation
//	others               kind, side, player folded, nth, generation
//	untracked incidents  "told", kind, n
//
// If points or kicks would get an ID that is taken, a number from 2 follows. Saved states and
// subscribers know the IDs, so none of these words may change.
//
// The words before the number are the incident's series. The generation is how many incidents of
// the series were retracted: what comes in the place of a retracted one gets another ID.
type series []string

// with returns a copy of s with more words.
func (s series) with(words ...string) series {
	return append(s[:len(s):len(s)], words...)
}

// nth returns the words for the nth incident of the series.
func (s series) nth(n int) series { return s.with(strconv.Itoa(n)) }

// key returns the series' key in [State.TakenBack].
func (s series) key() string { return strings.Join(s, "|") }

func startOrEndSeries(k event.Kind, p event.Period) series {
	return series{"mark", string(k), string(p)}
}

func otherSeries(in observation.Incident) series {
	return series{string(in.Kind), string(in.Side), event.Fold(in.Player)}
}

// seriesOf returns the series of a tracked goal, kick, card or the like.
func seriesOf(sport event.Sport, st *TrackedIncident) series {
	switch {
	case st.Kind == event.ShootoutKick:
		return series{"kick", string(st.Side)}
	case !isOther(sport, st.Kind):
		return series{string(st.Kind), string(st.Side)}
	}
	return otherSeries(st.Incident)
}

// id returns the ID that the words give an incident of this match.
func (d *draft) id(words series) string {
	return event.IncidentID(append([]string{d.state.Match.ID}, words...)...)
}

// generation returns how many incidents of the series were retracted.
func (d *draft) generation(s series) string { return strconv.Itoa(d.state.TakenBack[s.key()]) }

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
