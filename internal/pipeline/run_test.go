package pipeline_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	"github.com/matchwire/matchwire/consumers"
	"github.com/matchwire/matchwire/consumers/shipped"
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/pipeline"
	"github.com/matchwire/matchwire/parser/page"
	"github.com/matchwire/matchwire/parser/poll"
	"github.com/matchwire/matchwire/parser/profile"
)

// Somebody else's program adds a consumer of its own and runs everything.
func TestConsumerFromOutside(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	goals := make(chan event.Event, 100)
	discord := func(h consumers.Host) (consumers.Consumer, error) {
		return consumers.Consumer{Keys: []string{"*.*.goal"}, Handle: func(_ context.Context, e event.Event) error {
			goals <- e
			return nil
		}}, nil
	}
	a := pipeline.New(pipeline.Config{Listen: "127.0.0.1:0"}, pipeline.Servers{}, slog.New(slog.DiscardHandler),
		append(shipped.Plugins(), consumers.Plugin{Name: "discord", New: discord}))
	a.Feed = func(ctx context.Context, lib profile.Library, r *poll.Ingester) error {
		fetched := page.Page{URL: "https://x.example/", Body: []byte(`<header class="match-head"><p class="competition"><abbr>MLS</abbr>
			<div class="team--home"><h2>A</h2></div><div class="team--away"><h2>B</h2></div><div class="scoreline"><b class="home">1</b><b class="away">0</b></div>
			<span class="phase">First half</span></header><ol class="timeline"><li class="event--goal home"><span class="minute">6'</span><span class="who">P</span></li></ol>`)}
		if _, err := r.Track(lib["mls-matchcentre"], "m1").Ingest(ctx, fetched); err != nil {
			return err
		}
		<-ctx.Done()
		return nil
	}
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	select {
	case e := <-goals:
		if e.Data.Player != "P" || e.Subject != "m1" {
			t.Errorf("%+v", e)
		}
	case err := <-done:
		t.Fatalf("ended: %v", err)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// One part that fails stops all, and the others are waited for.
func TestFirstFailureEndsTheRun(t *testing.T) {
	broken := errors.New("broken")
	a := pipeline.New(pipeline.Config{Listen: "127.0.0.1:0"}, pipeline.Servers{}, slog.New(slog.DiscardHandler), shipped.Plugins())
	a.Feed = func(context.Context, profile.Library, *poll.Ingester) error { return broken }
	if err := a.Run(t.Context()); !errors.Is(err, broken) {
		t.Errorf("Run: %v", err)
	}
	failing := func(consumers.Host) (consumers.Consumer, error) { return consumers.Consumer{}, broken }
	a = pipeline.New(pipeline.Config{Listen: "127.0.0.1:0"}, pipeline.Servers{}, slog.New(slog.DiscardHandler),
		append(shipped.Plugins(), consumers.Plugin{Name: "x", New: failing}))
	if err := a.Run(t.Context()); !errors.Is(err, broken) || !strings.Contains(err.Error(), "consumer x") {
		t.Errorf("Run: %v", err)
	}
}

// The scheduler's queue is its own: no other consumer can have its name.
func TestNameOfTheScheduler(t *testing.T) {
	other := func(consumers.Host) (consumers.Consumer, error) { return consumers.Consumer{}, nil }
	a := pipeline.New(pipeline.Config{Listen: "127.0.0.1:0"}, pipeline.Servers{}, slog.New(slog.DiscardHandler),
		append(shipped.Plugins(), consumers.Plugin{Name: "scheduler", New: other}))
	if err := a.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "the scheduler is a role") {
		t.Errorf("Run: %v", err)
	}
}

// Without a config file the defaults are good, unless it was asked for.
func TestConfigDefaults(t *testing.T) {
	none := filepath.Join(t.TempDir(), "none.yaml")
	c, err := pipeline.LoadConfig(none, true)
	if err != nil || c.Listen != "" {
		t.Errorf("%+v %v", c, err)
	}
	if lib, err := c.Library(); err != nil || lib["fbref"] == nil {
		t.Errorf("%v %v", fmt.Sprint(lib), err)
	}
	if _, err := pipeline.LoadConfig(none, false); err == nil || !strings.Contains(err.Error(), none) {
		t.Errorf("a missing file: %v", err)
	}
}
