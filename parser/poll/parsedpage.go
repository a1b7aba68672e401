package poll

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/cespare/xxhash/v2"

	"github.com/matchwire/matchwire/parser/observation"
	"github.com/matchwire/matchwire/parser/page"
	"github.com/matchwire/matchwire/parser/profile"
)

// A parsedPage is the result of parsing a page. Pages change less often than they are polled, so
// the worker caches the result from one poll to the next.
type parsedPage struct {
	hash         uint64
	snapshot     string // digest of the body, see event.Evidence; "" if the page must be parsed again
	observations []observation.Observation
	problems     []observation.Problem
	err          error // why the page is unusable; nil if it is usable

	document *profile.Document // nil after the events of the page are traced, because it is large
}

// parse parses a page. If prev has the same body, and the facts on the page do not depend on the
// time, parse returns prev. If ctx ends before the page is parsed, or parsing takes too long, the
// page is parsed again at the next poll.
func parse(ctx context.Context, prof *profile.Profile, p page.Page, prev *parsedPage) *parsedPage {
	hash := xxhash.Sum64(p.Body)
	if hash == prev.hash && prev.snapshot != "" && !prof.DependsOnTime() {
		return prev
	}
	sum := sha256.Sum256(p.Body)
	parsed := &parsedPage{hash: hash, snapshot: "sha256:" + hex.EncodeToString(sum[:])}
	if parsed.document, parsed.err = prof.Parse(ctx, p); parsed.err == nil {
		parsed.observations, parsed.problems, parsed.err = parsed.document.Observations(ctx)
	}
	if ctx.Err() != nil || errors.Is(parsed.err, context.DeadlineExceeded) {
		parsed.snapshot = ""
	}
	return parsed
}

// problemText returns the problems of the page on one line: at most three, and the number of the
// others.
func (p *parsedPage) problemText() string {
	const most = 3
	texts := observation.Summary(p.problems)
	if more := len(texts) - most; more > 0 {
		texts = append(texts[:most], fmt.Sprintf("and %d more", more))
	}
	return strings.Join(texts, "; ")
}
