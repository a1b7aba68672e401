package profile

import (
	"fmt"
	"strings"
	"time"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/parser/profile/internal/notations"
)

// parseClock parses a clock in the notation as, or in the usual notation of the sport if as is "".
// period is the period that the page names beside the clock, or "". names reports whether the clock
// itself names the period.
func (p *Profile) parseClock(as notation, period event.Period, text string) (c event.Clock, names bool, err error) {
	c, names, err = notations.Reader{Sport: p.Sport, Length: p.length}.Clock(string(as), period, text)
	if err != nil {
		return c, false, fmt.Errorf("%q %w", shorten(text), err)
	}
	return c, names, nil
}

// length returns the length of a period in seconds, or 0 if it or the period is unknown.
func (p *Profile) length(period event.Period) int {
	if period == "" {
		return 0
	}
	for name, d := range p.Lengths {
		if isPeriod(period, name) {
			return int(time.Duration(d).Seconds())
		}
	}
	if start, end := p.Sport.Minutes(period); end > 0 {
		return (end - start) * 60
	}
	return int(p.Sport.PeriodLength(period).Seconds())
}

// isPeriod reports whether the name of a period consists of letters and an optional number: "q3"
// and "q" for the letters "q".
func isPeriod(p event.Period, letters string) bool {
	return letters != "" && strings.TrimRight(string(p), "0123456789") == letters
}
