package httpapi

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/scheduler"
	"github.com/matchwire/matchwire/internal/trace"
	"github.com/matchwire/matchwire/parser/page"
	"github.com/matchwire/matchwire/parser/poll"
)

const maxLeague = 100 // maximum length of a league name, in bytes

// A Match is a source on the schedule: a page with one or more matches.
type Match struct {
	event.Source
	By        string           `json:"by"` // "config" or "api"
	Activated time.Time        `json:"activated"`
	TID       event.TID        `json:"tid"`                // TID of the job that activated the source
	State     string           `json:"state"`              // "starting", "polled", "paused" or "stopped"
	Stopped   string           `json:"stopped,omitempty"`  // reason why polling stopped
	Paused    *scheduler.Pause `json:"paused,omitempty"`   // nil if the source is not paused
	Next      time.Time        `json:"next,omitzero"`      // time of the next poll
	Interval  event.Interval   `json:"interval,omitempty"` // current interval between two polls
	Latest    *Latest          `json:"latest,omitempty"`
}

// Latest is the result of the latest poll.
type Latest struct {
	At       time.Time     `json:"at"`
	Took     trace.Millis  `json:"took_ms"` // response time of the site
	Problem  string        `json:"problem,omitempty"`
	Failures int           `json:"failures,omitempty"` // number of consecutive failures
	Matches  []event.Match `json:"matches,omitempty"`  // at most 100, from the latest usable page
}

// matchOf returns the JSON form of a schedule entry.
func matchOf(e scheduler.Entry) Match {
	m := Match{
		Source: e.Source, By: e.By, Activated: e.Activated, TID: e.TID, State: "starting",
		Stopped: e.Latest.Stopped, Next: e.Next, Interval: event.Interval(e.Interval),
		Paused: e.Paused,
	}
	if l := e.Latest; !l.At.IsZero() {
		m.State = "polled"
		m.Latest = &Latest{At: l.At, Took: trace.Millis(l.Took), Problem: l.Problem, Failures: l.Failures, Matches: l.Matches}
	}
	switch {
	case m.Stopped != "":
		m.State = "stopped"
	case m.Paused != nil:
		m.State = "paused"
	}
	return m
}

func (a *API) matches(w http.ResponseWriter, r *http.Request) error {
	n, err := intParam(r, "limit", defaultMatches, maxMatches)
	if err != nil {
		return err
	}
	list := newListing("matches")
	q := scheduler.Query{Match: r.URL.Query().Get("match"), After: r.URL.Query().Get("after")}
	next, err := a.Schedule.Page(r.Context(), q, n, func(e scheduler.Entry) bool { return list.add(matchOf(e)) })
	if errors.Is(err, scheduler.ErrPosition) {
		return invalidPosition(q.After)
	}
	if err != nil {
		return err
	}
	body, err := list.close(next)
	if err != nil {
		return err
	}
	writeBody(w, http.StatusOK, body)
	return nil
}

