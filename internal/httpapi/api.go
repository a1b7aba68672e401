// Package httpapi is the HTTP API: what is polled, the scoreboards, traces and
// instances. Everybody who reaches it may read; to write takes a token. It is
// described by the OpenAPI document that it serves.
package httpapi

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/matchwire/matchwire/api"
	"github.com/matchwire/matchwire/consumers/scoreboard"
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/instances"
	"github.com/matchwire/matchwire/internal/problem"
	"github.com/matchwire/matchwire/internal/scheduler"
	"github.com/matchwire/matchwire/internal/trace"
	"github.com/matchwire/matchwire/parser/profile"
)

// An API serves /api.
type API struct {
	Schedule  *scheduler.Schedule
	Profiles  profile.Library
	Boards    scoreboard.Boards
	Traces    *trace.Store
	Instances *instances.Registry
	// Token is what a call that changes something must bring; "" refuses them all.
	Token string
	// PrivateAddresses lets pages of this machine and of private networks be
	// polled.
	PrivateAddresses bool
	Trace            *trace.Recorder // nil: calls are not recorded
	Log              *slog.Logger
}

const (
	callTimeout = 10 * time.Second
	maxBody     = 16 << 10 // bytes of a request
)

// Handler serves the paths below /api/.
func (a *API) Handler() http.Handler {
	mux := http.NewServeMux()
	for pattern, h := range map[string]handler{
		"GET /api/matches":         a.matches,
		"POST /api/matches":        a.writing(a.activate),
		"GET /api/matches/{id}":    a.match,
		"DELETE /api/matches/{id}": a.writing(a.deactivate),
		"GET /api/scoreboard":      a.scoreboards,
		"GET /api/scoreboard/{id}": a.scoreboard,
		"GET /api/trace/{id}":      a.trace,
		"GET /api/instances":       a.instances,
		"GET /api/openapi.json":    a.openAPI,
		"/api/":                    a.nothing,
		"/api/matches":             a.wrongMethod("GET, POST"),
		"/api/matches/{id}":        a.wrongMethod("GET, DELETE"),
		"/api/scoreboard":          a.wrongMethod("GET"),
		"/api/scoreboard/{id}":     a.wrongMethod("GET"),
		"/api/trace/{id}":          a.wrongMethod("GET"),
		"/api/instances":           a.wrongMethod("GET"),
		"/api/openapi.json":        a.wrongMethod("GET"),
	} {
		mux.Handle(pattern, a.serve(h))
	}
	return mux
}

// A handler answers a call: with an error, which becomes a problem, or it has
// written the answer itself.
type handler func(w http.ResponseWriter, r *http.Request) error

// serve gives a call its time, its TID and, in the end, its problem.
func (a *API) serve(h handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), callTimeout)
		defer cancel()
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		tid, parent, err := caller(r)
		if err != nil {
			w.Header().Set(tidHeader, event.NewTID().String())
			problem.Write(w, http.StatusBadRequest, err.Error(), "")
			return
		}
		w.Header().Set(tidHeader, tid.String())
		r = r.WithContext(context.WithValue(event.WithTID(ctx, tid), parentKey{}, parent))
		if err := h(w, r); err != nil {
			a.fail(w, r, err)
		}
	})
}

const tidHeader = "X-Transaction-Id"

type parentKey struct{}

// caller is the TID that a call brings, in either of two headers, or a new one,
// and the caller's own step, where it tells.
func caller(r *http.Request) (tid event.TID, parent event.SpanID, err error) {
	own, w3c := r.Header.Get(tidHeader), r.Header.Get("traceparent")
	if w3c != "" {
		if tid, parent, err = event.ParseTraceparent(w3c); err != nil {
			return tid, parent, err
		}
	}
	if own == "" {
		if tid.IsZero() {
			tid = event.NewTID()
		}
		return tid, parent, nil
	}
	given, err := event.ParseTID(own)
	switch {
	case err != nil:
		return given, parent, fmt.Errorf("%s: %w", tidHeader, err)
	case !tid.IsZero() && tid != given:
		return given, parent, fmt.Errorf("%s and traceparent name different jobs", tidHeader)
	}
	return given, parent, nil
}

// writing lets those in who bring the token, and records the call.
func (a *API) writing(h handler) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		if err := a.allowed(w, r); err != nil {
			return err
		}
		parent, _ := r.Context().Value(parentKey{}).(event.SpanID)
		ctx, step := a.Trace.Start(r.Context(), trace.Span{Parent: parent, Op: trace.Serve, Role: "api", Name: r.Method + " " + r.URL.Path})
		defer step.End()
		err := h(w, r.WithContext(ctx))
		if err != nil {
			step.Fail(err.Error())
		}
		return err
	}
}

func (a *API) allowed(w http.ResponseWriter, r *http.Request) error {
	if a.Token == "" {
		return apiError{http.StatusForbidden, "this server takes no changes: it has no MATCHWIRE_API_TOKEN", ""}
	}
	if !a.hasToken(r) {
		w.Header().Set("WWW-Authenticate", `Bearer realm="matchwire"`)
		return apiError{http.StatusUnauthorized, "changes take the header Authorization: Bearer and the server's token", ""}
	}
	return nil
}

func (a *API) hasToken(r *http.Request) bool {
	given, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	have, want := sha256.Sum256([]byte(given)), sha256.Sum256([]byte(a.Token))
	return ok && a.Token != "" && subtle.ConstantTimeCompare(have[:], want[:]) == 1
}

// An apiError is an error that the caller can do something about.
type apiError struct {
	status int
	detail string
	field  string // of the request's body that is at fault, if one is
}

func (e apiError) Error() string { return e.detail }

func (a *API) fail(w http.ResponseWriter, r *http.Request, err error) {
	var e apiError
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &e):
	case errors.As(err, &large):
		e = apiError{http.StatusRequestEntityTooLarge, fmt.Sprintf("the request is larger than %d bytes", maxBody), ""}
	case errors.Is(err, context.Canceled):
		return
	default:
		a.Log.Warn("API call failed", "tid", event.TIDFrom(r.Context()), "call", r.Method+" "+r.URL.Path, "error", err)
		e = apiError{http.StatusServiceUnavailable, "a server that is needed does not answer: try again", ""}
		w.Header().Set("Retry-After", "5")
	}
	problem.Write(w, e.status, e.detail, e.field)
}

func answer(w http.ResponseWriter, status int, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(b, '\n'))
	return nil
}

func (a *API) nothing(_ http.ResponseWriter, r *http.Request) error {
	return apiError{http.StatusNotFound, "there is nothing at " + r.URL.Path + ": see /api/openapi.json", ""}
}

func (a *API) wrongMethod(allowed string) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		w.Header().Set("Allow", allowed)
		return apiError{http.StatusMethodNotAllowed, r.Method + " is not for " + r.URL.Path + ": it takes " + allowed, ""}
	}
}

func (a *API) openAPI(w http.ResponseWriter, _ *http.Request) error {
	document, err := api.Contracts.ReadFile("openapi.json")
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(document)
	return nil
}
