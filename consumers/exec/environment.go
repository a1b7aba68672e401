package exec

import (
	"fmt"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strings"

	"github.com/matchwire/matchwire/internal/environ"
)

// inherited lists the environment variables that every program receives. A variable whose name begins with LC_ is
// inherited too.
var inherited = []string{"PATH", "HOME", "LANG", "TZ", "TMPDIR"}

// inheritedOnWindows lists further variables, without which many programs do not run on Windows.
var inheritedOnWindows = []string{
	"SystemRoot", "SystemDrive", "ComSpec", "PATHEXT", "TEMP", "TMP", "USERPROFILE",
}

var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// environment returns the environment of the program: the inherited variables and the named ones, with their values
// in the environment of matchwire. missing lists the named variables that matchwire does not have.
// environment returns an error if a name is invalid.
func environment(named []string) (env, missing []string, err error) {
	for _, name := range named {
		if !variableName.MatchString(name) {
			return nil, nil, fmt.Errorf("env: %q: want the name of an environment variable: "+
				"letters, digits and _, without a digit at the beginning", name)
		}
		if value, ok := environ.Lookup(name); ok {
			env = append(env, name+"="+value)
		} else {
			missing = append(missing, name)
		}
	}
	for _, variable := range os.Environ() {
		name, _, _ := strings.Cut(variable, "=")
		if isInherited(name) && !slices.Contains(named, name) {
			env = append(env, variable)
		}
	}
	return env, missing, nil
}

// isInherited reports whether every program receives the variable with the given name.
func isInherited(name string) bool {
	same := func(other string) bool { return strings.EqualFold(name, other) } // Windows ignores the case of names
	if runtime.GOOS == "windows" && slices.ContainsFunc(slices.Concat(inherited, inheritedOnWindows), same) {
		return true
	}
	return slices.Contains(inherited, name) || strings.HasPrefix(name, "LC_")
}
