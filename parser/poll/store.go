package poll

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/internal/outbox"
	"github.com/matchwire/matchwire/internal/redisclient"
	"github.com/matchwire/matchwire/parser/reconcile"
)

// A Store stores the states of matches in Redis. One transaction writes the state and the outbox of
// a match, so an event is in the outbox if and only if its state is saved.
//
//	mw:{<match>}:state  hash: version, state (JSON), saved_by (ID of the call of Save that wrote them)
//	mw:upcoming         sorted set of matches that have not begun, by kick-off time
type Store struct {
	redis  redis.UniversalClient
	prefix string
	outbox *outbox.Store
}

// NewStore returns a store in r. Its keys begin with prefix: "mw:", or "mw:<namespace>:" if
// installations share a server.
func NewStore(r redis.UniversalClient, prefix string) *Store {
	return &Store{redis: r, prefix: prefix, outbox: outbox.NewStore(r, prefix)}
}

// stateTTL is how long a state is stored after its last save.
const stateTTL = 30 * 24 * time.Hour

// ErrConflict means that another worker saved the state after it was loaded.
var ErrConflict = errors.New("another worker saved the match's state")

func (s *Store) key(match string) string { return s.prefix + "{" + match + "}:state" }

// Load returns the state of a match and its version. For an unknown match, it returns version 0 and
// a state that contains only a new epoch.
func (s *Store) Load(ctx context.Context, match string) (reconcile.State, int64, error) {
	vals, err := s.redis.HMGet(ctx, s.key(match), "version", "state").Result()
	if err != nil {
		return reconcile.State{}, 0, fmt.Errorf("loading the state of match %s: %w", match, err)
	}
	version, _ := vals[0].(string)
	text, _ := vals[1].(string)
	if text == "" {
		return reconcile.State{Epoch: uuid.Must(uuid.NewV7()).String()}, 0, nil
	}
	var st reconcile.State
	if err := json.Unmarshal([]byte(text), &st); err != nil {
		return reconcile.State{}, 0, fmt.Errorf("loading the state of match %s: %w", match, err)
	}
	v, err := strconv.ParseInt(version, 10, 64)
	if err != nil {
		return reconcile.State{}, 0, fmt.Errorf("loading the state of match %s: version %q: want a number", match, version)
	}
	return st, v, nil
}

// saveScript saves a state and its messages, if the given version is current. If the reply is lost,
// the client runs the script again. The second run finds the call's ID in saved_by and succeeds.
var saveScript = redis.NewScript(`
local version = redis.call('hget', KEYS[1], 'version') or '0'
if version == ARGV[2] and redis.call('hget', KEYS[1], 'saved_by') == ARGV[5] then return 1 end
if version ~= ARGV[1] then return 0 end
redis.call('hset', KEYS[1], 'version', ARGV[2], 'state', ARGV[3], 'saved_by', ARGV[5])
redis.call('expire', KEYS[1], ARGV[4])
for i = 6, #ARGV do redis.call('rpush', KEYS[2], ARGV[i]) end
return 1`)

// Save saves a state and appends messages to the outbox of its match. version is the version that
// Load returned. If the state was saved since then, Save writes nothing and returns [ErrConflict].
func (s *Store) Save(ctx context.Context, st reconcile.State, version int64, messages []broker.Message) error {
	match := st.Match.ID
	text, err := json.Marshal(st)
	if err != nil {
		return fmt.Errorf("saving the state of match %s: %w", match, err)
	}
	msgs, err := outbox.Arguments(messages)
	if err != nil {
		return fmt.Errorf("saving the state of match %s: %w", match, err)
	}
	if len(messages) > 0 {
		if err := s.outbox.Mark(ctx, match); err != nil {
			return fmt.Errorf("saving the state of match %s: %w", match, err)
		}
	}
	args := append([]any{version, version + 1, text, int(stateTTL.Seconds()), uuid.NewString()}, msgs...)
	saved, err := saveScript.Run(ctx, s.redis, []string{s.key(match), s.outbox.Key(match)}, args...).Int()
	if err != nil {
		return fmt.Errorf("saving the state of match %s: %w", match, err)
	}
	if saved == 0 {
		return ErrConflict
	}
	return nil
}

// Renew gives every saved state a new epoch, and returns the number of states. After Redis was restored from a
// backup, the states are older than the events that were published from later ones. With the old epoch, new events
// would have the positions of those events. No process may save states meanwhile.
func (s *Store) Renew(ctx context.Context) (int, error) {
	renewed := 0
	err := redisclient.EachKey(ctx, s.redis, s.key("*"), func(key string) error {
		match := strings.TrimSuffix(strings.TrimPrefix(key, s.prefix+"{"), "}:state")
		st, version, err := s.Load(ctx, match)
		if err != nil || version == 0 { // version is 0 if the state has expired
			return err
		}
		st.Epoch, st.Seq = uuid.Must(uuid.NewV7()).String(), 0
		if err := s.Save(ctx, st, version, nil); err != nil {
			return fmt.Errorf("match %s: %w", match, err)
		}
		renewed++
		return nil
	})
	return renewed, err
}
