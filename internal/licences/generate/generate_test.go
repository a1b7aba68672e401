package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/matchwire/matchwire/internal/testenv"
)

// The committed files have the contents that this command would write.
func TestCommittedFiles(t *testing.T) {
	testenv.NotShort(t)
	const root = "../../.."
	want, err := contents(root)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range want {
		committed, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Error(err)
			continue
		}
		if string(committed) == text {
			continue
		}
		t.Errorf("%s is out of date: run make licences", name)
		if name == "NOTICE" {
			missing, extra := difference(text, string(committed))
			t.Errorf("%s: missing lines %q, unexpected lines %q", name, missing, extra)
		}
	}
}

// difference returns the lines of want that are missing from got, and the extra lines of got.
func difference(want, got string) (missing, extra []string) {
	a, b := strings.Split(want, "\n"), strings.Split(got, "\n")
	for _, line := range a {
		if !slices.Contains(b, line) {
			missing = append(missing, line)
		}
	}
	for _, line := range b {
		if !slices.Contains(a, line) {
			extra = append(extra, line)
		}
	}
	return missing, extra
}

func TestDifference(t *testing.T) {
	missing, extra := difference("a 1\nb 2\n", "a 1\nb 1\nc 1\n")
	if !slices.Equal(missing, []string{"b 2"}) || !slices.Equal(extra, []string{"b 1", "c 1"}) {
		t.Errorf("missing %v, extra %v; want [b 2] and [b 1 c 1]", missing, extra)
	}
}

// write writes files to a temporary folder and returns the path of the folder.
func write(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

const (
	mit  = "Permission is hereby granted, free of charge, to any\nperson obtaining a copy of this software\n"
	bsd2 = "Redistribution and use in source and binary forms, with or without\nmodification\n"
	bsd3 = bsd2 + "Neither the name of X\n"
)

func TestRender(t *testing.T) {
	dir := write(t, map[string]string{
		"a/LICENSE": mit, "a/NOTICE": "A did this.\n",
		"b/LICENSE.md": strings.ReplaceAll(mit, "\n", "\r\n"),
		"c/COPYING":    bsd3 + mit,
	})
	list, texts, err := render([]module{
		{"example.org/a", "v1.0.0", []string{dir + "/a/LICENSE", dir + "/a/NOTICE"}},
		{"example.org/b", "v2.0.0", []string{dir + "/b/LICENSE.md"}},
		{"example.org/c", "v3.0.0", []string{dir + "/c/COPYING"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := header + "example.org/a v1.0.0: MIT\nexample.org/b v2.0.0: MIT\nexample.org/c v3.0.0: BSD-3-Clause AND MIT\n"
	if list != want {
		t.Errorf("the list of modules is\n%s\nwant\n%s", list, want)
	}
	for want, times := range map[string]int{
		"example.org/a v1.0.0 (LICENSE)\nexample.org/b v2.0.0 (LICENSE.md)\n\n" + mit: 1,
		"example.org/a v1.0.0 (NOTICE)\n\nA did this.\n":                              1,
		"Permission is hereby granted":                                                2,
	} {
		if got := strings.Count(texts, want); got != times {
			t.Errorf("%q occurs in the texts %d times, want %d:\n%s", want, got, times, texts)
		}
	}
}

// render refuses a module without a licence, or with a licence that is not accepted.
func TestUnknownLicence(t *testing.T) {
	dir := write(t, map[string]string{"LICENSE": "GNU GENERAL PUBLIC LICENSE Version 3\n"})
	for _, files := range [][]string{nil, {dir + "/LICENSE"}} {
		_, _, err := render([]module{{"example.org/a", "v1.0.0", files}})
		if err == nil || !strings.HasPrefix(err.Error(), "example.org/a v1.0.0 has no accepted licence") {
			t.Errorf("files %v: error %v, want example.org/a v1.0.0 has no accepted licence", files, err)
		}
	}
}

func TestClassify(t *testing.T) {
	for text, want := range map[string][]string{
		mit: {"MIT"}, bsd2: {"BSD-2-Clause"}, bsd3: {"BSD-3-Clause"}, bsd3 + mit: {"MIT", "BSD-3-Clause"}, "GNU": nil,
		"Apache License\n     Version 2.0, January 2004": {"Apache-2.0"},
	} {
		if got := classify(text); !slices.Equal(got, want) {
			t.Errorf("licences of %q are %v, want %v", text, got, want)
		}
	}
}

func TestLicenceFiles(t *testing.T) {
	dir := write(t, map[string]string{
		"LICENSE": "", "README.md": "", "license.go": "", "PATENTS": "", "SQLITE-LICENSE": "",
		"lib/COPYING.txt": "", "lib/x/a.go": "", "other/LICENSE": "",
	})
	got, err := licenceFiles(dir, filepath.Join(dir, "lib", "x"))
	if err != nil {
		t.Fatal(err)
	}
	for i, file := range got {
		got[i], _ = filepath.Rel(dir, file)
	}
	if want := []string{"lib/COPYING.txt", "LICENSE", "PATENTS", "SQLITE-LICENSE"}; !slices.Equal(got, want) {
		t.Errorf("licence files are %v, want %v from the package's folder and its parent folders", got, want)
	}
}
