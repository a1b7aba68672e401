package apiclient_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/problem"
	"github.com/matchwire/matchwire/internal/testenv"
)

// goal returns an event, and its encoded form.
func goal(t *testing.T, player string) (event.Event, string) {
	t.Helper()
	e, err := event.Of("soccer.mls.goal", event.Data{Player: player}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	e.TID = event.NewTID()
	body, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	return e, string(body)
}

// snapshot is a format string for the first frame of a stream. Its argument is the list of matches.
const snapshot = `id: 1-0000000a
data: {"snapshot":{"matches":[%s]},"cursor":"1-0000000a","resumed":false}

`

// A stream continues after the last frame of the lost connection, even if the frame has only a cursor. It
// ignores the matches in a snapshot, of any size.
func TestStreamContinues(t *testing.T) {
	t.Parallel()
	_, first := goal(t, "Altidore")
	_, second := goal(t, "Osorio")
	var connections atomic.Int32
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/sse" || r.URL.Query().Get("topics") != "soccer.#,*.*.goal" {
			t.Errorf("request for %s, want /sse with the topics", r.URL)
		}
		if got, want := r.Header.Get("Last-Event-ID"), []string{"", "3-0000000c"}[connections.Load()]; got != want {
			t.Errorf("the header Last-Event-ID is %q, want %q", got, want)
		}
		if connections.Add(1) == 1 {
			fmt.Fprintf(w, "retry: 1000\n\n"+snapshot, `"`+strings.Repeat("x", 9<<20)+`"`)
			fmt.Fprintf(w, "id: 2-0000000b\ndata: {\"cursor\":\"2-0000000b\",\"event\":%s}\n\n: ping\n\n", first)
			fmt.Fprint(w, "id: 3-0000000c\n\nevent: close\ndata: {\"code\":1001,\"reason\":\"the node stops\"}\n\n")
			return
		}
		fmt.Fprint(w, "data: {\"cursor\":\"3-0000000c\",\"resumed\":true}\n\n")
		fmt.Fprintf(w, "id: 4-0000000d\ndata: {\"cursor\":\"4-0000000d\",\"event\":%s}\n\n", second)
	})
	var log bytes.Buffer
	ready := 0
	var got []string
	done := errors.New("done")
	err := c.Events(t.Context(), []string{"soccer.#", "*.*.goal"}, slog.New(slog.NewTextHandler(&log, nil)),
		func() { ready++ },
		func(_ event.Event, body []byte) error {
			if got = append(got, string(body)); len(got) == 2 {
				return done
			}
			return nil
		})
	if !errors.Is(err, done) || ready != 1 || !slices.Equal(got, []string{first, second}) {
		t.Errorf("got the events %v, %d times ready, error %v; want both events, once ready", got, ready, err)
	}
	if !strings.Contains(log.String(), "the node stops (code 1001)") || strings.Contains(log.String(), "missing") {
		t.Errorf("log:\n%s\nwant the reason for reconnecting, and no missing events", &log)
	}
}

// If the server no longer has the events after the cursor, the log says that events may be missing.
func TestStreamWithAGap(t *testing.T) {
	t.Parallel()
	_, body := goal(t, "Osorio")
	var connections atomic.Int32
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.RawQuery != "" {
			t.Errorf("the query is %q, want none, because # selects all events", r.URL.RawQuery)
		}
		fmt.Fprintf(w, snapshot, "")
		if connections.Add(1) == 2 {
			fmt.Fprintf(w, "data: {\"event\":%s}\n\n", body)
		}
	})
	var log bytes.Buffer
	done := errors.New("done")
	err := c.Events(t.Context(), []string{"#"}, slog.New(slog.NewTextHandler(&log, nil)), func() {},
		func(event.Event, []byte) error { return done })
	if !errors.Is(err, done) || strings.Count(log.String(), "events may be missing") != 1 {
		t.Errorf("error %v, log:\n%s\nwant one warning that events may be missing", err, &log)
	}
}

// A stream ends with the reason of the server if reconnecting cannot help. It ends without an error when its
// context ends.
func TestStreamEnds(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		respond http.HandlerFunc
		want    string
	}{
		"closed": {func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprintf(w, snapshot, "")
			_, _ = io.WriteString(w, "event: close\ndata: {\"code\":4002,\"reason\":\"not your filter\"}\n\n")
		}, "not your filter (code 4002)"},
		"no token": {func(w http.ResponseWriter, _ *http.Request) {
			problem.Write(w, http.StatusUnauthorized, "want a token", "")
		}, "want a token"},
		"no streams": {http.NotFound, "HTTP status 404"},
	} {
		c := serve(t, tc.respond)
		err := c.Events(t.Context(), nil, slog.New(slog.DiscardHandler), func() {},
			func(event.Event, []byte) error { return nil })
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: error %v, want %q", name, err, tc.want)
		}
		testenv.NoSecret(t, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, snapshot, "")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	err := c.Events(ctx, nil, slog.New(slog.DiscardHandler), cancel, func(event.Event, []byte) error { return nil })
	if err != nil {
		t.Errorf("after the end of the context: error %v, want none", err)
	}
}
