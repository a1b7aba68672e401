package matchwire_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"
)

const module = "github.com/matchwire/matchwire"

// allowedImports lists the packages of this module that each package may import. Test files may import
// any package. TestImports fails for an import that is not listed, and for a listed import that does not
// exist. docs/architecture.md describes the packages.
var allowedImports = table(`
event:                         internal/spelling
health:
broker:                        event health
broker/memory:                 broker event health internal/spelling
broker/rabbit:                 broker event health internal/spelling
broker/brokertest:             broker event internal/testenv

parser:
parser/page:                   internal/netguard internal/redact internal/retryafter
parser/observation:            event
parser/profile/internal/budget: internal/jq
parser/profile/internal/css:   parser/profile/internal/budget
parser/profile/internal/notations: event
parser/profile/internal/pagehtml:
parser/profile/internal/pagejson:
parser/profile/internal/pagetext:
parser/profile:                event parser/observation parser/page internal/strictyaml
                               parser/profile/internal/budget parser/profile/internal/css
                               parser/profile/internal/notations parser/profile/internal/pagehtml
                               parser/profile/internal/pagejson parser/profile/internal/pagetext
parser/reconcile/internal/innings: event parser/observation
parser/reconcile/internal/lineups: event parser/observation
parser/reconcile/internal/pagerows: event parser/observation
parser/reconcile/internal/playtime: event
parser/reconcile/internal/results: event
parser/reconcile:              event parser/observation internal/assign parser/reconcile/internal/innings
                               parser/reconcile/internal/lineups parser/reconcile/internal/pagerows
                               parser/reconcile/internal/playtime parser/reconcile/internal/results
parser/poll:                   event health broker parser/observation parser/page parser/profile parser/reconcile
                               internal/outbox internal/ratelimit internal/redisclient internal/trace
parser/recording:              event parser/page parser/poll parser/profile internal/strictyaml internal/trace

consumers:                     event broker health internal/redisclient internal/strictyaml internal/trace
consumers/archive:             event broker consumers internal/cli
consumers/exec:                event broker consumers internal/environ internal/strictyaml
consumers/notify:              event broker consumers consumers/notify/send internal/cli internal/clientaddr
                               internal/jq internal/problem internal/ratelimit
                               internal/strictyaml internal/terminal internal/trace
consumers/notify/send:         event broker consumers internal/jq internal/netguard internal/redact internal/retryafter
                               internal/strictyaml
consumers/scoreboard:          event broker consumers internal/redisclient
consumers/shipped:             consumers consumers/archive consumers/notify consumers/scoreboard
consumers/consumertest:        event broker broker/memory consumers

fanout:                        event broker health internal/clientaddr internal/nonblock internal/problem internal/quota
                               internal/trace
                               fanout/access fanout/eventlog fanout/filter fanout/presence fanout/internal/boards
                               fanout/internal/snapshot fanout/internal/wire fanout/web
fanout/access:
fanout/eventlog:               event broker fanout/internal/wire
fanout/filter:                 event
fanout/presence:
fanout/web:                    event
fanout/internal/boards:        fanout/eventlog
fanout/internal/snapshot:      broker fanout/eventlog fanout/filter fanout/internal/wire
fanout/internal/wire:          broker

api:
fixtures:
profiles:
examples:

internal/apiclient:            event broker consumers internal/deadletters internal/instances internal/overview
                               internal/trace
internal/assign:
internal/bench:                consumers internal/pipeline internal/terminal
internal/bench/scale:          internal/bench
internal/cli:                  internal/spelling internal/terminal
internal/clientaddr:
internal/configinit:           consumers internal/pipeline internal/strictyaml internal/terminal parser/page parser/poll
internal/emit:                 event
internal/environ:
internal/isolate:
internal/jq:                   internal/spelling
internal/licences:
internal/licences/generate:
internal/netguard:
internal/nonblock:
internal/problem:
internal/prose:
internal/quota:
internal/ratelimit:
internal/redact:
internal/redisclient:
internal/reload:               health
internal/retryafter:
internal/rights:
internal/spelling:
internal/strictyaml:           internal/environ internal/spelling
internal/instances:
internal/terminal:              internal/spelling
internal/trace:                event broker internal/retryafter
internal/outbox:               broker health internal/redisclient internal/trace
internal/scheduler:            event health broker consumers parser/poll internal/outbox internal/trace
internal/guard:                fanout/access internal/problem internal/strictyaml
internal/httpserver:           internal/problem
internal/datadir:
internal/deadletters:          event broker consumers
internal/embedded:             broker/memory internal/datadir
internal/metrics:              event parser/poll
internal/migrate:
internal/monitor:              health
internal/httpapi:              event api broker consumers consumers/scoreboard parser/page parser/poll parser/profile
                               internal/clientaddr internal/deadletters internal/emit internal/guard
                               internal/instances internal/netguard internal/overview
                               internal/problem internal/quota internal/scheduler internal/trace
internal/gateway:              internal/clientaddr internal/instances internal/nonblock internal/problem
internal/overview:             broker internal/instances internal/outbox internal/scheduler internal/spelling
                               internal/trace
internal/pipeline:             event health broker broker/memory broker/rabbit parser/observation parser/page
                               parser/poll parser/profile parser/recording
                               consumers consumers/exec consumers/scoreboard fanout fanout/access
                               fanout/eventlog fanout/presence fixtures profiles
                               internal/deadletters internal/embedded internal/gateway internal/guard
                               internal/httpapi internal/httpserver
                               internal/instances internal/metrics internal/migrate internal/monitor
                               internal/netguard
                               internal/outbox internal/overview
                               internal/quota internal/redact internal/redisclient internal/reload
                               internal/scheduler internal/spelling internal/strictyaml internal/trace

internal/matchday:             event broker consumers consumers/notify consumers/notify/send fanout/web
                               fixtures
                               internal/pipeline internal/problem internal/strictyaml internal/trace
                               parser/page parser/poll parser/profile parser/recording

internal/season:               event parser/page parser/profile parser/reconcile
internal/chaos:
internal/parsertest:           event fixtures profiles parser/observation parser/page parser/poll parser/profile
                               parser/reconcile parser/recording internal/testenv
internal/testenv:              broker internal/testenv/servers
internal/testenv/browser:      internal/testenv
internal/testenv/gotest:
internal/testenv/servers:
internal/testenv/with-servers: internal/testenv internal/testenv/servers

docs:
app:                           event broker consumers consumers/notify consumers/shipped docs fanout/access profiles
                               parser/observation parser/page parser/poll parser/profile parser/recording
                               internal/apiclient internal/bench internal/cli internal/configinit internal/datadir
                               internal/deadletters internal/emit internal/environ internal/guard internal/instances
                               internal/isolate internal/licences internal/matchday internal/overview internal/pipeline
                               internal/rights internal/spelling internal/strictyaml internal/terminal internal/trace
cmd/matchwire:                 app
.:
`)

