package app

import (
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/matchwire/matchwire/internal/guard"
	"github.com/matchwire/matchwire/internal/pipeline"
)

func tokenCommand(c *console) *cobra.Command {
	return &cobra.Command{
		Use:   "token NAME SCOPE…",
		Short: "Create an API token.",
		Long: `Arguments:
  NAME    Name of the token. Logs and errors show this name
  SCOPE…  What the token allows: read, operate, change or metrics

Prints the token, and a line to add to the file that api_tokens names in the config. Clients send the token as
"Authorization: Bearer TOKEN". The file contains only the hash of the token.

  read     scoreboards and streams (public unless the streams need tokens)
  operate  sources, traces, instances and dead letters; includes read and metrics
  change   calls that change something, such as POST /api/matches; includes operate, but not read or metrics
  metrics  metrics and the details of /healthz`,
		RunE:              func(_ *cobra.Command, args []string) error { return createToken(c, args[0], args[1:]) },
		ValidArgsFunction: completeScopes,
	}
}

func createToken(c *console, name string, words []string) error {
	var scopes []guard.Scope
	for _, word := range words {
		scope := guard.Scope(word)
		if !slices.Contains(guard.Scopes(), scope) {
			return pipeline.UsageError(fmt.Errorf("scope %q: want read, operate, change or metrics", word))
		}
		scopes = append(scopes, scope)
	}
	secret, token := guard.NewToken(name, scopes...)
	_, err := fmt.Fprintf(c.out, "%s\n\ntokens:\n%s\n", secret, token.Line())
	return err
}

// completeScopes completes the scopes, which follow the name.
func completeScopes(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	var scopes []cobra.Completion
	if len(args) > 0 {
		for _, scope := range guard.Scopes() {
			scopes = append(scopes, string(scope))
		}
	}
	return scopes, cobra.ShellCompDirectiveNoFileComp
}
