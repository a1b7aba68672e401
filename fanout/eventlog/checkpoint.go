package eventlog

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
	// checkpointInterval is how many messages of the log lie between two
	// checkpoints. A node begins at the second latest, so that it has the frames
	// of the last 5,000 to 10,000 messages in memory.
	checkpointInterval = 5000
	checkpointTimeout  = 10 * time.Second
	// clockSkew bounds how far the clocks of the pollers may differ.
	clockSkew = time.Minute
)

// Checkpoints are the states of the matches at places in the log, so that a
// node need not read it from its beginning. They are in Redis:
//
//	mw:{fanout}:checkpoints  sorted set of the latest two, and 62 spread over all before; by offset: the offset, a space, when its page was read in Unix ms
//	mw:{fanout}:states       hash of the same names: gzipped JSON lines
//
// All nodes write and read the same ones: the states at a place are the same for
// all nodes. A nil *Checkpoints has none.
type Checkpoints struct {
	redis       redis.UniversalClient
	set, states string
	interval    uint64 // checkpointInterval, except in tests
}

// NewCheckpoints returns the checkpoints in r whose keys begin with prefix.
func NewCheckpoints(r redis.UniversalClient, prefix string) *Checkpoints {
	return &Checkpoints{redis: r, set: prefix + "{fanout}:checkpoints", states: prefix + "{fanout}:states", interval: checkpointInterval}
}

// Every returns c with another number of messages between two checkpoints. It is for tests.
func (c *Checkpoints) Every(messages uint64) *Checkpoints {
	c.interval = messages
	return c
}

// Due reports whether the message at offset is so far after the last checkpoint
// that another should be saved.
func (c *Checkpoints) Due(last, offset uint64) bool { return c != nil && offset >= last+c.interval }

// A Checkpoint is the states of the matches after the message at a cursor.
type Checkpoint struct {
	Cursor broker.Cursor
	Read   time.Time // when the page of that message was read
	fold   fold
}

// Matches returns the number of matches.
func (c Checkpoint) Matches() int { return len(c.fold.states) }

// Beginning returns the checkpoint before all messages.
func Beginning() Checkpoint { return Checkpoint{Cursor: broker.Start, fold: newFold()} }

// Checkpoint returns the checkpoint at the latest frame. Only of framed messages
// does every node know the cursor.
func (h *History) Checkpoint() Checkpoint {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return Checkpoint{Cursor: h.lastFramed(), Read: h.lastRead(), fold: fold{states: maps.Clone(h.fold.states), byHand: recentIDs{order: slices.Clone(h.fold.byHand.order)}}}
}

// checkpointHeader is the first line of an encoded checkpoint. A line for each
// match follows, in the order of their last changes.
type checkpointHeader struct {
	Cursor string    `json:"cursor"`
	Read   time.Time `json:"read"`
	ByHand []string  `json:"by_hand"` // IDs, oldest first
}

// encode writes match by match, so that only the compressed text is in memory at
// a time.
func (c Checkpoint) encode() ([]byte, error) {
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestSpeed)
	if err != nil {
		return nil, err
	}
	lines := json.NewEncoder(z)
	err = lines.Encode(checkpointHeader{c.Cursor.String(), c.Read, c.fold.byHand.order})
	for _, m := range slices.SortedFunc(maps.Values(c.fold.states), func(a, b *MatchState) int { return cmp.Compare(a.changed, b.changed) }) {
		err = errors.Join(err, lines.Encode(m))
	}
	err = errors.Join(err, z.Close())
	return b.Bytes(), err
}

func decodeCheckpoint(text []byte) (Checkpoint, error) {
	c := Beginning()
	z, err := gzip.NewReader(bytes.NewReader(text))
	if err != nil {
		return c, err
	}
	lines := json.NewDecoder(z)
	var header checkpointHeader
	if err := lines.Decode(&header); err != nil {
		return c, err
	}
	if c.Cursor, err = broker.ParseCursor(header.Cursor); err != nil {
		return c, err
	}
	c.Read = header.Read
	for _, id := range header.ByHand {
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
		m.changed = c.fold.events
		c.fold.states[m.Match.ID] = m
	}
}

// All nodes write checkpoints of the same log. The script drops one that is not
// much later than the latest. Of the older ones it removes the one nearest to its
// neighbours.
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

// Save stores a checkpoint, unless another node has stored one close to it.
func (c *Checkpoints) Save(ctx context.Context, cp Checkpoint) error {
	ctx, cancel := context.WithTimeout(ctx, checkpointTimeout)
	defer cancel()
	text, err := cp.encode()
	if err == nil {
		name := fmt.Sprintf("%d %d", cp.Cursor.Offset, cp.Read.UnixMilli())
		err = addCheckpoint.Run(ctx, c.redis, []string{c.set, c.states}, text, name, cp.Cursor.Offset, c.interval/2).Err()
	}
	if err != nil {
		return fmt.Errorf("saving a checkpoint: %w", err)
	}
	return nil
}

// Latest returns the second latest checkpoint, or the only one. If there is none
// it returns the beginning.
func (c *Checkpoints) Latest(ctx context.Context) (Checkpoint, error) {
	return c.choose(ctx, func(names []string) int { return max(0, len(names)-2) })
}

// Before returns the last checkpoint not after an offset, nor after t unless t is
// zero. If there is none it returns the beginning.
func (c *Checkpoints) Before(ctx context.Context, offset uint64, t time.Time) (Checkpoint, error) {
	return c.choose(ctx, func(names []string) int {
		for i, name := range slices.Backward(names) {
			var at uint64
			var ms int64
			if _, err := fmt.Sscan(name, &at, &ms); err == nil && at <= offset && (t.IsZero() || ms <= t.Add(-clockSkew).UnixMilli()) {
				return i
			}
		}
		return -1
	})
}

// choose reads the checkpoint whose index which returns. The names are in the order of their offsets.
func (c *Checkpoints) choose(ctx context.Context, which func([]string) int) (Checkpoint, error) {
	if c == nil {
		return Beginning(), nil
	}
	ctx, cancel := context.WithTimeout(ctx, checkpointTimeout)
	defer cancel()
	fail := func(err error) (Checkpoint, error) {
		return Beginning(), fmt.Errorf("reading a checkpoint: %w", err)
	}
	names, err := c.redis.ZRange(ctx, c.set, 0, -1).Result()
	if err != nil {
		return fail(err)
	}
	i := which(names)
	if i < 0 || i >= len(names) {
		return Beginning(), nil
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

// DeleteAll removes all checkpoints. Call it when their log is gone.
func (c *Checkpoints) DeleteAll(ctx context.Context) error {
	if c == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, checkpointTimeout)
	defer cancel()
	return c.redis.Del(ctx, c.set, c.states).Err()
}
