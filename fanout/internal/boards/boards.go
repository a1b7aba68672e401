// Package boards reads the scoreboards of matches whose states a fan-out node does not have in memory.
// It limits the reads, because any client can ask for any match.
package boards

import (
	"context"
	"log/slog"
	"maps"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
	"golang.org/x/time/rate"

	"github.com/matchwire/matchwire/fanout/eventlog"
)

const (
	perSecond = 200             // maximum number of reads by a node per second, on average
	burst     = 500             // maximum number of reads by a node without a pause
	maxReads  = 50              // maximum number of reads in one call of Get
	cacheFor  = time.Second     // how long a result is reused
	timeout   = 3 * time.Second // time limit of one call of Get
)

// A Reader returns the state of a match according to its scoreboard, or nil if the match has none.
type Reader func(ctx context.Context, match string) (*eventlog.MatchState, error)

// Boards reads scoreboards. Its methods may be called from several goroutines. A nil *Boards finds no
// scoreboard.
type Boards struct {
	read    Reader
	log     *slog.Logger
	limiter *rate.Limiter
	group   singleflight.Group

	mu     sync.Mutex
	recent map[string]result // by match; at most burst + perSecond results, because the limiter bounds the reads
}

type result struct {
	state *eventlog.MatchState // nil if the match has no scoreboard
	until time.Time
}

// New returns Boards that call read, or nil if read is nil.
func New(read Reader, log *slog.Logger) *Boards {
	if read == nil {
		return nil
	}
	return &Boards{read: read, log: log, limiter: rate.NewLimiter(perSecond, burst), recent: map[string]result{}}
}

// Get returns the states of the matches that have a scoreboard. It leaves out matches that would
// exceed a limit on reads. If a read fails or the call takes 3 seconds, Get leaves out that match and
// all matches after it.
func (b *Boards) Get(ctx context.Context, matches []string) (states []*eventlog.MatchState) {
	if b == nil || len(matches) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	reads := 0
	for _, match := range matches {
		if ctx.Err() != nil {
			return states
		}
		state, ok := b.find(match)
		if !ok {
			if reads++; reads > maxReads || !b.limiter.Allow() {
				continue
			}
			found, err, _ := b.group.Do(match, func() (any, error) {
				shared, cancel := context.WithTimeout(context.WithoutCancel(ctx), timeout) // other calls wait too
				defer cancel()
				return b.load(shared, match)
			})
			if err != nil {
				b.log.Debug("scoreboard not read for a snapshot", "match", match, "error", err)
				return states
			}
			state = found.(*eventlog.MatchState)
		}
		if state != nil {
			states = append(states, state)
		}
	}
	return states
}

// find returns a recent result. ok reports whether there is one.
func (b *Boards) find(match string) (state *eventlog.MatchState, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	r, ok := b.recent[match]
	return r.state, ok && time.Now().Before(r.until)
}

// load reads a scoreboard and stores the result.
func (b *Boards) load(ctx context.Context, match string) (*eventlog.MatchState, error) {
	state, err := b.read(ctx, match)
	if err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	maps.DeleteFunc(b.recent, func(_ string, r result) bool { return !now.Before(r.until) })
	b.recent[match] = result{state, now.Add(cacheFor)}
	return state, nil
}
