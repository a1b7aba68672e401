package app

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A command that uses the config's namespace fails if it cannot read the config. It
// must not use the default namespace, which may belong to another installation.
func TestBrokenConfigStopsCommands(t *testing.T) {
	dir := t.TempDir()
	config := func(name, text string) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	folder := filepath.Join(dir, "folder.yaml")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	env := map[string]string{"AMQP_URL": "amqp://127.0.0.1:1/", "REDIS_URL": "redis://127.0.0.1:1"}
	run := func(t *testing.T, args ...string) (int, string) {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		var out, errs bytes.Buffer
		code := newProgram(env, "", &out, &errs).run(ctx, args)
		return code, errs.String()
	}
	commands := map[string][]string{
		"tail": {"tail"}, "ps": {"ps"}, "rebuild": {"rebuild", "scoreboard"}, "run": {"run", "parser"},
		"emit":      {"emit", "soccer.mls.goal", "{}", "--timeout", "1s"},
		"trace":     {"trace", "0199d0b4-7d6c-7000-8000-000000000001"},
		"gateway":   {"gateway", "--listen", "127.0.0.1:0"},
		"dead list": {"dead", "list"}, "dead list scoreboard": {"dead", "list", "scoreboard"},
		"dead purge": {"dead", "purge", "scoreboard", "--all"},
		"replay":     {"replay", nycTor, "--speed", "max"},
		// These commands use the profile folder that the config names.
		"replay --print": {"replay", nycTor, "--speed", "max", "--print"},
		"parse":          {"parse", nycTor + "/13-minute-90-1.html", "-p", "mls-matchcentre"},
	}
	refused := func(t *testing.T, file, want string, args ...string) {
		t.Helper()
		if code, errs := run(t, append(args, "--config", file)...); code != exitUsage || !strings.Contains(errs, want) {
			t.Errorf("exit %d, want %d with %q in:\n%s", code, exitUsage, want, errs)
		}
	}
	broken := config("yaml.yaml", "listen: ':1'\nnamespace: [cup\n")
	for name, args := range commands {
		t.Run(name, func(t *testing.T) { refused(t, broken, "yaml.yaml:2:", args...) })
	}
	for _, tc := range []struct{ name, file, want string }{
		{"unknown key", config("key.yaml", "namespace: cup\nlisten_on: ':1'\n"), `key.yaml:2:1: unknown field "listen_on"`},
		{
			"invalid namespace", config("bad.yaml", "listen: ':1'\nnamespace: Cup Final\n"),
			`bad.yaml:2:12: namespace: namespace "Cup Final"`,
		},
		{"missing file", filepath.Join(dir, "none.yaml"), "none.yaml"},
		{"folder", folder, "folder.yaml"},
	} {
		t.Run(tc.name, func(t *testing.T) { refused(t, tc.file, tc.want, "tail") })
	}
	for _, args := range [][]string{
		{"--version"}, {"tail", "--help"}, {"check", "../profiles/bbc-scores.yaml"},
	} {
		if code, errs := run(t, append(args, "--config", broken)...); code != exitOK {
			t.Errorf("%v: exit %d, want 0, because the command does not read the config: %s", args, code, errs)
		}
	}
}
