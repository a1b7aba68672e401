package scheduler

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"
)

// Maximum numbers of sources that one command reads, so that other clients of Redis do not wait long.
const (
	summarySlice = 100 // for summaries
	entrySlice   = 20  // for entries, which can have up to maxShown matches each
)

// An Entry is the state of a source on the schedule.
type Entry struct {
	Activation
	Next     time.Time     // when the next poll is due; zero if the source is stopped or paused
	Interval time.Duration // the current interval between polls; 0 before the first poll
	Latest   LatestPoll    // zero before the first poll
	Paused   *Pause        // nil if the source is not paused
}

// Get returns the entry of a source. If the source is not on the schedule, Get returns false.
func (s *Schedule) Get(ctx context.Context, source string) (Entry, bool, error) {
	found, err := s.read(ctx, []string{source})
	if err != nil || len(found) == 0 {
		return Entry{}, false, err
	}
	return found[0], true, nil
}

// read returns the entries of the given sources that are on the schedule.
func (s *Schedule) read(ctx context.Context, ids []string) (all []Entry, err error) {
	pipe := s.redis.Pipeline()
	activations, intervals := pipe.HMGet(ctx, s.key("sources"), ids...), pipe.HMGet(ctx, s.key("interval"), ids...)
	polled, paused := pipe.HMGet(ctx, s.key("polled"), ids...), pipe.HMGet(ctx, s.key("paused"), ids...)
	next := make([]*redis.FloatCmd, len(ids))
	for i, id := range ids {
		next[i] = pipe.ZScore(ctx, s.key("due"), id)
	}
	if _, err := pipe.Exec(ctx); err != nil && !errors.Is(err, redis.Nil) {
		return nil, fmt.Errorf("reading the schedule of sources %v: %w", ids, err)
	}
	for i := range ids {
		text, ok := activations.Val()[i].(string)
		if !ok {
			continue
		}
		interval, _ := intervals.Val()[i].(string)
		latest, _ := polled.Val()[i].(string)
		pause, _ := paused.Val()[i].(string)
		e, err := entry(text, next[i].Val(), interval, latest, pause)
		if err != nil {
			return nil, err
		}
		all = append(all, e)
	}
	return all, nil
}

// summaries returns five strings for each source in ARGV: the LatestPoll without its last members,
// matches and course; when the next poll is due; the interval; the Pause; and "1" if the index has the source
// and its latest poll. A string is empty if there is no such value.
var summaries = redis.NewScript(indexing + `
local all = {}
for _, id in ipairs(ARGV) do
  local polled = redis.call('hget', KEYS[5], id) or ''
  local ends = string.find(polled, ',"matches":[', 1, true) or string.find(polled, ',"course":{', 1, true)
  if ends then polled = string.sub(polled, 1, ends - 1) .. '}' end
  local indexed = string.match(redis.call('hget', KEYS[11], id) or '', '^-?%d+') == due_ms(id)
  all[#all+1] = polled
  all[#all+1] = redis.call('zscore', KEYS[2], id) or ''
  all[#all+1] = redis.call('hget', KEYS[3], id) or ''
  all[#all+1] = redis.call('hget', KEYS[12], id) or ''
  all[#all+1] = indexed and redis.call('zscore', KEYS[9], id) and '1' or ''
end
return all`)

// Count returns the number of sources on the schedule.
func (s *Schedule) Count(ctx context.Context) (int, error) {
	n, err := s.redis.HLen(ctx, s.key("sources")).Result()
	if err != nil {
		return 0, fmt.Errorf("counting the sources on the schedule: %w", err)
	}
	return int(n), nil
}

