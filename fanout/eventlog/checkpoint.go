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
	// checkpointInterval is the number of messages after which a node saves the next checkpoint. A
	// node starts at the second latest checkpoint, so it has the frames of the last 5,000 to 10,000
	// messages in memory.
	checkpointInterval = 5000
	checkpointTimeout  = 10 * time.Second // maximum time of the Redis commands in one call
	// clockSkew is the maximum assumed difference between the clocks of parser workers.
	clockSkew = time.Minute
)

// Checkpoints stores checkpoints in Redis, so that a node does not have to read the log from its
// beginning. All nodes share the checkpoints. The Redis keys, with the prefix mw:, are:
//
//	mw:{fanout}:checkpoints  sorted set of checkpoint names, by log offset: the latest two, and up to
//	                         62 spread over the rest of the log. A name is the offset, a space, and the
//	                         time when the message's page was read, in Unix milliseconds.
//	mw:{fanout}:states       hash from a name to the checkpoint, as gzipped JSON lines
//
// A nil *Checkpoints has no checkpoints.
type Checkpoints struct {
	redis       redis.UniversalClient
	set, states string // the Redis keys
	interval    uint64 // checkpointInterval, except in tests
}

// NewCheckpoints returns the Checkpoints in r. The Redis keys begin with prefix.
func NewCheckpoints(r redis.UniversalClient, prefix string) *Checkpoints {
	return &Checkpoints{redis: r, set: prefix + "{fanout}:checkpoints", states: prefix + "{fanout}:states",
		interval: checkpointInterval}
}

// Every sets the number of messages after which a node saves the next checkpoint, and returns c. It
// is for tests.
func (c *Checkpoints) Every(messages uint64) *Checkpoints {
	c.interval = messages
	return c
}

// Due reports whether to save a checkpoint at offset. last is the offset of the latest saved
// checkpoint.
func (c *Checkpoints) Due(last, offset uint64) bool { return c != nil && offset >= last+c.interval }

// A Checkpoint holds the states of all matches after the message at a cursor.
type Checkpoint struct {
	Cursor broker.Cursor
	Read   time.Time // when the page of the message was read
	fold   fold
}

// Matches returns the number of matches in the checkpoint.
func (c Checkpoint) Matches() int { return c.fold.states.Len() }

// WithMatches returns a copy of c whose limit is n matches. If c has more than n matches, the copy lacks
// those that have not changed for the longest time.
func (c Checkpoint) WithMatches(n int) Checkpoint {
	c.fold.states = c.fold.states.Clone()
	c.fold.states.limit = n
	c.fold.states.shrink(n)
	return c
}

// Beginning returns the checkpoint before the first message.
func Beginning() Checkpoint { return Checkpoint{Cursor: broker.Start, fold: newFold()} }

// Checkpoint returns the checkpoint at the latest frame. Its cursor belongs to a framed message,
// because nodes do not keep the cursors of unframed messages.
func (h *History) Checkpoint() Checkpoint {
	h.mu.RLock()
	defer h.mu.RUnlock()
	unsequenced := recentIDs{order: slices.Clone(h.fold.unsequenced.order)}
	return Checkpoint{Cursor: h.lastFramed(), Read: h.lastRead(),
		fold: fold{states: h.fold.states.Clone(), unsequenced: unsequenced}}
}

// checkpointHeader is the first line of an encoded checkpoint. Each further line is the state of a
// match. The match that changed last comes last.
type checkpointHeader struct {
	Cursor      string    `json:"cursor"`
	Read        time.Time `json:"read"`
	Unsequenced []string  `json:"by_hand"` // event IDs, oldest first
	// Limit is States.limit. It is 0 in a checkpoint of an earlier version, which had a fixed limit and
	// did not store Dropped.
	Limit   int       `json:"limit,omitzero"`
	Dropped time.Time `json:"dropped,omitzero"` // States.dropped
}