// libraries lists the packages that may import each library for a protocol, a format or a server.
var libraries = table(`
github.com/rabbitmq/amqp091-go:       broker/rabbit internal/testenv internal/testenv/servers
github.com/gorilla/websocket:         fanout internal/bench
golang.org/x/net/html:                parser/profile parser/profile/internal/css parser/profile/internal/pagehtml
                                      parser/profile/internal/pagetext
golang.org/x/net/html/atom:           parser/profile/internal/pagehtml parser/profile/internal/pagetext
golang.org/x/net/html/charset:        parser/profile/internal/pagetext
github.com/andybalholm/cascadia:      parser/profile/internal/css
github.com/PuerkitoBio/goquery:       parser/profile parser/profile/internal/css
github.com/itchyny/gojq:              parser/profile internal/jq
github.com/redis/go-redis/v9:         parser/poll consumers consumers/archive consumers/notify consumers/scoreboard
                                      consumers/consumertest
                                      fanout/eventlog fanout/presence
                                      internal/bench internal/embedded internal/instances internal/migrate
                                      internal/outbox
                                      internal/pipeline
                                      internal/ratelimit internal/redisclient internal/scheduler internal/trace
                                      internal/parsertest internal/testenv
github.com/alicebob/miniredis/v2:     internal/embedded consumers/consumertest internal/parsertest internal/testenv
`)

