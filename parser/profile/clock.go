package profile

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/matchwire/matchwire/event"
)

// The notations of clocks, without white space and with ' for all primes.
var (
	minutePlus  = regexp.MustCompile(`^(\d{1,3})'?(?:\+(\d{1,2}))?'?$`) // 37' 45+2' 90'+6 90+4’
	minuteColon = regexp.MustCompile(`^(\d{1,3}):(\d\d)(?:\.\d+)?$`)    // 14:21 07:48.3
	lastMinute  = regexp.MustCompile(`^(\d{1,2})\.\d+$`)                // 46.3: seconds, in a period's last minute
	overs       = regexp.MustCompile(`^(\d{1,3})(?:\.(\d))?(?:ov)?$`)   // 14.3
	isoDuration = regexp.MustCompile(`^PT(?:(\d+)M)?(?:(\d+)(?:\.\d+)?S)?$`)
)

var primes = strings.NewReplacer("’", "'", "′", "'", "´", "'", "‘", "'", "`", "'", " ", "", "min.", "'", "min", "'")

// parseClock parses a clock in the given notation, or in the usual one of the sport.
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
	bad := fmt.Errorf("%q is no clock I can read as %q", shorten(text), string(as))
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
			return event.Clock{}, fmt.Errorf("%q before the end of %q: the profile must give the period and its length", shorten(text), period)
		}
		if seconds = length - seconds; seconds < 0 {
			return event.Clock{}, fmt.Errorf("%q before the end of %s, which has %d minutes", shorten(text), period, length/60)
		}
	}
	return event.Clock{Period: period, Elapsed: seconds}, nil
}

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

// parseSeconds parses 12:46, 46.3 or PT12M46S.
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

// length returns how many seconds a period lasts on a clock that counts down.
func (p *Profile) length(period event.Period) int {
	for name, d := range p.Lengths {
		if isPeriod(period, name) {
			return int(time.Duration(d).Seconds())
		}
	}
	return int(p.Sport.PeriodLength(period).Seconds())
}

// isPeriod reports whether a period is of a kind: q3 is a q, and ot1 an ot.
func isPeriod(p event.Period, kind string) bool {
	return kind != "" && strings.TrimRight(string(p), "0123456789") == kind
}

// number converts digits that an expression has matched; "" is 0.
func number(s string) int {
	n, _ := strconv.Atoi(s)
	return n
}

// parseTime parses a time in the rule's layout and zone, and returns it in UTC.
func (r *Rule) parseTime(text string) (time.Time, error) {
	switch r.Layout {
	case "unix", "unix_ms":
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return time.Time{}, fmt.Errorf("%q is no number of seconds since 1970", shorten(text))
		}
		if r.Layout == "unix_ms" {
			return time.UnixMilli(n).UTC(), nil
		}
		return time.Unix(n, 0).UTC(), nil
	}
	layout, loc := r.Layout, time.UTC
	if layout == "" {
		layout = time.RFC3339
	}
	if r.Zone != nil {
		loc = r.Zone.loc
	}
	t, err := time.ParseInLocation(layout, text, loc)
	if err != nil && r.Layout == "" {
		t, err = time.ParseInLocation("2006-01-02T15:04Z07:00", text, loc) // without the seconds
	}
	if err != nil {
		return time.Time{}, fmt.Errorf("%q is not a time like %q", shorten(text), layout)
	}
	return t.UTC(), nil
}
