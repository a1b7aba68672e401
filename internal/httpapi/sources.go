package httpapi

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/matchwire/matchwire/internal/scheduler"
	"github.com/matchwire/matchwire/internal/trace"
)

// sourceRoutes returns the handlers of the calls that pause, resume and poll a source.
func (a *API) sourceRoutes() map[string]handler {
	return map[string]handler{
		"POST /api/matches/{id}/pause":  a.change(a.operate(http.StatusOK, "paused", a.Schedule.Pause)),
		"POST /api/matches/{id}/resume": a.change(a.operate(http.StatusOK, "resumed", a.Schedule.Resume)),
		"POST /api/matches/{id}/poll":   a.change(a.operate(http.StatusAccepted, "a poll is due", a.Schedule.Ask)),
		"/api/matches/{id}/pause":       a.methodNotAllowed("POST"),
		"/api/matches/{id}/resume":      a.methodNotAllowed("POST"),
		"/api/matches/{id}/poll":        a.methodNotAllowed("POST"),
	}
}

// operate returns the handler of a call that asks the schedule for something. The response is the source. outcome is
// for the trace of the call.
func (a *API) operate(status int, outcome string, ask func(ctx context.Context, source string) error) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		id := r.PathValue("id")
		asked := ask(r.Context(), id)
		e, ok, err := a.Schedule.Get(r.Context(), id)
		var soon *scheduler.TooSoonError
		switch {
		case errors.Is(asked, scheduler.ErrNotActive), asked == nil && err == nil && !ok:
			return notActive(r)
		case errors.Is(asked, scheduler.ErrStopped):
			detail := fmt.Sprintf("polling has stopped (%s): POST /api/matches starts it again", e.Latest.Stopped)
			return apiError{http.StatusConflict, detail, ""}
		case errors.Is(asked, scheduler.ErrPaused):
			detail := "the match is paused: POST /api/matches/" + id + "/resume resumes and polls it"
			return apiError{http.StatusConflict, detail, ""}
		case errors.As(asked, &soon):
			return tooSoon(w, soon.Wait, asked)
		case asked != nil:
			return asked
		case err != nil:
			return err
		}
		trace.From(r.Context()).SetOutcome(outcome)
		return writeJSON(w, status, matchOf(e))
	}
}

// tooSoon returns the error of a call that the client can repeat after a time. It sets the header Retry-After.
func tooSoon(w http.ResponseWriter, wait time.Duration, err error) error {
	w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(wait.Seconds()))))
	return apiError{http.StatusTooManyRequests, err.Error(), ""}
}