// forbidden lists packages that no package may import, with a replacement. They call the method
// MethodByName of package reflect with a name that the compiler does not know. The linker then keeps
// every method of every type. docs/decisions/size.md has the figures.
// Package cobra imports text/template, but calls it only if a program sets a template.
var forbidden = table(`
text/template:                        write texts in jq, with internal/jq
html/template:                        write pages without templates
github.com/alecthomas/kong:           declare commands with cobra
`)

// cobraTemplates matches functions with which cobra would link text/template.
var cobraTemplates = regexp.MustCompile(`^(AddTemplateFuncs?|Set(Usage|Help|Version)Template)$`)

// No package imports or calls what makes the linker keep every method.
func TestNothingKeepsEveryMethod(t *testing.T) {
	for _, p := range packages(t) {
		for what, file := range p.imports() {
			if reason, ok := forbidden[what]; ok {
				t.Errorf("%s: no package may import %s: %s", file, what, strings.Join(reason, " "))
			}
		}
		for _, file := range p.files {
			ast.Inspect(file, func(n ast.Node) bool {
				call, ok := n.(*ast.CallExpr)
				if !ok {
					return true
				}
				sel, ok := call.Fun.(*ast.SelectorExpr)
				if !ok {
					return true
				}
				dynamic := sel.Sel.Name == "MethodByName" && len(call.Args) == 1
				if dynamic {
					_, constant := call.Args[0].(*ast.BasicLit)
					dynamic = !constant // the linker keeps only methods with the constant name
				}
				if dynamic || cobraTemplates.MatchString(sel.Sel.Name) {
					t.Errorf("%s: %s makes the linker keep every method of every type",
						p.set.Position(sel.Pos()), sel.Sel.Name)
				}
				return true
			})
		}
	}
}

// pure lists the packages that do no I/O. They must not import packages that can do I/O.
var pure = []string{"event", "health", "internal/spelling", "parser/observation", "parser/reconcile",
	"parser/reconcile/internal/innings", "parser/reconcile/internal/lineups", "parser/reconcile/internal/pagerows",
	"parser/reconcile/internal/playtime", "parser/reconcile/internal/results"}

// table parses lines of the form "name: words". A line without a name continues the previous line.
func table(text string) map[string][]string {
	all, last := map[string][]string{}, ""
	for line := range strings.Lines(text) {
		name, rest, ok := strings.Cut(line, ": ")
		if strings.HasSuffix(strings.TrimSpace(line), ":") {
			name, rest, ok = strings.TrimSuffix(strings.TrimSpace(line), ":"), "", true
		}
		if ok {
			last = name
			all[last] = []string{}
		} else {
			rest = line
		}
		if last != "" {
			all[last] = append(all[last], strings.Fields(rest)...)
		}
	}
	return all
}

// A goPackage holds the parsed Go files of a folder, without test files.
type goPackage struct {
	files map[string]*ast.File // by path
	set   *token.FileSet       // positions of files
}

