package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// kinds lists the accepted licences. A linked module must have at least one of them.
var kinds = []struct {
	spdx string   // SPDX identifier
	has  []string // phrases that the text must contain, in lower case with single spaces
	not  string   // phrase that the text must not contain; "" if there is none
}{
	{"Apache-2.0", []string{"apache license version 2.0, january 2004"}, ""},
	{"MIT", []string{"permission is hereby granted, free of charge, to any person obtaining a copy"}, ""},
	{"ISC", []string{
		"permission to use, copy, modify, and", "distribute this software for any purpose",
		"provided that the above copyright notice",
	}, ""},
	{"BSD-3-Clause", []string{"redistribution and use in source and binary forms", "neither the name"}, ""},
	{"BSD-2-Clause", []string{"redistribution and use in source and binary forms"}, "neither the name"},
	{"MPL-2.0", []string{"mozilla public license", "version 2.0", "covered software"}, ""},
	{"Unlicense", []string{"this is free and unencumbered software released into the public domain"}, ""},
	{"blessing", []string{"the author disclaims copyright to this source code"}, ""},
}

// classify returns the SPDX identifiers of the licences in text.
func classify(text string) []string {
	text = strings.ToLower(strings.Join(strings.Fields(text), " "))
	var all []string
	for _, k := range kinds {
		lacks := func(phrase string) bool { return !strings.Contains(text, phrase) }
		if !slices.ContainsFunc(k.has, lacks) && (k.not == "" || lacks(k.not)) {
			all = append(all, k.spdx)
		}
	}
	return all
}

const header = `Matchwire is licensed under the Apache License 2.0, see LICENSE. The program contains the modules
below, each under its own licence. "matchwire licences" prints the texts of the licences.

`

// contents returns the contents of the files to write, by their paths below root.
func contents(root string) (map[string]string, error) {
	modules, err := graph(root)
	if err != nil {
		return nil, err
	}
	list, texts, err := render(modules)
	if err != nil {
		return nil, err
	}
	return map[string]string{
		"NOTICE":                        list,
		"internal/licences/modules.txt": list,
		"internal/licences/texts.txt":   texts,
	}, nil
}

// A licenceText is the text of a licence file, and the modules with this text.
type licenceText struct {
	text    string
	modules []string // such as "example.org/a v1.0.0 (LICENSE)"
}

// render returns the list of modules, and the texts of their licence files. A text that several
// modules share occurs once.
func render(modules []module) (list, texts string, err error) {
	var all []*licenceText
	known := map[string]*licenceText{} // key: the text with single spaces
	var out strings.Builder
	out.WriteString(header)
	for _, m := range modules {
		var spdx []string
		for _, file := range m.files {
			data, err := os.ReadFile(file)
			if err != nil {
				return "", "", err
			}
			text := strings.ToValidUTF8(strings.ReplaceAll(string(data), "\r\n", "\n"), "�")
			for _, k := range classify(text) {
				if !slices.Contains(spdx, k) {
					spdx = append(spdx, k)
				}
			}
			key := strings.Join(strings.Fields(text), " ")
			if known[key] == nil {
				known[key] = &licenceText{text: text}
				all = append(all, known[key])
			}
			known[key].modules = append(known[key].modules, m.name()+" ("+filepath.Base(file)+")")
		}
		if len(spdx) == 0 {
			return "", "", fmt.Errorf("%s has no accepted licence in its files %v", m.name(), m.files)
		}
		slices.Sort(spdx)
		fmt.Fprintf(&out, "%s: %s\n", m.name(), strings.Join(spdx, " AND "))
	}
	var whole strings.Builder
	for _, t := range all {
		fmt.Fprintf(&whole, "%s\n%s\n\n%s\n\n",
			strings.Repeat("=", 80), strings.Join(t.modules, "\n"), strings.Trim(t.text, "\n"))
	}
	return out.String(), whole.String(), nil
}
