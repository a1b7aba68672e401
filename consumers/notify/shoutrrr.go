package notify

import (
	"context"
	"encoding/base64"
	"fmt"
	"log/slog"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nicholas-fedor/shoutrrr/pkg/router"
	"github.com/nicholas-fedor/shoutrrr/pkg/types"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/consumers"
)

// A shoutrrr is any of the chat, mail and push services that the library of that
// name speaks to. None of them replaces a message: a correction comes after it.
//
// A call of the library cannot be ended, may go on for minutes, and is made for
// one at a time. So a call that is given up goes on; when the same event comes
// again it is asked what became of it, rather than sent once more. One that
// hangs for long is left alone, and another is made in its place.
type shoutrrr struct {
	url     string
	name    string // of the service
	secrets []string
	log     *slog.Logger

	mu      sync.Mutex
	service types.Service
	latest  *call            // the one that may be under way
	calls   map[string]*call // by event: those whose outcome nobody has learnt
	left    int              // calls that were left alone and have not returned
}

// A call is one message on its way.
type call struct {
	event string
	began time.Time
	done  chan struct{} // closed when err is its outcome
	err   error
}

const (
	hangsAfter = 5 * time.Minute // the longest that a service is known to try
	maxLeft    = 8
	forgotten  = time.Hour // an event that comes again does so before
)

// titled are the services that show a title, or make it the subject of a mail.
var titled = []string{"discord", "teams", "smtp", "gotify", "pushover", "pushbullet", "ntfy", "bark", "join"}

func newShoutrrr(s secret, h consumers.Host) (sender, error) {
	text, err := s.value(h)
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme == "" {
		return nil, s.pos.Errorf("shoutrrr: want a URL like discord://token@id (it is not shown here, as it may hold a secret)")
	}
	r := &shoutrrr{url: text, name: strings.ToLower(u.Scheme), secrets: secretsOf(u, text), log: h.Log, calls: map[string]*call{}}
	service, _, _ := strings.Cut(r.name, "+")
	if known := (&router.ServiceRouter{}).ListServices(); !slices.Contains(known, service) {
		slices.Sort(known)
		return nil, s.pos.Errorf("shoutrrr: there is no service %q (for https://discord.com/api/webhooks/ID/TOKEN write discord://TOKEN@ID); there are %s", r.name, strings.Join(known, ", "))
	}
	switch {
	case service == "telegram":
		return nil, s.pos.Errorf("shoutrrr: its telegram does not tell when nothing was sent: want telegram: {token: …, chat: …}")
	case service == "smtp" && (strings.Contains(u.Query().Get("to"), ",") || strings.Contains(u.Query().Get("toaddresses"), ",")):
		return nil, s.pos.Errorf("shoutrrr: of several addresses none could be told again by itself: give each a channel of its own, or use a mailing list")
	}
	if r.service, err = (&router.ServiceRouter{}).Locate(text); err != nil {
		return nil, s.pos.Errorf("shoutrrr: %s", r.redacted(err))
	}
	return r, nil
}

func (r *shoutrrr) send(ctx context.Context, _ recipient, n Notification) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	c, err := r.call(ctx, n)
	if err != nil {
		return err
	}
	select {
	case <-c.done:
		r.told(c)
		return r.verdict(c.err)
	case <-ctx.Done():
		return fmt.Errorf("shoutrrr %s: no answer within %v", r.name, callTimeout)
	}
}

// call begins a call, when no other is under way, or is the one that was begun
// for the same event.
func (r *shoutrrr) call(ctx context.Context, n Notification) (*call, error) {
	for {
		r.mu.Lock()
		if c := r.calls[n.Event.ID]; c != nil {
			r.mu.Unlock()
			return c, nil
		}
		c := r.latest
		if c == nil || c.over() || r.leave(c) {
			c, err := r.begin(n)
			r.mu.Unlock()
			return c, err
		}
		r.mu.Unlock()
		select {
		case <-c.done:
		case <-ctx.Done():
			return nil, &refusedError{error: broker.Unavailable(fmt.Errorf("shoutrrr %s: an earlier call has not returned", r.name))}
		}
	}
}

func (c *call) over() bool {
	select {
	case <-c.done:
		return true
	default:
		return false
	}
}

// leave reports whether a call hangs and is left alone. r.mu is held.
func (r *shoutrrr) leave(c *call) bool {
	if time.Since(c.began) < hangsAfter {
		return false
	}
	r.log.Error("a call hangs and is left alone", "service", r.name, "id", c.event, "for", time.Since(c.began).Round(time.Second), "left", r.left+1)
	r.left++
	go func() {
		<-c.done
		r.mu.Lock()
		r.left--
		r.mu.Unlock()
	}()
	r.service = nil
	return true
}

