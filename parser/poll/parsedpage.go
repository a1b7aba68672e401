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

// A parsedPage is what a profile found on a page. Pages are polled far more often than they change,
// so it is kept from one poll to the next.
type parsedPage struct {
	hash         uint64
	snapshot     string // digest of the bytes, as events name it; "" if the page is to be parsed again
	observations []observation.Observation
	problems     []observation.Problem
	err          error // why the page is unusable

	document *profile.Document // nil once the page's events are traced: it is large
}

// parse parses a page, unless prev is of the same bytes. A page that could not be parsed in time is
// parsed again when it comes again.
func parse(ctx context.Context, by *profile.Profile, p page.Page, prev *parsedPage) *parsedPage {
	hash := xxhash.Sum64(p.Body)
	if hash == prev.hash && prev.snapshot != "" {
		return prev
	}
	sum := sha256.Sum256(p.Body)
	parsed := &parsedPage{hash: hash, snapshot: "sha256:" + hex.EncodeToString(sum[:])}
	if parsed.document, parsed.err = by.Parse(ctx, p); parsed.err == nil {
		parsed.observations, parsed.problems, parsed.err = parsed.document.Observations(ctx)
	}
	if ctx.Err() != nil || errors.Is(parsed.err, context.DeadlineExceeded) {
		parsed.snapshot = ""
	}
	return parsed
}

// problemText is what the page lacks, in a line.
func (p *parsedPage) problemText() string {
	const most = 3
	var text []string
	for _, problem := range p.problems[:min(most, len(p.problems))] {
		text = append(text, problem.String())
	}
	if more := len(p.problems) - most; more > 0 {
		text = append(text, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(text, "; ")
}
