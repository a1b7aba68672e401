package environ_test

import (
	"os"
	"testing"

	"github.com/matchwire/matchwire/internal/environ"
)

// After Hide, only this package can read a variable. A new value replaces the hidden one.
func TestHide(t *testing.T) {
	const name = "MATCHWIRE_TEST_HIDDEN"
	t.Setenv(name, "secret")
	if err := environ.Hide(name); err != nil {
		t.Fatal(err)
	}
	if value, ok := os.LookupEnv(name); ok {
		t.Errorf("the environment still has the variable, with the value %q", value)
	}
	if value, ok := environ.Lookup(name); value != "secret" || !ok {
		t.Errorf("Lookup = %q, %t, want the hidden value", value, ok)
	}
	t.Setenv(name, "new")
	if value := environ.Get(name); value != "new" {
		t.Errorf("Get = %q, want the new value", value)
	}
	if value, ok := environ.Lookup("MATCHWIRE_TEST_UNSET"); ok {
		t.Errorf("Lookup of a variable that is not set = %q, want none", value)
	}
	if err := environ.Hide("MATCHWIRE_TEST_UNSET"); err != nil {
		t.Errorf("Hide of a variable that is not set: %v", err)
	}
}
