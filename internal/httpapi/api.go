// Package httpapi serves the HTTP API: polled matches, scoreboards, traces,
// instances and dead letters. A [guard.Guard] decides who may make each call. The API also serves its own
// OpenAPI document.
package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/matchwire/matchwire/api"
	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/consumers"
	"github.com/matchwire/matchwire/consumers/scoreboard"
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/deadletters"
	"github.com/matchwire/matchwire/internal/guard"
	"github.com/matchwire/matchwire/internal/instances"
	"github.com/matchwire/matchwire/internal/netguard"
	"github.com/matchwire/matchwire/internal/overview"
	"github.com/matchwire/matchwire/internal/problem"
	"github.com/matchwire/matchwire/internal/quota"
	"github.com/matchwire/matchwire/internal/scheduler"
	"github.com/matchwire/matchwire/internal/trace"
	"github.com/matchwire/matchwire/parser/profile"
)

// An API serves the paths below /api/. Set all fields before the first use.
type API struct {
	Schedule  *scheduler.Schedule
	Profiles  profile.Library
	Boards    scoreboard.Boards
	Traces    *trace.Store
	Instances *instances.Registry
	Pipeline  *overview.Reader
	Dead      deadletters.OnBroker
	Publisher broker.Publisher
	// Rebuild rebuilds the store of a consumer in Rebuildable. It calls progress for each event, and returns the
	// number of events.
	Rebuild     func(ctx context.Context, consumer string, progress func()) (int, error)
	Rebuildable []string
	// Tests send a test message through a consumer, by its name. See [consumers.Consumer.Test].
	Tests map[string]func(context.Context) (consumers.TestResult, error)
	Guard *guard.Guard
	// Pages says which addresses and ports pages may have.
	Pages netguard.Policy
	// Requests are the request settings in the config, by name.
	Requests map[string]Request
	Recorder *trace.Recorder // records calls that change something; can be nil
	Log      *slog.Logger
	// Calls limits the calls in progress; see [API.Limit]. If it is nil, there is no limit.
	Calls *quota.Quota

	recent     cache
	rebuilding atomic.Bool
}

// A Request describes named request settings. An API call can use the settings for a page on one of Hosts.
type Request struct {
	Hosts []string        // hosts that can receive the settings, each with its port unless the port is the default
	Allow netguard.Policy // addresses and ports that are allowed besides those of API.Pages
}

const (
	callTimeout = 10 * time.Second // time limit for a call, except a rebuild and a test
	maxBody     = 16 << 10         // maximum size of a request body, except an event, in bytes
)

// Handler returns a handler for the paths below /api/.
func (a *API) Handler() http.Handler {
	mux := http.NewServeMux()
	routes := map[string]handler{
		"GET /api/matches":             a.require(guard.Operate, a.matches),
		"POST /api/matches":            a.change(a.activate),
		"GET /api/matches/{id}":        a.require(guard.Operate, a.match),
		"DELETE /api/matches/{id}":     a.change(a.deactivate),
		"GET /api/scoreboard":          a.require(guard.Read, a.scoreboards),
		"GET /api/scoreboard/{id}":     a.require(guard.Read, a.scoreboard),
		"GET /api/trace/{id}":          a.require(guard.Operate, a.trace),
		"POST /api/rebuild/{consumer}": a.change(a.rebuild),
		"POST /api/test/{consumer}":    a.change(a.test),
		"GET /api/instances":           a.require(guard.Operate, a.instances),
		"GET /api/pipeline":            a.require(guard.Operate, a.pipeline),
		"POST /api/events":             a.change(a.emit),
		"GET /api/openapi.json":        a.openAPI,
		"GET /api/session":             a.session,
		"POST /api/session":            a.login,
		"DELETE /api/session":          a.logout,
		"/api/session":                 a.methodNotAllowed("GET, POST, DELETE"),
		"/api/":                        a.notFound,
		"/api/matches":                 a.methodNotAllowed("GET, POST"),
		"/api/matches/{id}":            a.methodNotAllowed("GET, DELETE"),
		"/api/scoreboard":              a.methodNotAllowed("GET"),
		"/api/scoreboard/{id}":         a.methodNotAllowed("GET"),
		"/api/trace/{id}":              a.methodNotAllowed("GET"),
		"/api/instances":               a.methodNotAllowed("GET"),
		"/api/pipeline":                a.methodNotAllowed("GET"),
		"/api/events":                  a.methodNotAllowed("POST"),
		"/api/rebuild/{consumer}":      a.methodNotAllowed("POST"),
		"/api/test/{consumer}":         a.methodNotAllowed("POST"),
		"/api/openapi.json":            a.methodNotAllowed("GET"),
	}
	maps.Copy(routes, a.deadRoutes())
	maps.Copy(routes, a.sourceRoutes())
	for pattern, h := range routes {
		timeout, body := callTimeout, int64(maxBody)
		switch pattern {
		case "POST /api/events":
			body = maxEvent
		case "POST /api/rebuild/{consumer}":
			timeout = rebuildTimeout
		case "POST /api/test/{consumer}":
			timeout = testTimeout
		}
		mux.Handle(pattern, a.serve(h, timeout, body))
	}
	return a.Limit(mux)
}

