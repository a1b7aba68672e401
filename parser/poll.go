package parser

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
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
	maxPollPause = 5 * time.Minute        // after a site refuses or fails
	spread       = 250 * time.Millisecond // between the first fetches of two sources
)

// Poll fetches and reads each source in its own rhythm until ctx ends. Each
// poll is a job of its own: the clock caused it, so it begins a new TID. A
// source whose site forbids the fetch is stopped, and said to be.
func Poll(ctx context.Context, sources []Source, c *Client, r *Reader) error {
	var running sync.WaitGroup
	defer running.Wait()
	var pollers []*poller
	for _, s := range sources {
		p, err := newPoller(s, c, r.Log)
		if err != nil {
			return err
		}
		p.watch(s, r)
		pollers = append(pollers, p)
	}
	for i, p := range pollers {
		// Not all at once, and not later than need be.
		first := rand.N(min(p.every, time.Duration(len(sources))*spread))
		p.log.Info("polling", "profile", sources[i].Profile.Name, "match", sources[i].Match, "every", p.every)
		running.Go(func() { p.run(ctx, first) })
	}
	return nil
}

// watch makes the poller read what it fetches.
func (p *poller) watch(s Source, r *Reader) {
	w, url := r.Watch(s.Profile, s.Match), p.fetcher.url.Redacted()
	p.got = func(job context.Context, page Page) error {
		_, err := w.Read(job, page) // which says what is wrong
		return err
	}
	p.failed = func(job context.Context, reason string, forbidden bool) (settled bool) {
		var err error
		if forbidden {
			_, settled, err = w.Stopped(job, url, time.Now().UTC(), reason)
		} else {
			_, err = w.Failed(job, url, time.Now().UTC(), reason)
		}
		if err != nil {
			p.log.Warn("matches not marked as stale", "tid", event.TIDFrom(job), "error", err)
		}
		return settled
	}
}

// A poller fetches one source again and again.
type poller struct {
	fetcher *Fetcher
	every   time.Duration
	log     *slog.Logger

	// got is given each page, also one that is unchanged: the site says the
	// same once more. After an error the page is fetched anew.
	got func(job context.Context, page Page) error
	// failed is told why a page could not be had, and whether the site forbids
	// it. Then the site is not asked again, and failed only until it reports
	// that there is nothing more to do.
	failed func(job context.Context, reason string, forbidden bool) (settled bool)

	last      Page   // the latest that was fetched
	failures  int    // in a row
	forbidden string // why the site is not asked any more
}

func newPoller(s Source, c *Client, log *slog.Logger) (*poller, error) {
	f, err := c.Fetcher(s.URL)
	if err != nil {
		return nil, err
	}
	return &poller{fetcher: f, every: max(s.Every, time.Second), log: log.With("url", f.url.Redacted())}, nil
}

// run polls until ctx ends or the site forbids it.
func (p *poller) run(ctx context.Context, wait time.Duration) {
	for goOn := true; goOn; {
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		wait, goOn = p.poll(event.WithTID(ctx, event.NewTID()))
	}
}

// poll fetches the page once, and says when to come again, if at all.
func (p *poller) poll(job context.Context) (wait time.Duration, goOn bool) {
	if p.forbidden != "" {
		return quietFor, !p.failed(job, p.forbidden, true)
	}
	page, err := p.fetcher.Fetch(job)
	if errors.Is(err, ErrUnchanged) {
		page, err = p.last, nil
		page.At = time.Now().UTC()
	}
	log := p.log.With("tid", event.TIDFrom(job))
	var refused *RefusedError
	switch {
	case err == nil:
		p.failures, p.last = 0, page
		if err := p.got(job, page); err != nil {
			p.fetcher.Forget()
		}
		return jitter(p.every), true
	case job.Err() != nil:
		return 0, false
	case errors.As(err, &refused) && refused.Forbidden():
		log.Error("the site forbids it: source stopped", "error", err)
		p.forbidden = refused.Error()
		return quietFor, !p.failed(job, p.forbidden, true)
	}
	p.failures++
	wait = jitter(max(p.every, min(p.every<<min(p.failures, 10), maxPollPause)))
	if refused != nil {
		wait = max(wait, min(refused.Wait, maxRetryAfter))
	}
	log.Warn("page not fetched, trying again", "error", err, "failures", p.failures, "pause", wait.Round(time.Millisecond))
	p.failed(job, plainReason(err, refused), false)
	return wait, true
}

// plainReason is why a page could not be fetched, for everybody to read: an
// error of the network may name hosts that are nobody's business.
func plainReason(err error, refused *RefusedError) string {
	switch {
	case refused != nil:
		return refused.Error()
	case errors.Is(err, context.DeadlineExceeded):
		return "the site does not answer in time"
	}
	return "the site cannot be reached, or what it sends cannot be read"
}

// jitter is d, give or take a tenth.
func jitter(d time.Duration) time.Duration {
	return d - d/10 + rand.N(d/5+1)
}
