package app

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/matchwire/matchwire/consumers"
	"github.com/matchwire/matchwire/internal/cli"
)

// commands returns all commands of matchwire, with their names.
func commands(t *testing.T) map[string]*cobra.Command {
	t.Helper()
	root, err := rootCommand(&console{program: newProgram(nil, "", io.Discard, io.Discard)})
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]*cobra.Command{}
	var add func(*cobra.Command)
	add = func(cmd *cobra.Command) {
		all[cmd.CommandPath()] = cmd
		for _, sub := range cmd.Commands() {
			add(sub)
		}
	}
	add(root)
	return all
}

// The help of every command describes all its arguments and flags. No line has more than 80
// characters, and no word is broken.
func TestHelp(t *testing.T) {
	all := commands(t)
	if len(all) < 30 {
		t.Fatalf("found %d commands, want 30 or more", len(all))
	}
	oneLine := func(text string) string { return strings.Join(strings.Fields(text), " ") }
	for name, cmd := range all {
		code, help, errs := call(t, "", nil, append(strings.Fields(name)[1:], "--help")...)
		if code != exitOK || errs != "" || !strings.HasPrefix(help, "Usage: "+name) {
			t.Errorf("%s --help: exit %d\n%s%s\nwant exit 0 and the usage line", name, code, help, errs)
		}
		for line := range strings.Lines(help) {
			line = strings.TrimSuffix(line, "\n")
			if n := utf8.RuneCountInString(line); n > 80 && strings.Contains(strings.TrimSpace(line), " ") {
				t.Errorf("%s --help: line of %d characters: %s", name, n, line)
			}
		}
		if !strings.Contains(oneLine(help), oneLine(cmd.Long)) {
			t.Errorf("%s --help: some words of Long are missing or broken:\n%s", name, help)
		}
		for _, argument := range strings.Fields(cmd.Use)[1:] {
			argument = strings.Trim(argument, "[]")
			if !strings.Contains(help, "\n  "+argument+"  ") && cmd.Name() != "help" {
				t.Errorf("%s --help: the argument %s has no description", name, argument)
			}
		}
		if cmd.Short == "" || !strings.HasSuffix(cmd.Short, ".") {
			t.Errorf("%s: Short is %q, want a sentence", name, cmd.Short)
		}
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			placeholder, text := pflag.UnquoteUsage(f)
			if !strings.HasSuffix(text, ".") || slices.Contains([]string{"string", "int", "duration", "value"}, placeholder) {
				t.Errorf("%s: flag %s with the value %s and the text %q: want a sentence with a name for the value",
					name, f.Name, placeholder, text)
			}
		})
	}
	code, help, errs := call(t, "", nil, "help", "dead", "list")
	if code != exitOK || help != cli.Help(all["matchwire dead list"]) {
		t.Errorf("help dead list: exit %d\n%s%s\nwant the help of dead list", code, help, errs)
	}
	code, version, errs := call(t, "", nil, "--version")
	if code != exitOK || strings.TrimSpace(version) == "" || errs != "" {
		t.Errorf("--version: exit %d, output %q, errors %q, want a version", code, version, errs)
	}
}

