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

	"github.com/matchwire/matchwire/broker"
)

const (
	// checkpointEvery is how many messages of the log lie between two
	// checkpoints. A node begins at the second latest, so that it knows the
	// frames of the last 5,000 to 10,000 messages for clients that resume.
	checkpointEvery   = 5000
	checkpointTimeout = 10 * time.Second
	// skew is how far the clocks of those who read pages may be apart.
	skew = time.Minute
)

// Checkpoints keep what the nodes know of the matches at places of the log, so
// that nobody needs to read it from its beginning:
//
//	mw:{fanout}:checkpoints  sorted set of the latest two, and 62 spread over all before; by offset: the offset, a space, when its page was read in Unix ms
//	mw:{fanout}:states       hash of the same names: gzipped JSON lines
//
// Whose they are does not matter: at one place all nodes know the same.
type Checkpoints struct {
	redis       redis.UniversalClient
	set, states string
	every       uint64 // checkpointEvery, if no test wants less
}

// NewCheckpoints keeps checkpoints in r, under keys that begin with prefix.
func NewCheckpoints(r redis.UniversalClient, prefix string) *Checkpoints {
	return &Checkpoints{redis: r, set: prefix + "{fanout}:checkpoints", states: prefix + "{fanout}:states", every: checkpointEvery}
}

// A checkpoint is a fold, and the cursor of the last message that went into it.
// In its text this is the first line, and a line for each match follows, the one
// that was silent longest first.
type checkpoint struct {
	Cursor string    `json:"cursor"`
	Read   time.Time `json:"read"`    // when the page of that message was
	ByHand []string  `json:"by_hand"` // IDs, oldest first

	at   broker.Cursor
	fold fold
}

// beginning is the one before everything.
func beginning() checkpoint { return checkpoint{at: broker.Start, fold: newFold()} }

// encode writes match by match, so that no more than the packed text is in
// memory at a time.
func (c checkpoint) encode() ([]byte, error) {
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestSpeed)
	if err != nil {
		return nil, err
	}
	lines := json.NewEncoder(z)
	err = lines.Encode(c)
	for _, m := range slices.SortedFunc(maps.Values(c.fold.matches), func(a, b *MatchState) int { return cmp.Compare(a.touched, b.touched) }) {
		err = errors.Join(err, lines.Encode(m))
	}
	err = errors.Join(err, z.Close())
	return b.Bytes(), err
}

func decodeCheckpoint(text []byte) (checkpoint, error) {
	c := beginning()
	z, err := gzip.NewReader(bytes.NewReader(text))
	if err != nil {
		return c, err
	}
	lines := json.NewDecoder(z)
	if err := lines.Decode(&c); err != nil {
		return c, err
	}
	if c.at, err = broker.ParseCursor(c.Cursor); err != nil {
		return c, err
	}
	for _, id := range c.ByHand {
		c.fold.byHand.add(id)
	}
	for {
		m := &MatchState{}
		switch err := lines.Decode(m); {
		case errors.Is(err, io.EOF):
			return c, nil
		case err != nil:
			return c, err
		}
		c.fold.events++
		m.touched = c.fold.events
		c.fold.matches[m.Match.ID] = m
	}
}

// Others write checkpoints of the same log: one that is not much later than
// theirs is not worth keeping. Of the older ones the one goes that is nearest to
// its neighbours.
var addCheckpoint = redis.NewScript(`
local latest = redis.call('zrevrange', KEYS[1], 0, 0, 'withscores')
if latest[2] and tonumber(ARGV[3]) < tonumber(latest[2]) + ARGV[4] then return 0 end
redis.call('zadd', KEYS[1], ARGV[3], ARGV[2])
redis.call('hset', KEYS[2], ARGV[2], ARGV[1])
local all = redis.call('zrange', KEYS[1], 0, -1, 'withscores')
local n = #all / 2
if n <= 64 then return 1 end
local least, at
for i = 2, n - 2 do
  local gap = all[2 * i + 2] - all[2 * i - 2]
  if not least or gap < least then least, at = gap, all[2 * i - 1] end
end
redis.call('zrem', KEYS[1], at)
redis.call('hdel', KEYS[2], at)
return 1`)

