package notify

import (
	"context"
	"crypto/ecdh"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/matchwire/matchwire/consumers"
	"github.com/matchwire/matchwire/consumers/notify/send"
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/clientaddr"
	"github.com/matchwire/matchwire/internal/problem"
	"github.com/matchwire/matchwire/internal/ratelimit"
)

// A subscriber is a browser's subscription with its filter and language.
type subscriber struct {
	Subscription send.Subscription `json:"subscription"`
	filter
	Language string `json:"language,omitempty"`
}

// subscribers stores the subscribers of one Web Push channel in Redis:
//
//	<key>            hash: a JSON object by subscription ID
//	<key>:unproven   sorted set: the IDs of subscriptions that have never received a notification,
//	                 by the Unix time of the subscription
type subscribers struct {
	redis redis.UniversalClient
	key   string
	push  *send.Push
	texts texts
	log   *slog.Logger
}

const (
	maxSubscribers = 20_000  // per channel; sending an event to all of them takes a minute or two
	maxRequest     = 8 << 10 // maximum bytes in the body of a request
	maxValues      = 50      // maximum values in each field of a subscriber's filter

	// If the channel is full, a new subscription replaces the oldest subscription that has been
	// unproven for at least this time.
	unprovenFor = 10 * time.Minute
)

// Limits on new subscriptions, for one client address and in total. After a page is announced, many
// browsers may subscribe at the same time, but few of them have the same address.
var (
	perAddress = ratelimit.Request{Gap: 3 * time.Minute, Burst: 20}
	inTotal    = ratelimit.Request{Gap: 50 * time.Millisecond, Burst: 1000}
)

// subscriptionID returns the ID of a subscription: a hash of its endpoint, which is a secret.
func subscriptionID(s send.Subscription) string {
	sum := sha256.Sum256([]byte(s.Endpoint))
	return hex.EncodeToString(sum[:16])
}

// list returns the subscribers. It removes malformed and expired subscriptions.
func (s *subscribers) list(ctx context.Context) ([]recipient, error) {
	all, err := s.redis.HGetAll(ctx, s.key).Result()
	if err != nil {
		return nil, fmt.Errorf("reading the subscriptions: %w", consumers.RedisError(err))
	}
	unproven, err := s.redis.ZRange(ctx, s.unproven(), 0, -1).Result()
	if err != nil {
		return nil, fmt.Errorf("reading the subscriptions: %w", consumers.RedisError(err))
	}
	slices.Sort(unproven)
	recipients := make([]recipient, 0, len(all))
	for id, text := range all {
		var one subscriber
		if err := json.Unmarshal([]byte(text), &one); err != nil {
			s.remove(ctx, id, "malformed")
			continue
		}
		if at := one.Subscription.Expires; at != nil && time.UnixMilli(*at).Before(time.Now()) {
			s.remove(ctx, id, "expired")
			continue
		}
		address := send.Recipient{ID: id, Push: one.Subscription}
		_, isUnproven := slices.BinarySearch(unproven, id)
		recipients = append(recipients, recipient{id: id, address: address, filter: one.filter, language: one.Language,
			unproven: isUnproven})
	}
	return recipients, nil
}

// remove removes a subscription. If Redis returns an error, remove logs it.
func (s *subscribers) remove(ctx context.Context, id, reason string) {
	ctx = context.WithoutCancel(ctx)
	err := s.redis.HDel(ctx, s.key, id).Err()
	if err == nil {
		err = s.redis.ZRem(ctx, s.unproven(), id).Err()
	}
	if err != nil {
		s.log.Warn("subscription not removed", "subscription", id, "reason", reason, "error", err)
		return
	}
	s.log.Info("subscription removed", "subscription", id, "reason", reason)
}

// unproven returns the key of the subscriptions that have never received a notification.
func (s *subscribers) unproven() string { return s.key + ":unproven" }

// proved stores that a subscription has received a notification. If Redis returns an error, proved logs it.
func (s *subscribers) proved(ctx context.Context, id string) {
	if err := s.redis.ZRem(ctx, s.unproven(), id).Err(); err != nil {
		s.log.Warn("subscription still unproven", "subscription", id, "error", err)
	}
}