// List returns all entries in the order of activation, without the matches and the course of their
// latest polls. It also completes the index for [Schedule.Page]. It reads all sources, in small parts.
func (s *Schedule) List(ctx context.Context) ([]Entry, error) {
	found := map[string]Entry{}
	for cursor := uint64(0); ; {
		pairs, next, err := s.redis.HScan(ctx, s.key("sources"), cursor, "", summarySlice).Result()
		if err != nil {
			return nil, fmt.Errorf("reading the schedule: %w", err)
		}
		for some := range slices.Chunk(pairs, 2*summarySlice) {
			if err := s.summarize(ctx, some, found); err != nil {
				return nil, err
			}
		}
		if cursor = next; cursor == 0 {
			break
		}
	}
	listed, err := s.redis.ZCard(ctx, s.key("order")).Result()
	if err != nil {
		return nil, fmt.Errorf("reading the index of the schedule: %w", err)
	}
	if listed > int64(len(found)) {
		if err := s.prune(ctx); err != nil {
			return nil, err
		}
	}
	s.checked()
	return slices.SortedFunc(maps.Values(found), func(a, b Entry) int {
		return cmp.Or(a.Activated.Compare(b.Activated), cmp.Compare(a.ID, b.ID))
	}), nil
}

// summarize adds the entries of sources to found, without matches. pairs contains, alternately, the ID of
// a source and its activation as JSON. If the index lacks some of these sources, summarize adds them to the index.
func (s *Schedule) summarize(ctx context.Context, pairs []string, found map[string]Entry) error {
	activations, ids := map[string]string{}, []any{}
	for pair := range slices.Chunk(pairs, 2) {
		if _, repeated := activations[pair[0]]; !repeated {
			ids = append(ids, pair[0])
		}
		activations[pair[0]] = pair[1]
	}
	fields, err := summaries.Run(ctx, s.redis, s.keys(), ids...).StringSlice()
	if err != nil {
		return fmt.Errorf("reading the schedule: %w", err)
	}
	var missing []string
	for i, f := range slices.Collect(slices.Chunk(fields, 5)) {
		id := ids[i].(string)
		next, _ := strconv.ParseFloat(f[1], 64)
		e, err := entry(activations[id], next, f[2], f[0], f[3])
		if err != nil {
			return err
		}
		found[id] = e
		if f[4] == "" {
			missing = append(missing, id)
		}
	}
	return s.reindex(ctx, activations, missing)
}

func entry(activation string, next float64, interval, polled, paused string) (e Entry, err error) {
	if err := json.Unmarshal([]byte(activation), &e.Activation); err != nil {
		return e, fmt.Errorf("reading the schedule: %w", err)
	}
	if next > 0 {
		e.Next = time.UnixMilli(int64(next)).UTC()
	}
	e.Interval = milliseconds(interval)
	if polled != "" {
		if err := json.Unmarshal([]byte(polled), &e.Latest); err != nil {
			return e, fmt.Errorf("reading the schedule of source %s: %w", e.ID, err)
		}
	}
	if paused != "" {
		e.Paused = &Pause{}
		if err := json.Unmarshal([]byte(paused), e.Paused); err != nil {
			return e, fmt.Errorf("reading the pause of source %s: %w", e.ID, err)
		}
	}
	return e, nil
}

// A Query selects entries of the schedule.
type Query struct {
	Match string // only sources that show the match with this ID; "" selects all sources
	After string // only sources after this position, which [Schedule.Page] has returned; "" begins with the first
}

// ErrPosition reports that Query.After is not a position.
var ErrPosition = errors.New("not a position in the list of sources")

