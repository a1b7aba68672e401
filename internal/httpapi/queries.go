package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/matchwire/matchwire/consumers/scoreboard"
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/guard"
	"github.com/matchwire/matchwire/internal/instances"
	"github.com/matchwire/matchwire/internal/trace"
)

// Default and maximum numbers of items in a response.
const (
	defaultBoards, maxBoards   = 100, 1000
	defaultJobs, maxJobs       = 10, 100
	defaultMatches, maxMatches = 100, 1000
)

func (a *API) scoreboards(w http.ResponseWriter, r *http.Request) error {
	n, err := intParam(r, "limit", defaultBoards, maxBoards)
	if err != nil {
		return err
	}
	live := false
	if text := r.URL.Query().Get("live"); text != "" {
		if live, err = strconv.ParseBool(text); err != nil {
			return apiError{http.StatusBadRequest, "live " + strconv.Quote(text) + ": want true or false", ""}
		}
	}
	after := r.URL.Query().Get("after")
	key := fmt.Sprint(live, " ", n, " ", after)
	body, err := a.recent.get(r.Context(), key, func(ctx context.Context) ([]byte, error) {
		list := newListing("scoreboards")
		next, err := a.Boards.Page(ctx, live, after, n, func(b scoreboard.Board) bool { return list.add(b) })
		if errors.Is(err, scoreboard.ErrPosition) {
			err = invalidPosition(after)
		}
		if err != nil {
			return nil, err
		}
		return list.close(next)
	})
	if err != nil {
		return err
	}
	writeBody(w, http.StatusOK, body)
	return nil
}

func (a *API) scoreboard(w http.ResponseWriter, r *http.Request) error {
	id := r.PathValue("id")
	if err := event.CheckMatchID(id); err != nil {
		return apiError{http.StatusBadRequest, err.Error(), ""}
	}
	body, err := a.recent.get(r.Context(), "match "+id, func(ctx context.Context) ([]byte, error) {
		board, ok, err := a.Boards.Get(ctx, id)
		if err == nil && !ok {
			err = apiError{http.StatusNotFound, "no scoreboard for match " + id, ""}
		}
		if err != nil {
			return nil, err
		}
		return json.Marshal(board)
	})
	if err != nil {
		return err
	}
	writeBody(w, http.StatusOK, body)
	return nil
}

func (a *API) trace(w http.ResponseWriter, r *http.Request) error {
	jobs, err := intParam(r, "jobs", defaultJobs, maxJobs)
	if err != nil {
		return err
	}
	id := r.PathValue("id")
	if _, err := event.ParseTID(id); err != nil {
		return apiError{http.StatusBadRequest, err.Error(), ""}
	}
	tree, err := a.Traces.Tree(r.Context(), id, jobs)
	if err == nil && !a.Guard.HasToken(r, guard.Operate) {
		tree.RedactErrors()
	}
	if errors.Is(err, trace.ErrNotFound) {
		return apiError{http.StatusNotFound, id + ": " + err.Error(), ""}
	}
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, tree)
}

// intParam returns the value of a query parameter, a number from 1 to limit. If the
// parameter is missing or empty, it returns byDefault.
func intParam(r *http.Request, name string, byDefault, limit int) (int, error) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return byDefault, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > limit {
		detail := name + " " + strconv.Quote(text) + ": want a number from 1 to " + strconv.Itoa(limit)
		return 0, apiError{http.StatusBadRequest, detail, ""}
	}
	return n, nil
}

func (a *API) instances(w http.ResponseWriter, r *http.Request) error {
	all, err := a.Instances.List(r.Context())
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, struct {
		Instances []instances.Instance `json:"instances"`
	}{append([]instances.Instance{}, all...)}) // [], not null, if there are none
}

// Default and maximum numbers of sources in an overview of the pipeline.
const defaultSources, maxSources = 50, 200

// pipeline returns the overview of the pipeline. Calls within a second share one.
func (a *API) pipeline(w http.ResponseWriter, r *http.Request) error {
	n, err := intParam(r, "sources", defaultSources, maxSources)
	if err != nil {
		return err
	}
	body, err := a.recent.get(r.Context(), "pipeline "+strconv.Itoa(n), func(ctx context.Context) ([]byte, error) {
		return json.Marshal(a.Pipeline.Read(ctx, n))
	})
	if err != nil {
		return err
	}
	writeBody(w, http.StatusOK, body)
	return nil
}
