package parsertest

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/matchwire/matchwire/internal/testenv"
	"github.com/matchwire/matchwire/parser/page"
	"github.com/matchwire/matchwire/parser/profile"
)

// BigPage returns a captured page of 556 KB and the profile for the page. If the captured pages are
// missing, BigPage skips the benchmark.
func BigPage(b *testing.B) (page.Page, *profile.Profile) {
	b.Helper()
	dir := testenv.Needs(b, testenv.Pages("../.."), "MATCHWIRE_PAGES")
	body, err := os.ReadFile(filepath.Join(dir, "soccer/abseits-sunderland-bournemouth.html"))
	if err != nil {
		b.Fatal(err)
	}
	return page.Page{Body: body, At: time.Date(2026, 2, 14, 17, 0, 0, 0, time.UTC)}, Library(b)["abseits"]
}