// encode returns the checkpoint as gzipped JSON lines. It encodes the states one by one, so that only
// the compressed text is in memory.
func (c Checkpoint) encode() ([]byte, error) {
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestSpeed)
	if err != nil {
		return nil, err
	}
	lines := json.NewEncoder(z)
	err = lines.Encode(checkpointHeader{c.Cursor.String(), c.Read, c.fold.unsequenced.order,
		c.fold.states.limit, c.fold.states.dropped})
	byChange := func(a, b *MatchState) int { return cmp.Compare(a.changed, b.changed) }
	for _, m := range slices.SortedFunc(maps.Values(c.fold.states.byID), byChange) {
		err = errors.Join(err, lines.Encode(m))
	}
	err = errors.Join(err, z.Close())
	return b.Bytes(), err
}

// decodeCheckpoint decodes the result of encode.
func decodeCheckpoint(text []byte) (Checkpoint, error) {
	c, oldest := Beginning(), time.Time{}
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
	for _, id := range header.Unsequenced {
		c.fold.unsequenced.add(id)
	}
	states := &c.fold.states
	states.dropped = header.Dropped
	for {
		m := &MatchState{}
		switch err := lines.Decode(m); {
		case errors.Is(err, io.EOF):
			if header.Limit == 0 && states.Len() >= DefaultMatches {
				states.dropped = oldest // any match that the earlier version dropped had last changed before this time
			}
			return c, nil
		case err != nil:
			return c, err
		}
		c.fold.events++
		m.changed = c.fold.events
		states.byID[m.Match.ID] = m
		if oldest.IsZero() {
			oldest = m.Updated // the match that has not changed for the longest time comes first
		}
	}
}

// addCheckpoint adds a checkpoint unless the latest checkpoint, which another node may have added, is
// too close. If there are then more than 64 checkpoints, addCheckpoint removes the checkpoint with
// the smallest distance between its neighbours, but never the first checkpoint or the latest two.
// The arguments are the encoded checkpoint, its name, its offset, and the minimum distance to the
// latest checkpoint.
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

// Save stores a checkpoint, unless another node has stored a checkpoint close to it.
func (c *Checkpoints) Save(ctx context.Context, cp Checkpoint) error {
	ctx, cancel := context.WithTimeout(ctx, checkpointTimeout)
	defer cancel()
	text, err := cp.encode()
	if err == nil {
		name := fmt.Sprintf("%d %d", cp.Cursor.Offset, cp.Read.UnixMilli())
		keys := []string{c.set, c.states}
		err = addCheckpoint.Run(ctx, c.redis, keys, text, name, cp.Cursor.Offset, c.interval/2).Err()
	}
	if err != nil {
		return fmt.Errorf("saving a checkpoint: %w", err)
	}
	return nil
}

// Startup returns the checkpoint where a node starts to read: the second latest checkpoint, or the
// only checkpoint. If there is none, Startup returns [Beginning].
func (c *Checkpoints) Startup(ctx context.Context) (Checkpoint, error) {
	return c.choose(ctx, func(names []string) int { return max(0, len(names)-2) })
}

// Before returns the latest checkpoint that is not after offset and whose page was read at least
// clockSkew before t. A zero t is ignored. If there is no such checkpoint, Before returns
// [Beginning].
func (c *Checkpoints) Before(ctx context.Context, offset uint64, t time.Time) (Checkpoint, error) {
	return c.choose(ctx, func(names []string) int {
		for i, name := range slices.Backward(names) {
			var at uint64
			var ms int64
			_, err := fmt.Sscan(name, &at, &ms)
			if err == nil && at <= offset && (t.IsZero() || ms <= t.Add(-clockSkew).UnixMilli()) {
				return i
			}
		}
		return -1
	})
}

// choose reads the checkpoint whose index pick returns. The argument of pick holds the names of all
// checkpoints, in the order of their offsets. If c is nil or the index is out of range, choose returns
// [Beginning].
func (c *Checkpoints) choose(ctx context.Context, pick func(names []string) int) (Checkpoint, error) {
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
	i := pick(names)
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

// DeleteAll deletes all checkpoints. Call it when the log no longer has the messages at the
// checkpoints.
func (c *Checkpoints) DeleteAll(ctx context.Context) error {
	if c == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, checkpointTimeout)
	defer cancel()
	return c.redis.Del(ctx, c.set, c.states).Err()
}