// bash completes commands, flags, fixed values and profiles with the script of the command completion.
func TestBashCompletion(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("bash is not installed")
	}
	dir := t.TempDir()
	program := "#!" + bash + "\nMATCHWIRE_TEST_MAIN=1 exec " + os.Args[0] + " \"$@\"\n"
	if err := os.WriteFile(filepath.Join(dir, "matchwire"), []byte(program), 0o700); err != nil {
		t.Fatal(err)
	}
	// The functions replace those of the package bash-completion, and a builtin that works only while
	// a person completes a line.
	const script = `
compopt() { :; }
_init_completion() {
	COMPREPLY=() words=("${COMP_WORDS[@]}") cword=$COMP_CWORD
	cur=${words[cword]} prev=${words[cword-1]}
}
source <(matchwire completion bash)
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMP_LINE="$*" COMP_TYPE=9
COMP_POINT=${#COMP_LINE}
__start_matchwire
printf '%s\n' "${COMPREPLY[@]}"
`
	for line, want := range map[string]string{
		"matchwire rep":                       "replay",
		"matchwire dead s":                    "show",
		"matchwire health --end":              "--endpoint",
		"matchwire health --endpoint l":       "livez",
		"matchwire archive export --format c": "csv",
		"matchwire run sch":                   "scheduler",
		"matchwire token ann op":              "operate",
		"matchwire completion f":              "fish",
		"matchwire help dea":                  "dead",
		"matchwire notify k":                  "keys",
		"matchwire --log-level w":             "warn",
		"matchwire parse --profile bbc-sc":    "bbc-scores",
	} {
		cmd := exec.Command(bash, append([]string{"-c", script, "test"}, strings.Fields(line)...)...)
		cmd.Env = append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"))
		out, err := cmd.CombinedOutput()
		if got := strings.TrimSpace(string(out)); got != want || err != nil {
			t.Errorf("%s: got %q, error %v, want %q", line, got, err, want)
		}
	}
}

// zsh, fish and PowerShell get a script too.
func TestCompletionScripts(t *testing.T) {
	for shell, want := range map[string]string{
		"bash": "complete -o default", "zsh": "compdef _matchwire matchwire", "fish": "complete -c matchwire",
		"powershell": "Register-ArgumentCompleter",
	} {
		if code, out, errs := call(t, "", nil, "completion", shell); code != exitOK || !strings.Contains(out, want) {
			t.Errorf("completion %s: exit %d, errors %q, want a script with %q", shell, code, errs, want)
		}
	}
}

// The command of a plugin has the name of the plugin. matchwire checks its arguments, and opens the
// config only if the command needs it.
func TestPluginCommand(t *testing.T) {
	run := func(name string, args ...string) (code int, out, errs string) {
		var o, e strings.Builder
		p := newProgram(nil, "", &o, &e)
		p.plugins = append(p.plugins, consumers.Plugin{
			Name: "goals",
			Command: func(open func() (consumers.Host, error)) *cobra.Command {
				cmd := &cobra.Command{Use: name, Short: "Work with goals."}
				cmd.AddCommand(&cobra.Command{
					Use: "count FILE", Short: "Count.",
					RunE: func(cmd *cobra.Command, args []string) error {
						if args[0] == "none" {
							return nil
						}
						h, err := open()
						if err != nil {
							return err
						}
						fmt.Fprintln(cmd.OutOrStdout(), h.Prefix+args[0])
						return h.Settings(&struct{}{})
					},
				})
				return cmd
			},
		})
		code = p.run(t.Context(), args)
		return code, o.String(), e.String()
	}
	config := filepath.Join(t.TempDir(), "c.yaml")
	if err := os.WriteFile(config, []byte("consumers:\n  goals: {colour: red}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name, args string
		code       int
		out, errs  string
	}{
		{"goals", "goals count a", exitOK, "mw:a\n", ""},
		{"goals", "goals count", exitUsage, "", "missing argument FILE"},
		{"goals", "goals cuont a", exitUsage, "", `unknown command "cuont"; did you mean "count"?`},
		{"goals", "goals count a --config " + config, exitFailure, "mw:a\n", `c.yaml:2:11: unknown field "colour"`},
		{"goals", "goals count a --config none.yaml", exitUsage, "", "none.yaml"},
		{"goals", "goals count none --config none.yaml", exitOK, "", ""},
		{"gaols", "ps", exitUsage, "", `consumer goals: its command has the name "gaols": want the name of the consumer`},
	} {
		code, out, errs := run(tc.name, strings.Fields(tc.args)...)
		if code != tc.code || out != tc.out || !strings.Contains(errs, tc.errs) {
			t.Errorf("command %s, %s: exit %d, output %q, errors %q; want %d, %q and %q",
				tc.name, tc.args, code, out, errs, tc.code, tc.out, tc.errs)
		}
	}
}
