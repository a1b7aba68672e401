package httpapi

import (
	"cmp"
	"encoding/json"
	"errors"
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

const maxLeague = 100 // bytes

// A Match is what is polled, and how that goes: a page with one match or many.
type Match struct {
	event.Source
	By        string         `json:"by"` // "config" or "api"
	Activated time.Time      `json:"activated"`
	TID       event.TID      `json:"tid"`                // of the job that activated it
	State     string         `json:"state"`              // "starting" until its first poll, then "polled", and in the end "stopped"
	Stopped   string         `json:"stopped,omitempty"`  // why
	Next      time.Time      `json:"next,omitzero"`      // when it is polled next
	Interval  event.Interval `json:"interval,omitempty"` // between two polls, for now
	Latest    *Latest        `json:"latest,omitempty"`   // of its polls
}

// Latest is what came of the latest poll.
type Latest struct {
	At       time.Time     `json:"at"`
	Took     trace.Millis  `json:"took_ms"` // that the site needed
	Problem  string        `json:"problem,omitempty"`
	Failures int           `json:"failures,omitempty"` // in a row
	Matches  []event.Match `json:"matches,omitempty"`  // the first that the page shows
}

func shown(e scheduler.Entry) Match {
	m := Match{Source: e.Source, By: e.By, Activated: e.Activated, TID: e.TID, State: "starting", Stopped: e.Latest.Stopped, Next: e.Next, Interval: event.Interval(e.Interval)}
	if !e.Latest.At.IsZero() {
		m.State = "polled"
		m.Latest = &Latest{At: e.Latest.At, Took: trace.Millis(e.Latest.Took), Problem: e.Latest.Problem, Failures: e.Latest.Failures, Matches: e.Latest.Matches}
	}
	if m.Stopped != "" {
		m.State = "stopped"
	}
	return m
}

func (a *API) matches(w http.ResponseWriter, r *http.Request) error {
	n, err := count(r, "limit", someMatches, mostMatches)
	if err != nil {
		return err
	}
	all, err := a.Schedule.List(r.Context())
	if err != nil {
		return err
	}
	slices.Reverse(all)
	wanted := r.URL.Query().Get("match")
	list := []Match{}
	for _, e := range all {
		if len(list) == n {
			break
		}
		if wanted == "" || e.Match == wanted || slices.ContainsFunc(e.Latest.Matches, func(m event.Match) bool { return m.ID == wanted }) {
			list = append(list, shown(e))
		}
	}
	return answer(w, http.StatusOK, struct {
		Matches []Match `json:"matches"`
	}{list})
}

func (a *API) match(w http.ResponseWriter, r *http.Request) error {
	e, ok, err := a.Schedule.Get(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	if !ok {
		return noMatch(r)
	}
	return answer(w, http.StatusOK, shown(e))
}

func noMatch(r *http.Request) error {
	return apiError{http.StatusNotFound, "nothing of the ID " + r.PathValue("id") + " is active: GET /api/matches lists what is", ""}
}

// activate has a page polled. The answer comes when that is sure to happen:
// 201, or 200 where it happens already.
func (a *API) activate(w http.ResponseWriter, r *http.Request) error {
	wanted, err := a.source(r)
	if err != nil {
		return err
	}
	held, fresh, err := a.Schedule.Activate(r.Context(), wanted)
	if errors.Is(err, scheduler.ErrOther) {
		return apiError{http.StatusConflict, "it is active already, with profile " + held.Profile + " and every " + held.Every.String() + ": DELETE /api/matches/" + held.ID + " first", ""}
	}
	if err != nil {
		return err
	}
	e, ok, err := a.Schedule.Get(r.Context(), held.ID)
	if err != nil {
		return err
	}
	if !ok { // somebody has deactivated it since
		e.Activation = held
	}
	status, says := http.StatusCreated, "activated "+held.ID
	if !fresh {
		status, says = http.StatusOK, held.ID+" is active already, since job "+held.TID.String()
	}
	trace.From(r.Context()).Says(says)
	w.Header().Set("Location", "/api/matches/"+held.ID)
	return answer(w, status, shown(e))
}

// source reads what is to be polled, and checks all of it.
func (a *API) source(r *http.Request) (to scheduler.Activation, err error) {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return to, apiError{http.StatusUnsupportedMediaType, "want Content-Type: application/json", ""}
	}
	var given struct {
		URL     string         `json:"url"`
		Profile string         `json:"profile"`
		Match   string         `json:"match"`
		League  string         `json:"league"`
		Every   event.Interval `json:"every"`
	}
	in := json.NewDecoder(r.Body)
	in.DisallowUnknownFields()
	if err := in.Decode(&given); err != nil {
		return to, badJSON(err)
	}
	if _, err := in.Token(); !errors.Is(err, io.EOF) {
		return to, apiError{http.StatusBadRequest, "something stands behind the JSON object", ""}
	}
	bad := func(field, detail string) (scheduler.Activation, error) {
		return to, apiError{http.StatusUnprocessableEntity, detail, field}
	}
	p := a.Profiles[given.Profile]
	if p == nil {
		return bad("profile", "profile \""+given.Profile+"\": none of that name; there are "+strings.Join(slices.Sorted(maps.Keys(a.Profiles)), ", "))
	}
	source, err := poll.Source{URL: given.URL, Profile: p, Match: given.Match, Every: time.Duration(given.Every)}.Resolve(a.PrivateAddresses)
	var fault *poll.SourceError
	if errors.As(err, &fault) {
		return bad(fault.Field, fault.Error())
	}
	if u, err := page.CheckURL(source.URL); err == nil && !a.PrivateAddresses && page.ResolvesToPrivate(r.Context(), u) {
		return bad("url", (&page.PrivateError{Host: u.Hostname()}).Error())
	}
	if len(given.League) > maxLeague {
		return bad("league", "league: want at most "+strconv.Itoa(maxLeague)+" bytes")
	}
	return scheduler.Activation{Source: source, Sport: p.Sport, League: cmp.Or(given.League, p.Match.League.Value), By: scheduler.ByAPI}, nil
}

func badJSON(err error) error {
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		return err
	}
	return apiError{http.StatusBadRequest, "the body is no JSON object of the kind that is wanted: " + strings.TrimPrefix(err.Error(), "json: "), ""}
}

func (a *API) deactivate(w http.ResponseWriter, r *http.Request) error {
	e, ok, err := a.Schedule.Get(r.Context(), r.PathValue("id"))
	switch {
	case err != nil:
		return err
	case !ok:
		return noMatch(r)
	case e.By == scheduler.ByConfig:
		return apiError{http.StatusConflict, "it stands in the config of the schedulers, which would activate it again: take it out there", ""}
	}
	was, err := a.Schedule.Deactivate(r.Context(), r.PathValue("id"), "deactivated by DELETE /api/matches")
	if err != nil {
		return err
	}
	if !was {
		return noMatch(r)
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
