package profile

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/parser/profile/internal/notations"
)

// parseTime parses a time in the rule's layout and zone, and returns the time in UTC. If the layout
// has no year, parseTime chooses the year in which the time is nearest to now.
func (r *Rule) parseTime(text string, now time.Time) (time.Time, error) {
	switch r.Layout {
	case "unix", "unix_ms":
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return time.Time{}, fmt.Errorf("%q is not a time in the layout %s: want a whole number", shorten(text), r.Layout)
		}
		t, other := time.Unix(n, 0).UTC(), "unix_ms"
		if r.Layout == "unix_ms" {
			t, other = time.UnixMilli(n).UTC(), "unix"
		}
		if t.Year() < 1980 || t.Year() > 2200 {
			return time.Time{}, fmt.Errorf("%q is in the year %d in the layout %s: does the site show %s?",
				shorten(text), t.Year(), r.Layout, other)
		}
		return t, nil
	}
	layout, loc := r.Layout, time.UTC
	if layout == "" {
		layout = time.RFC3339
	}
	if r.Zone != nil {
		loc = r.Zone.loc
	}
	t, err := time.ParseInLocation(layout, text, loc)
	switch {
	case err == nil && !shows(layout, year):
		t, err = nearest(layout, text, loc, now)
	case err != nil && r.Layout == "":
		t, err = time.ParseInLocation("2006-01-02T15:04Z07:00", text, loc) // RFC 3339 without seconds
	}
	if err != nil {
		return time.Time{}, fmt.Errorf("%q is not a time in the layout %q", shorten(text), layout)
	}
	// For an abbreviation that the zone does not have, package time creates a zone with offset 0.
	if name, offset := t.Zone(); offset == 0 && t.Location() != loc && !slices.Contains(zeroZones, name) {
		return time.Time{}, fmt.Errorf(
			"%q: %s is not an abbreviation in the zone %s: set the zone of the site",
			shorten(text),
			name,
			loc,
		)
	}
	return t.UTC(), nil
}

// zeroZones contains the names of zones whose offset is 0. A numeric zone has no name.
var zeroZones = []string{"", "UTC", "GMT", "WET"}

// nearest parses a time in a layout without a year, and returns the time that is nearest to now.
func nearest(layout, text string, loc *time.Location, now time.Time) (time.Time, error) {
	var all []time.Time
	for _, y := range []int{now.Year() - 1, now.Year(), now.Year() + 1} {
		// Parse the text together with the year, because February has 29 days in some years.
		if t, err := time.ParseInLocation("2006 "+layout, fmt.Sprintf("%04d ", y)+text, loc); err == nil {
			all = append(all, t)
		}
	}
	if all == nil {
		return time.Time{}, errors.New("no such day in these years")
	}
	return slices.MinFunc(all, func(a, b time.Time) int { return cmp.Compare(a.Sub(now).Abs(), b.Sub(now).Abs()) }), nil
}

// A timePart changes one part of a time. It does not change the other parts, or the day of the week.
type timePart func(time.Time) time.Time

var (
	year      timePart = func(t time.Time) time.Time { return t.AddDate(28, 0, 0) }
	month     timePart = func(t time.Time) time.Time { return t.AddDate(0, -9, 0) } // from November to February
	day       timePart = func(t time.Time) time.Time { return t.AddDate(0, 0, 7) }
	hour      timePart = func(t time.Time) time.Time { return t.Add(time.Hour) }
	halfOfDay timePart = func(t time.Time) time.Time { return t.Add(12 * time.Hour) }
	minute    timePart = func(t time.Time) time.Time { return t.Add(time.Minute) }
)

// shows reports whether a layout shows a part of a time. If so, two times that differ only in this
// part have different texts in the layout.
func shows(layout string, part timePart) bool {
	t := time.Date(2011, time.November, 22, 1, 33, 44, 0, time.UTC)
	return t.Format(layout) != part(t).Format(layout)
}

// checkLayout returns an error if layout is not a layout of times, or if it lacks a part that a
// time needs. The year and the time of day can be missing.
func checkLayout(layout string) error {
	if layout == "unix" || layout == "unix_ms" {
		return nil
	}
	if time.Date(2011, 11, 22, 13, 33, 44, 0, time.UTC).Format(layout) == layout {
		return fmt.Errorf(
			"layout %q: want unix, unix_ms, or the time January 2, 2006, 15:04:05 in the format of the site",
			layout,
		)
	}
	dayOfYear := strings.Contains(layout, "002") || strings.Contains(layout, "__2")
	switch {
	case shows(layout, hour) && !shows(layout, halfOfDay):
		return fmt.Errorf("layout %q: the clock has 12 hours, but no PM: "+
			"write 15 for the hour if the site counts to 23, or add PM or pm", layout)
	case !shows(layout, day) && !dayOfYear:
		return fmt.Errorf("layout %q: the day of the month is missing: "+
			"if a heading shows the day, join the heading and the time", layout)
	case !shows(layout, month):
		return fmt.Errorf("layout %q: the month is missing", layout)
	case shows(layout, minute) && !shows(layout, hour):
		return fmt.Errorf("layout %q: the hour is missing", layout)
	}
	return nil
}

// parseClock parses a clock in the notation as, or in the usual notation of the sport if as is "".
// period is the period that the page names beside the clock, or "". names reports whether the clock
// itself names the period.
func (p *Profile) parseClock(as notation, period event.Period, text string) (c event.Clock, names bool, err error) {
	c, names, err = notations.Reader{Sport: p.Sport, Length: p.length}.Clock(string(as), period, text)
	if err != nil {
		return c, false, unreadable{fmt.Errorf("%q %w", shorten(text), err), text}
	}
	return c, names, nil
}

// length returns the length of a period in seconds, or 0 if the period or its length is unknown.
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

// isPeriod reports whether the name of a period consists of letters and an optional number. For the
// letters "q", such names are "q" and "q3".
func isPeriod(p event.Period, letters string) bool {
	return letters != "" && strings.TrimRight(string(p), "0123456789") == letters
}
