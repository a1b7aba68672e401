// Package environ reads environment variables that can contain secrets. A process can remove such variables from its
// environment and still read them here, for example when it loads its config again.
package environ

import (
	"os"
	"sync"
)

var hidden struct {
	sync.Mutex
	values map[string]string // by name
}

// Get returns the value of a variable, or "" if it is not set.
func Get(name string) string {
	value, _ := Lookup(name)
	return value
}

// Lookup is like [os.LookupEnv], and also finds the variables that Hide has removed.
func Lookup(name string) (value string, ok bool) {
	if value, ok = os.LookupEnv(name); ok {
		return value, true
	}
	hidden.Lock()
	defer hidden.Unlock()
	value, ok = hidden.values[name]
	return value, ok
}

// Hide removes a variable from the environment. Code that does not use this package, and programs that the process
// starts, can then no longer read it.
func Hide(name string) error {
	value, ok := os.LookupEnv(name)
	if !ok {
		return nil
	}
	hidden.Lock()
	defer hidden.Unlock()
	if hidden.values == nil {
		hidden.values = map[string]string{}
	}
	hidden.values[name] = value
	return os.Unsetenv(name)
}
