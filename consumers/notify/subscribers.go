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
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/matchwire/matchwire/consumers"
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/problem"
)

// A subscription is a browser's, as its PushSubscription says it of itself.
type subscription struct {
	Endpoint string   `json:"endpoint"`
	Keys     pushKeys `json:"keys"`
	Expires  *int64   `json:"expirationTime"` // Unix milliseconds; null: never
}

type pushKeys struct {
	Auth   string `json:"auth"`
	P256dh string `json:"p256dh"`
}

// A subscriber is a subscription and what its owner wants to be told.
type subscriber struct {
	Subscription subscription `json:"subscription"`
	filter
	Language string `json:"language,omitempty"`
}

// subscribers are those of one channel, in a hash by ID.
type subscribers struct {
	redis    redis.UniversalClient
	key      string
	public   string // the channel's key
	services []string
	texts    texts
	log      *slog.Logger
}

const (
	maxSubscribers  = 20_000  // of a channel: each event is sent to them within a minute or two
	maxSubscription = 8 << 10 // bytes of a request
	maxWanted       = 50      // values of each kind in a subscriber's filter
)

// id names a subscription without telling its endpoint, which is a secret.
func (s subscription) id() string {
	sum := sha256.Sum256([]byte(s.Endpoint))
	return hex.EncodeToString(sum[:16])
}

// list are all who have subscribed and whose subscription has not expired.
func (s *subscribers) list(ctx context.Context) ([]recipient, error) {
	all, err := s.redis.HGetAll(ctx, s.key).Result()
	if err != nil {
		return nil, fmt.Errorf("reading who has subscribed: %w", consumers.RedisError(err))
	}
	recipients := make([]recipient, 0, len(all))
	for id, text := range all {
		var one subscriber
		if err := json.Unmarshal([]byte(text), &one); err != nil {
			s.remove(ctx, id, "it cannot be read")
			continue
		}
		if at := one.Subscription.Expires; at != nil && time.UnixMilli(*at).Before(time.Now()) {
			s.remove(ctx, id, "it has expired")
			continue
		}
		recipients = append(recipients, recipient{id: id, filter: one.filter, language: one.Language, push: one.Subscription})
	}
	return recipients, nil
}

func (s *subscribers) remove(ctx context.Context, id, why string) {
	if err := s.redis.HDel(context.WithoutCancel(ctx), s.key, id).Err(); err != nil {
		s.log.Warn("subscription not removed", "subscription", id, "why", why, "error", err)
		return
	}
	s.log.Info("subscription removed", "subscription", id, "why", why)
}

var addSubscriber = redis.NewScript(`
if redis.call('hexists', KEYS[1], ARGV[1]) == 0 and redis.call('hlen', KEYS[1]) >= tonumber(ARGV[3]) then return 0 end
redis.call('hset', KEYS[1], ARGV[1], ARGV[2])
return 1`)

var errFull = errors.New("there are as many subscriptions as can be")

func (s *subscribers) add(ctx context.Context, one subscriber) error {
	text, err := json.Marshal(one)
	if err != nil {
		return err
	}
	added, err := addSubscriber.Run(ctx, s.redis, []string{s.key}, one.Subscription.id(), text, maxSubscribers).Int()
	if err == nil && added == 0 {
		err = errFull
	}
	return err
}

// check says what is wrong with what a browser sent.
func (s *subscribers) check(one subscriber) error {
	u, err := url.Parse(one.Subscription.Endpoint)
	if err != nil || u.Scheme != "https" || u.User != nil || len(one.Subscription.Endpoint) > 2048 {
		return errors.New("endpoint: want the https URL of a push service")
	}
	if !s.serves(u) {
		return fmt.Errorf("endpoint: %s is no push service that is known here", u.Host)
	}
	key, err1 := decoded(one.Subscription.Keys.P256dh)
	auth, err2 := decoded(one.Subscription.Keys.Auth)
	if err1 != nil || err2 != nil || len(auth) != 16 {
		return errors.New("keys: want p256dh and auth as the browser gives them")
	}
	if _, err := ecdh.P256().NewPublicKey(key); err != nil {
		return errors.New("keys: p256dh is no point on the curve P-256")
	}
	for _, t := range one.Topics {
		if err := event.CheckPattern(t); err != nil {
			return fmt.Errorf("topics: %w", err)
		}
	}
	for _, k := range one.Kinds {
		if !knownKind(event.Kind(k)) {
			return fmt.Errorf("kinds: there is no kind %q", k)
		}
	}
	for name, values := range map[string][]string{"topics": one.Topics, "teams": one.Teams, "players": one.Players, "kinds": one.Kinds} {
		if len(values) > maxWanted {
			return fmt.Errorf("%s: %d of them, want %d at most", name, len(values), maxWanted)
		}
	}
	if one.Language != "" && !s.texts.has(one.Language) {
		return fmt.Errorf("language %q: want one of %s", one.Language, strings.Join(s.texts.languages(), ", "))
	}
	return nil
}

func decoded(key string) ([]byte, error) {
	return base64.RawURLEncoding.DecodeString(strings.TrimRight(strings.NewReplacer("+", "-", "/", "_").Replace(key), "="))
}

// serves reports whether an endpoint is at a known push service: nobody is to
// have matchwire call addresses of his choice.
func (s *subscribers) serves(u *url.URL) bool {
	for _, known := range s.services {
		if u.Host == known || strings.HasPrefix(known, ".") && strings.HasSuffix(u.Host, known) {
			return true
		}
	}
	return false
}

//go:embed web
var web embed.FS

// serve answers the calls of browsers:
//
//	GET    /push.js, /worker.js         what a page needs to subscribe, and to show
//	GET    /<channel>                   the channel's public key
//	POST   /<channel>/subscriptions     subscribes, or says anew what is wanted
//	DELETE /<channel>/subscriptions     no more; the body names the endpoint
func serve(channels map[string]*subscribers) http.Handler {
	mux := http.NewServeMux()
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
				problem.Write(w, http.StatusNotFound, "there is no channel of that name for Web Push", "")
				return
			}
			h(w, r, s)
		})
	}
	handle("GET /{channel}", func(w http.ResponseWriter, _ *http.Request, s *subscribers) {
		if s.public == "" {
			problem.Write(w, http.StatusServiceUnavailable, "this process does not have the file with the channel's keys", "")
			return
		}
		respond(w, http.StatusOK, map[string]string{"public_key": s.public})
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
		switch err := s.add(r.Context(), one); {
		case errors.Is(err, errFull):
			problem.Write(w, http.StatusInsufficientStorage, err.Error(), "")
		case err != nil:
			s.log.Error("subscription not kept", "error", err)
			problem.Write(w, http.StatusServiceUnavailable, "Redis does not answer: try again", "")
		default:
			respond(w, http.StatusCreated, map[string]string{"id": one.Subscription.id()})
		}
	})
	handle("DELETE /{channel}/subscriptions", func(w http.ResponseWriter, r *http.Request, s *subscribers) {
		var one subscription
		if !body(w, r, &one) {
			return
		}
		s.remove(r.Context(), one.id(), "its owner says so")
		w.WriteHeader(http.StatusNoContent)
	})
	return mux
}

// body reads a request, or says what is wrong with it.
func body(w http.ResponseWriter, r *http.Request, into any) bool {
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxSubscription))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		problem.Write(w, http.StatusBadRequest, "the body cannot be read: "+err.Error(), "")
		return false
	}
	return true
}

func respond(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}
