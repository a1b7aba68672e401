package parsertest

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/parser/page"
	"github.com/matchwire/matchwire/parser/poll"
	"github.com/matchwire/matchwire/parser/profile"
)

// A Source is a source that a test polls every 30 seconds.
type Source struct {
	t       *testing.T
	tracker *poll.Tracker
	Now     time.Time // of the latest poll
}

// Track returns a source with this profile.
func Track(t *testing.T, in *poll.Ingester, prof string) *Source {
	t.Helper()
	p, err := profile.Load("small.yaml", []byte(prof))
	if err != nil {
		t.Fatal(err)
	}
	return &Source{t, in.Track(p, ""), Noon}
}

// Read ingests a page and returns a summary of its events.
func (tr *Source) Read(body string) []string {
	tr.t.Helper()
	summary, _ := tr.ReadContext(tr.t.Context(), body)
	return summary
}

// ReadContext is Read under a context.
func (tr *Source) ReadContext(ctx context.Context, body string) ([]string, error) {
	tr.Now = tr.Now.Add(30 * time.Second)
	events, err := tr.tracker.Ingest(event.WithTID(ctx, event.NewTID()), page.Page{Body: []byte(body), At: tr.Now})
	return Summary(events), err
}

// Fail reports a poll that failed and returns a summary of its events.
func (tr *Source) Fail(reason string) []string {
	tr.t.Helper()
	tr.Now = tr.Now.Add(30 * time.Second)
	events, err := tr.tracker.NoteFailure(event.WithTID(tr.t.Context(), event.NewTID()), "https://site.example/", tr.Now, reason)
	if err != nil {
		tr.t.Fatal(err)
	}
	return Summary(events)
}

// Summary writes each event as its kind, match and reason.
func Summary(events []event.Event) []string {
	var all []string
	for _, e := range events {
		line := e.Data.Kind.Word(e.Data.Action) + " " + e.Subject
		if e.Data.Reason != "" {
			line += ": " + e.Data.Reason
		}
		all = append(all, line)
	}
	return all
}

// Expect fails the test if got is not want.
func Expect(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: %q, want %q", what, got, want)
	}
}
