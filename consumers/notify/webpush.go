package notify

import (
	"cmp"
	"context"
	"crypto/ecdh"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	webpush "github.com/SherClockHolmes/webpush-go"
	"github.com/goccy/go-yaml/ast"
	"golang.org/x/sync/errgroup"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/consumers"
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/strictyaml"
	"github.com/matchwire/matchwire/internal/trace"
)

// pushSettings are the settings of a Web Push channel.
type pushSettings struct {
	// Keys is the file that matchwire notify keys makes.
	Keys text `yaml:"keys"`
	// Contact is an address for push services to complain to: mailto:… or https://…
	Contact text `yaml:"contact"`
	// TTL is how long a push service keeps a message for a browser that is away;
	// 1h without it.
	TTL strictyaml.Duration `yaml:"ttl"`
	// Services are hosts of push services besides those of the known browsers.
	Services []string `yaml:"services"`
}

// UnmarshalYAML takes care that a text in its place is told well.
func (p *pushSettings) UnmarshalYAML(n ast.Node) error {
	type plain pushSettings
	return mapping(n, (*plain)(p), "{keys: FILE, contact: mailto:…}")
}

// knownServices are those of Chrome, Firefox, Edge and Safari; a dot in front
// stands for every host below.
var knownServices = []string{"fcm.googleapis.com", "jmt17.google.com", ".push.services.mozilla.com", ".notify.windows.com", ".push.apple.com"}

var serviceHost = regexp.MustCompile(`^\.?[a-z0-9-]+(\.[a-z0-9-]+)*(:\d+)?$`)

// push sends to browsers that have subscribed, with Web Push. The Topic of a message and the tag in it
// identify the incident: a correction replaces an alert that still waits, and one that is shown.
type push struct {
	keys        Keys
	contact     string
	ttl         time.Duration
	client      *http.Client
	subscribers *subscribers
}

// Keys are those that push services know an application by (VAPID), in
// unpadded base64url.
type Keys struct {
	Public  string `json:"public"`
	Private string `json:"private"`
}

// newKeys makes keys.
func newKeys() (Keys, error) {
	k, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		return Keys{}, err
	}
	return Keys{base64.RawURLEncoding.EncodeToString(k.PublicKey().Bytes()), base64.RawURLEncoding.EncodeToString(k.Bytes())}, nil
}

// check reports whether the two belong together.
func (k Keys) check() error {
	wrong := errors.New("these are no keys as matchwire notify keys makes them")
	private, err := base64.RawURLEncoding.DecodeString(k.Private)
	if err != nil {
		return wrong
	}
	key, err := ecdh.P256().NewPrivateKey(private)
	if err != nil || base64.RawURLEncoding.EncodeToString(key.PublicKey().Bytes()) != k.Public {
		return wrong
	}
	return nil
}

func readKeys(file string) (k Keys, err error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return k, err
	}
	if json.Unmarshal(b, &k) != nil {
		return k, errors.New("these are no keys as matchwire notify keys makes them")
	}
	return k, k.check()
}

func (p pushSettings) sender(name string, place strictyaml.Place, h consumers.Host) (sender, error) {
	s := &push{contact: p.Contact.value, ttl: cmp.Or(time.Duration(p.TTL), time.Hour), client: newClient()}
	if u, err := url.Parse(s.contact); err != nil || u.Scheme != "https" && u.Scheme != "mailto" || s.contact == "mailto:" {
		if p.Contact.place.Line > 0 {
			place = p.Contact.place
		}
		return nil, place.Errorf("contact %q: want mailto:… or https://…, which push services ask for", s.contact)
	}
	if p.Keys.value == "" {
		return nil, place.Errorf("keys: want the file that matchwire notify keys makes")
	}
	for _, host := range p.Services {
		if !serviceHost.MatchString(host) {
			return nil, place.Errorf("services: %q: want a host, with a port where it has one, or a dot and what hosts end with", host)
		}
	}
	var err error
	if s.keys, err = readKeys(h.Path(p.Keys.value)); err != nil && !h.Elsewhere {
		return nil, p.Keys.place.Errorf("%w", err)
	}
	s.subscribers = &subscribers{redis: h.Redis, key: h.Prefix + "push:" + name, public: s.keys.Public, services: slices.Concat(knownServices, p.Services), log: h.Log}
	return s, nil
}

