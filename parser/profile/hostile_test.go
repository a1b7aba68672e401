package profile_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/matchwire/matchwire/internal/parsertest"
	"github.com/matchwire/matchwire/internal/testenv"
	"github.com/matchwire/matchwire/parser/page"
	"github.com/matchwire/matchwire/parser/profile"
)

// An attack is a page that was made to need much more memory or time than other pages.
type attack struct {
	name    string
	profile string
	body    func() string
}

// size is the maximum size of a page that the parser receives, in bytes; see page.Client.
const size = 16 << 20

// fill repeats text, to at most size bytes.
func fill(text string, size int) string { return strings.Repeat(text, size/len(text)) }

// count formats 0, 1, 2 and so on with format, until the result has at least size bytes.
func count(format string, size int) string {
	var b strings.Builder
	for i := 0; b.Len() < size; i++ {
		fmt.Fprintf(&b, format, i)
	}
	return b.String()
}

// reopened returns a page on which the HTML parser reopens hundreds of elements in every paragraph.
func reopened(size int) string { return "<p>" + count("<b id=%d>", 3600) + fill("<p>x</p>", size) }

// teams is the markup of the teams, which the profiles below require.
const teams = `<p class=home>A</p><p class=away>B</p>`

// rules returns a profile for pages with one match. more contains further rules.
func rules(more string) string {
	return "profile: hostile\nsport: soccer\nmatch:\n  id: {value: m1}\n  home: .home\n  away: .away\n" + more
}

// jsonRules returns a profile for JSON pages with one match. more contains further rules.
func jsonRules(more string) string {
	return "profile: hostile\nsport: soccer\nformat: json\nmatch:\n  id: {value: m1}\n" +
		"  home: {value: A}\n  away: {value: B}\n" + more
}

// rowRules contains the rules for incidents in li elements.
const rowRules = `incidents:
  - rows: li
    kind: {value: goal}
    side: {value: home}
    player: b
`

var attacks = []attack{
	{"paragraphs", parsertest.SmallProfile, func() string { return fill("<p>", size) }},
	{"cells", parsertest.SmallProfile, func() string { return "<table>" + fill("<td></table><table>", size) }},
	{"attributes of one element", parsertest.SmallProfile, func() string { return "<p " + count("a%x ", size) }},
	{"attributes", parsertest.SmallProfile, func() string { return fill("<p a b c d e f g h i j k>", size) }},
	{"attributes of body", parsertest.SmallProfile, func() string { return count("<body a%d=1>", size) }},
	{"reopened elements", parsertest.SmallProfile, func() string {
		return reopened(64 << 10)
	}},
	{"reopened elements of a large page", parsertest.SmallProfile, func() string {
		return reopened(size)
	}},
	{"adopted elements", parsertest.SmallProfile, func() string {
		return fill(count("<i id=%d>", 1<<10)+fill("<div>", 200)+fill("</i>", 1<<10)+fill("</div>", 1<<10), size)
	}},
	{"reopened elements in comments", parsertest.SmallProfile + "comments: true\n", func() string {
		return fill("<!--"+reopened(64<<10)+"-->", size)
	}},
	{"short comments", parsertest.SmallProfile + "comments: true\n", func() string { return fill("<!--<p>-->", size) }},
	{"text in pieces", parsertest.SmallProfile, func() string { return fill("a</x>", size) }},
	{"rows behind many siblings", rules(rowRules), func() string {
		return teams + "<ul>" + fill("<br>", 1<<20) + strings.Repeat("<li><b>P</b>", 9_990)
	}},
	{"rows behind very many siblings", rules(rowRules), func() string {
		return teams + "<ul>" + fill("<br>", size) + strings.Repeat("<li><b>P</b>", 9_990)
	}},
	{"rows with siblings", rules(strings.Replace(rowRules, "rows: li",
		"rows: {css: 'b, u', siblings: true}", 1)), func() string {
		return teams + strings.Repeat(strings.Repeat("<u>", 300)+fill("<i>x</i>", 2400)+strings.Repeat("</u>", 300), 30)
	}},
	{"nested rows", rules(rowRules), func() string {
		return teams + strings.Repeat("<ul><li>", 240) + fill("text ", size)
	}},
	{"nested texts", rules(strings.Replace(rowRules, "player: b",
		"player: {own: false, regexp: '(x+x+)+y'}", 1)), func() string {
		return teams + strings.Repeat("<ul><li>", 240) + fill("x", size)
	}},
	{"descendants", rules("  status: div div p div div p div div u\n"), func() string {
		return teams + strings.Repeat("<div>", 490) + fill("<u></u>", 1<<20)
	}},
	{"siblings", rules("  status: i ~ s ~ i ~ s ~ u\n"), func() string { return teams + fill("<i></i><u></u>", 1<<20) }},
	{"nested :has", rules("  status: 'div:has(div:has(div:has(s)))'\n"), func() string {
		return teams + fill(strings.Repeat("<div>", 400)+strings.Repeat("</div>", 400), 1<<20)
	}},
	{":nth-last-child", rules("  status: 'i:nth-last-child(2n+1):nth-child(2n)'\n"), func() string {
		return teams + fill("<i></i>", 1<<20)
	}},
	{":contains", rules("  status: 'div:contains(\"zz\")'\n"), func() string {
		return teams + strings.Repeat("<div>", 490) + fill("text ", 8<<20)
	}},
	{"regular expressions", rules("  status: {css: div, regexp: '(?:x?y?z?){200}(\\d+)$'}\n"), func() string {
		return teams + "<div>" + fill("xyzzy ", 4<<20-100)
	}},
	{"lists in JSON", jsonRules(""), func() string { return "[" + fill("[],", size) + "1]" }},
	{"objects in JSON", jsonRules(""), func() string { return "[" + fill(`{"":0},`, size) + "1]" }},
	{"keys in JSON", jsonRules(""), func() string { return "{" + count(`"%d":0,`, size) + `"":1}` }},
	{"deep JSON", jsonRules("  status: {jq: '[paths] | length | tostring'}\n"), func() string {
		return strings.Repeat("[", 9_000) + strings.Repeat("]", 9_000)
	}},
	{"a long number", jsonRules(""), func() string { return "[" + fill("7", size) + "]" }},
	{"jq without end", jsonRules("  status: {jq: 'last(range(.n))'}\n"), func() string { return `{"n": 1e12}` }},
	{"jq with a list without end", jsonRules("  status: {jq: '[range(.n)] | length'}\n"),
		func() string { return `{"n": 1e12}` }},
	{"jq with repeat", jsonRules("  status: {jq: '[.n | repeat(.)] | length'}\n"), func() string { return `{"n": 1}` }},
	{"jq in every row", jsonRules("  status: {jq: 'last(range(1e9))'}\nmatches: {jq: '.[]'}\n"), func() string {
		return "[" + fill("{},", 30_000) + "1]"
	}},
	{"JSON in a script", rules("json: {css: script}\n"), func() string {
		return teams + "<script>[" + fill("[],", size-100) + "1]</script>"
	}},
	{"JSON in flight format", rules("json: {css: script, as: flight}\n"), func() string {
		return teams + "<script>" + fill(`self.__next_f.push([1,"1:[[],[],[],[],[],[],[],[]]\n"])`, size-100) + "</script>"
	}},
}

