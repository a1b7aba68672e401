package season

import "github.com/matchwire/matchwire/event"

// A pacing defines the real time of a match, for sports whose clock counts the seconds of each
// period.
type pacing struct {
	perSecond float64                  // real seconds that one second of the clock takes
	stop      float64                  // real seconds for which the clock stops after each fact
	breaks    map[event.Period]float64 // real seconds before each period except for the first
	otherwise float64                  // real seconds before a period that is not in breaks
}

// spread sets the spans of a match, and the times of its facts, from the clocks of the facts. lengths
// holds the clock at the end of each period that was played, in seconds.
func (m *Match) spread(lengths map[event.Period]float64, pace pacing) {
	at := 0.0
	for _, p := range m.Sport.Rules().Periods {
		length, played := lengths[p]
		if !played {
			continue
		}
		if len(m.spans) > 0 {
			pause, ok := pace.breaks[p]
			if !ok {
				pause = pace.otherwise
			}
			at += pause
		}
		s := span{period: p, begin: at, anchors: []anchor{{at, 0}}}
		elapsed := 0.0
		for i := range m.facts {
			f := &m.facts[i]
			if f.Clock.Period != p {
				continue
			}
			next := max(elapsed, float64(f.Clock.Elapsed))
			at += (next-elapsed)*pace.perSecond + 1
			f.At, elapsed = at, next
			s.anchors = append(s.anchors, anchor{at, elapsed}, anchor{at + pace.stop, elapsed})
			at += pace.stop
		}
		at += max(0, length-elapsed)*pace.perSecond + 5
		s.anchors = append(s.anchors, anchor{at - 5, length})
		s.end = at
		m.spans = append(m.spans, s)
	}
}

// addUp returns the score after all facts.
func (m *Match) addUp() (now Score) {
	for i := range m.facts {
		now = now.add(m.facts[i].Side, m.facts[i].Points)
	}
	return now
}