// A handler writes the response to a call, or returns an error before it writes
// anything.
type handler func(w http.ResponseWriter, r *http.Request) error

// serve returns an [http.Handler] that sets the deadline and the TID of each call, limits
// the size of its body to body bytes, and calls h. It writes an error from h as the response.
func (a *API) serve(h handler, timeout time.Duration, body int64) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), timeout)
		defer cancel()
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		r.Body = http.MaxBytesReader(w, r.Body, body)
		tid, parent, err := callTID(r)
		if err != nil {
			w.Header().Set(tidHeader, event.NewTID().String())
			problem.Write(w, http.StatusBadRequest, err.Error(), "")
			return
		}
		w.Header().Set(tidHeader, tid.String())
		r = r.WithContext(context.WithValue(event.WithTID(ctx, tid), parentKey{}, parent))
		if err := h(w, r); err != nil {
			a.writeError(w, r, err)
		}
	})
}

const tidHeader = "X-Transaction-Id"

// parentKey is the context key for the ID of the caller's span.
type parentKey struct{}

// callTID returns the TID of a call, and the ID of the caller's span if the call has the
// header traceparent. The TID comes from the header X-Transaction-Id or traceparent. If the
// call has neither header, callTID returns a new TID. It returns an error if a header is
// invalid or the two headers have different TIDs.
func callTID(r *http.Request) (tid event.TID, parent event.SpanID, err error) {
	own, traceparent := r.Header.Get(tidHeader), r.Header.Get("traceparent")
	if traceparent != "" {
		if tid, parent, err = event.ParseTraceparent(traceparent); err != nil {
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
		return given, parent, fmt.Errorf("%s and traceparent have different TIDs", tidHeader)
	}
	return given, parent, nil
}

// require returns a handler that calls h only if the call may use a scope.
func (a *API) require(s guard.Scope, h handler) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		if err := a.Guard.Allow(r, s); err != nil {
			return err
		}
		return h(w, r)
	}
}

// change returns a handler that requires the scope [guard.Change]. The handler records the allowed
// calls in traces.
func (a *API) change(h handler) handler {
	return a.require(guard.Change, func(w http.ResponseWriter, r *http.Request) error {
		parent, _ := r.Context().Value(parentKey{}).(event.SpanID)
		span := trace.Span{Parent: parent, Op: trace.Serve, Role: "api", Name: r.Method + " " + r.URL.Path}
		ctx, step := a.Recorder.Start(r.Context(), span)
		defer step.End()
		err := h(w, r.WithContext(ctx))
		if err != nil {
			step.Fail(err.Error())
		}
		return err
	})
}

// An apiError is an error whose text is sent to the caller.
type apiError struct {
	status int
	detail string
	field  string // the invalid member of the request body, or ""
}

func (e apiError) Error() string { return e.detail }

func (a *API) writeError(w http.ResponseWriter, r *http.Request, err error) {
	var e apiError
	var large *http.MaxBytesError
	var denied *guard.Denied
	switch {
	case errors.As(err, &e):
	case errors.As(err, &denied):
		denied.Write(w)
		return
	case errors.As(err, &large):
		detail := fmt.Sprintf("the request body is larger than %d bytes", large.Limit)
		e = apiError{http.StatusRequestEntityTooLarge, detail, ""}
	case errors.Is(err, context.Canceled):
		return
	default:
		call := r.Method + " " + r.URL.Path
		a.Log.Warn("API call failed", "tid", event.TIDFrom(r.Context()), "call", call, "error", err)
		e = apiError{http.StatusServiceUnavailable, "a backend server is unavailable: try again later", ""}
		w.Header().Set("Retry-After", "5")
	}
	problem.Write(w, e.status, e.detail, e.field)
}

func writeJSON(w http.ResponseWriter, status int, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	writeBody(w, status, b)
	return nil
}

// writeBody writes a response with a JSON body.
func writeBody(w http.ResponseWriter, status int, body []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)+1))
	w.WriteHeader(status)
	_, _ = w.Write(body)
	_, _ = io.WriteString(w, "\n")
}

func (a *API) notFound(_ http.ResponseWriter, r *http.Request) error {
	return apiError{http.StatusNotFound, "no such path: " + r.URL.Path + ": see /api/openapi.json", ""}
}

func (a *API) methodNotAllowed(allowed string) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		w.Header().Set("Allow", allowed)
		return apiError{http.StatusMethodNotAllowed, r.Method + " is not allowed for " + r.URL.Path + ": want " + allowed, ""}
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
