package parser

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/matchwire/matchwire/event"
)

// Notations of the clock, after white space is gone and all primes are '.
var (
	minutePlus  = regexp.MustCompile(`^(\d{1,3})'?(?:\+(\d{1,2}))?'?$`) // 37' 45+2' 90'+6 90+4’
	minuteColon = regexp.MustCompile(`^(\d{1,3}):(\d\d)$`)              // 14:21
	isoDuration = regexp.MustCompile(`^PT(?:(\d+)M)?(?:(\d+)(?:\.\d+)?S)?$`)
)

var primes = strings.NewReplacer("’", "'", "′", "'", "´", "'", "‘", "'", "`", "'", " ", "", "min.", "'", "min", "'")

// readClock reads a clock as the sport writes it, or as the rule says.
func readClock(s event.Sport, as transform, period event.Period, text string) (event.Clock, error) {
	if as == "" {
		as = "elapsed"
		if s == event.Soccer || s == event.Rugby {
			as = "minute"
		}
	}
	text = primes.Replace(text)
	bad := fmt.Errorf("%q is no clock I can read as %q", shorten(text), string(as))
	if m := minuteColon.FindStringSubmatch(text); m != nil {
		minutes, seconds := number(m[1]), number(m[2])
		if seconds > 59 {
			return event.Clock{}, bad
		}
		if as == "minute" && s == event.Soccer {
			return event.SoccerElapsed(period, minutes*60+seconds), nil
		}
		return event.Clock{Period: period, Elapsed: minutes*60 + seconds}, nil
	}
	switch as {
	case "minute":
		if m := minutePlus.FindStringSubmatch(text); m != nil {
			minute, stoppage := number(m[1]), number(m[2])
			switch {
			case minute < 1 || minute > 130:
			case s == event.Soccer:
				return event.SoccerMinute(period, minute, stoppage), nil
			case period != "":
				return event.Clock{Period: period, Minute: minute, Stoppage: stoppage}, nil
			default:
				return event.Clock{}, fmt.Errorf("%q without a period: the profile must give one", shorten(text))
			}
		}
	case "elapsed":
		if m := isoDuration.FindStringSubmatch(text); m != nil && text != "PT" {
			return event.Clock{Period: period, Elapsed: number(m[1])*60 + number(m[2])}, nil
		}
	}
	return event.Clock{}, bad
}

// number reads digits that an expression has matched; "" is 0.
func number(s string) int {
	n, _ := strconv.Atoi(s)
	return n
}

// readTime reads a point in time and gives it in UTC.
func readTime(r *Rule, text string) (time.Time, error) {
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