// packages parses the packages of this module and returns them by folder.
func packages(t *testing.T) map[string]*goPackage {
	t.Helper()
	all := map[string]*goPackage{}
	err := filepath.WalkDir(".", func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			_, err := os.Stat(filepath.Join(file, "go.mod"))
			if file != "." && (err == nil || strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata") {
				return fs.SkipDir // another module, a hidden folder, or test data
			}
			return nil
		}
		if !strings.HasSuffix(file, ".go") {
			return nil
		}
		dir := path.Dir(filepath.ToSlash(file))
		if all[dir] == nil {
			all[dir] = &goPackage{map[string]*ast.File{}, token.NewFileSet()}
		}
		if strings.HasSuffix(file, "_test.go") {
			return nil
		}
		parsed, err := parser.ParseFile(all[dir].set, file, nil, parser.SkipObjectResolution)
		all[dir].files[filepath.ToSlash(file)] = parsed
		return err
	})
	if err != nil || len(all) == 0 {
		t.Fatalf("found %d packages, error %v; want one or more", len(all), err)
	}
	return all
}

// imports returns the imports of a package, each with the path of a file that contains the import.
func (p *goPackage) imports() map[string]string {
	all := map[string]string{}
	for name, file := range p.files {
		for _, i := range file.Imports {
			all[strings.Trim(i.Path.Value, `"`)] = name
		}
	}
	return all
}

// The packages import only what allowedImports and libraries list, and pure packages do no I/O.
func TestImports(t *testing.T) {
	all := packages(t)
	for dir, p := range all {
		allowed, listed := allowedImports[dir]
		if !listed {
			t.Errorf("allowedImports does not list package %s", dir)
			continue
		}
		imported := p.imports()
		for _, want := range allowed {
			if imported[module+"/"+want] == "" {
				t.Errorf("allowedImports lists import %[2]s of package %[1]s, but the package does not import it", dir, want)
			}
		}
		for what, file := range imported {
			if own, ok := strings.CutPrefix(what, module+"/"); ok && !slices.Contains(allowed, own) {
				t.Errorf("%s: package %s must not import %s", file, dir, own)
			}
			if only, ok := libraries[what]; ok && !slices.Contains(only, dir) {
				t.Errorf("%s: only %s may import %s", file, strings.Join(only, ", "), what)
			}
			if slices.Contains(pure, dir) && doesIO(what) {
				t.Errorf("%s: package %s must do no I/O, so it must not import %s", file, dir, what)
			}
		}
	}
	for dir := range allowedImports {
		if all[dir] == nil {
			t.Errorf("allowedImports lists %s, but this package does not exist", dir)
		}
	}
}

// doesIO reports whether a package can access files, processes, the network or a server.
func doesIO(what string) bool {
	for _, prefix := range []string{"os", "io", "net", "syscall", "log", "database", "testing", "plugin", "unsafe"} {
		if what == prefix || strings.HasPrefix(what, prefix+"/") {
			return true
		}
	}
	for library := range libraries {
		if what == library {
			return true
		}
	}
	return false
}

// No struct contains a context, because the struct could outlive the call that the context is for.
// The test skips the packages budget and jq, because their types are themselves contexts.
func TestNoContextInStructs(t *testing.T) {
	for dir, p := range packages(t) {
		if dir == "parser/profile/internal/budget" || dir == "internal/jq" {
			continue
		}
		for _, file := range p.files {
			ast.Inspect(file, func(n ast.Node) bool {
				s, ok := n.(*ast.StructType)
				if !ok {
					return true
				}
				for _, field := range s.Fields.List {
					if sel, ok := field.Type.(*ast.SelectorExpr); ok && fmt.Sprint(sel.X) == "context" && sel.Sel.Name == "Context" {
						t.Errorf("%s: a struct contains a context: pass the context as a parameter", p.set.Position(field.Pos()))
					}
				}
				return true
			})
		}
	}
}

// maxFiles is the maximum number of files in a package, without test files.
const maxFiles = 20