// Page calls visit for at most n selected entries, the latest activation first, until visit returns
// false. next is the position of the last of these entries, or "" if no entry follows. If a caller
// reads all pages, each source that stays on the schedule is on one of the pages. Without q.Match,
// a page costs Redis only the work for its own entries.
func (s *Schedule) Page(ctx context.Context, q Query, n int, visit func(Entry) bool) (next string, err error) {
	after := int64(1) << 53
	if q.After != "" {
		if after, err = strconv.ParseInt(q.After, 36, 64); err != nil || after < 0 || after > 1<<53 {
			return "", ErrPosition
		}
	}
	if err := s.checkIndex(ctx); err != nil {
		return "", err
	}
	for {
		few := min(n, entrySlice)
		listed, err := s.listed(ctx, q.Match, after, few+1) // one more, to know whether another follows
		if err != nil {
			return "", err
		}
		more := len(listed) > few
		listed = listed[:min(few, len(listed))]
		entries, err := s.readListed(ctx, listed)
		if err != nil {
			return "", err
		}
		for i, z := range listed {
			after = int64(z.Score)
			e, ok := entries[z.Member.(string)]
			if !ok || q.Match != "" && !e.shows(q.Match) {
				continue
			}
			n--
			if visit(e) && n > 0 {
				continue
			}
			if !more && i == len(listed)-1 {
				return "", nil
			}
			return strconv.FormatInt(after, 36), nil
		}
		if !more {
			return "", nil
		}
	}
}

// checkIndex completes the index if its number of sources differs from that of the schedule.
func (s *Schedule) checkIndex(ctx context.Context) error {
	pipe := s.redis.Pipeline()
	sources, order := pipe.HLen(ctx, s.key("sources")), pipe.ZCard(ctx, s.key("order"))
	shown := pipe.HLen(ctx, s.key("shown"))
	if _, err := pipe.Exec(ctx); err != nil {
		return fmt.Errorf("reading the schedule: %w", err)
	}
	if sources.Val() == order.Val() && sources.Val() == shown.Val() {
		return nil
	}
	return s.check(ctx)
}

// listedWithMatch returns the IDs and places of at most ARGV[3] sources with the match ARGV[1] whose
// place is less than ARGV[2], the highest place first.
var listedWithMatch = redis.NewScript(`
local all = {}
for _, member in ipairs(redis.call('zrangebylex', KEYS[10], '[' .. ARGV[1] .. ' ', '(' .. ARGV[1] .. '!')) do
  local id = string.match(member, ' (.*)')
  local at = redis.call('zscore', KEYS[9], id)
  if at and tonumber(at) < tonumber(ARGV[2]) then all[#all+1] = {id, at} end
end
table.sort(all, function(a, b) return tonumber(a[2]) > tonumber(b[2]) end)
local out = {}
for i = 1, math.min(#all, tonumber(ARGV[3])) do
  out[#out+1] = all[i][1]
  out[#out+1] = all[i][2]
end
return out`)

// listed returns the IDs and places of at most n sources in the index whose place is less than after,
// the highest place first. If match is not "", it returns only sources with this match.
func (s *Schedule) listed(ctx context.Context, match string, after int64, n int) (all []redis.Z, err error) {
	if match == "" {
		all, err = s.redis.ZRevRangeByScoreWithScores(ctx, s.key("order"), &redis.ZRangeBy{
			Max: "(" + strconv.FormatInt(after, 10), Min: "-inf", Count: int64(n),
		}).Result()
	} else {
		var pairs []string
		pairs, err = listedWithMatch.Run(ctx, s.redis, s.keys(), match, after, n).StringSlice()
		for pair := range slices.Chunk(pairs, 2) {
			at, _ := strconv.ParseFloat(pair[1], 64)
			all = append(all, redis.Z{Score: at, Member: pair[0]})
		}
	}
	if err != nil {
		return nil, fmt.Errorf("reading the index of the schedule: %w", err)
	}
	return all, nil
}

// readListed returns the entries of sources in the index, by ID. It removes from the
// index the sources that are not on the schedule.
func (s *Schedule) readListed(ctx context.Context, listed []redis.Z) (map[string]Entry, error) {
	var ids []string
	for _, z := range listed {
		ids = append(ids, z.Member.(string))
	}
	if len(ids) == 0 {
		return nil, nil
	}
	found, err := s.read(ctx, ids)
	if err != nil {
		return nil, err
	}
	byID := map[string]Entry{}
	for _, e := range found {
		byID[e.ID] = e
	}
	gone := slices.DeleteFunc(ids, func(id string) bool { _, ok := byID[id]; return ok })
	return byID, s.unlist(ctx, gone)
}
