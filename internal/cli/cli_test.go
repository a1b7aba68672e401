package cli_test

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/fstest"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/matchwire/matchwire/internal/cli"
)

// called is what a call of the test program's command put contained.
type called struct {
	args         []string
	size, colour string
	count        int
}

// program returns a program with the command "store put NAME FILE…".
func program(env map[string]string) (*cobra.Command, *called) {
	var c called
	root := &cobra.Command{Use: "program", Short: "Does things."}
	store := &cobra.Command{Use: "store", Short: "Stores files."}
	put := &cobra.Command{
		Use: "put NAME FILE…", Short: "Puts files.",
		Long: "Arguments:\n  NAME   " + strings.Repeat("word ", 19) + "word\n         " + strings.Repeat("word ", 10) +
			"\n  FILE…  files\n\n" + strings.Repeat("long ", 40),
		RunE: func(_ *cobra.Command, args []string) error {
			c.args = args
			return nil
		},
	}
	get := &cobra.Command{Use: "get [NAME]", Short: "Gets.", RunE: func(*cobra.Command, []string) error { return nil }}
	put.Flags().StringVar(&c.size, "size", "", "`SIZE` of the files.")
	put.Flags().IntVar(&c.count, "count", 3, "Number of copies.")
	cli.Enum(put, put.Flags(), &c.colour, "colour", "Colour of the files.", "red", "green", "blue")
	cli.FromEnv(put, "count", "COUNT")
	cli.Require(put, "size")
	store.AddCommand(put, get)
	root.AddCommand(store, cli.Completion())
	cli.Prepare(root, func(name string) string { return env[name] }, pages)
	root.SetOut(io.Discard)
	return root, &c
}

// pages is the documentation of the test program.
var pages = fstest.MapFS{
	"files.md":  {Data: []byte("# Files\n")},
	"store.md":  {Data: []byte("# Store\n")},
	"other.txt": {Data: []byte("no page")},
}

// The command help prints the help of a command or a page. A page with the name of a command needs .md, and the help of
// the program lists it with .md.
func TestHelpTopics(t *testing.T) {
	for topic, want := range map[string]string{
		"files": "# Files\n", "files.md": "# Files\n", "store.md": "# Store\n",
		"store": "Usage: program store COMMAND [flags]\n", "store put": "Usage: program store put NAME FILE… [flags]\n",
	} {
		root, _ := program(nil)
		var out strings.Builder
		root.SetOut(&out)
		root.SetArgs(append([]string{"help"}, strings.Fields(topic)...))
		if err := root.Execute(); err != nil || !strings.HasPrefix(out.String(), want) {
			t.Errorf("help %s: error %v, output:\n%s\nwant it to begin with %q", topic, err, &out, want)
		}
	}
	const topics = ": want a command, or a page: files or store.md"
	for topic, want := range map[string]string{
		"fils": `unknown topic "fils"; did you mean "files"?`, "other.txt": `unknown topic "other.txt"` + topics,
		"../go": `unknown topic "../go"` + topics, "stor": `unknown topic "stor"; did you mean "store"?`,
		"store pt": `unknown command "pt"; did you mean "put"?`,
	} {
		root, _ := program(nil)
		root.SetArgs(append([]string{"help"}, strings.Fields(topic)...))
		var usage *cli.UsageError
		if err := root.Execute(); !errors.As(err, &usage) || err.Error() != want {
			t.Errorf("help %s: error %v, want %q", topic, err, want)
		}
	}
	root, _ := program(nil)
	if help, want := cli.Help(root), "Topics: files, store.md.\n"; !strings.Contains(help, want) {
		t.Errorf("the help of the program is\n%s\nwant it to contain %q", help, want)
	}
}

