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

// A Source is a source that a test polls. The simulated time between two polls is 30 seconds.
type Source struct {
	t       *testing.T
	tracker *poll.Tracker
	Now     time.Time // time of the latest poll
}

// Track returns a source with the profile prof, in YAML. The source passes its pages to in.
func Track(t *testing.T, in *poll.Ingester, prof string) *Source {
	t.Helper()
	p, err := profile.Load("small.yaml", []byte(prof))
	if err != nil {
		t.Fatal(err)
	}
	return &Source{t, in.Track(p, ""), Noon}
}

// Read ingests a page and returns a summary of the resulting events. It ignores errors.
func (s *Source) Read(body string) []string {
	s.t.Helper()
	summary, _ := s.ReadContext(s.t.Context(), body)
	return summary
}

// ReadContext is like Read with a context, but also returns the error.
func (s *Source) ReadContext(ctx context.Context, body string) ([]string, error) {
	s.Now = s.Now.Add(30 * time.Second)
	events, err := s.tracker.Ingest(event.WithTID(ctx, event.NewTID()), page.Page{Body: []byte(body), At: s.Now})
	return Summary(events), err
}

// Fail records a failed poll and returns a summary of the resulting events.
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

// Summary returns a line for each event with its kind, action, match and reason.
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

// Expect fails the test if got differs from want. step names the step of the test.
func Expect(t *testing.T, step string, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: got %q, want %q", step, got, want)
	}
}
