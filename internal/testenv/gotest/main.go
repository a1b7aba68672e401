// Gotest runs go test in one or more modules and prints its output. At the end it lists the slowest
// tests, and the skipped tests by reason. It exits with the first exit code of go test that is not 0,
// or with 0.
//
//	go run ./internal/testenv/gotest -modules=.,contract -first=./app -race ./...
//
// Without -modules it tests the module in the current folder. In the first module, the packages of -first
// start before the other packages: those that take longest should not start last. These two flags
// must come first, in this order. Gotest passes all other arguments to go test.
package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strings"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout)) }

func run(args []string, out io.Writer) int {
	modules, first := ".", ""
	take := func(flag string, value *string) {
		if len(args) > 0 && strings.HasPrefix(args[0], flag) {
			*value, args = strings.TrimPrefix(args[0], flag), args[1:]
		}
	}
	take("-modules=", &modules)
	take("-first=", &first)
	signal.Ignore(os.Interrupt) // go test receives the signal too, and ends
	r := report{out: out}
	code := 0
	for i, dir := range strings.Split(modules, ",") {
		own := args
		if i == 0 && first != "" {
			own = before(args, strings.Split(first, ","))
		}
		code = cmp.Or(code, r.test(dir, own))
	}
	r.summary()
	return code
}

// before returns args with packages before the pattern ./..., because go test starts packages in the order of
// its arguments. Without that pattern it returns args.
func before(args, packages []string) []string {
	at := slices.Index(args, "./...")
	if at < 0 {
		return args
	}
	return slices.Insert(slices.Clone(args), at, packages...)
}

// test runs go test in a folder, adds its output to the report, and returns the exit code.
func (r *report) test(dir string, args []string) int {
	cmd := exec.Command("go", append([]string{"test", "-json"}, args...)...)
	cmd.Dir, cmd.Stdin, cmd.Stderr = dir, os.Stdin, os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		fmt.Fprintln(os.Stderr, "gotest:", err)
		return 1
	}
	if err := cmd.Start(); err != nil {
		fmt.Fprintln(os.Stderr, "gotest:", err)
		return 1
	}
	readErr := r.read(out)
	err = cmd.Wait()
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit) && exit.ExitCode() > 0:
		return exit.ExitCode()
	case err != nil, readErr != nil:
		fmt.Fprintln(os.Stderr, "gotest:", errors.Join(err, readErr))
		return 1
	}
	return 0
}
