package send

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
	"time"

	webpush "github.com/SherClockHolmes/webpush-go"
	"github.com/goccy/go-yaml/ast"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/netguard"
	"github.com/matchwire/matchwire/internal/strictyaml"
)

// WebPush holds the settings of a Web Push channel.
type WebPush struct {
	// Keys is the path of the file that "matchwire notify keys" creates.
	Keys strictyaml.Text `yaml:"keys"`
	// Contact is the address where push services can reach the operator: mailto:… or https://…, with a
	// public domain.
	Contact strictyaml.Text `yaml:"contact"`
	// TTL is how long a push service stores a message for a browser that is offline. The default is 1h.
	TTL strictyaml.Duration `yaml:"ttl"`
	// Services are additional hosts of push services. A leading dot matches all subdomains. Only a host without a
	// leading dot can have a private address or a port other than 443.
	Services []string `yaml:"services"`
}

// UnmarshalYAML decodes the settings.
func (p *WebPush) UnmarshalYAML(n ast.Node) error {
	type plain WebPush
	return mapping(n, (*plain)(p), "{keys: FILE, contact: mailto:…}")
}

// knownServices contains the hosts of the push services of Chrome, Firefox, Edge and Safari. A leading
// dot matches all subdomains.
var knownServices = []string{
	"fcm.googleapis.com", "jmt17.google.com", ".push.services.mozilla.com", ".notify.windows.com", ".push.apple.com",
}

var serviceHost = regexp.MustCompile(`^\.?[a-z0-9-]+(\.[a-z0-9-]+)*(:\d+)?$`)

// A Subscription is a browser's PushSubscription.
type Subscription struct {
	Endpoint string           `json:"endpoint"` // secret: it lets anyone send to the browser
	Keys     SubscriptionKeys `json:"keys"`
	Expires  *int64           `json:"expirationTime"` // Unix milliseconds; nil means never
}

// SubscriptionKeys are the keys for encrypting messages to a browser, in base64.
type SubscriptionKeys struct {
	Auth   string `json:"auth"`
	P256dh string `json:"p256dh"`
}

// Push sends notifications to subscribed browsers by Web Push. The Topic header and the tag of a message
// identify the incident. So a correction replaces the earlier notification, whether the push service
// still stores it or the browser already shows it.
type Push struct {
	keys     Keys
	contact  string
	ttl      time.Duration
	client   *http.Client // for endpoints at hosts not in ownHosts, which must have public addresses
	own      *http.Client // for endpoints at hosts in ownHosts
	ownHosts []string     // hosts that the config names
	services []string     // allowed hosts; a leading dot matches all subdomains
}

// Keys is a VAPID key pair in unpadded base64url. Push services identify an application by its public
// key.
type Keys struct {
	Public  string `json:"public"`
	Private string `json:"private"`
}

// NewKeys returns a new key pair.
func NewKeys() (Keys, error) {
	k, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		return Keys{}, err
	}
	encode := base64.RawURLEncoding.EncodeToString
	return Keys{Public: encode(k.PublicKey().Bytes()), Private: encode(k.Bytes())}, nil
}

var errNotKeys = errors.New(`not a file that "matchwire notify keys" created`)

// check returns an error if the private key is invalid or does not match the public key.
func (k Keys) check() error {
	private, err := base64.RawURLEncoding.DecodeString(k.Private)
	if err != nil {
		return errNotKeys
	}
	key, err := ecdh.P256().NewPrivateKey(private)
	if err != nil || base64.RawURLEncoding.EncodeToString(key.PublicKey().Bytes()) != k.Public {
		return errNotKeys
	}
	return nil
}

// readKeys reads and checks a key file.
func readKeys(file string) (k Keys, err error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return k, err
	}
	if json.Unmarshal(b, &k) != nil {
		return k, errNotKeys
	}
	return k, k.check()
}

func (p WebPush) sender(e env) (Sender, error) {
	s := &Push{contact: p.Contact.Value, ttl: cmp.Or(time.Duration(p.TTL), time.Hour), client: e.client(netguard.Policy{}),
		own: e.client(configured), ownHosts: p.Services, services: slices.Concat(knownServices, p.Services)}
	if reason := contactProblem(s.contact); reason != "" {
		return nil, e.at(p.Contact).Errorf("contact %q: want mailto:… or https://… with a public domain, "+
			"which push services require: %s", s.contact, reason)
	}
	if strings.HasSuffix(s.contact, ".example") {
		e.Log.Warn("contact is a placeholder: Apple's push service refuses it", "channel", e.name, "contact", s.contact)
	}
	if p.Keys.Value == "" {
		return nil, e.pos.Errorf(`keys: want the file that "matchwire notify keys" creates`)
	}
	for _, host := range p.Services {
		if !serviceHost.MatchString(host) {
			return nil, e.pos.Errorf("services: %q: want a host, like push.example, or .push.example for all subdomains", host)
		}
	}
	var err error
	if s.keys, err = readKeys(e.Input(p.Keys.Value)); err != nil && !e.Elsewhere {
		return nil, p.Keys.Pos.Errorf("%w", err)
	}
	return s, nil
}

