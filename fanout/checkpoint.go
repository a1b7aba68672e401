package fanout

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/matchwire/matchwire/event"
)

const (
	// checkpointEvery is how many messages of the log lie between two
	// checkpoints. A node begins at the second latest, so that it knows the
	// frames of the last 5,000 to 10,000 messages for clients that resume.
	checkpointEvery   = 5000
	checkpointTimeout = 10 * time.Second
)

// Checkpoints keep what the nodes know of the matches at places of the log, so
// that a node that starts need not read the log from its beginning:
//
//	mw:fanout:checkpoints  list of the latest two, the later one first: the offset, a space, and gzipped JSON lines
//
// Whose they are does not matter: at one place all nodes know the same.
type Checkpoints struct {
	redis redis.UniversalClient
	key   string
	every uint64 // checkpointEvery, if no test wants less
}

// NewCheckpoints keeps checkpoints in r, under a key that begins with prefix.
func NewCheckpoints(r redis.UniversalClient, prefix string) *Checkpoints {
	return &Checkpoints{redis: r, key: prefix + "fanout:checkpoints", every: checkpointEvery}
}

// A checkpoint is a fold, and the cursor of the last message that went into it.
// In its text this is the first line, and a line for each match follows, the one
// that was silent longest first.
type checkpoint struct {
	Cursor string   `json:"cursor"`
	ByHand []string `json:"by_hand"` // IDs, oldest first

	matches []*MatchState
}

// encode writes match by match, so that no more than the packed text is in
// memory at a time.
func (c checkpoint) encode(offset uint64) ([]byte, error) {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%d ", offset)
	z, err := gzip.NewWriterLevel(&b, gzip.BestSpeed)
	if err != nil {
		return nil, err
	}
	lines := json.NewEncoder(z)
	err = lines.Encode(c)
	for _, m := range c.matches {
		err = errors.Join(err, lines.Encode(m))
	}
	err = errors.Join(err, z.Close())
	return b.Bytes(), err
}

func decodeCheckpoint(text []byte) (checkpoint, error) {
	var c checkpoint
	_, packed, _ := bytes.Cut(text, []byte(" "))
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return c, err
	}
	lines := json.NewDecoder(z)
	if err := lines.Decode(&c); err != nil {
		return c, err
	}
	for {
		m := &MatchState{}
		switch err := lines.Decode(m); {
		case errors.Is(err, io.EOF):
			return c, nil
		case err != nil:
			return c, err
		}
		c.matches = append(c.matches, m)
	}
}

// Others write checkpoints of the same log: one that is not much later than
// theirs is not worth keeping.
var addCheckpoint = redis.NewScript(`
local latest = redis.call('lindex', KEYS[1], 0)
if latest and tonumber(ARGV[2]) < tonumber(string.match(latest, '^%d+')) + ARGV[3] then return 0 end
redis.call('lpush', KEYS[1], ARGV[1])
redis.call('ltrim', KEYS[1], 0, 1)
return 1`)

func (c *Checkpoints) add(ctx context.Context, text []byte, offset uint64) error {
	err := addCheckpoint.Run(ctx, c.redis, []string{c.key}, text, offset, c.every/2).Err()
	if err != nil {
		return fmt.Errorf("keeping a checkpoint: %w", err)
	}
	return nil
}

// latest returns the second latest checkpoint, or the only one; false if there
// is none.
func (c *Checkpoints) latest(ctx context.Context) (checkpoint, bool, error) {
	var cp checkpoint
	text, err := c.redis.LIndex(ctx, c.key, -1).Bytes()
	if errors.Is(err, redis.Nil) {
		return cp, false, nil
	}
	if err == nil {
		cp, err = decodeCheckpoint(text)
	}
	if err != nil {
		return cp, false, fmt.Errorf("reading the last checkpoint: %w", err)
	}
	return cp, true, nil
}

// forget removes all: the log they are about is gone.
func (c *Checkpoints) forget(ctx context.Context) error {
	return c.redis.Del(ctx, c.key).Err()
}

// restore begins where the latest checkpoint is, if there is one, else at the
// beginning of the log.
func (h *Hub) restore(ctx context.Context) event.Cursor {
	ctx, cancel := context.WithTimeout(ctx, checkpointTimeout)
	defer cancel()
	cp, ok, err := h.checkpoints.latest(ctx)
	var at event.Cursor
	if err == nil && ok {
		at, err = event.ParseCursor(cp.Cursor)
	}
	if err != nil {
		h.log.Warn("reading the event log from its beginning", "error", err)
		return event.Start
	}
	if !ok {
		return event.Start
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.fold, h.at, h.kept = foldOf(cp), at, at.Offset
	h.log.Info("reading the event log from a checkpoint", "cursor", at, "matches", len(cp.matches))
	return at
}

func foldOf(cp checkpoint) fold {
	f := newFold()
	for _, id := range cp.ByHand {
		f.byHand.add(id)
	}
	for _, m := range cp.matches {
		f.events++
		m.touched = f.events
		f.matches[m.Match.ID] = m
	}
	return f
}

// keep writes a checkpoint when the last is long enough ago. h.mu is held. One
// at a time is under way, and Run waits for it.
func (h *Hub) keep() {
	if h.at.Offset < h.kept+h.checkpoints.every || !h.keeping.TryLock() {
		return
	}
	h.kept = h.at.Offset
	offset := h.at.Offset
	cp := checkpoint{Cursor: h.at.String(), ByHand: h.fold.byHand.order,
		matches: slices.SortedFunc(maps.Values(h.fold.matches), func(a, b *MatchState) int { return cmp.Compare(a.touched, b.touched) })}
	text, err := cp.encode(offset)
	if err != nil {
		h.log.Error("no checkpoint kept", "error", err)
		h.keeping.Unlock()
		return
	}
	h.writing.Go(func() {
		defer h.keeping.Unlock()
		ctx, cancel := context.WithTimeout(context.Background(), checkpointTimeout)
		defer cancel()
		if err := h.checkpoints.add(ctx, text, offset); err != nil {
			h.log.Warn("no checkpoint kept", "error", err)
		}
	})
}
