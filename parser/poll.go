package parser

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/matchwire/matchwire/event"
)

// A Source is a page to poll.
type Source struct {
	URL     string
	Profile *Profile
	Match   string        // "" where the page names its match
	Every   time.Duration // between two fetches; at least a second
}

const (
	maxPollPause  = 5 * time.Minute        // after a site refuses or fails
	maxRetryAfter = time.Hour              // that a site may ask for
	spread        = 250 * time.Millisecond // between the first fetches of two sources
)

// Poll fetches and reads each source in its own rhythm until ctx ends. Each
// poll is a job of its own: the clock caused it, so it begins a new TID. A
// source whose site forbids the fetch (403) is stopped, and said to be.
func Poll(ctx context.Context, sources []Source, r *Reader) error {
	var running sync.WaitGroup
	for _, s := range sources {
		f, err := NewFetcher(s.URL)
		if err != nil {
			return err
		}
		// Not all at once, and not later than need be.
		first := rand.N(min(max(s.Every, time.Second), time.Duration(len(sources))*spread))
		running.Go(func() { poll(ctx, s, f, r, first) })
	}
	running.Wait()
	return nil
}

func poll(ctx context.Context, s Source, f *Fetcher, r *Reader, wait time.Duration) {
	every := max(s.Every, time.Second)
	r.Log.Info("polling", "url", f.url.Redacted(), "profile", s.Profile.Name, "match", s.Match, "every", every)
	failures := 0
	var last Page
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		job := event.WithTID(ctx, event.NewTID())
		page, err := f.Fetch(job)
		if errors.Is(err, ErrUnchanged) {
			// The site says the same once more, which counts where a page is held.
			page, err = last, nil
			page.At = time.Now().UTC()
		}
		if err == nil {
			last = page
			if _, err := r.Read(job, s.Profile, page, s.Match); err != nil { // Read has said what is wrong
				f.Forget()
			}
		}
		if ctx.Err() != nil {
			return
		}
		var refused *RefusedError
		switch {
		case err == nil:
			failures, wait = 0, jitter(every)
			continue
		case errors.As(err, &refused) && refused.Status == http.StatusForbidden:
			r.Log.Error("the site forbids it: source stopped", "tid", event.TIDFrom(job), "url", f.url.Redacted(), "error", err)
			return
		}
		failures++
		wait = jitter(max(every, min(every<<min(failures, 10), maxPollPause)))
		if refused != nil {
			wait = max(wait, min(refused.Wait, maxRetryAfter))
		}
		r.Log.Warn("page not fetched, trying again", "tid", event.TIDFrom(job), "url", f.url.Redacted(),
			"error", err, "failures", failures, "pause", wait.Round(time.Millisecond))
	}
}

// jitter is d, give or take a tenth.
func jitter(d time.Duration) time.Duration {
	return d - d/10 + rand.N(d/5+1)
}
