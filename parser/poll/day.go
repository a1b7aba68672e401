package poll

import (
	"fmt"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/parser/page"
)

// datePattern matches a placeholder for a date: {date}, {date-1}, {date:20060102} or
// {date+1:2006/01/02}. The groups are the offset in days and the layout.
var datePattern = regexp.MustCompile(`\{date([+-]\d{1,3})?(?::([^{}]+))?\}`)

// defaultDate is the layout for a placeholder that has no layout.
const defaultDate = time.DateOnly

// HasDate reports whether text has a placeholder for a date.
func HasDate(text string) bool { return datePattern.MatchString(text) }

// ExpandDates replaces the placeholders in text with dates relative to day.
func ExpandDates(text string, day time.Time) string {
	return datePattern.ReplaceAllStringFunc(text, func(placeholder string) string {
		m := datePattern.FindStringSubmatch(placeholder)
		offset, _ := strconv.Atoi(m[1])
		layout := m[2]
		if layout == "" {
			layout = defaultDate
		}
		return day.AddDate(0, 0, offset).Format(layout)
	})
}

// CheckDates returns an error if text has an invalid placeholder for a date. The layout of a
// placeholder must show the day of the month or of the year.
func CheckDates(text string) error {
	for _, m := range datePattern.FindAllStringSubmatch(text, -1) {
		if day := time.Date(2011, 11, 22, 0, 0, 0, 0, time.UTC); m[2] != "" && (day.Format(m[2]) == m[2] ||
			day.Format(m[2]) == day.AddDate(0, 0, 7).Format(m[2])) {
			return fmt.Errorf("%s: want a layout that shows the day, like {date:20060102}", m[0])
		}
	}
	if rest := datePattern.ReplaceAllString(text, ""); strings.Contains(rest, "{date") {
		return fmt.Errorf("%q: want {date}, {date-1} or {date:LAYOUT}", text)
	}
	return nil
}

// escapedDate matches a placeholder whose braces are percent-encoded, as in the path of a URL.
var escapedDate = regexp.MustCompile(`%7[Bb](date(?:[^%{}]|%20)*)%7[Dd]`)

// withDates returns a URL as text. It decodes the braces of the placeholders, which the url package
// encodes.
func withDates(u *url.URL) string { return escapedDate.ReplaceAllString(u.String(), "{$1}") }

// zoneOf returns the time zone of a source's dates. The default is UTC.
func zoneOf(s event.Source) (*time.Location, error) {
	if s.Zone == "" {
		return time.UTC, nil
	}
	return event.LoadZone(s.Zone)
}

// dayOf returns the date in loc at the given time. The result is midnight UTC at the start of that
// date.
func dayOf(at time.Time, loc *time.Location) time.Time {
	y, m, d := at.In(loc).Date()
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
}

// dated reports whether the page of a source depends on the date.
func dated(s event.Source, r *page.Request) bool {
	return HasDate(s.URL) || r != nil && requestHasDate(r)
}

func requestHasDate(r *page.Request) bool {
	has := HasDate(r.Body)
	for _, values := range r.Query {
		for _, v := range values {
			has = has || HasDate(v)
		}
	}
	return has
}

// onDay returns the settings of a request with dates instead of placeholders.
func onDay(r *page.Request, day time.Time) *page.Request {
	if !requestHasDate(r) {
		return r
	}
	expanded := *r
	expanded.Body = ExpandDates(r.Body, day)
	expanded.Query = url.Values{}
	for name, values := range r.Query {
		for _, v := range values {
			expanded.Query.Add(name, ExpandDates(v, day))
		}
	}
	return &expanded
}

// OnDay returns the URL and the request settings of a source. It replaces the placeholders in both
// with dates relative to now, in the source's time zone.
func OnDay(s event.Source, r *page.Request, now time.Time) (string, *page.Request, error) {
	if err := CheckDates(s.URL); err != nil {
		return "", nil, fmt.Errorf("URL %w", err)
	}
	loc, err := zoneOf(s)
	if err != nil {
		return "", nil, err
	}
	day := dayOf(now, loc)
	return ExpandDates(s.URL, day), onDay(r, day), nil
}
