package page_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/matchwire/matchwire/parser/page"
)

// A slowSite answers every request with a page of more than 1 MiB. The rest of the page after its
// first MiB comes only when the test sends to release.
type slowSite struct {
	reading atomic.Int32 // number of pages whose rest is being read
	release chan struct{}
}

func (s *slowSite) RoundTrip(r *http.Request) (*http.Response, error) {
	body := io.MultiReader(bytes.NewReader(make([]byte, 1<<20)), &slowRest{s, r.Context()})
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(body), Request: r}, nil
}

// A slowRest is the rest of a page of a slowSite.
type slowRest struct {
	site *slowSite
	ctx  context.Context
}

func (s *slowRest) Read([]byte) (int, error) {
	s.site.reading.Add(1)
	defer s.site.reading.Add(-1)
	select {
	case <-s.site.release:
		return 0, io.EOF
	case <-s.ctx.Done():
		return 0, context.Cause(s.ctx)
	}
}

// A client reads at most four large pages at the same time. A fifth page waits until one of the four
// is complete, or its context ends. A page that fails makes room too.
func TestLargePagesAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		site := &slowSite{release: make(chan struct{})}
		client := page.NewClient(page.Options{PerHost: time.Millisecond, Policy: page.Policy{Private: true}})
		client.SetTransport(site)
		var results [7]chan error
		var cancels [7]context.CancelCauseFunc
		begin := func(i int) {
			f, err := client.Fetcher(fmt.Sprintf("https://site%d.example/", i))
			if err != nil {
				t.Fatal(err)
			}
			var ctx context.Context
			ctx, cancels[i] = context.WithCancelCause(t.Context())
			results[i] = make(chan error, 1)
			go func() {
				_, err := f.Fetch(ctx)
				results[i] <- err
			}()
			synctest.Wait()
		}
		check := func(when string, reading, done int) {
			t.Helper()
			synctest.Wait()
			ended := 0
			for _, r := range results {
				ended += len(r)
			}
			if got := int(site.reading.Load()); got != reading || ended != done {
				t.Fatalf("%s: the client reads %d large pages, and %d fetches have ended; want %d and %d",
					when, got, ended, reading, done)
			}
		}
		for i := range 6 {
			begin(i)
		}
		check("after six fetches", 4, 0)
		site.release <- struct{}{} // one of the four is complete
		check("after the first page", 4, 1)
		why := errors.New("the process stops")
		cancels[5](why)
		check("after the context of the sixth fetch ended", 4, 2)
		if err := <-results[5]; !errors.Is(err, why) && !errors.Is(err, context.Canceled) {
			t.Errorf("the fetch that waited: error %v, want that of its context", err)
		}
		begin(6)
		check("after a seventh fetch", 4, 1)
		for i := range 4 { // the contexts of the first pages end while the pages are read
			cancels[i](why)
		}
		check("after the contexts of the first pages ended", 2, 4)
		site.release <- struct{}{}
		site.release <- struct{}{}
		check("at the end", 0, 6)
		for _, i := range []int{4, 6} {
			if err := <-results[i]; err != nil {
				t.Errorf("fetch %d: error %v, want a page", i, err)
			}
		}
	})
}

// Pages of less than 1 MiB do not wait for large pages.
func TestSmallPagesDoNotWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		site := &slowSite{release: make(chan struct{})}
		client := page.NewClient(page.Options{PerHost: time.Millisecond, Policy: page.Policy{Private: true}})
		client.SetTransport(site)
		fetch := func(host string) error {
			f, err := client.Fetcher("https://" + host + "/")
			if err == nil {
				_, err = f.Fetch(t.Context())
			}
			return err
		}
		large := make(chan error, 4)
		for i := range 4 {
			go func() { large <- fetch(fmt.Sprintf("site%d.example", i)) }()
		}
		synctest.Wait()
		client.SetTransport(smallSite{})
		if err := fetch("small.example"); err != nil {
			t.Errorf("a small page while four large pages are read: error %v, want the page", err)
		}
		for range 4 {
			site.release <- struct{}{}
		}
		for range 4 {
			if err := <-large; err != nil {
				t.Errorf("a large page: error %v, want the page", err)
			}
		}
	})
}

// A smallSite answers every request with a small page.
type smallSite struct{}

func (smallSite) RoundTrip(r *http.Request) (*http.Response, error) {
	body := io.NopCloser(bytes.NewReader([]byte("<p>small")))
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: body, Request: r}, nil
}
