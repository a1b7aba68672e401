package fanout

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/fanout/filter"
)

// Limits of the query parameters.
const (
	maxDelay = time.Hour
	minSpeed = 0.1
	maxSpeed = 1000
)

// A request holds the parsed parameters of a client's request, the expiry of its token, and the
// address of the client.
type request struct {
	filter     filter.Filter
	cursor     *broker.Cursor // cursor of the last frame that the client received; nil if it has none
	pace       pace
	from       time.Time // time to play back from; zero without the parameter from
	conflate   bool      // if the client is too slow, send a snapshot instead of closing the client
	limits     *Limits   // the limits that accepted the request
	credential credential
	expires    int64  // when the token expires, in Unix seconds; 0 without a token
	address    string // address of the client, as defined in package clientaddr
}

var parameters = []string{"topics", "match", "team", "cursor", "delay", "from", "speed", "conflate", "nothing", "token"}

// parseRequest parses the query of a request. An unknown parameter is an error, because a filter
// with a misspelled name would select everything. lastEventID is the Last-Event-ID header, which an
// SSE client sends when it reconnects. lastEventID overrides the older cursor in the query.
func parseRequest(q url.Values, lastEventID string, now time.Time) (r request, err error) {
	for name, values := range q {
		if !slices.Contains(parameters, name) {
			return r, fmt.Errorf("parameter %q: want one of %s", name, strings.Join(parameters, ", "))
		}
		if len(values) > 1 && !slices.Contains([]string{"topics", "match", "team"}, name) {
			return r, fmt.Errorf("parameter %s: got %d values, want one", name, len(values))
		}
	}
	if r.filter, err = filter.Parse(q); err != nil {
		return r, err
	}
	if lastEventID == "" {
		lastEventID = q.Get("cursor")
	}
	if lastEventID != "" {
		c, err := broker.ParseCursor(lastEventID)
		if err != nil {
			return r, err
		}
		r.cursor = &c
	}
	for name, to := range map[string]*bool{"conflate": &r.conflate, "nothing": &r.filter.Nothing} {
		if s := q.Get(name); s != "" {
			if *to, err = strconv.ParseBool(s); err != nil {
				return r, fmt.Errorf("%s %q: want true or false", name, s)
			}
		}
	}
	if r.filter.Nothing && !r.filter.Empty() {
		return r, errors.New("nothing: not allowed together with topics, match or team")
	}
	return r, r.parsePace(q, now)
}

// parsePace sets r.pace and r.from from the parameters delay, from and speed.
func (r *request) parsePace(q url.Values, now time.Time) error {
	delay, from, speed := q.Get("delay"), q.Get("from"), q.Get("speed")
	switch {
	case delay != "" && from+speed != "":
		return errors.New("delay: not allowed together with from or speed")
	case delay != "":
		n, err := strconv.Atoi(delay)
		if err != nil || n < 0 || n > int(maxDelay.Seconds()) {
			return fmt.Errorf("delay %q: want a whole number of seconds from 0 to %.0f", delay, maxDelay.Seconds())
		}
		r.pace.delay = time.Duration(n) * time.Second
	case from != "":
		t, err := time.Parse(time.RFC3339, from)
		if err != nil || t.After(now) {
			return fmt.Errorf("from %q: want a time in the past, like 2016-11-06T23:30:00Z", from)
		}
		r.from, r.pace.speed = t, 1
		if speed == "" {
			return nil
		}
		r.pace.speed, err = strconv.ParseFloat(speed, 64)
		if err != nil || !(r.pace.speed >= minSpeed && r.pace.speed <= maxSpeed) {
			return fmt.Errorf("speed %q: want a number from %v to %v", speed, minSpeed, maxSpeed)
		}
	case speed != "":
		return errors.New("speed: requires the parameter from")
	}
	return nil
}