// begin begins a call. r.mu is held.
func (r *shoutrrr) begin(n Notification) (*call, error) {
	if r.left >= maxLeft {
		return nil, &refusedError{error: broker.Unavailable(fmt.Errorf("shoutrrr %s: %d calls hang", r.name, r.left))}
	}
	if r.service == nil {
		service, err := (&router.ServiceRouter{}).Locate(r.url)
		if err != nil {
			return nil, &refusedError{error: fmt.Errorf("shoutrrr: %s", r.redacted(err))}
		}
		r.service = service
	}
	message, params := n.Text, types.Params{}
	if service, _, _ := strings.Cut(r.name, "+"); slices.Contains(titled, service) {
		message = n.Body
		params.SetTitle(n.Title)
	}
	c, service := &call{event: n.Event.ID, began: time.Now(), done: make(chan struct{})}, r.service
	maps.DeleteFunc(r.calls, func(_ string, old *call) bool { return old.over() && time.Since(old.began) > forgotten })
	r.latest, r.calls[n.Event.ID] = c, c
	go func() {
		defer close(c.done)
		defer func() {
			if p := recover(); p != nil {
				c.err = fmt.Errorf("panic: %v", p)
			}
		}()
		c.err = service.Send(message, &params)
	}()
	return c, nil
}

// told forgets a call whose outcome is known: the same event again is sent again.
func (r *shoutrrr) told(c *call) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.calls, c.event)
}

// statusCode is that of HTTP, or of SMTP, in the text of an error; a port is
// none. tooMany is what says the same in words.
var (
	statusCode = regexp.MustCompile(`(?:^|[^:.\d])([3-5]\d\d)(?:$|[^.\d])`)
	tooMany    = regexp.MustCompile(`(?i)too many requests|rate.?limit`)
)

// verdict says what an error means, as far as its text tells.
func (r *shoutrrr) verdict(err error) error {
	if err == nil {
		return nil
	}
	text := r.redacted(err)
	told := fmt.Errorf("shoutrrr %s: %s", r.name, text)
	code := 0
	if m := statusCode.FindStringSubmatch(text); m != nil {
		code, _ = strconv.Atoi(m[1])
	}
	mail := strings.HasPrefix(r.name, "smtp")
	switch {
	case code == 429 || tooMany.MatchString(text):
		until := time.Now().Add(shortRest)
		return &refusedError{broker.Postpone(until, told.Error()), until}
	case code >= 400 && code < 500 && code != 408 && !mail, code >= 500 && mail:
		return &refusedError{error: broker.Permanent(told)}
	case code > 0:
		return &refusedError{error: told}
	}
	return told
}

var inText = regexp.MustCompile(`[a-zA-Z][a-zA-Z0-9+.-]*://[^\s"']+`)

// redacted is the text of an error without any URL, and without anything that
// the channel's own holds: services put both into theirs.
func (r *shoutrrr) redacted(err error) string {
	text := inText.ReplaceAllString(err.Error(), "***")
	for _, s := range r.secrets {
		text = strings.ReplaceAll(text, s, "***")
	}
	if len(text) > 300 {
		text = strings.ToValidUTF8(text[:300], "") + "…"
	}
	return text
}

// secretsOf are the parts of a URL that may be secret, in every form in which a
// service may show them, the longest first.
func secretsOf(u *url.URL, text string) []string {
	password, _ := u.User.Password()
	whole := []string{text, u.String(), u.RequestURI(), u.Opaque, u.Fragment, u.User.String(), u.User.Username(), password, u.User.Username() + ":" + password, u.Path}
	for _, values := range u.Query() {
		whole = append(whole, values...)
	}
	if !strings.Contains(u.Host, ".") && !strings.Contains(u.Host, ":") { // a token, as services that need no host have there
		whole = append(whole, u.Host)
	}
	parts := slices.Clone(whole)
	for _, w := range whole {
		parts = append(parts, strings.FieldsFunc(w, func(c rune) bool { return strings.ContainsRune("/:,-@?&=", c) })...)
	}
	var all []string
	for _, p := range parts {
		if len(p) < 5 || slices.Contains([]string{"smtp", "https", "webhook", "disabletls"}, p) {
			continue
		}
		all = append(all, p, url.QueryEscape(p), url.PathEscape(p), base64.StdEncoding.EncodeToString([]byte(p)), base64.URLEncoding.EncodeToString([]byte(p)))
	}
	slices.SortFunc(all, func(a, b string) int { return len(b) - len(a) })
	return slices.Compact(all)
}
