package poll_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/matchwire/matchwire/internal/parsertest"
	"github.com/matchwire/matchwire/parser/page"
	"github.com/matchwire/matchwire/parser/poll"
	"github.com/matchwire/matchwire/parser/profile"
)

// A slowKeeper keeps unusable pages. Each page stays in the ingestion until the test receives from
// release.
type slowKeeper struct {
	inside  atomic.Int32 // number of pages that are being ingested
	release chan struct{}
}

func (k *slowKeeper) Keep(page.Page, *profile.Profile, string, string) (string, error) {
	k.inside.Add(1)
	defer k.inside.Add(-1)
	<-k.release
	return "", errors.New("not kept")
}

// The pages that a worker parses at the same time have at most 2 MiB in total. A page of more than
// 1 MiB counts as 1 MiB, so two pages of any size are parsed at the same time. Another page waits
// until one of them is ingested, or its context ends.
func TestLargePagesWaitToBeParsed(t *testing.T) {
	t.Parallel()
	prof, err := profile.Load("small.yaml", []byte(parsertest.SmallProfile))
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name string
		size int // of each page, in bytes
		most int // pages at the same time
	}{
		{"4 MiB", 4 << 20, 2}, {"1 MiB", 1 << 20, 2}, {"512 KiB", 512 << 10, 4}, {"500 KiB", 500 << 10, 4},
	} {
		synctest.Test(t, func(t *testing.T) {
			keeper := &slowKeeper{release: make(chan struct{})}
			in := &poll.Ingester{Keep: keeper, Log: slog.New(slog.DiscardHandler)}
			w := poll.NewWorker(nil, page.NewClient(page.Options{}), in, nil, "", nil, nil)
			body := make([]byte, tc.size) // not HTML, so the page is unusable
			problems := make(chan string, tc.most+2)
			begin := func(ctx context.Context) {
				go func() { problems <- w.IngestPage(ctx, prof, page.Page{Body: body}) }()
				synctest.Wait()
			}
			check := func(when string, want, ended int) {
				t.Helper()
				synctest.Wait()
				if got := int(keeper.inside.Load()); got != want || len(problems) != ended {
					t.Fatalf("pages of %s, %s: %d pages are ingested and %d polls have ended, want %d and %d",
						tc.name, when, got, len(problems), want, ended)
				}
			}
			for range tc.most {
				begin(t.Context())
			}
			check("at the beginning", tc.most, 0)
			short, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			begin(short)
			begin(t.Context())
			check("with two more", tc.most, 0)
			time.Sleep(time.Minute) // of the bubble: the context of the first of the two ends
			check("after the timeout", tc.most, 1)
			if p := <-problems; !strings.Contains(p, "waited for other pages") {
				t.Errorf("pages of %s: problem %q, want that the poll waited for other pages", tc.name, p)
			}
			keeper.release <- struct{}{}
			check("after one page", tc.most, 1)
			for range tc.most {
				keeper.release <- struct{}{}
			}
			check("at the end", 0, tc.most+1)
			for range tc.most + 1 {
				if p := <-problems; !strings.Contains(p, "not HTML") {
					t.Errorf("pages of %s: problem %q, want that of the page", tc.name, p)
				}
			}
		})
	}
}
