package pipeline_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/matchwire/matchwire/consumers"
	"github.com/matchwire/matchwire/consumers/shipped"
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/pipeline"
	"github.com/matchwire/matchwire/internal/trace"
	"github.com/matchwire/matchwire/parser/page"
	"github.com/matchwire/matchwire/parser/poll"
	"github.com/matchwire/matchwire/parser/profile"
)

// newPipeline returns a pipeline on embedded servers with the shipped consumers and the
// plugins in more.
func newPipeline(more ...consumers.Plugin) *pipeline.Pipeline {
	config := pipeline.Config{Listen: "127.0.0.1:0"}
	log := slog.New(slog.DiscardHandler)
	return pipeline.New(config, pipeline.Servers{}, log, append(shipped.Plugins(), more...))
}

// A program can add its own consumer and run all roles.
func TestAddedConsumer(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	goals := make(chan event.Event, 100)
	discord := func(h consumers.Host) (consumers.Consumer, error) {
		return consumers.Consumer{Keys: []string{"*.*.goal"}, Handle: func(_ context.Context, e event.Event) error {
			goals <- e
			return nil
		}}, nil
	}
	p := newPipeline(consumers.Plugin{Name: "discord", New: discord})
	p.Feed = func(ctx context.Context, lib profile.Library, in *poll.Ingester, _ *trace.Recorder) error {
		fetched := page.Page{URL: "https://x.example/", Body: []byte(`
			<header class="match-head">
				<p class="competition"><abbr>MLS</abbr></p>
				<div class="team--home"><h2>A</h2></div><div class="team--away"><h2>B</h2></div>
				<div class="scoreline"><b class="home">1</b><b class="away">0</b></div>
				<span class="phase">First half</span>
			</header>
			<ol class="timeline">
				<li class="event--goal home"><span class="minute">6'</span><span class="who">P</span></li>
			</ol>`)}
		if _, err := in.Track(lib["mls-matchcentre"], "m1").Ingest(ctx, fetched); err != nil {
			return err
		}
		<-ctx.Done()
		return nil
	}
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	select {
	case e := <-goals:
		if e.Data.Player != "P" || e.Subject != "m1" {
			t.Errorf("the consumer received %+v, want a goal by P in m1", e)
		}
	case err := <-done:
		t.Fatalf("Run returned %v before the consumer received a goal", err)
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("Run: error %v, want none", err)
	}
}

// If a role fails, Run stops all roles and returns the error. It also returns the error of a
// consumer that cannot be created.
func TestRunReturnsFirstError(t *testing.T) {
	broken := errors.New("broken")
	p := newPipeline()
	p.Feed = func(context.Context, profile.Library, *poll.Ingester, *trace.Recorder) error { return broken }
	if err := p.Run(t.Context()); !errors.Is(err, broken) {
		t.Errorf("Run with a failing Feed: error %v, want %v", err, broken)
	}
	failing := func(consumers.Host) (consumers.Consumer, error) { return consumers.Consumer{}, broken }
	p = newPipeline(consumers.Plugin{Name: "x", New: failing})
	if err := p.Run(t.Context()); !errors.Is(err, broken) || !strings.Contains(err.Error(), "consumer x") {
		t.Errorf("Run with a failing consumer: error %v, want %v from consumer x", err, broken)
	}
}

// A consumer cannot have the name of the scheduler, because both would use one queue.
func TestConsumerNamedScheduler(t *testing.T) {
	other := func(consumers.Host) (consumers.Consumer, error) { return consumers.Consumer{}, nil }
	p := newPipeline(consumers.Plugin{Name: "scheduler", New: other})
	if err := p.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "the scheduler is a role") {
		t.Errorf("Run: error %v, want one about the role scheduler", err)
	}
}

// LoadConfig returns an empty Config for a missing optional file, and an error for any other
// missing file.
func TestMissingConfigFile(t *testing.T) {
	none := filepath.Join(t.TempDir(), "none.yaml")
	c, err := pipeline.LoadConfig(none, true)
	if err != nil || c.Listen != "" {
		t.Errorf("missing optional file: config %+v, error %v; want an empty config", c, err)
	}
	if lib, err := c.Library(); err != nil || lib["fbref"] == nil {
		t.Errorf("library of an empty config: %v, error %v; want the shipped profiles", fmt.Sprint(lib), err)
	}
	if _, err := pipeline.LoadConfig(none, false); err == nil || !strings.Contains(err.Error(), none) {
		t.Errorf("missing file: error %v, want one that names the file", err)
	}
}

// LoadConfig rejects the former name of a config key, with its position and current name.
func TestRenamedConfigKeys(t *testing.T) {
	file := filepath.Join(t.TempDir(), "matchwire.yaml")
	for _, tc := range []struct{ config, want string }{
		{"listen: ':1'\nkeep: failed\n", "matchwire.yaml:2:7: keep: this key is now called failed_pages"},
		{"fanout:\n  tokens: keys.json\n", "matchwire.yaml:2:11: fanout.tokens: this key is now called fanout.token_keys"},
		{"trace: {keep: 1h}\n", ""},
	} {
		if err := os.WriteFile(file, []byte(tc.config), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := pipeline.LoadConfig(file, false)
		if got := fmt.Sprint(err); tc.want == "" && err != nil || !strings.Contains(got, tc.want) {
			t.Errorf("config %q: error %q, want %q", tc.config, got, tc.want)
		}
	}
}
