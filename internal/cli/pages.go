package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// pagesAnnotation is the annotation of the command help with the names of the pages.
const pagesAnnotation = "matchwire_pages"

// pageNames returns the sorted names of the pages of the documentation. The name of a page ends in .md only if the
// page would otherwise have the name of a command.
func pageNames(pages fs.FS, commands []string) []string {
	files, err := fs.Glob(pages, "*.md")
	if err != nil {
		panic(err) // the pattern is valid
	}
	for i, f := range files {
		if name := strings.TrimSuffix(f, ".md"); !slices.Contains(commands, name) {
			files[i] = name
		}
	}
	slices.Sort(files)
	return files
}

// helpCommand returns the command help, which prints the help of a command below root, or one of pages.
func helpCommand(root *cobra.Command, pages fs.FS, getenv func(string) string) *cobra.Command {
	names := pageNames(pages, availableCommands(root))
	cmd := &cobra.Command{
		Use:         "help [TOPIC…]",
		Short:       "Show the help of a command, or a page of the documentation.",
		Annotations: map[string]string{pagesAnnotation: strings.Join(names, ", ")},
		RunE: func(cmd *cobra.Command, args []string) error {
			found, rest, err := cmd.Root().Find(args)
			if err == nil && (len(rest) == 0 || !found.HasSubCommands()) {
				return found.Help()
			}
			if len(args) == 1 {
				switch text, err := fs.ReadFile(pages, strings.TrimSuffix(args[0], ".md")+".md"); {
				case err == nil:
					return show(cmd.OutOrStdout(), string(text), getenv)
				case !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrInvalid):
					return err
				}
			}
			if found == cmd.Root() {
				topics := append(availableCommands(found), names...)
				end := suggestion(args[0], topics, "")
				if end == "" {
					end = ": want a command, or a page: " + oneOf(names)
				}
				return &UsageError{cmd, fmt.Errorf("unknown topic %q%s", args[0], end)}
			}
			return Group(found, rest)
		},
		ValidArgsFunction: func(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
			found, rest, err := cmd.Root().Find(args)
			if err != nil || len(rest) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			var topics []cobra.Completion
			for _, sub := range found.Commands() {
				if sub.IsAvailableCommand() {
					topics = append(topics, cobra.CompletionWithDesc(sub.Name(), sub.Short))
				}
			}
			if found == cmd.Root() {
				topics = append(topics, names...)
			}
			return topics, cobra.ShellCompDirectiveNoFileComp
		},
	}
	cmd.Long = "Arguments:\n  TOPIC…  A command, such as dead list, or a page: " + oneOf(names) +
		"\n\nWithout .md, the name of a command prints the help of this command. On a terminal, a long page " +
		"is shown with the program that PAGER names, or with less. Otherwise the page is printed as Markdown."
	return cmd
}

// availableCommands returns the names of the subcommands of a command that the help lists.
func availableCommands(cmd *cobra.Command) (names []string) {
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() {
			names = append(names, sub.Name())
		}
	}
	return names
}
