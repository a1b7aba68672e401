package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// envAnnotation is the annotation of a flag with the name of its environment variable.
const envAnnotation = "matchwire_env"

// FromEnv lets a flag of cmd take its value from an environment variable, if the call does not set the
// flag. An empty variable has no effect. It panics if cmd has no such flag.
func FromEnv(cmd *cobra.Command, flag, variable string) {
	f := cmd.Flag(flag)
	if f == nil {
		panic("no flag " + flag)
	}
	if f.Annotations == nil {
		f.Annotations = map[string][]string{}
	}
	f.Annotations[envAnnotation] = []string{variable}
}

// setFromEnv sets the flags that take their values from environment variables.
func setFromEnv(cmd *cobra.Command, getenv func(string) string) error {
	var failed error
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		variables := f.Annotations[envAnnotation]
		if f.Changed || len(variables) == 0 || failed != nil {
			return
		}
		if value := getenv(variables[0]); value != "" {
			if err := f.Value.Set(value); err != nil {
				failed = fmt.Errorf("%s %q: %w", variables[0], value, wantError(f, err))
			}
			f.Changed = true
		}
	})
	return failed
}

// Require marks flags of cmd as required. It panics if cmd has no such flag.
func Require(cmd *cobra.Command, flags ...string) {
	for _, name := range flags {
		if err := cmd.MarkFlagRequired(name); err != nil {
			panic(err)
		}
	}
}

// Enum adds a flag with one of several values to flags, which are flags of cmd. The default is the
// value of *p. It can be "".
func Enum(cmd *cobra.Command, flags *pflag.FlagSet, p *string, name, usage string, values ...string) {
	flags.Var(&enum{p, values}, name, usage)
	completions := cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)
	if err := cmd.RegisterFlagCompletionFunc(name, completions); err != nil {
		panic(err)
	}
}

type enum struct {
	value  *string
	values []string
}

func (e *enum) String() string { return *e.value }
func (e *enum) Type() string   { return strings.Join(e.values, "|") }

// Set sets the value. It ignores case.
func (e *enum) Set(text string) error {
	for _, v := range e.values {
		if strings.EqualFold(v, text) {
			*e.value = v
			return nil
		}
	}
	return fmt.Errorf("want %s", oneOf(e.values))
}

// flagError rewrites an error of package pflag. If the call also names an unknown command, the command
// is the mistake.
func flagError(cmd *cobra.Command, err error) error {
	if args := cmd.Flags().Args(); cmd.HasSubCommands() && len(args) > 0 {
		return Group(cmd, args)
	}
	var unknown *pflag.NotExistError
	var noValue *pflag.ValueRequiredError
	var invalid *pflag.InvalidValueError
	switch {
	case errors.As(err, &unknown) && unknown.GetSpecifiedShortnames() != "":
		err = fmt.Errorf("unknown flag -%s", unknown.GetSpecifiedName())
	case errors.As(err, &unknown):
		name := unknown.GetSpecifiedName()
		var names []string
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			if !f.Hidden {
				names = append(names, f.Name)
			}
		})
		err = fmt.Errorf("unknown flag --%s%s", name, suggestion(name, names, "--"))
	case errors.As(err, &noValue):
		placeholder, _ := pflag.UnquoteUsage(noValue.GetFlag())
		err = fmt.Errorf("flag --%s has no value: want --%[1]s %s", noValue.GetFlag().Name, placeholder)
	case errors.As(err, &invalid):
		f := invalid.GetFlag()
		err = fmt.Errorf("--%s %q: %w", f.Name, invalid.GetValue(), wantError(f, invalid.Unwrap()))
	}
	return &UsageError{cmd, err}
}

// wantError returns an error about a value of f that does not use the words of the Go standard library.
func wantError(f *pflag.Flag, err error) error {
	switch f.Value.Type() {
	case "bool":
		return errors.New("want true or false")
	case "int":
		return errors.New("want an integer")
	case "duration":
		return errors.New("want a duration, such as 30s or 5m")
	}
	return err
}
