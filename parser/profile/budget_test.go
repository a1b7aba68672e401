package profile_test

import (
	"context"
	"flag"
	"runtime/metrics"
	"strings"
	"testing"

	"github.com/matchwire/matchwire/internal/parsertest"
	"github.com/matchwire/matchwire/parser/page"
	"github.com/matchwire/matchwire/parser/profile"
)

// budgetProfiles returns profiles whose rules can need much work on a small page.
func budgetProfiles(t testing.TB) []*profile.Profile {
	t.Helper()
	texts := []string{everyRule, parsertest.SmallProfile + "comments: true\n",
		rules("  status: 'div:has(div:has(s)) ~ i > u'\n" + rowRules),
		rules("  status: {css: div, regexp: '(?:x?y?z?){20}(\\d+)$'}\n" + strings.Replace(rowRules, "rows: li",
			"rows: {css: 'b, u', siblings: true}", 1)),
		rules("  status: 'div:contains(\"zz\") i:nth-last-child(2n+1)'\njson: {css: script}\n"),
		rules("json: {css: script, as: flight}\n"),
		jsonRules("  status: {jq: 'last(range(.n))'}\n"),
		jsonRules("  status: {jq: '[.. | numbers] | length | tostring'}\nmatches: {jq: '.[]'}\n"),
		jsonRules("  status: {jq: '[.n | repeat(.)] | length'}\n"),
	}
	var all []*profile.Profile
	for _, text := range texts {
		p, err := profile.Load("fuzz.yaml", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	return all
}

// isFuzzWorker reports whether the process only runs a fuzz target. Then all its allocations are those of
// the target. Otherwise other tests can run at the same time.
func isFuzzWorker() bool {
	f := flag.Lookup("test.fuzzworker")
	return f != nil && f.Value.String() == "true"
}

// allocated returns the number of bytes that the process has allocated on the heap.
func allocated() uint64 {
	s := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}

// Limits of FuzzPageBudget.
const (
	maxBody       = 32 << 10 // size of the page, in bytes
	maxFuzzSteps  = 500_000
	lastText      = 27     // steps for each byte of the page whose text spends the last steps; see below
	uncheckedWork = 16_384 // steps between two checks of the budget, of which there are several in a row
)

// FuzzPageBudget extracts any page with few steps. A page is a beginning, a piece that is repeated,
// and an end, so that small inputs become pages that need much work. The target checks that the work
// ends soon after the steps are spent, with an error, and that the memory is bounded by the size of
// the page and the steps. A result without an error is the same as the result with all steps: no
// limit shortens a result silently.
func FuzzPageBudget(f *testing.F) {
	profiles := budgetProfiles(f)
	for i := range profiles {
		for j, s := range []struct {
			head, piece, tail string
			times             uint16
		}{
			{teams, "<p>", "", 9999}, {teams, "<div>", "<u></u>", 400}, {teams, "<i></i><u></u>", "", 5000},
			{teams + "<ul>", "<li><b>P</b>", "", 3000}, {teams + "<ul>", "<br>", "<li><b>P</b><li>", 20000},
			{teams + "<div>", "xyzzy ", "", 20000}, {teams, "<!--<p><b x>-->", "", 3000},
			{teams, "<ul><li>", "text", 240}, {"<p><b id=1><b id=2><b id=3><b id=4>", "<p>x</p>", "", 9999},
			{teams + "<script>[", "[],", "1]</script>", 20000},
			{teams + "<script>", `self.__next_f.push([1,"1:[[],[]]\n"])`, "</script>", 3000},
			{`{"n":1e12,"a":[`, "1,", "1]}", 30000}, {"[", `{"n":9},`, "1]", 9000}, {"[", "[", "", 2000},
			{`{"n":`, "7", "}", 60000},
		} {
			f.Add(byte(i), []uint32{50, 20_000, maxFuzzSteps}[(i+j)%3], s.head, s.piece, s.times, s.tail)
		}
	}
	f.Fuzz(func(t *testing.T, which byte, steps uint32, head, piece string, times uint16, tail string) {
		p := profiles[int(which)%len(profiles)]
		limit := int(steps % (maxFuzzSteps + 1))
		if len(head)+len(tail) > maxBody {
			return
		}
		n := min(int(times), (maxBody-len(head)-len(tail))/max(len(piece), 1))
		pg := page.Page{Body: []byte(head + strings.Repeat(piece, n) + tail), At: parsertest.Noon}
		before := allocated()
		all, problems, spent, err := p.ExtractWithin(t.Context(), pg, limit)
		used := int(allocated() - before)
		// A byte of the page can become 3 bytes of a value, which cost 9 steps each and are spent together.
		slack := uncheckedWork + lastText*len(pg.Body)
		if spent > limit+slack {
			t.Errorf("%d steps for a page of %d bytes, want at most %d and %d unchecked ones",
				spent, len(pg.Body), limit, slack)
		}
		if err == nil && spent > limit+uncheckedWork {
			t.Errorf("%d steps and no error, want an error because of the limit of %d", spent, limit)
		}
		if most := 4<<20 + 1000*len(pg.Body) + 200*spent; used > most && isFuzzWorker() {
			t.Errorf("%d bytes for a page of %d bytes and %d steps, want at most %d", used, len(pg.Body), spent, most)
		}
		if err != nil {
			if len(all) > 0 {
				t.Errorf("%d observations with the error %v, want none", len(all), err)
			}
			return
		}
		whole, allProblems, _, err := p.ExtractWithin(t.Context(), pg, 100*maxFuzzSteps)
		if err != nil || !parsertest.SameJSON(all, whole) || !parsertest.SameJSON(problems, allProblems) {
			t.Errorf("%d steps: observations %+v, problems %v; with all steps: %+v, %v, error %v; want the same",
				limit, all, problems, whole, allProblems, err)
		}
	})
}

// A long search of a regular expression stops when the context ends. The more instructions the
// expression has, the shorter is the text of such a search.
func TestLongSearchesStop(t *testing.T) {
	t.Parallel()
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	const simple, many = `(\d+)$`, `(?:x?y?z?){200}(\d+)$`
	for _, tc := range []struct {
		expr  string
		size  int // of the text, in bytes
		stops bool
	}{
		{simple, 1 << 10, false}, {simple, 1 << 19, false}, {simple, 1<<20 + 2, true},
		{many, 1 << 10, false}, {many, 1 << 18, true},
	} {
		text := strings.Repeat("ab ", tc.size/3) + "7"
		if got := profile.Find(ended, tc.expr, text); (got == nil) != tc.stops {
			t.Errorf("%s in %d bytes, after the context ended: %q, want that the search stops: %v",
				tc.expr, tc.size, got, tc.stops)
		}
	}
	for size := range 2 { // both searches find the same
		text := strings.Repeat("ab ", 1<<(10+9*size)) + "xyz77"
		if got := profile.Find(t.Context(), simple, text); len(got) != 2 || got[1] != "77" {
			t.Errorf("%d bytes: %q, want 77", len(text), got)
		}
	}
}