// maxMessage bounds a push message, in bytes: its record holds 3,993.
const maxMessage = 3900

// A pushed is a push message, for the service worker that gets it.
type pushed struct {
	Title string `json:"title"`
	Body  string `json:"body"`
	Tag   string `json:"tag"` // of the notification to show: a later one replaces it
	// Renotify is false for a correction: what is shown changes without a sound.
	Renotify bool      `json:"renotify"`
	URL      string    `json:"url,omitempty"` // of the match
	Type     string    `json:"type"`          // routing key
	Match    string    `json:"match,omitempty"`
	ID       string    `json:"id"` // of the event
	TID      event.TID `json:"tid"`
}

func (p *push) send(ctx context.Context, to recipient, n Notification) error {
	body, err := message(n)
	if err != nil {
		return broker.Permanent(err)
	}
	urgency := webpush.UrgencyNormal
	if n.urgent() {
		urgency = webpush.UrgencyHigh
	}
	u, err := url.Parse(to.push.Endpoint)
	if err != nil {
		return errGone
	}
	resp, err := webpush.SendNotificationWithContext(ctx, body, &webpush.Subscription{Endpoint: to.push.Endpoint, Keys: webpush.Keys(to.push.Keys)}, &webpush.Options{
		HTTPClient: p.client, Subscriber: strings.TrimPrefix(p.contact, "mailto:"), Topic: n.Thread, TTL: int(p.ttl.Seconds()), Urgency: urgency,
		VAPIDPublicKey: p.keys.Public, VAPIDPrivateKey: p.keys.Private,
	})
	if err == nil && (resp.StatusCode == http.StatusGone || resp.StatusCode == http.StatusNotFound) {
		resp.Body.Close()
		return errGone
	}
	return answer("push service "+u.Host, resp, err)
}

// message is a push message, whose texts are cut until it fits.
func message(n Notification) ([]byte, error) {
	m := pushed{Title: n.Title, Body: n.Body, Tag: n.Thread, Renotify: !n.Replaces, URL: n.URL, Type: n.Type, Match: n.Event.Subject, ID: n.Event.ID, TID: n.Event.TID}
	for most := maxBody; ; most /= 2 {
		b, err := json.Marshal(m)
		if err != nil || len(b) <= maxMessage || most == 0 {
			return b, err
		}
		m.Title, m.Body = cut(n.Title, max(most, 1)), cut(n.Body, max(most, 1))
	}
}

// pushAtOnce is how many browsers are told at the same time.
const pushAtOnce = 32

// sendToAll sends to all targets. If it fails for some, and the event is delivered again, those that
// have received it do not get it again.
func (n *notifier) sendToAll(ctx context.Context, e event.Event, to []target, state *incidentState) error {
	if err := state.expect(ctx, to); err != nil {
		return err
	}
	errs := make([]error, len(to))
	var sending errgroup.Group
	sending.SetLimit(pushAtOnce)
	var mu sync.Mutex
	resting := map[string]error{} // services that are not to be called now
	for i, t := range to {
		sending.Go(func() error {
			mu.Lock()
			err := resting[t.service()]
			mu.Unlock()
			if err == nil {
				err = n.limiter.wait(ctx, t.service())
			}
			if err != nil {
				state.refused(ctx, t)
				mu.Lock()
				resting[t.service()], errs[i] = err, err
				mu.Unlock()
				return nil
			}
			errs[i] = n.sendOne(ctx, e, t, state)
			if errors.Is(errs[i], errGone) {
				n.push.subscribers.remove(ctx, t.id, "its push service knows it no more")
				state.refused(ctx, t)
				errs[i] = nil
			}
			return nil
		})
	}
	_ = sending.Wait()
	var again, never error
	failed := 0
	for _, err := range errs {
		switch {
		case err == nil:
			continue
		case errors.Is(err, broker.ErrPermanent): // no retry can help it
			never = err
		case again == nil || errors.Is(again, broker.ErrUnavailable):
			again = err
		}
		failed++
	}
	trace.From(ctx).SetOutcome(fmt.Sprintf("told %d of %d browsers", len(to)-failed, len(to)))
	if again != nil {
		return again
	}
	if never != nil && failed == len(to) {
		return never
	}
	if never != nil {
		n.log.Warn("some browsers could not be told", "browsers", failed, "tid", e.TID, "id", e.ID, "error", never)
	}
	return nil
}
