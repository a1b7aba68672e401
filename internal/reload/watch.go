package reload

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/matchwire/matchwire/health"
)

// A Watcher loads a config again when one of its files changes. It looks at the files at regular intervals, so a
// replaced file, a file behind a symbolic link and a file on a network count as well. It loads the config when two
// looks in a row have found the same new content, so that it rarely reads a file that a program still writes.
type Watcher struct {
	// Load loads the config and puts it into force. If it returns an error, the config before stays in force, and Run
	// calls Load again when one of the files changes that Load has read until the error.
	Load func() (Loaded, error)
	// Interval is the time between two looks at the files.
	Interval time.Duration
	// Now, if not nil, makes Run load the config for each value that it receives.
	Now <-chan struct{}
	Log *slog.Logger

	mu         sync.Mutex
	generation int
	loaded     time.Time // when the config in force was loaded, or loaded again without changes
	refused    error     // why the config on disk is not in force
	failures   int
}

// A Loaded is the result of loading a config.
type Loaded struct {
	Files   []string // the files and folders that were read, even if the config is refused
	Changes []any    // attributes for the log: how the config differs from the one before; none if it does not
	Done    func()   // called after Changes are logged, unless the config is refused; can be nil
}

// Run loads the config again when necessary, until ctx ends. before has the content of the files of the config in
// force, as a call of [Read] has returned it.
func (w *Watcher) Run(ctx context.Context, before Content) {
	w.mu.Lock()
	w.generation, w.loaded = 1, time.Now()
	w.mu.Unlock()
	tick := time.NewTicker(w.Interval)
	defer tick.Stop()
	look := &look{}
	seen, settling := before, Content(nil)
	for {
		now := false
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-w.Now:
			now = true
		}
		found := look.read(slices.Collect(maps.Keys(seen)))
		switch {
		case now:
		case maps.Equal(found, seen):
			settling = nil
			continue
		case !maps.Equal(found, settling):
			settling = found
			continue
		}
		seen, settling = w.load(look, found), nil
	}
}

// load loads the config. found is the content of the files before. load returns the content of the files that Run must
// look at.
func (w *Watcher) load(look *look, found Content) Content {
	loaded, err := w.Load()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.refused = err; err != nil {
		w.failures++
		w.Log.Error("the config on disk is refused: the previous config stays in force", "error", err)
	} else {
		w.loaded = time.Now()
		if len(loaded.Changes) > 0 {
			w.generation++
			w.Log.Info("config loaded again", append([]any{"generation", w.generation}, loaded.Changes...)...)
		} else {
			w.Log.Info("config loaded again: nothing has changed")
		}
		if loaded.Done != nil {
			loaded.Done()
		}
	}
	seen := look.read(loaded.Files)
	for file := range seen {
		if sum, ok := found[file]; ok { // as it was before Load read it
			seen[file] = sum
		}
	}
	return seen
}

// Health returns an issue if the config on disk is refused.
func (w *Watcher) Health(context.Context) []health.Issue {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.refused == nil {
		return nil
	}
	text := fmt.Sprintf("the config on disk is refused: the previous config stays in force: %v", w.refused)
	return []health.Issue{{Text: text}}
}

// Collectors returns the metrics of the config.
func (w *Watcher) Collectors() []prometheus.Collector {
	value := func(read func() float64) func() float64 {
		return func() float64 {
			w.mu.Lock()
			defer w.mu.Unlock()
			return read()
		}
	}
	gauge := func(name, help string, read func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value(read))
	}
	return []prometheus.Collector{
		gauge("matchwire_config_generation", "Number of configs that the process has had in force.",
			func() float64 { return float64(w.generation) }),
		gauge("matchwire_config_last_reload_successful", "1 if the config on disk is in force, 0 if it is refused.",
			func() float64 {
				if w.refused != nil {
					return 0
				}
				return 1
			}),
		gauge("matchwire_config_last_reload_success_timestamp_seconds",
			"When the config was last loaded without an error, in Unix seconds.",
			func() float64 { return float64(w.loaded.UnixMilli()) / 1000 }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "matchwire_config_reload_failures_total", Help: "Number of times that the config on disk was refused.",
		}, value(func() float64 { return float64(w.failures) })),
	}
}