// PublicKey returns the key with which browsers subscribe, or "" if this process lacks the key file.
func (p *Push) PublicKey() string { return p.keys.Public }

// Serves reports whether the host of u is an allowed push service. Call Serves before you store a
// subscription, so that clients cannot make matchwire call other hosts.
func (p *Push) Serves(u *url.URL) bool {
	if strings.HasPrefix(u.Host, ".") || !serviceHost.MatchString(u.Host) {
		return false // not the name of a host
	}
	for _, known := range p.services {
		if u.Host == known || strings.HasPrefix(known, ".") && strings.HasSuffix(u.Host, known) {
			return true
		}
	}
	return false
}

// maxPush is the maximum length of a push message in bytes, before encryption. Push services accept
// 4,096 bytes, and encryption leaves 3,993 of them for the message.
const maxPush = 3900

// A pushMessage is the JSON that the service worker receives.
type pushMessage struct {
	Title string `json:"title"`
	Body  string `json:"body"`
	// Tag identifies the incident. A notification replaces an earlier notification with the same tag.
	Tag string `json:"tag"`
	// Renotify is false if the notification appears, or changes, without a sound.
	Renotify bool      `json:"renotify"`
	URL      string    `json:"url,omitempty"` // URL of the match page
	Type     string    `json:"type"`          // routing key
	Match    string    `json:"match,omitempty"`
	ID       string    `json:"id"` // event ID
	TID      event.TID `json:"tid"`
}

// Send implements [Sender]. It returns [ErrGone] if the push service answers 404 or 410, or if the
// endpoint is not a valid URL.
func (p *Push) Send(ctx context.Context, to Recipient, n Notification) error {
	body, err := encodePush(n)
	if err != nil {
		return broker.Permanent(err)
	}
	urgency := webpush.UrgencyNormal
	if n.urgent() {
		urgency = webpush.UrgencyHigh
	}
	u, err := url.Parse(to.Push.Endpoint)
	if err != nil {
		return ErrGone
	}
	client := p.client
	if slices.Contains(p.ownHosts, u.Host) {
		client = p.own
	}
	browser := &webpush.Subscription{Endpoint: to.Push.Endpoint, Keys: webpush.Keys(to.Push.Keys)}
	resp, err := webpush.SendNotificationWithContext(ctx, body, browser, &webpush.Options{
		HTTPClient: client, Subscriber: strings.TrimPrefix(p.contact, "mailto:"),
		Topic: n.Thread, TTL: int(p.ttl.Seconds()), Urgency: urgency,
		VAPIDPublicKey: p.keys.Public, VAPIDPrivateKey: p.keys.Private,
	})
	if err == nil && (resp.StatusCode == http.StatusGone || resp.StatusCode == http.StatusNotFound) {
		resp.Body.Close()
		return ErrGone
	}
	return endpoint{name: "push service " + u.Host}.result(resp, err)
}

// encodePush returns the push message of n. It omits a URL that would fill more than half of the message, and
// shortens the title and the body until the message fits. It returns an error if the other members are
// too long.
func encodePush(n Notification) ([]byte, error) {
	m := pushMessage{Title: n.Title, Body: n.Body, Tag: n.Thread, Renotify: !n.Silent, URL: n.URL,
		Type: n.Type, Match: n.Event.Subject, ID: n.Event.ID, TID: n.Event.TID}
	if encoded, err := json.Marshal(m.URL); err != nil || len(encoded) > maxPush/2 {
		m.URL = ""
	}
	for runes := 1000; ; runes /= 2 {
		b, err := json.Marshal(m)
		switch {
		case err != nil || len(b) <= maxPush:
			return b, err
		case runes == 0:
			return nil, fmt.Errorf("push message of %d bytes: want at most %d", len(b), maxPush)
		}
		m.Title, m.Body = Cut(n.Title, max(runes, 1)), Cut(n.Body, max(runes, 1))
	}
}
