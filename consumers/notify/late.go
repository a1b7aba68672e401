package notify

import (
	"cmp"
	"slices"
	"time"

	"github.com/matchwire/matchwire/event"
)

// maxLate is the maximum duration of play between an incident and the page that first lists the
// incident. An incident that is listed later is not news. Some pages add scorers hours later, and
// after an outage, a page can list many old incidents together.
const maxLate = 15 * time.Minute

// longPast reports whether the page listed the incident of e more than maxLate of play after it happened.
// It returns false if either time is unknown, or if pages do not list incidents of this kind.
func longPast(e event.Event) bool {
	d := e.Data
	if d.Clock == nil || d.Match == nil || !d.Clock.Known() || slices.Contains(event.CommonKinds(), d.Kind) {
		return false
	}
	happened, ok := playTime(d.Sport, *d.Clock)
	if !ok {
		return false
	}
	return played(d.Sport, *d.Match, e.Time)-happened > maxLate
}

// played returns the minimum duration of play in a match until at, without stoppage time. In a
// break and after the end, the latest period counts in full. If the page shows no clock, only the earlier
// periods count. The result is at most the time since kick-off, because some competitions play
// shorter periods.
func played(s event.Sport, m event.Match, at time.Time) time.Duration {
	period := cmp.Or(m.Period, m.Clock.Period)
	over := m.Status == event.Break || m.Status == event.Ended || m.Status == event.Final
	switch {
	case period != "":
	case m.Status == event.Break:
		period = event.HalfTime
	case over:
		period = s.Rules().LastRegulationPeriod
	}
	if period == event.ShootOut { // not every shoot-out follows extra time
		period, over = s.Rules().LastRegulationPeriod, true
	}
	total, _ := playTime(s, m.Clock)
	for _, p := range s.Rules().Periods {
		switch start, end := playTimes(s, p); {
		case s.Index(p) < s.Index(period) || p == period && over:
			total = max(total, end)
		case p == period:
			total = max(total, start)
		}
	}
	if since := at.Sub(m.Start); !m.Start.IsZero() && since > 0 {
		total = min(total, since)
	}
	return total
}

// playTime returns the duration of play before a clock time, and whether this duration is known.
func playTime(s event.Sport, c event.Clock) (time.Duration, bool) {
	if s.CountsMinutes() {
		return time.Duration(c.Minute) * time.Minute, c.Minute > 0
	}
	start, end := playTimes(s, c.Period)
	return start + time.Duration(c.Elapsed)*time.Second, end > 0 && c.Elapsed > 0
}

// playTimes returns the duration of play before the start and before the end of a period. The end
// is 0 if the period has no length, such as a break or an innings. Periods have the lengths of the
// best-known league.
func playTimes(s event.Sport, p event.Period) (start, end time.Duration) {
	if s.CountsMinutes() {
		from, to := s.Minutes(p)
		return time.Duration(from) * time.Minute, time.Duration(to) * time.Minute
	}
	if s.PeriodLength(p) == 0 || p == event.ShootOut {
		return 0, 0
	}
	for _, q := range s.Rules().Periods[:max(0, s.Index(p))] {
		start += s.PeriodLength(q)
	}
	return start, start + s.PeriodLength(p)
}
