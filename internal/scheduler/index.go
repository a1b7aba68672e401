package scheduler

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/singleflight"

	"github.com/matchwire/matchwire/event"
)

// indexing is the beginning of the scripts that use the index of sources. place gives a source its
// place in the order of activation. show sets the matches of a source. Its parameter text has the
// form that the function shown returns. An empty text removes the matches. unlist removes a source
// from the index. due_ms returns when the latest poll of a source was due, or '0'.
const indexing = `
local function place(id, at)
  local free = tonumber(at)
  local function text() return string.format('%.0f', free) end
  while redis.call('zcount', KEYS[9], text(), text()) > 0 do free = free + 1 end
  redis.call('zadd', KEYS[9], text(), id)
end
local function show(id, text)
  local had, now = redis.call('hget', KEYS[11], id) or '', string.match(text, ' .*') or ''
  had = string.match(had, ' .*') or ''
  if had ~= now then
    for match in string.gmatch(had, '%S+') do redis.call('zrem', KEYS[10], match .. ' ' .. id) end
    for match in string.gmatch(now, '%S+') do redis.call('zadd', KEYS[10], 0, match .. ' ' .. id) end
  end
  if text == '' then redis.call('hdel', KEYS[11], id) else redis.call('hset', KEYS[11], id, text) end
end
local function unlist(id)
  redis.call('zrem', KEYS[9], id)
  show(id, '')
end
local function due_ms(id)
  return string.match(redis.call('hget', KEYS[5], id) or '', '^{"due_ms":(-?%d+)') or '0'
end
`

// shown returns the value for a source in the hash shown: when the latest poll was due, in Unix
// milliseconds, and the IDs of the matches that the source shows. latest is nil before the first poll.
func shown(a Activation, latest *LatestPoll) string {
	due, ids := int64(0), []string{a.Match}
	if latest != nil {
		due = latest.Due
		for _, m := range latest.Matches {
			ids = append(ids, m.ID)
		}
	}
	slices.Sort(ids)
	ids = slices.DeleteFunc(slices.Compact(ids), func(id string) bool { return event.CheckMatchID(id) != nil })
	return strings.Join(append([]string{strconv.FormatInt(due, 10)}, ids...), " ")
}

// shows reports whether a source shows a match.
func (e Entry) shows(match string) bool {
	return e.Match == match || slices.ContainsFunc(e.Latest.Matches, func(m event.Match) bool { return m.ID == match })
}

// reindex adds a source to the index. It does nothing if the activation is no longer the latest. It
// does not change the matches if the poll is no longer the latest.
var reindex = redis.NewScript(indexing + `
if redis.call('hget', KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end
if not redis.call('zscore', KEYS[9], ARGV[1]) then place(ARGV[1], ARGV[3]) end
if string.match(ARGV[4], '^-?%d+') == due_ms(ARGV[1]) then show(ARGV[1], ARGV[4]) end
return 1`)

// reindex adds sources to the index. activations maps the ID of each source to its activation as JSON.
func (s *Schedule) reindex(ctx context.Context, activations map[string]string, ids []string) error {
	for some := range slices.Chunk(ids, entrySlice) {
		entries, err := s.read(ctx, some)
		if err != nil {
			return err
		}
		for _, e := range entries {
			latest := &e.Latest
			if e.Latest.At.IsZero() {
				latest = nil
			}
			err := reindex.Run(ctx, s.redis, s.keys(), e.ID, activations[e.ID], e.Activated.UnixMicro(),
				shown(e.Activation, latest)).Err()
			if err != nil {
				return fmt.Errorf("adding source %s to the index of the schedule: %w", e.ID, err)
			}
		}
	}
	return nil
}

// unlist removes from the index each source in ARGV that is not on the schedule.
var unlist = redis.NewScript(indexing + `
for _, id in ipairs(ARGV) do
  if redis.call('hexists', KEYS[1], id) == 0 then unlist(id) end
end
return 1`)

// unlist removes from the index each of the given sources that is not on the schedule.
func (s *Schedule) unlist(ctx context.Context, ids []string) error {
	if len(ids) == 0 {
		return nil
	}
	args := make([]any, len(ids))
	for i, id := range ids {
		args[i] = id
	}
	if err := unlist.Run(ctx, s.redis, s.keys(), args...).Err(); err != nil {
		return fmt.Errorf("removing sources from the index of the schedule: %w", err)
	}
	return nil
}

// prune removes from the index all sources that are not on the schedule.
func (s *Schedule) prune(ctx context.Context) error {
	for cursor := uint64(0); ; {
		pairs, next, err := s.redis.ZScan(ctx, s.key("order"), cursor, "", summarySlice).Result()
		if err != nil {
			return fmt.Errorf("reading the index of the schedule: %w", err)
		}
		var ids []string
		for pair := range slices.Chunk(pairs, 2) {
			ids = append(ids, pair[0])
		}
		for some := range slices.Chunk(ids, summarySlice) {
			if err := s.unlist(ctx, some); err != nil {
				return err
			}
		}
		if cursor = next; cursor == 0 {
			return nil
		}
	}
}

const (
	checkEvery   = 5 * time.Second // shortest interval between two checks of the index by one process
	checkTimeout = 10 * time.Second
)

// indexChecks limits the checks of the index by this process.
type indexChecks struct {
	group  singleflight.Group
	mu     sync.Mutex
	latest time.Time // when the index was last known to be complete
}

// check checks the index and completes it, unless this process has checked the index recently.
func (s *Schedule) check(ctx context.Context) error {
	if s.checkedRecently() {
		return nil
	}
	_, err, _ := s.index.group.Do("", func() (any, error) {
		if s.checkedRecently() { // another call has checked it in the meantime
			return nil, nil
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), checkTimeout) // other callers wait for the same check
		defer cancel()
		_, err := s.List(ctx)
		return nil, err
	})
	return err
}

// checkedRecently reports whether the index was last known to be complete less than checkEvery ago.
func (s *Schedule) checkedRecently() bool {
	s.index.mu.Lock()
	defer s.index.mu.Unlock()
	return time.Since(s.index.latest) < checkEvery
}

// checked records that the index is complete.
func (s *Schedule) checked() {
	s.index.mu.Lock()
	defer s.index.mu.Unlock()
	s.index.latest = time.Now()
}