func (c *Checkpoints) add(ctx context.Context, text []byte, at broker.Cursor, read time.Time) error {
	name := fmt.Sprintf("%d %d", at.Offset, read.UnixMilli())
	err := addCheckpoint.Run(ctx, c.redis, []string{c.set, c.states}, text, name, at.Offset, c.every/2).Err()
	if err != nil {
		return fmt.Errorf("keeping a checkpoint: %w", err)
	}
	return nil
}

// latest returns the second latest checkpoint, or the only one; the beginning
// if there is none.
func (c *Checkpoints) latest(ctx context.Context) (checkpoint, error) {
	return c.choose(ctx, func(names []string) int { return max(0, len(names)-2) })
}

// before returns the last checkpoint that was not after an offset, nor after t
// if that is not zero; the beginning if there is none.
func (c *Checkpoints) before(ctx context.Context, offset uint64, t time.Time) (checkpoint, error) {
	return c.choose(ctx, func(names []string) int {
		for i, name := range slices.Backward(names) {
			var at uint64
			var ms int64
			if _, err := fmt.Sscan(name, &at, &ms); err == nil && at <= offset && (t.IsZero() || ms <= t.Add(-skew).UnixMilli()) {
				return i
			}
		}
		return -1
	})
}

// choose reads the checkpoint that which names of all, by offset.
func (c *Checkpoints) choose(ctx context.Context, which func([]string) int) (checkpoint, error) {
	if c == nil {
		return beginning(), nil
	}
	ctx, cancel := context.WithTimeout(ctx, checkpointTimeout)
	defer cancel()
	fail := func(err error) (checkpoint, error) {
		return beginning(), fmt.Errorf("reading a checkpoint: %w", err)
	}
	names, err := c.redis.ZRange(ctx, c.set, 0, -1).Result()
	if err != nil {
		return fail(err)
	}
	i := which(names)
	if i < 0 || i >= len(names) {
		return beginning(), nil
	}
	text, err := c.redis.HGet(ctx, c.states, names[i]).Bytes()
	if err != nil {
		return fail(err)
	}
	cp, err := decodeCheckpoint(text)
	if err != nil {
		return fail(err)
	}
	return cp, nil
}

// forget removes all: the log they are about is gone.
func (c *Checkpoints) forget(ctx context.Context) error {
	if c == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, checkpointTimeout)
	defer cancel()
	return c.redis.Del(ctx, c.set, c.states).Err()
}

// keep writes a checkpoint when the last is long enough ago. Only the reader of
// the log calls it. One at a time is under way, and Run waits for it.
func (h *Hub) keep(at broker.Cursor) {
	if h.checkpoints == nil || at.Offset < h.kept+h.checkpoints.every || !h.keeping.TryLock() {
		return
	}
	h.kept = at.Offset
	c := h.history.checkpoint()
	h.goroutines.Go(func() {
		defer h.keeping.Unlock()
		ctx, cancel := context.WithTimeout(context.Background(), checkpointTimeout)
		defer cancel()
		text, err := c.encode()
		if err == nil {
			err = h.checkpoints.add(ctx, text, c.at, c.Read)
		}
		if err != nil {
			h.log.Warn("no checkpoint kept", "error", err)
		}
	})
}

// checkpoint is the history's end: the latest message that was framed, so that
// every node knows its cursor.
func (h *history) checkpoint() checkpoint {
	h.mu.RLock()
	defer h.mu.RUnlock()
	at := h.lastFramed()
	return checkpoint{Cursor: at.String(), Read: h.lastRead(), ByHand: slices.Clone(h.fold.byHand.order), at: at, fold: fold{matches: maps.Clone(h.fold.matches)}}
}
