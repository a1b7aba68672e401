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

// Track returns a source whose pages have the profile prof, in YAML.
func Track(t *testing.T, in *poll.Ingester, prof string) *Source {
	t.Helper()
	p, err := profile.Load("small.yaml", []byte(prof))
	if err != nil {
		t.Fatal(err)
	}
	return &Source{t, in.Track(p, ""), Noon}
}

// Read ingests a page and returns a summary of the events. It ignores errors.
func (s *Source) Read(body string) []string {
	s.t.Helper()
	summary, _ := s.ReadContext(s.t.Context(), body)
	return summary
}

// ReadContext is Read with a context. It returns the error.
func (s *Source) ReadContext(ctx context.Context, body string) ([]string, error) {
	s.Now = s.Now.Add(30 * time.Second)
	events, err := s.tracker.Ingest(event.WithTID(ctx, event.NewTID()), page.Page{Body: []byte(body), At: s.Now})
	return Summary(events), err
}

// Fail records a failed poll and returns a summary of the events.
func (s *Source) Fail(reason string) []string {
	s.t.Helper()
	s.Now = s.Now.Add(30 * time.Second)
	ctx := event.WithTID(s.t.Context(), event.NewTID())
	events, err := s.tracker.NoteFailure(ctx, "https://site.example/", s.Now, reason)
	if err != nil {
		s.t.Fatal(err)
	}
	return Summary(events)
}

// Summary returns the kind, match and reason of each event.
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

// Expect reports an error to t if got is not want. step says which step of the test it is.
func Expect(t *testing.T, step string, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: %q, want %q", step, got, want)
	}
}
