package app

import (
	"os"
	"strings"
	"testing"
)

func TestLicences(t *testing.T) {
	notice, err := os.ReadFile("../NOTICE")
	if err != nil {
		t.Fatal(err)
	}
	licence, err := os.ReadFile("../LICENSE")
	if err != nil {
		t.Fatal(err)
	}
	code, short, errs := call(t, "", nil, "licences", "--short")
	if code != 0 || short != string(notice) || errs != "" {
		t.Errorf("licences --short: exit %d, error %q, output:\n%s\nwant exit 0 and the content of NOTICE", code, errs, short)
	}
	code, whole, errs := call(t, "", nil, "licences")
	if code != 0 || !strings.HasPrefix(whole, short) || !strings.Contains(whole, strings.Trim(string(licence), "\n")) {
		t.Errorf("licences: exit %d, error %q; want exit 0, the list of modules and our licence in the %d bytes of output",
			code, errs, len(whole))
	}
	if !strings.Contains(whole, "Copyright 2009 The Go Authors") {
		t.Error("licences does not print the licence of Go itself, want \"Copyright 2009 The Go Authors\" in the output")
	}
}
