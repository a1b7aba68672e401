package notify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/matchwire/matchwire/broker"
)

// callTimeout bounds a call to a channel's service.
var callTimeout = 10 * time.Second

// A refusedError says that a notification has not arrived for certain, and that
// nothing is to be sent before until, if that is not zero.
type refusedError struct {
	error
	until time.Time
}

func (r *refusedError) Unwrap() error { return r.error }

// newClient calls services. A redirect would carry the notification elsewhere,
// and what is secret with it: it is an answer like any other.
var newClient = func() *http.Client {
	return &http.Client{Timeout: callTimeout, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// post sends a body and says by its error what the answer means. shown is what
// errors call the receiver.
func post(ctx context.Context, client *http.Client, u, shown string, body []byte, header http.Header) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u, bytes.NewReader(body))
	if err != nil {
		return broker.Permanent(fmt.Errorf("%s: bad URL", shown))
	}
	req.Header = header
	resp, err := client.Do(req)
	return answer(shown, resp, err)
}

// answer says what an answer, or that there was none, means. It closes the body.
func answer(shown string, resp *http.Response, err error) error {
	if err != nil {
		var ue *url.Error // its text holds the URL
		if errors.As(err, &ue) {
			err = ue.Err
		}
		err = fmt.Errorf("%s: %w", shown, err)
		var dial *net.OpError
		if errors.As(err, &dial) && dial.Op == "dial" {
			return &refusedError{error: err}
		}
		return err
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10)) // so that the connection can be used again
	s := resp.StatusCode
	if s >= 200 && s < 300 {
		return nil
	}
	err = fmt.Errorf("%s: answered %s", shown, resp.Status)
	switch {
	case s == http.StatusTooManyRequests, s == http.StatusServiceUnavailable && resp.Header.Get("Retry-After") != "":
		until := retryAfter(resp.Header)
		return &refusedError{broker.Postpone(until, err.Error()), until}
	case s == http.StatusRequestTimeout || s == http.StatusTooEarly || s >= 500:
		return &refusedError{error: err}
	case s < 400:
		return &refusedError{error: broker.Permanent(fmt.Errorf("%w, and no redirect is followed", err))}
	}
	return &refusedError{error: broker.Permanent(err)}
}

const (
	shortRest = 10 * time.Second // where a service does not say how long it wants to rest
	longRest  = time.Hour        // at most, whatever it says
)

// retryAfter is when a service may be called again.
func retryAfter(h http.Header) time.Time {
	text := h.Get("Retry-After")
	rest := shortRest
	if s, err := strconv.Atoi(text); err == nil {
		rest = time.Duration(s) * time.Second
	} else if at, err := http.ParseTime(text); err == nil {
		rest = time.Until(at)
	}
	return time.Now().Add(min(max(rest, time.Second), longRest))
}
