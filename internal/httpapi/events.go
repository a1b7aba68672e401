package httpapi

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"time"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/emit"
	"github.com/matchwire/matchwire/internal/trace"
)

const (
	maxEvent   = 2 << 20 // maximum size of an event in a request, in bytes
	maxEventID = 100     // maximum length of the ID of an event, in bytes
)

// emit publishes the event in the request body, a CloudEvents object. The event gets the TID of the call.
func (a *API) emit(w http.ResponseWriter, r *http.Request) error {
	e, err := readEvent(r)
	if err != nil {
		return err
	}
	m, err := broker.NewMessage(e)
	if err != nil {
		return err
	}
	began := time.Now()
	if _, err := a.Publisher.Publish(r.Context(), m); err != nil {
		return fmt.Errorf("publishing event %s: %w", e.ID, err)
	}
	trace.From(r.Context()).Created(m, nil, "")
	a.Recorder.Sent("api", began, m)
	writeBody(w, http.StatusCreated, m.Body)
	return nil
}

// readEvent returns the event in a request.
func readEvent(r *http.Request) (e event.Event, err error) {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/json" && kind != event.ContentType {
		detail := "want Content-Type: application/json or " + event.ContentType
		return e, apiError{http.StatusUnsupportedMediaType, detail, ""}
	}
	anyKind := false
	if text := r.URL.Query().Get("any_kind"); text != "" {
		if anyKind, err = strconv.ParseBool(text); err != nil {
			detail := "any_kind " + strconv.Quote(text) + ": want true or false"
			return e, apiError{http.StatusBadRequest, detail, ""}
		}
	}
	var given struct {
		Type string          `json:"type"`
		ID   string          `json:"id"`
		Time time.Time       `json:"time"`
		Data json.RawMessage `json:"data"`
	}
	in := json.NewDecoder(r.Body)
	if err := in.Decode(&given); err != nil {
		return e, badJSON(err)
	}
	if _, err := in.Token(); !errors.Is(err, io.EOF) {
		return e, apiError{http.StatusBadRequest, "the body has data after the JSON object", ""}
	}
	if err := emit.CheckKey(given.Type, anyKind, "any_kind=true"); err != nil {
		return e, apiError{http.StatusUnprocessableEntity, err.Error(), "type"}
	}
	if len(given.ID) > maxEventID {
		detail := "id: want at most " + strconv.Itoa(maxEventID) + " bytes"
		return e, apiError{http.StatusUnprocessableEntity, detail, "id"}
	}
	at := given.Time
	if at.IsZero() {
		at = time.Now()
	}
	if e, err = emit.Event(given.Type, given.Data, event.TIDFrom(r.Context()), at); err != nil {
		return e, apiError{http.StatusUnprocessableEntity, err.Error(), "data"}
	}
	e.ID = cmp.Or(given.ID, e.ID)
	return e, nil
}