// addSubscriber stores a subscriber and returns 1. If the subscriber is new and the hash is full,
// the script first removes the oldest subscriber that has been unproven for at least ARGV[5]
// seconds. If there is no such subscriber, the script stores nothing and returns 0.
var addSubscriber = redis.NewScript(`
if redis.call('hexists', KEYS[1], ARGV[1]) == 0 then
  if redis.call('hlen', KEYS[1]) >= tonumber(ARGV[3]) then
    local old = redis.call('zrangebyscore', KEYS[2], '-inf', ARGV[4] - ARGV[5], 'limit', 0, 1)
    if #old == 0 then return 0 end
    redis.call('zrem', KEYS[2], old[1])
    redis.call('hdel', KEYS[1], old[1])
  end
  redis.call('zadd', KEYS[2], ARGV[4], ARGV[1])
end
redis.call('hset', KEYS[1], ARGV[1], ARGV[2])
return 1`)

var errFull = fmt.Errorf("the channel has reached its limit of %d subscriptions", maxSubscribers)

// add stores a subscriber, or replaces its filter and language. It returns errFull if the subscriber is
// new, the channel is full, and no unproven subscriber is old enough to be removed.
func (s *subscribers) add(ctx context.Context, one subscriber) error {
	text, err := json.Marshal(one)
	if err != nil {
		return err
	}
	id := subscriptionID(one.Subscription)
	added, err := addSubscriber.Run(ctx, s.redis, []string{s.key, s.unproven()}, id, text, maxSubscribers,
		time.Now().Unix(), int(unprovenFor.Seconds())).Int()
	if err == nil && added == 0 {
		err = errFull
	}
	return err
}

// check returns an error if the subscription, the filter or the language is invalid. The client
// receives the text of the error.
func (s *subscribers) check(one subscriber) error {
	u, err := url.Parse(one.Subscription.Endpoint)
	if err != nil || u.Scheme != "https" || u.User != nil || len(one.Subscription.Endpoint) > 2048 {
		return errors.New("endpoint: want the https URL of a push service, without a user, of at most 2048 bytes")
	}
	if !s.push.Serves(u) {
		return fmt.Errorf("endpoint: %s is not a known push service", u.Host)
	}
	key, err1 := decodeKey(one.Subscription.Keys.P256dh)
	auth, err2 := decodeKey(one.Subscription.Keys.Auth)
	if err1 != nil || err2 != nil || len(auth) != 16 {
		return errors.New("keys: want p256dh and auth (16 bytes) of the browser's subscription, in base64")
	}
	if _, err := ecdh.P256().NewPublicKey(key); err != nil {
		return errors.New("keys: p256dh is not a point on the curve P-256")
	}
	for _, t := range one.Topics {
		if err := event.CheckTopic(t); err != nil {
			return fmt.Errorf("topics: %w", err)
		}
	}
	for _, k := range one.Kinds {
		if err := event.CheckKind("", event.Kind(k)); err != nil && k != string(kickoffSoon) {
			return fmt.Errorf("kinds: %w", err)
		}
	}
	for _, o := range one.Only {
		if err := checkOnly(o); err != nil {
			return err
		}
	}
	for name, values := range map[string][]string{
		"topics": one.Topics, "teams": one.Teams, "players": one.Players, "kinds": one.Kinds, "only": one.Only,
	} {
		if len(values) > maxValues {
			return fmt.Errorf("%s: got %d values, want at most %d", name, len(values), maxValues)
		}
	}
	if one.Language != "" && !s.texts.has(one.Language) {
		return fmt.Errorf("language %q: want one of %s", one.Language, strings.Join(s.texts.languages(), ", "))
	}
	return nil
}

// decodeKey decodes base64, either standard or URL-safe, with or without padding.
func decodeKey(key string) ([]byte, error) {
	return base64.RawURLEncoding.DecodeString(canonicalKey(key))
}

// canonicalKey returns a key in URL-safe base64 without padding and line breaks. The encryption of
// messages does not accept all forms of base64 that decodeKey accepts.
func canonicalKey(key string) string {
	key = strings.NewReplacer("+", "-", "/", "_", "\r", "", "\n", "").Replace(key)
	return strings.TrimRight(key, "=")
}

//go:embed web
var web embed.FS