// The limits for the extraction of one page. Without the limits of the parser, most attacks need more
// than 300 MiB, or do not end within a minute.
const (
	maxMemory = 256 << 20
	maxCPU    = 60 * time.Second // for slow machines; includes the creation of the page
)

// A usage contains the memory that an attack needed, and the result of the extraction.
type usage struct {
	Memory int64  `json:"memory"` // growth of the maximum resident memory, in bytes
	Result string `json:"result"`
}

// The extraction of each hostile page stays within the limits. Each page is extracted in a process
// of its own.
func TestHostilePages(t *testing.T) {
	if name := os.Getenv("MATCHWIRE_HOSTILE_PAGE"); name != "" {
		attackThisProcess(t, name)
		return
	}
	t.Parallel()
	for i, a := range attacks {
		t.Run(a.name, func(t *testing.T) {
			if testing.Short() && i%8 > 0 || testenv.Race && i%24 > 0 {
				t.Skip("make hostile runs all attacks, without -race")
			}
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestHostilePages$")
			cmd.Env = append(os.Environ(), "MATCHWIRE_HOSTILE_PAGE="+a.name)
			out, err := cmd.CombinedOutput()
			_, text, found := bytes.Cut(out, []byte("usage "))
			text, _, _ = bytes.Cut(text, []byte("\n"))
			if err == nil && !found {
				t.Skipf("%s", out)
			}
			var u usage
			if err := errors.Join(err, json.Unmarshal(text, &u)); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			cpu := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
			t.Logf("%d MiB, %v, %s", u.Memory>>20, cpu, u.Result)
			if !testenv.Race && (u.Memory > maxMemory || cpu > maxCPU) {
				t.Errorf("needs %d MiB and %v of CPU time, want at most %d MiB and %v",
					u.Memory>>20, cpu, maxMemory>>20, maxCPU)
			}
		})
	}
}

// attackThisProcess extracts a hostile page, and prints the usage.
func attackThisProcess(t *testing.T, name string) {
	a := attacks[slices.IndexFunc(attacks, func(a attack) bool { return a.name == name })]
	p, err := profile.Load("hostile.yaml", []byte(a.profile))
	if err != nil {
		t.Fatal(err)
	}
	pg := page.Page{Body: []byte(a.body())}
	debug.FreeOSMemory()
	before := resident(t)
	all, problems, err := p.Extract(context.Background(), pg)
	u := usage{resident(t) - before, fmt.Sprintf("%d matches, problems %.100v, error %v", len(all), problems, err)}
	text, _ := json.Marshal(u)
	fmt.Printf("usage %s\n", text)
}

// resident returns the maximum resident memory of this process up to now, in bytes.
func resident(t *testing.T) int64 {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Skip("this system does not show the memory of a process")
	}
	_, text, _ := strings.Cut(string(status), "VmHWM:")
	kb, err := strconv.ParseInt(strings.Fields(text)[0], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return kb << 10
}
