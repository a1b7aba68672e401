package rights_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/matchwire/matchwire/internal/rights"
)

// code lists the declarations that send commands to Redis on behalf of a user, by folder. A name
// can also be the name of a file, and "*" means the whole folder.
type code map[string][]string

// The parts of the code that run as several users.
var (
	roles = code{ // every process that runs roles
		"internal/instances": {"announce", "Registry.announce", "Registry.remove"},
		"internal/trace":     {"Store.expire", "Store.Write"},
		"internal/pipeline": {
			"Servers.openRedis",
			"redisHealth.check",
			"redisInfo",
			"queueHealth.claim",
			"queueHealth.save",
			"queueHealth.load",
		},
		"internal/scheduler": {"expect", "overdue", "Schedule.setDeadline", "Schedule.Overdue", "Schedule.read"},
	}
	outboxes = code{
		"internal/outbox":      {"store.go"},
		"internal/redisclient": {"confirm"},
		"internal/scheduler":   {"Schedule.ClaimOverdue", "settle", "Schedule.expectNoneWhilePaused"},
		"parser/poll":          {"saveScript", "Store.Load", "Store.Save"},
	}
	rateLimits = code{"internal/ratelimit": {"*"}}
	boards     = code{
		"consumers/scoreboard": {"updateSource", "listsSource", "scoreboard.runScripts"},
		"internal/redisclient": {"confirm"},
	}
)

// users lists the code that runs as each user, by role.
var users = map[string][]code{
	"scheduler": {roles, outboxes, {"internal/scheduler": {
		"begin", "popDue", "joinConfigs", "superseded", "activate", "deactivate", "removeStopped", "Schedule.Begin",
		"Schedule.Pop", "Schedule.join", "Schedule.writeEvent", "Schedule.removeStopped",
		"list.go", "index.go",
	}}},
	"parser": {roles, outboxes, rateLimits, {
		"parser/poll": {
			"claimScript",
			"sourceStore.claim",
			"saveSourceScript",
			"sourceStore.save",
			"saveScript",
			"Store.Load",
			"Store.Save",
			"Store.markUpcoming",
		},
		"internal/scheduler": {
			"indexing",
			"savePoll",
			"removeStopped",
			"Schedule.Polled",
			"Schedule.read",
			"Schedule.removeStopped",
		},
	}},
	"consumers": {roles, rateLimits, boards, {
		"consumers":         {"once.go", "order_scripts.go", "order.enter", "order.leave"},
		"consumers/archive": {"*"},
		"consumers/notify": {"deliveries.go", "takeSample", "answerSample", "sampleRequests.take", "sampleRequests.answer",
			"subscribers.list", "subscribers.remove", "subscribers.proved"},
		"parser/poll": {"Store.Upcoming"},
	}},
	"fanout": {roles, {
		"fanout/eventlog": {"*"}, "fanout/presence": {"*"}, "consumers/scoreboard": {"Boards.Get"},
	}},
	"api": {roles, outboxes, rateLimits, {
		"internal/scheduler": {
			"superseded",
			"activate",
			"deactivate",
			"askable",
			"pause",
			"resume",
			"ask",
			"Schedule.request",
			"Schedule.writeEvent",
			"list.go",
			"index.go",
		},
		"internal/instances":   {"list", "Registry.List"},
		"internal/outbox":      {"waiting.go"},
		"internal/trace":       {"Store.read", "Store.caused", "Store.resolve"},
		"consumers/scoreboard": {"Boards.Get", "Boards.Page", "Boards.listed"},
		"consumers/notify": {"addSubscriber", "subscribers.add", "subscribers.remove", "subscribers.limit",
			"askSample", "sampleRequests.ask"},
	}},
	"gateway": {{
		"internal/instances": {"list", "Registry.List", "announce", "Registry.announce", "Registry.remove"},
		"internal/pipeline":  {"pingRedis", "Servers.openRedis", "redisInfo"},
	}},
	"operator": {boards, {
		"internal/instances": {"list", "Registry.List"},
		"internal/trace":     {"Store.read", "Store.caused", "Store.resolve"},
		"internal/pipeline":  {"Servers.openRedis", "redisInfo"},
		"consumers/archive":  {"*"},
	}},
}

// Each user may send exactly the commands in the code that runs as the user.
func TestRedisCommands(t *testing.T) {
	found := map[string]map[string][]string{} // commands by folder and declaration
	for _, u := range rights.Users("") {
		if u.Redis == nil {
			continue
		}
		want := map[string]bool{
			"ping":   true,
			"select": true, // the client sends it if the URL of the server contains a database

			"cluster|slots": true, // the client of a cluster sends this and the next
			"command":       true,
		}
		for _, part := range users[u.Role] {
			for folder, names := range part {
				if found[folder] == nil {
					found[folder] = commands(t, folder)
				}
				for _, name := range names {
					for _, c := range matching(t, folder, name, found[folder]) {
						want[c] = true
					}
				}
			}
		}
		got := slices.Sorted(slices.Values(u.Redis.Commands))
		for c := range want {
			if !slices.Contains(got, c) {
				t.Errorf("user %s may not send the command %s, but needs it", u.Name, c)
			}
		}
		for _, c := range got {
			if !want[c] {
				t.Errorf("user %s may send the command %s, but does not need it", u.Name, c)
			}
		}
	}
}