// The arguments of a call must match their names in Use. Required flags must be set.
func TestMistakes(t *testing.T) {
	for args, want := range map[string]string{
		"store put a b --size 1":                  "",
		"store put a b c --size 1 --colour GREEN": "",
		"store get":                            "",
		"store get x":                          "",
		"store get x y":                        `unexpected argument "y"`,
		"":                                     "want a command",
		"store":                                "want a command",
		"stor":                                 `unknown command "stor"; did you mean "store"?`,
		"xyzzy":                                `unknown command "xyzzy"`,
		"store pt":                             `unknown command "pt"; did you mean "put"?`,
		"store pt --size 1":                    `unknown command "pt"; did you mean "put"?`,
		"store put":                            "missing argument NAME",
		"store put a":                          "missing argument FILE",
		"store put a b":                        "missing flag --size SIZE",
		"store put a b --siz 1":                `unknown flag --siz; did you mean "--size"?`,
		"store put a b --qqqq 1":               "unknown flag --qqqq",
		"store put a b -z":                     "unknown flag -z",
		"store put a b --size":                 "flag --size has no value: want --size SIZE",
		"store put a b --size 1 --colour pink": `--colour "pink": want red, green or blue`,
		"store put a b --size 1 --count x":     `--count "x": want an integer`,
		"help stor":                            `unknown topic "stor"; did you mean "store"?`,
		"help store pt":                        `unknown command "pt"; did you mean "put"?`,
		"completion tcsh":                      `shell "tcsh": want bash, zsh, fish or powershell`,
	} {
		root, _ := program(nil)
		root.SetArgs(strings.Fields(args))
		err := root.Execute()
		var usage *cli.UsageError
		switch {
		case want == "" && err != nil, want != "" && (err == nil || err.Error() != want):
			t.Errorf("program %s: error %v, want %q", args, err, want)
		case err != nil && !errors.As(err, &usage):
			t.Errorf("program %s: error %v, want a UsageError", args, err)
		}
	}
}

// A flag takes its value from the environment unless the call sets it.
func TestFromEnv(t *testing.T) {
	for _, tc := range []struct {
		value, args string
		want        int
	}{{"", "", 3}, {"5", "", 5}, {"5", "--count 7", 7}} {
		root, c := program(map[string]string{"COUNT": tc.value})
		root.SetArgs(strings.Fields("store put a b --size 1 " + tc.args))
		if err := root.Execute(); err != nil || c.count != tc.want {
			t.Errorf("COUNT=%s and arguments %q: got %d, error %v, want %d", tc.value, tc.args, c.count, err, tc.want)
		}
	}
	root, _ := program(map[string]string{"COUNT": "many"})
	root.SetArgs(strings.Fields("store put a b --size 1"))
	if err := root.Execute(); err == nil || err.Error() != `COUNT "many": want an integer` {
		t.Errorf("COUNT=many: error %v, want one about an integer", err)
	}
}

// The help shows arguments, commands and flags in columns of at most 80 characters.
func TestHelp(t *testing.T) {
	root, _ := program(nil)
	put, _, err := root.Find([]string{"store", "put"})
	if err != nil {
		t.Fatal(err)
	}
	got := cli.Help(put)
	want := `Usage: program store put NAME FILE… [flags]

Puts files.

Arguments:
  NAME   word word word word word word word word word word word word word word
         word word word word word word word word word word word word word word
         word word
  FILE…  files

long long long long long long long long long long long long long long long long
long long long long long long long long long long long long long long long long
long long long long long long long long

Flags:
      --colour red|green|blue  Colour of the files.
      --count int              Number of copies (default: 3). Also set by COUNT.
      --size SIZE              SIZE of the files.

Flags of all commands:
  -h, --help  Show this help.
`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got := cli.Help(root); !strings.Contains(got, "\nCommands:\n  completion  Print a completion script") ||
		!strings.HasPrefix(got, "Usage: program COMMAND [flags]\n") {
		t.Errorf("help of the program:\n%s\nwant its commands", got)
	}
	for line := range strings.Lines(got) {
		if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > 80 {
			t.Errorf("line of %d characters: %s", n, line)
		}
	}
}
