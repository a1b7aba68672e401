package profile

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/matchwire/matchwire/event"
)

// The notations of clocks, after primes has removed spaces and unified apostrophes.
var (
	minutePlus  = regexp.MustCompile(`^(\d{1,3})'?(?:\+(\d{1,2}))?'?$`) // 37' 45+2' 90'+6 90+4’
	minuteColon = regexp.MustCompile(`^(\d{1,3}):(\d\d)(?:\.\d+)?$`)    // 14:21 07:48.3
	lastMinute  = regexp.MustCompile(`^(\d{1,2})\.\d+$`)                // 46.3: seconds, in the last minute of a period
	overs       = regexp.MustCompile(`^(\d{1,3})(?:\.(\d))?(?:ov)?$`)   // 14.3
	isoDuration = regexp.MustCompile(`^PT(?:(\d+)M)?(?:(\d+)(?:\.\d+)?S)?$`)
)

// primes removes spaces, and replaces apostrophes and "min" by '.
var primes = strings.NewReplacer("’", "'", "′", "'", "´", "'", "‘", "'", "`", "'", " ", "", "min.", "'", "min", "'")

// parseClock parses a clock in the notation as, or in the usual notation of the sport if as is "".
func (p *Profile) parseClock(as notation, period event.Period, text string) (event.Clock, error) {
	s := p.Sport
	if as == "" {
		as = asElapsed
		switch s {
		case event.Soccer, event.Rugby:
			as = asMinute
		case event.Cricket:
			as = asOvers
		}
	}
	bad := fmt.Errorf("%q is not a clock in the notation %q", shorten(text), string(as))
	text = primes.Replace(text)
	switch as {
	case asMinute:
		return parseMinute(s, period, text, bad)
	case asOvers:
		if m := overs.FindStringSubmatch(text); m != nil && number(m[2]) <= 6 { // 10.6 is the sixth ball of the eleventh over
			return event.Clock{Period: period, Balls: number(m[1])*6 + number(m[2])}, nil
		}
		return event.Clock{}, bad
	}
	seconds, ok := parseSeconds(text)
	if !ok {
		return event.Clock{}, bad
	}
	if as == asRemaining {
		length := p.length(period)
		if length == 0 {
			return event.Clock{}, fmt.Errorf("%q remaining in period %q: "+
				"the profile must find the period, and set its length in lengths", shorten(text), period)
		}
		if seconds = length - seconds; seconds < 0 {
			return event.Clock{}, fmt.Errorf("%q remaining in period %s is more than its length of %d minutes: check lengths",
				shorten(text), period, length/60)
		}
	}
	return event.Clock{Period: period, Elapsed: seconds}, nil
}

// parseMinute parses a clock in the notation minute. It returns the error bad if text is not in the
// notation.
func parseMinute(s event.Sport, period event.Period, text string, bad error) (event.Clock, error) {
	if m := minuteColon.FindStringSubmatch(text); m != nil {
		seconds, ok := parseSeconds(text)
		switch {
		case !ok || seconds > 130*60:
			return event.Clock{}, bad
		case s == event.Soccer:
			return event.SoccerElapsed(period, seconds), nil
		}
		return event.Clock{Period: period, Elapsed: seconds}, nil
	}
	m := minutePlus.FindStringSubmatch(text)
	if m == nil {
		return event.Clock{}, bad
	}
	minute, stoppage := number(m[1]), number(m[2])
	switch {
	case minute < 1 || minute > 130:
		return event.Clock{}, bad
	case s == event.Soccer:
		return event.SoccerMinute(period, minute, stoppage), nil
	case period == "" && minute <= 40: // rugby
		period = event.FirstHalf
	case period == "":
		period = event.SecondHalf
	}
	return event.Clock{Period: period, Minute: minute, Stoppage: stoppage}, nil
}

// parseSeconds parses 12:46, 46.3 or PT12M46S, and returns whole seconds, and whether text is
// valid.
func parseSeconds(text string) (int, bool) {
	if m := minuteColon.FindStringSubmatch(text); m != nil {
		return number(m[1])*60 + number(m[2]), number(m[2]) <= 59
	}
	if m := lastMinute.FindStringSubmatch(text); m != nil {
		return number(m[1]), true
	}
	if m := isoDuration.FindStringSubmatch(text); m != nil && text != "PT" {
		return number(m[1])*60 + number(m[2]), true
	}
	return 0, false
}

// length returns the length of a period in seconds, or 0 if it is unknown.
func (p *Profile) length(period event.Period) int {
	for name, d := range p.Lengths {
		if isPeriod(period, name) {
			return int(time.Duration(d).Seconds())
		}
	}
	return int(p.Sport.PeriodLength(period).Seconds())
}

// isPeriod reports whether the name of a period consists of letters and an optional number: "q3"
// and "q" for the letters "q".
func isPeriod(p event.Period, letters string) bool {
	return letters != "" && strings.TrimRight(string(p), "0123456789") == letters
}

// number converts digits that a regular expression has matched to a number. It returns 0 for "".
func number(s string) int {
	n, _ := strconv.Atoi(s)
	return n
}