// Each package has at most maxFiles files. With -v, the test prints for each package how many lines its
// files and functions have.
func TestSizes(t *testing.T) {
	var out strings.Builder
	w := tabwriter.NewWriter(&out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "package\tfiles\tmedian\tp90\tmax\tfunctions\tmedian\tp90\tmax\t")
	all := packages(t)
	for _, dir := range slices.Sorted(maps.Keys(all)) {
		p := all[dir]
		var files, functions []int
		for _, file := range p.files {
			files = append(files, p.set.Position(file.FileEnd).Line-1)
			for _, d := range file.Decls {
				if f, ok := d.(*ast.FuncDecl); ok {
					functions = append(functions, p.set.Position(f.End()).Line-p.set.Position(f.Pos()).Line+1)
				}
			}
		}
		if len(files) == 0 {
			continue
		}
		fmt.Fprintf(w, "%s\t%d\t%s\t%d\t%s\t\n", dir, len(files), spread(files), len(functions), spread(functions))
		if len(files) > maxFiles {
			t.Errorf("package %s has %d files, want at most %d: split the package", dir, len(files), maxFiles)
		}
	}
	_ = w.Flush()
	t.Log("\n" + out.String())
}

// spread returns the median, the 90th percentile and the maximum of n, separated by tabs. It sorts n.
func spread(n []int) string {
	if len(n) == 0 {
		return "0\t0\t0"
	}
	slices.Sort(n)
	return fmt.Sprintf("%d\t%d\t%d", n[len(n)/2], n[len(n)*9/10], n[len(n)-1])
}

// docs/architecture.md names only files and functions that exist. The page lists every package,
// except examples and the packages in the folders internal and fanout.
func TestArchitecture(t *testing.T) {
	text, err := os.ReadFile("docs/architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	all := packages(t)
	declared := declarations(t)
	steps := regexp.MustCompile(`(?m)^ *\d+ +(\S+) +([A-Za-z.]+) +\S`).FindAllStringSubmatch(string(text), -1)
	if len(steps) < 20 {
		t.Errorf("found %d steps in \"The path of a goal\", want 20 or more", len(steps))
	}
	for _, step := range steps {
		file, function := step[1], step[2]
		if dir, ok := strings.CutSuffix(file, "/…"); ok {
			if !declared[dir][function] {
				t.Errorf("%s: package %s has no function %s", step[0], dir, function)
			}
			continue
		}
		if !declared[file][function] {
			t.Errorf("%s: file %s has no function %s", step[0], file, function)
		}
	}
	_, list, _ := strings.Cut(string(text), "## Packages")
	list, _, _ = strings.Cut(list, "\n## ")
	for dir := range all {
		top, _, nested := strings.Cut(dir, "/")
		listed := strings.Contains(list, "`"+dir+"`") || nested && strings.Contains(list, "`"+path.Base(dir)+"`")
		if dir != "." && dir != "examples" && !listed && top != "internal" && !strings.HasPrefix(dir, "fanout/") {
			t.Errorf("docs/architecture.md does not list package %s", dir)
		}
	}
}

// declarations returns the functions and methods of each file and each package, without test files.
func declarations(t *testing.T) map[string]map[string]bool {
	t.Helper()
	declared := map[string]map[string]bool{}
	add := func(where, what string) {
		if declared[where] == nil {
			declared[where] = map[string]bool{}
		}
		declared[where][what] = true
	}
	for dir, p := range packages(t) {
		for name, file := range p.files {
			for _, d := range file.Decls {
				if f, ok := d.(*ast.FuncDecl); ok {
					add(name, functionName(f))
					add(dir, functionName(f))
				}
			}
		}
	}
	return declared
}

// functionName returns "F" for a function F, and "T.M" for a method M of type T.
func functionName(f *ast.FuncDecl) string {
	if f.Recv == nil {
		return f.Name.Name
	}
	receiver := f.Recv.List[0].Type
	if star, ok := receiver.(*ast.StarExpr); ok {
		receiver = star.X
	}
	if generic, ok := receiver.(*ast.IndexExpr); ok {
		receiver = generic.X
	}
	return fmt.Sprint(receiver) + "." + f.Name.Name
}