// matching returns the commands that name selects. all contains the commands in a folder, by declaration
// and file.
func matching(t *testing.T, folder, name string, all map[string][]string) (found []string) {
	t.Helper()
	if name == "*" {
		return slices.Concat(slices.Collect(maps.Values(all))...)
	}
	found, ok := all[name]
	if !ok {
		t.Errorf("%s: %s sends no command or does not exist", folder, name)
	}
	return found
}

// These patterns match a command in a Lua script, a call of a method of the client, and a run of a script.
var (
	scripted = regexp.MustCompile(`redis\.call\('([a-z]+)'`)
	called   = regexp.MustCompile(`\b(?:redis|Redis|pipe|p|r)\.([A-Z][A-Za-z]+)\((?:ctx|starting|r\.Context\(\)|c\b)`)
	run      = regexp.MustCompile(`\.Run\(\s*(?:ctx|r\.Context\(\)),\s*[a-z]*\.?(?:redis|Redis)\b`)
)

// names maps methods of the Redis client to the commands that they send, if the names differ.
var names = map[string][]string{
	"TxPipelined": {"multi", "exec"}, "TxPipeline": {"multi", "exec"}, "Pipelined": nil, "Pipeline": nil, "Exec": nil,
	"ZRevRangeByScoreWithScores": {"zrevrangebyscore"}, "ZRangeWithScores": {
		"zrange",
	}, "SetNX": {"set"}, "SetArgs": {"set"}, "ConfigGet": nil, // CONFIG GET is only for servers that refuse INFO
	"Flush": nil, // a method of the outbox
	"Do":    nil, // add finds its command
}

// commands returns the commands in each declaration and each file of a folder. It finds commands in Lua
// scripts and in calls of the client.
func commands(t *testing.T, folder string) map[string][]string {
	t.Helper()
	dir := filepath.Join("../..", folder)
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%s has no files: %v", folder, err)
	}
	all := map[string][]string{}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		set := token.NewFileSet()
		tree, err := parser.ParseFile(set, file, source, parser.SkipObjectResolution|parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		text := func(n ast.Node) string {
			return string(source[set.Position(n.Pos()).Offset:set.Position(n.End()).Offset])
		}
		for _, d := range tree.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				name := d.Name.Name
				if d.Recv != nil {
					name = strings.TrimLeft(text(d.Recv.List[0].Type), "*") + "." + name
				}
				add(all, filepath.Base(file), name, text(d))
			case *ast.GenDecl:
				for _, s := range d.Specs {
					if v, ok := s.(*ast.ValueSpec); ok {
						body := text(v)
						if d.Doc != nil && strings.Contains(d.Doc.Text(), "go:embed") || strings.Contains(comments(d), "go:embed") {
							body = embedded(t, dir, comments(d))
						}
						add(all, filepath.Base(file), v.Names[0].Name, body)
					}
				}
			}
		}
	}
	return all
}

// comments returns the comments of a declaration, with directives.
func comments(d *ast.GenDecl) (text string) {
	if d.Doc != nil {
		for _, c := range d.Doc.List {
			text += c.Text + "\n"
		}
	}
	return text
}

// embedded returns the Lua script that a directive embeds, or "" if it embeds a file of a different type.
func embedded(t *testing.T, dir, directive string) string {
	t.Helper()
	_, name, _ := strings.Cut(strings.TrimSpace(directive), "go:embed ")
	if filepath.Ext(name) != ".lua" {
		return ""
	}
	source, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(source)
}

// add adds the commands in source to the declaration name and to the file.
func add(all map[string][]string, file, name, source string) {
	var found []string
	for _, m := range scripted.FindAllStringSubmatch(source, -1) {
		found = append(found, m[1])
	}
	if run.MatchString(source) {
		found = append(found, "eval", "evalsha")
	}
	if strings.Contains(source, `.Do(ctx, "wait"`) {
		found = append(found, "wait")
	}
	if strings.Contains(source, ".Load(ctx, s.redis)") {
		found = append(found, "script|load")
	}
	for _, m := range called.FindAllStringSubmatch(source, -1) {
		if c, ok := names[m[1]]; ok {
			found = append(found, c...)
		} else {
			found = append(found, strings.ToLower(m[1]))
		}
	}
	for _, transaction := range []string{".TxPipelined(", ".TxPipeline("} {
		if strings.Contains(source, transaction) {
			found = append(found, "multi", "exec")
		}
	}
	if len(found) > 0 {
		all[name] = append(all[name], found...)
		all[file] = append(all[file], found...)
	}
}
