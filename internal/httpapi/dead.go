package httpapi

import (
	"context"
	"errors"
	"net/http"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/deadletters"
	"github.com/matchwire/matchwire/internal/guard"
)

// Default and maximum numbers of dead letters in a call.
const (
	defaultListed, maxListed = 50, 1000
	maxMoved                 = 1000 // also the default
)

// deadRoutes returns the handlers of the calls for dead letters.
func (a *API) deadRoutes() map[string]handler {
	return map[string]handler{
		"GET /api/dead":                         a.require(guard.Operate, a.deadCounts),
		"GET /api/dead/{consumer}":              a.require(guard.Operate, a.deadList),
		"DELETE /api/dead/{consumer}":           a.change(a.moveDead(broker.Discard)),
		"POST /api/dead/{consumer}/replay":      a.change(a.moveDead(broker.Requeue)),
		"GET /api/dead/{consumer}/{id}":         a.require(guard.Operate, a.deadLetter),
		"DELETE /api/dead/{consumer}/{id}":      a.change(a.moveOneDead(broker.Discard)),
		"POST /api/dead/{consumer}/{id}/replay": a.change(a.moveOneDead(broker.Requeue)),
		"/api/dead":                             a.methodNotAllowed("GET"),
		"/api/dead/{consumer}":                  a.methodNotAllowed("GET, DELETE"),
		"/api/dead/{consumer}/{id}":             a.methodNotAllowed("GET, DELETE"),
		"/api/dead/{consumer}/{id}/replay":      a.methodNotAllowed("POST"),
	}
}

func (a *API) deadCounts(w http.ResponseWriter, r *http.Request) error {
	counts, err := a.Dead.Counts(r.Context())
	if err != nil {
		return a.deadError(r, err)
	}
	return writeJSON(w, http.StatusOK, struct {
		Consumers []deadletters.Count `json:"consumers"`
	}{append([]deadletters.Count{}, counts...)}) // [], not null, if there are none
}

func (a *API) deadList(w http.ResponseWriter, r *http.Request) error {
	n, err := intParam(r, "limit", defaultListed, maxListed)
	if err != nil {
		return err
	}
	list := newListing("dead_letters")
	full := errors.New("the page is full")
	total, err := a.Dead.List(r.Context(), r.PathValue("consumer"), n, func(l deadletters.Letter) error {
		if !list.add(l) {
			return full
		}
		return nil
	})
	if err != nil && !errors.Is(err, full) {
		return a.deadError(r, err)
	}
	body, err := list.closeWithTotal(max(total, list.count))
	if err != nil {
		return err
	}
	writeBody(w, http.StatusOK, body)
	return nil
}

func (a *API) deadLetter(w http.ResponseWriter, r *http.Request) error {
	var found deadletters.Letter
	ids := []string{r.PathValue("id")}
	err := a.Dead.Find(r.Context(), r.PathValue("consumer"), ids, func(l deadletters.Letter) error {
		found = l
		return nil
	})
	if err != nil {
		return a.deadError(r, err)
	}
	return writeJSON(w, http.StatusOK, found)
}

// moveDead returns the handler of a call that requeues or discards the oldest dead letters of a consumer.
func (a *API) moveDead(action broker.DeadAction) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		limit, err := intParam(r, "limit", maxMoved, maxMoved)
		if err != nil {
			return err
		}
		moved, left, err := a.Dead.MoveOldest(r.Context(), r.PathValue("consumer"), limit, action)
		if err != nil && (moved == 0 || !errors.Is(err, context.DeadlineExceeded)) {
			return a.deadError(r, err)
		}
		return writeJSON(w, http.StatusOK, struct {
			Moved int `json:"moved"`
			Left  int `json:"left"`
		}{moved, left})
	}
}

// moveOneDead returns the handler of a call that requeues or discards one dead letter.
func (a *API) moveOneDead(action broker.DeadAction) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		one := deadletters.Selection{IDs: []string{r.PathValue("id")}}
		if _, err := a.Dead.Move(r.Context(), r.PathValue("consumer"), one, action); err != nil {
			return a.deadError(r, err)
		}
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
}

// deadError returns the error to send for an error of the broker.
func (a *API) deadError(r *http.Request, err error) error {
	var missing *deadletters.MissingError
	switch {
	case errors.Is(err, broker.ErrNoQueue), errors.As(err, &missing):
		return apiError{http.StatusNotFound, err.Error(), ""}
	case errors.Is(err, context.Canceled):
		return err
	case errors.Is(err, context.DeadlineExceeded):
		detail := "the broker has not answered in time, or the queue has too many dead letters to search"
		return apiError{http.StatusServiceUnavailable, detail, ""}
	}
	a.Log.Warn("cannot read dead letters", "tid", event.TIDFrom(r.Context()), "consumer", r.PathValue("consumer"),
		"error", err)
	return apiError{http.StatusServiceUnavailable, "this process cannot read dead letters: its log has the reason. " +
		"If its user of RabbitMQ lacks the rights, run matchwire dead with the AMQP_URL of the operator", ""}
}
