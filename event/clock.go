package event

import "fmt"

// A Clock is a point in a match as the sport writes it. 45+2' is Minute 45,
// Stoppage 2: 47 would collide with the second half.
type Clock struct {
	Period   Period `json:"period,omitempty"`   // "1h", "2h", "q4", "p3"; "" where the page does not say
	Minute   int    `json:"minute,omitempty"`   // 1 to 120, as printed; 0 where the sport has no minutes
	Stoppage int    `json:"stoppage,omitempty"` // minutes past the period's end
	Elapsed  int    `json:"elapsed,omitempty"`  // seconds since the period began, where the page says so
	Balls    int    `json:"balls,omitempty"`    // cricket: legal balls of the innings; 14.3 overs are 87
}

// IsZero reports whether the page gave no point in the match at all.
func (c Clock) IsZero() bool { return c == Clock{} }

// String writes the clock as a spectator reads it: 14:21 where the seconds are
// known, else 15' or 90+1', in cricket 14.3 overs, else "". In soccer the seconds count from kick-off,
// in sports without minutes from the start of the period.
func (c Clock) String() string {
	switch {
	case c.Balls > 0:
		return fmt.Sprintf("%d.%d", c.Balls/6, c.Balls%6)
	case c.Elapsed > 0:
		s := c.Elapsed
		if c.Minute > 0 {
			s += startMinute[c.Period] * 60
		}
		return fmt.Sprintf("%02d:%02d", s/60, s%60)
	case c.Stoppage > 0:
		return fmt.Sprintf("%d+%d'", c.Minute, c.Stoppage)
	case c.Minute > 0:
		return fmt.Sprintf("%d'", c.Minute)
	default:
		return ""
	}
}

// startMinute and endMinute bound the periods of a sport that counts minutes
// through the whole match: soccer's. (Rugby's pages must name the period.)
var (
	startMinute = map[Period]int{FirstHalf: 0, SecondHalf: 45, ExtraFirst: 90, ExtraSecond: 105}
	endMinute   = map[Period]int{FirstHalf: 45, SecondHalf: 90, ExtraFirst: 105, ExtraSecond: 120}
)

// SoccerMinute is the clock of a printed soccer minute: (45, 2) is 45+2' of the
// first half. A page that knows the period passes it; else the minute tells it.
// A minute past its period's end is stoppage time: 92' of the second half is
// 90+2'.
func SoccerMinute(p Period, minute, stoppage int) Clock {
	if p == "" {
		p = ExtraSecond
		for _, q := range []Period{FirstHalf, SecondHalf, ExtraFirst} {
			if minute <= endMinute[q] {
				p = q
				break
			}
		}
	}
	if end := endMinute[p]; end > 0 && minute > end {
		minute, stoppage = end, minute-end+stoppage
	}
	return Clock{Period: p, Minute: minute, Stoppage: stoppage}
}

// SoccerElapsed is the clock at so many seconds since kick-off, counted as
// match clocks do: the second half begins at 45:00 whatever the stoppage.
// 14:21 is minute 15. Past the period's end the rest is stoppage time.
func SoccerElapsed(p Period, seconds int) Clock {
	if p == "" {
		p = SoccerMinute("", seconds/60+1, 0).Period
	}
	c := Clock{Period: p, Minute: seconds/60 + 1, Elapsed: seconds - startMinute[p]*60}
	if end := endMinute[p]; end > 0 && c.Minute > end {
		c.Stoppage, c.Minute = c.Minute-end, end
	}
	return c
}

// Before reports whether c comes before d in a match of sport s. A clock without
// a period comes before all that have one.
func (c Clock) Before(s Sport, d Clock) bool {
	if i, j := s.Index(c.Period), s.Index(d.Period); i != j {
		return i < j
	}
	if c.Minute != d.Minute {
		return c.Minute < d.Minute
	}
	if c.Stoppage != d.Stoppage {
		return c.Stoppage < d.Stoppage
	}
	if c.Elapsed != d.Elapsed {
		return c.Elapsed < d.Elapsed
	}
	return c.Balls < d.Balls
}

// Known reports whether the clock says more than the period.
func (c Clock) Known() bool { return c.Minute > 0 || c.Elapsed > 0 || c.Balls > 0 }

// MaybeStoppage reports whether a soccer clock that was read without a period may be in stoppage
// time: some pages count on to 47' while the first half lasts.
func (c Clock) MaybeStoppage() bool {
	return c.Stoppage == 0 && (c.Minute > 45 && c.Minute <= 60 || c.Minute > 90 && c.Minute <= 100)
}