func (a *API) match(w http.ResponseWriter, r *http.Request) error {
	e, ok, err := a.Schedule.Get(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	if !ok {
		return notActive(r)
	}
	return writeJSON(w, http.StatusOK, matchOf(e))
}

func notActive(r *http.Request) error {
	detail := "no active match has the ID " + r.PathValue("id") + ": see GET /api/matches"
	return apiError{http.StatusNotFound, detail, ""}
}

// activate adds a page to the schedule. After saving the schedule, it responds with 201. If
// the page was already on the schedule, it responds with 200, or with 409 if the profile,
// the interval or the league differs.
func (a *API) activate(w http.ResponseWriter, r *http.Request) error {
	requested, err := a.source(r)
	if err != nil {
		return err
	}
	active, created, err := a.Schedule.Activate(r.Context(), requested)
	if errors.Is(err, scheduler.ErrActiveWithOtherSettings) {
		detail := fmt.Sprintf("the match is active with other settings (profile %s, every %v, league %q): "+
			"DELETE /api/matches/%s first", active.Profile, active.Every, active.League, active.ID)
		return apiError{http.StatusConflict, detail, ""}
	}
	if err != nil {
		return err
	}
	e, ok, err := a.Schedule.Get(r.Context(), active.ID)
	if err != nil {
		return err
	}
	if !ok { // another call has deactivated the page since
		e.Activation = active
	}
	status, outcome := http.StatusCreated, "activated "+active.ID
	if !created {
		status, outcome = http.StatusOK, active.ID+" is already active, activated by job "+active.TID.String()
	}
	trace.From(r.Context()).SetOutcome(outcome)
	w.Header().Set("Location", "/api/matches/"+active.ID)
	return writeJSON(w, status, matchOf(e))
}

// source returns the activation in the request body. Its errors are apiErrors, except for an
// [http.MaxBytesError] if the body is too large.
func (a *API) source(r *http.Request) (scheduler.Activation, error) {
	var none scheduler.Activation
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return none, apiError{http.StatusUnsupportedMediaType, "want Content-Type: application/json", ""}
	}
	var body struct {
		URL     string         `json:"url"`
		Profile string         `json:"profile"`
		Match   string         `json:"match"`
		League  string         `json:"league"`
		Every   event.Interval `json:"every"`
		Request string         `json:"request"` // name of the settings; events must not contain the settings
		Zone    string         `json:"zone"`
	}
	in := json.NewDecoder(r.Body)
	in.DisallowUnknownFields()
	if err := in.Decode(&body); err != nil {
		return none, badJSON(err)
	}
	if _, err := in.Token(); !errors.Is(err, io.EOF) {
		return none, apiError{http.StatusBadRequest, "the body has data after the JSON object", ""}
	}
	invalid := func(field, detail string) error { return apiError{http.StatusUnprocessableEntity, detail, field} }
	p := a.Profiles[body.Profile]
	if p == nil {
		names := strings.Join(slices.Sorted(maps.Keys(a.Profiles)), ", ")
		return none, invalid("profile", "unknown profile "+strconv.Quote(body.Profile)+": want one of "+names)
	}
	request, ok := a.Requests[body.Request]
	if body.Request != "" && !ok {
		names := strings.Join(slices.Sorted(maps.Keys(a.Requests)), ", ")
		return none, invalid("request", "unknown request "+strconv.Quote(body.Request)+": want one of the requests in the "+
			"config: "+names)
	}
	source := poll.Source{
		URL: body.URL, Profile: p, Match: body.Match, Every: time.Duration(body.Every), Request: body.Request,
		Zone: body.Zone,
	}
	allowed := a.Pages.Or(request.Allow)
	resolved, err := source.Resolve(allowed)
	var sourceErr *poll.SourceError
	if errors.As(err, &sourceErr) {
		return none, invalid(sourceErr.Field, sourceErr.Error())
	}
	u, err := page.CheckURL(resolved.URL)
	if ok && (err != nil || !slices.Contains(request.Hosts, u.Host)) {
		return none, invalid("request", "request "+strconv.Quote(body.Request)+" is only for "+
			strings.Join(request.Hosts, ", "))
	}
	if err == nil {
		err = page.ResolveAddress(r.Context(), u, allowed)
	}
	if err != nil {
		return none, invalid("url", err.Error())
	}
	if len(body.League) > maxLeague {
		return none, invalid("league", "league: want at most "+strconv.Itoa(maxLeague)+" bytes")
	}
	league := cmp.Or(body.League, p.Match.League.Value)
	return scheduler.Activation{
		Source: resolved, Sport: p.Sport, League: league, LeagueKey: p.Match.LeagueKey.Value, By: scheduler.ByAPI,
	}, nil
}

// badJSON returns the response error for an error of the JSON decoder.
func badJSON(err error) error {
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		return err
	}
	return apiError{http.StatusBadRequest, "decoding the body: " + strings.TrimPrefix(err.Error(), "json: "), ""}
}

func (a *API) deactivate(w http.ResponseWriter, r *http.Request) error {
	e, ok, err := a.Schedule.Get(r.Context(), r.PathValue("id"))
	switch {
	case err != nil:
		return err
	case !ok:
		return notActive(r)
	case e.By == scheduler.ByConfig:
		return apiError{http.StatusConflict, "the match comes from the config: remove it from sources there", ""}
	}
	deactivated, err := a.Schedule.Deactivate(r.Context(), r.PathValue("id"), "deactivated by DELETE /api/matches")
	if err != nil {
		return err
	}
	if !deactivated {
		return notActive(r)
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
