package main

import (
	"slices"
	"testing"
)

// The slow packages come before the pattern of all packages. Without that pattern, they are not tested.
func TestSlowPackagesComeFirst(t *testing.T) {
	got := before([]string{"-race", "-p", "4", "./..."}, []string{"./slow", "./app"})
	if want := []string{"-race", "-p", "4", "./slow", "./app", "./..."}; !slices.Equal(got, want) {
		t.Errorf("before: %q, want %q", got, want)
	}
	got = before([]string{"-run", "^TestOne$", "./one"}, []string{"./slow"})
	if want := []string{"-run", "^TestOne$", "./one"}; !slices.Equal(got, want) {
		t.Errorf("before: %q, want %q", got, want)
	}
}
