// Package cli gives all commands of a program the same help, the same checks of arguments and flags,
// and flags whose values can come from environment variables.
//
// A command is a [cobra.Command]. Its field Use names its arguments, as in "parse PAGE",
// "demo [DIR…]" and "token NAME SCOPE…". [Prepare] checks the arguments of each call against these
// names: NAME is required, [NAME] is optional, and the last name can end in … for any number of
// arguments.
package cli

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/matchwire/matchwire/internal/spelling"
)

// A UsageError reports that a command was called incorrectly.
type UsageError struct {
	// Command is the command whose help describes the correct call.
	Command *cobra.Command
	// Err is the mistake. It is nil if the call names no command.
	Err error
}

func (e *UsageError) Error() string {
	if e.Err == nil {
		return "want a command"
	}
	return e.Err.Error()
}

// Prepare prepares a command and all its subcommands. Call it once, before the command is executed.
// getenv returns the value of an environment variable, for the flags with [FromEnv]. pages contains
// the documentation, as NAME.md.
//
// Execute then returns a [UsageError] for a mistake in the arguments, and prints neither errors nor
// help. The command help is added to root. It also prints the pages.
func Prepare(root *cobra.Command, getenv func(string) string, pages fs.FS) {
	root.SilenceErrors, root.SilenceUsage = true, true
	root.SetHelpFunc(func(cmd *cobra.Command, _ []string) { fmt.Fprint(cmd.OutOrStdout(), Help(cmd)) })
	root.SetFlagErrorFunc(flagError)
	root.PersistentFlags().BoolP("help", "h", false, "Show this help.")
	help := helpCommand(root, pages, getenv)
	root.SetHelpCommand(help)
	root.AddCommand(help)
	prepare(root, getenv)
}

func prepare(cmd *cobra.Command, getenv func(string) string) {
	for _, sub := range cmd.Commands() {
		prepare(sub, getenv)
	}
	if cmd.HasSubCommands() {
		cmd.Args = cobra.ArbitraryArgs // checked by group
		if !cmd.Runnable() {
			cmd.RunE = Group
		}
		return
	}
	if cmd.ValidArgsFunction == nil && cmd.ValidArgs == nil {
		cmd.ValidArgsFunction = cobra.NoFileCompletions
	}
	if cmd.Args == nil {
		cmd.Args = checkArgs
	}
	check := cmd.Args
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		err := cmp.Or(check(cmd, args), setFromEnv(cmd, getenv), checkRequired(cmd))
		if err != nil {
			return &UsageError{cmd, err}
		}
		return nil
	}
}

// Group is the RunE of a command that has only subcommands. It returns an error, because the call
// names no subcommand, or one that does not exist.
func Group(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return &UsageError{Command: cmd}
	}
	return &UsageError{cmd, fmt.Errorf("unknown command %q%s", args[0],
		suggestion(args[0], availableCommands(cmd), ""))}
}

// suggestion returns a question with the word that is most similar to a misspelled word, after prefix.
// It returns "" if no word is similar.
func suggestion(misspelled string, words []string, prefix string) string {
	nearest, least := "", 3
	for _, w := range words {
		d := spelling.Distance(strings.ToLower(misspelled), w)
		if d < least && d <= len(w)/2 || strings.HasPrefix(w, misspelled) && nearest == "" {
			nearest, least = w, min(d, least)
		}
	}
	if nearest == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %q?", prefix+nearest)
}

// checkArgs returns an error if the number of arguments does not match the names in Use.
func checkArgs(cmd *cobra.Command, args []string) error {
	names := strings.Fields(cmd.Use)[1:]
	for i, name := range names {
		if bare := strings.TrimPrefix(name, "["); i >= len(args) && bare == name {
			return fmt.Errorf("missing argument %s", strings.TrimSuffix(name, "…"))
		} else if strings.HasSuffix(strings.TrimSuffix(bare, "]"), "…") {
			return nil
		}
	}
	if len(args) > len(names) {
		return fmt.Errorf("unexpected argument %q", args[len(names)])
	}
	return nil
}

// checkRequired returns an error if a flag is missing that [cobra.Command.MarkFlagRequired] marks.
func checkRequired(cmd *cobra.Command) error {
	var missing []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Changed && slices.Contains(f.Annotations[cobra.BashCompOneRequiredFlag], "true") {
			placeholder, _ := pflag.UnquoteUsage(f)
			missing = append(missing, "--"+f.Name+" "+placeholder)
		}
	})
	switch len(missing) {
	case 0:
		return nil
	case 1:
		return errors.New("missing flag " + missing[0])
	}
	return errors.New("missing flags " + strings.Join(missing, " and "))
}

// Completion returns the command completion, which prints a script for a shell.
func Completion() *cobra.Command {
	shells := []cobra.Completion{"bash", "zsh", "fish", "powershell"}
	return &cobra.Command{
		Use:   "completion SHELL",
		Short: "Print a completion script for a shell.",
		Long: `Arguments:
  SHELL  bash, zsh, fish or powershell

In bash, this command turns completion on for the current session:

  source <(matchwire completion bash)

It needs the package bash-completion. To turn completion on for all sessions, add the command to ~/.bashrc. In zsh,
add the same line with zsh to ~/.zshrc, below the line with compinit. For fish, write the script to
~/.config/fish/completions/matchwire.fish.`,
		ValidArgs: shells,
		RunE: func(cmd *cobra.Command, args []string) error {
			out := cmd.OutOrStdout()
			switch args[0] {
			case "bash":
				return cmd.Root().GenBashCompletionV2(out, true)
			case "zsh":
				return cmd.Root().GenZshCompletion(out)
			case "fish":
				return cmd.Root().GenFishCompletion(out, true)
			case "powershell":
				return cmd.Root().GenPowerShellCompletionWithDesc(out)
			}
			return &UsageError{cmd, fmt.Errorf("shell %q: want %s", args[0], oneOf(shells))}
		},
	}
}

// Files is a ValidArgsFunction that completes the names of files and folders.
var Files = cobra.FixedCompletions(nil, cobra.ShellCompDirectiveDefault)

// oneOf joins words for an error, as in "bash, zsh or fish".
func oneOf(words []string) string {
	if len(words) == 1 {
		return words[0]
	}
	return strings.Join(words[:len(words)-1], ", ") + " or " + words[len(words)-1]
}