// serve returns the handler for requests from browsers:
//
//	GET    /                            returns the names of the channels
//	GET    /push.js, /worker.js         returns the scripts for a page that subscribes
//	GET    /<channel>                   returns the channel's public key
//	POST   /<channel>/subscriptions     subscribes, or changes the filter or the language
//	DELETE /<channel>/subscriptions     unsubscribes; the body is the subscription
func serve(channels map[string]*subscribers) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		respond(w, http.StatusOK, map[string][]string{"channels": slices.Sorted(maps.Keys(channels))})
	})
	for _, name := range []string{"push.js", "worker.js"} {
		mux.HandleFunc("GET /"+name, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Cache-Control", "no-cache")
			http.ServeFileFS(w, r, web, "web/"+name)
		})
	}
	handle := func(pattern string, h func(http.ResponseWriter, *http.Request, *subscribers)) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			s := channels[r.PathValue("channel")]
			if s == nil {
				problem.Write(w, http.StatusNotFound, "no Web Push channel has that name", "")
				return
			}
			h(w, r, s)
		})
	}
	handle("GET /{channel}", func(w http.ResponseWriter, _ *http.Request, s *subscribers) {
		if s.push.PublicKey() == "" {
			problem.Write(w, http.StatusServiceUnavailable, "this process does not have the file with the channel's keys", "")
			return
		}
		respond(w, http.StatusOK, map[string]string{"public_key": s.push.PublicKey()})
	})
	handle("POST /{channel}/subscriptions", func(w http.ResponseWriter, r *http.Request, s *subscribers) {
		var one subscriber
		if !body(w, r, &one) {
			return
		}
		if err := s.check(one); err != nil {
			problem.Write(w, http.StatusBadRequest, err.Error(), "")
			return
		}
		keys := &one.Subscription.Keys
		keys.P256dh, keys.Auth = canonicalKey(keys.P256dh), canonicalKey(keys.Auth)
		wait, err := s.limit(r, one)
		if err == nil && wait == 0 {
			err = s.add(r.Context(), one)
		}
		switch {
		case wait > 0:
			w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(wait.Seconds()))))
			problem.Write(w, http.StatusTooManyRequests, "too many new subscriptions: try again later", "")
		case errors.Is(err, errFull):
			problem.Write(w, http.StatusInsufficientStorage, err.Error(), "")
		case err != nil:
			s.log.Error("subscription not stored", "error", err)
			problem.Write(w, http.StatusServiceUnavailable, "the subscription could not be stored: try again", "")
		default:
			respond(w, http.StatusCreated, map[string]string{"id": subscriptionID(one.Subscription)})
		}
	})
	handle("DELETE /{channel}/subscriptions", func(w http.ResponseWriter, r *http.Request, s *subscribers) {
		var one send.Subscription
		if !body(w, r, &one) {
			return
		}
		s.remove(r.Context(), subscriptionID(one), "unsubscribed")
		w.WriteHeader(http.StatusNoContent)
	})
	return mux
}

// limit returns how long the client must wait before it can subscribe, or 0. limit always returns 0
// for a browser that is already subscribed, so the browser can change its filter.
func (s *subscribers) limit(r *http.Request, one subscriber) (time.Duration, error) {
	known, err := s.redis.HExists(r.Context(), s.key, subscriptionID(one.Subscription)).Result()
	if err != nil || known {
		return 0, err
	}
	limiter := ratelimit.Limiter{Redis: s.redis}
	for key, request := range map[string]ratelimit.Request{":from:" + clientaddr.Of(r): perAddress, ":new": inTotal} {
		wait, verdict, err := limiter.Reserve(r.Context(), s.key+key, request)
		if err != nil {
			return 0, err
		}
		if verdict != ratelimit.Reserved {
			return max(wait, time.Second), nil
		}
	}
	return 0, nil
}

// body decodes the JSON body of a request. If the content type or the body is invalid, body responds
// with the error and returns false. It requires the content type application/json, because browsers
// send JSON to another site only with the permission of that site.
func body(w http.ResponseWriter, r *http.Request, into any) bool {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		problem.Write(w, http.StatusUnsupportedMediaType, "want Content-Type: application/json", "")
		return false
	}
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxRequest))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		problem.Write(w, http.StatusBadRequest, "the body is malformed: "+err.Error(), "")
		return false
	}
	return true
}

// respond sends v as JSON.
func respond(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}
