package notify

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nicholas-fedor/shoutrrr/pkg/router"
	"github.com/nicholas-fedor/shoutrrr/pkg/types"

	"github.com/matchwire/matchwire/consumers"
	"github.com/matchwire/matchwire/event"
)

// A shoutrrr is any of the chat, mail and push services that the library of that
// name speaks to. None of them replaces a message: a correction comes after it.
type shoutrrr struct {
	service types.Service
	name    string // of the service
	secrets []string
	turn    chan struct{} // has one place: services are made for one call at a time
}

// titled are the services that show a title, or make it the subject of a mail.
var titled = []string{"discord", "teams", "smtp", "gotify", "pushover", "pushbullet", "ntfy", "bark", "join"}

func newShoutrrr(s secret, h consumers.Host) (sender, error) {
	text, err := s.value(h)
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme == "" {
		return nil, s.place.Errorf("shoutrrr: want a URL like discord://token@id (it is not shown here, as it may hold a secret)")
	}
	r := &shoutrrr{name: strings.ToLower(u.Scheme), secrets: secretsOf(u, text), turn: make(chan struct{}, 1)}
	known := (&router.ServiceRouter{}).ListServices()
	if service, _, _ := strings.Cut(r.name, "+"); !slices.Contains(known, service) {
		slices.Sort(known)
		return nil, s.place.Errorf("shoutrrr: there is no service %q; there are %s", r.name, strings.Join(known, ", "))
	}
	if r.service, err = (&router.ServiceRouter{}).Locate(text); err != nil {
		return nil, s.place.Errorf("shoutrrr: %s", r.redacted(err))
	}
	return r, nil
}

func (r *shoutrrr) send(ctx context.Context, _ recipient, n Notification) error {
	select {
	case r.turn <- struct{}{}:
	case <-ctx.Done(): // a call cannot be ended
		return &refusedError{error: event.Unavailable(fmt.Errorf("shoutrrr %s: an earlier call has not returned", r.name))}
	}
	message, params := n.Text, types.Params{}
	if service, _, _ := strings.Cut(r.name, "+"); slices.Contains(titled, service) {
		message = n.Body
		params.SetTitle(n.Title)
	}
	done := make(chan error, 1)
	go func() {
		defer func() { <-r.turn }()
		defer func() {
			if p := recover(); p != nil {
				done <- fmt.Errorf("panic: %v", p)
			}
		}()
		done <- r.service.Send(message, &params)
	}()
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	select {
	case err := <-done:
		return r.verdict(err)
	case <-ctx.Done():
		return fmt.Errorf("shoutrrr %s: no answer within %v", r.name, callTimeout)
	}
}

// statusCode is that of HTTP, or of SMTP, in the text of an error; a port is none.
var statusCode = regexp.MustCompile(`(?:^|[^:.\d])([3-5]\d\d)(?:$|[^.\d])`)

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
	case code == 429:
		until := time.Now().Add(shortRest)
		return &refusedError{event.Postpone(until, told.Error()), until}
	case code >= 400 && code < 500 && code != 408 && !mail, code >= 500 && mail:
		return &refusedError{error: event.Permanent(told)}
	case code > 0:
		return &refusedError{error: told}
	}
	return told
}

// redacted is the text of an error without anything that the URL holds, as
// services put it into theirs.
func (r *shoutrrr) redacted(err error) string {
	text := err.Error()
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
	parts := []string{text, u.String(), u.RequestURI(), u.Opaque, u.Fragment}
	password, _ := u.User.Password()
	parts = append(parts, u.User.String(), u.User.Username(), password, u.User.Username()+":"+password)
	parts = append(parts, strings.Split(u.Path, "/")...)
	for _, values := range u.Query() {
		parts = append(parts, values...)
	}
	if !strings.Contains(u.Host, ".") && !strings.Contains(u.Host, ":") { // a token, as services that need no host have there
		parts = append(parts, u.Host)
	}
	var all []string
	for _, p := range parts {
		if len(p) < 3 {
			continue
		}
		all = append(all, p, url.QueryEscape(p), url.PathEscape(p), strconv.Quote(p), base64.StdEncoding.EncodeToString([]byte(p)), base64.URLEncoding.EncodeToString([]byte(p)))
	}
	slices.SortFunc(all, func(a, b string) int { return len(b) - len(a) })
	return slices.Compact(all)
}
